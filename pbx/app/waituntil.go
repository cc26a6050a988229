package app

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// waitUntil is WaitUntil(epoch): waits for a moment, in seconds since 1970.
// WAITUNTILSTATUS is OK, FAILURE, HANGUP or PAST.
func waitUntil(ctx context.Context, ch pbx.Channel, args string) error {
	at, err := strconv.ParseFloat(strings.TrimSpace(args), 64)
	if err != nil || math.IsNaN(at) || math.Abs(at) > 1e11 {
		return ch.Set("WAITUNTILSTATUS", "FAILURE")
	}
	left := time.Until(time.UnixMicro(int64(at * 1e6)))
	if left < 0 {
		return ch.Set("WAITUNTILSTATUS", "PAST")
	}
	if err := ch.Wait(ctx, left); err != nil {
		if errors.Is(err, pbx.ErrHangup) {
			_ = ch.Set("WAITUNTILSTATUS", "HANGUP")
		}
		return err
	}
	return ch.Set("WAITUNTILSTATUS", "OK")
}
