package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// pickup is Pickup([extension[@context][&…]]): takes the first call that rings for
// one of the extensions, or with MARK@PICKUPMARK a call that carries the mark. Without
// any it takes a call of the caller's pickup groups. If there is none the dialplan goes
// on.
func pickup(ctx context.Context, ch pbx.Channel, args string) error {
	list := fileNames(args)
	_, err := ch.Switchboard().Pickup(ctx, pbx.PickupRequest{Extens: list, Group: len(list) == 0})
	return err
}

// pickupChan is PickupChan(channel[&…][,p]): takes the call that rings at one of the
// channels; with p a beginning of the name is enough.
func pickupChan(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	list := fileNames(a[0])
	if len(list) == 0 {
		ch.Log().Warn("PickupChan: no channel is named")
		return nil
	}
	_, err := ch.Switchboard().Pickup(ctx, pbx.PickupRequest{Channels: list, Partial: strings.Contains(a[1], "p")})
	return err
}
