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
	c, ok := causeOf(args)
	if !ok {
		ch.Log().Warn("Hangup: not a cause, normal clearing used", "cause", args)
	}
	return ch.Hangup(c)
}

// causeOf reads a Q.850 number or its name; normal clearing if it is neither.
func causeOf(s string) (pbx.Cause, bool) {
	s = strings.TrimSpace(s)
	if c, ok := pbx.CauseByName(s); ok {
		return c, true
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 127 {
		return pbx.CauseNormalClearing, false
	}
	return pbx.Cause(n), true
}
