package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// bridge is Bridge(channel[,options]): connects the caller with a channel that is in
// another call or in the dialplan. That one leaves what it does, and ends with the
// connection.
//
// Options are those of Dial for a connected call (t T h H k K w W x X L S F) and p, a
// tone for the other one. BRIDGERESULT is SUCCESS, FAILURE, LOOP or NONEXISTENT.
func bridge(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	o, _ := dialOptions(a[1])
	o.GoOn = true
	result, err := ch.Switchboard().Connect(ctx, a[0], o)
	if e := ch.Set("BRIDGERESULT", result); err == nil {
		err = e
	}
	return err
}
