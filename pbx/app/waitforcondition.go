package app

import (
	"context"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/dialplan"
)

// waitForCondition is WaitForCondition(replacement,expression[,timeout[,interval]]):
// waits until an expression holds, in which replacement stands for $. It is looked at each
// interval seconds (0.5), for at most timeout seconds. WAITFORCONDITIONSTATUS is TRUE,
// FAILURE (the time is up) or HANGUP.
func waitForCondition(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4)
	if a[0] == "" || a[1] == "" {
		ch.Log().Warn("WaitForCondition: write a replacement character and an expression")
		return ch.Set("WAITFORCONDITIONSTATUS", "FAILURE")
	}
	expression := strings.ReplaceAll(a[1], a[0], "$")
	interval := 500 * time.Millisecond
	if d, err := seconds(a[3]); err == nil && d >= 10*time.Millisecond {
		interval = d
	}
	var end time.Time
	if d, err := seconds(a[2]); err == nil && d > 0 {
		end = time.Now().Add(d)
	}
	for {
		if dialplan.Condition(strings.TrimSpace(ch.Script().Expand(expression))) {
			return ch.Set("WAITFORCONDITIONSTATUS", "TRUE")
		}
		if !end.IsZero() && !time.Now().Before(end) {
			return ch.Set("WAITFORCONDITIONSTATUS", "FAILURE")
		}
		if err := ch.Wait(ctx, interval); err != nil {
			_ = ch.Set("WAITFORCONDITIONSTATUS", "HANGUP")
			return err
		}
	}
}
