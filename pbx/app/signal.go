package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// sendSignal is Signal(name[,payload]): tells the channels that wait for the signal.
// SIGNALSTATUS is SUCCESS, or FAILURE if nobody waits.
func sendSignal(_ context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	n, err := ch.Switchboard().Signal(strings.TrimSpace(a[0]), a[1])
	if err != nil {
		_ = ch.Set("SIGNALSTATUS", "FAILURE")
		return fmt.Errorf("Signal: %w", err)
	}
	if n == 0 {
		return ch.Set("SIGNALSTATUS", "FAILURE")
	}
	return ch.Set("SIGNALSTATUS", "SUCCESS")
}

// waitForSignal is WaitForSignal(name[,seconds]): waits for the signal, for ever without a
// time. WAITFORSIGNALSTATUS is SIGNALED, TIMEOUT or HANGUP, WAITFORSIGNALPAYLOAD what
// came with it.
func waitForSignal(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	limit := time.Duration(0)
	if strings.TrimSpace(a[1]) != "" {
		d, err := seconds(a[1])
		if err != nil {
			return fmt.Errorf("WaitForSignal: %w", err)
		}
		limit = d
	}
	payload, ok, err := ch.Switchboard().AwaitSignal(ctx, strings.TrimSpace(a[0]), limit)
	switch {
	case errors.Is(err, pbx.ErrHangup):
		_ = ch.Set("WAITFORSIGNALSTATUS", "HANGUP")
		return err
	case err != nil:
		return fmt.Errorf("WaitForSignal: %w", err)
	case !ok:
		return ch.Set("WAITFORSIGNALSTATUS", "TIMEOUT")
	}
	_ = ch.Set("WAITFORSIGNALPAYLOAD", payload)
	return ch.Set("WAITFORSIGNALSTATUS", "SIGNALED")
}
