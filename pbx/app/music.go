package app

import (
	"context"
	"time"

	"github.com/hometone/hometone/pbx"
)

// musicOnHold is MusicOnHold([class][,duration]): music until the caller hangs
// up, or for duration seconds. A caller who has not been answered hears it as
// early media.
func musicOnHold(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	d := time.Duration(-1)
	if t, err := seconds(a[1]); err == nil && t > 0 {
		d = t
	}
	if !ch.Answered() {
		if err := open(ctx, ch, true); err != nil {
			return err
		}
	}
	ch.Studio().StartMusic(a[0])
	defer ch.StopTone()
	return ch.Wait(ctx, d)
}

// startMusicOnHold is StartMusicOnHold([class]): music beneath what follows.
func startMusicOnHold(_ context.Context, ch pbx.Channel, args string) error {
	ch.Studio().StartMusic(split(args, 2)[0])
	return nil
}

// stopMusicOnHold is StopMusicOnHold().
func stopMusicOnHold(_ context.Context, ch pbx.Channel, _ string) error {
	ch.StopTone()
	return nil
}
