package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// bridgeAdd is BridgeAdd(channel): lets the caller take part in the call of another
// channel until that channel ends. BRIDGERESULT is SUCCESS or NONEXISTENT.
func bridgeAdd(ctx context.Context, ch pbx.Channel, args string) error {
	name := strings.TrimSpace(args)
	if name == "" || ch.Get("CHANNEL_EXISTS("+name+")") != "1" {
		return ch.Set("BRIDGERESULT", "NONEXISTENT")
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	_ = ch.Set("BRIDGERESULT", "SUCCESS")
	return ch.Studio().Spy(ctx, pbx.SpyRequest{Prefixes: []string{name}, Mode: pbx.SpyBarge, Once: true, Stop: true})
}
