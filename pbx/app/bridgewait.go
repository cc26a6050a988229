package app

import (
	"context"
	"time"

	"github.com/hometone/hometone/pbx"
)

// bridgeWait is BridgeWait([name[,role[,options]]]): the caller waits until it is taken
// elsewhere, by Bridge or ChannelRedirect. The bridge's name does not matter: nobody
// in it hears the others.
//
// Options: e(m|r|s|h|n) what it hears, music (which it is anyway), ringing or nothing; m(class) the
// music; S(seconds) for how long; n it is not answered.
func bridgeWait(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 3)
	o, _ := letters(a[2])
	if !o.has('n') {
		if err := ch.Answer(ctx); err != nil {
			return err
		}
	}
	switch o['e'] {
	case "r":
		_ = ch.Indicate(ctx, pbx.Ringing) // without it there is silence
	case "s", "h", "n":
	default:
		ch.Studio().StartMusic(o['m'])
	}
	limit := time.Duration(-1)
	if d, err := seconds(o['S']); err == nil && o.has('S') && d > 0 {
		limit = d
	}
	err := ch.Wait(ctx, limit)
	ch.StopTone()
	return err
}
