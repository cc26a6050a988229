package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// pjsipNotify is PJSIPNotify(to,&Event=NAME[&Header=value…][&Content-Type=…&Content=…]):
// sends a NOTIFY to an endpoint or a SIP URI. Several Content are the lines of the body.
// Sections of pjsip_notify.conf are not read.
func pjsipNotify(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	var fields [][2]string
	for f := range strings.SplitSeq(strings.TrimPrefix(a[1], "&"), "&") {
		name, value, ok := strings.Cut(f, "=")
		if !ok {
			return fmt.Errorf("PJSIPNotify: %q is not name=value; sections of pjsip_notify.conf are not read", f)
		}
		fields = append(fields, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	if err := ch.Switchboard().Notify(ctx, a[0], fields); err != nil {
		return fmt.Errorf("PJSIPNotify: %w", err)
	}
	return nil
}
