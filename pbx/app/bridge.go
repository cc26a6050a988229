package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// bridge is Bridge(channel[,options]): connects the caller with a channel that is in
// another call or in the dialplan. That one leaves what it does; after the connection it
// goes on in its dialplan, if it has one.
//
// Options are those of Dial for a connected call (t T h H k K w W X L S F), p, a tone
// for the other one, and x: the other one ends with the connection. BRIDGERESULT is SUCCESS, FAILURE, LOOP or NONEXISTENT.
func bridge(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	letters := strings.ReplaceAll(a[1], "x", "")
	o, _ := dialOptions(letters)
	o.GoOn = true
	if letters != a[1] {
		more := pbx.MoreDialOptions{}
		if o.More != nil {
			more = *o.More
		}
		more.CalleeEnds = true
		o.More = &more
	}
	result, err := ch.Switchboard().Connect(ctx, a[0], o)
	if e := ch.Set("BRIDGERESULT", result); err == nil {
		err = e
	}
	return err
}
