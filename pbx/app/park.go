package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// park is Park([lot[,options]]): the caller waits in a parking space until somebody
// fetches the call. Without a space the dialplan goes on at once, with one when the
// time is over and that is where the call comes back to.
//
// Options: r ringing in the place of music; R any free space; s the space is not
// said; c(context,extension,priority) where the call goes after its time; t(seconds).
func park(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4) // the last two are those of a call that keys have parked
	req := parkRequest(a[0], a[1])
	req.Parker = a[2]
	req.Reserved, _ = strconv.ParseUint(a[3], 10, 64)
	return parked(ch, ch.Switchboard().Park(ctx, req))
}

// parkRequest reads Park's lot and options.
func parkRequest(lot, options string) pbx.ParkRequest {
	o, _ := letters(options)
	req := pbx.ParkRequest{Lot: strings.TrimSpace(lot), Ring: o.has('r'), Random: o.has('R'), Silent: o.has('s'), Comeback: carets(o['c'])}
	if d, err := seconds(o['t']); err == nil && o.has('t') {
		req.Time, req.HasTime = d, true
	}
	return req
}

// parked logs why there was no space, which is no reason to end the call.
func parked(ch pbx.Channel, err error) error {
	if err == nil || errors.Is(err, pbx.ErrHangup) {
		return err
	}
	ch.Log().Warn("Park: not parked", "error", err)
	return nil
}

// parkAndAnnounce is ParkAndAnnounce([lot],[options],announce,dial): the channel
// dial is called and told the space, which stands for PARKED in the list of sounds,
// joined by colons.
func parkAndAnnounce(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4)
	req := parkRequest(a[0], a[1])
	req.Silent = true
	req.Announced = func(space int) {
		var sounds []string
		for _, s := range strings.Split(a[2], ":") {
			if strings.EqualFold(s, "PARKED") {
				for _, r := range strconv.Itoa(space) {
					sounds = append(sounds, "digits/"+string(r))
				}
				continue
			}
			sounds = append(sounds, s)
		}
		if _, err := ch.Switchboard().Originate(ctx, pbx.OriginateRequest{
			Destination: a[3], Timeout: 30 * time.Second, App: "Playback", Args: strings.Join(sounds, "&"), Async: true,
		}); err != nil {
			ch.Log().Warn("ParkAndAnnounce: nobody is told", "channel", a[3], "error", err)
		}
	}
	return parked(ch, ch.Switchboard().Park(ctx, req))
}
