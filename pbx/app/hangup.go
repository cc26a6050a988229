package app

import (
	"context"
	"strconv"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// hangup is Hangup([cause]): ends the call with a Q.850 number or its name.
func hangup(_ context.Context, ch pbx.Channel, args string) error {
	args = strings.TrimSpace(args)
	if args == "" {
		return ch.Hangup(pbx.CauseNone)
	}
	if c, ok := pbx.CauseByName(args); ok {
		return ch.Hangup(c)
	}
	n, err := strconv.Atoi(args)
	if err != nil || n < 0 || n > 127 {
		ch.Log().Warn("Hangup: not a cause, normal clearing used", "cause", args)
		return ch.Hangup(pbx.CauseNormalClearing)
	}
	return ch.Hangup(pbx.Cause(n))
}
