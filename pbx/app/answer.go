package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// answer is Answer([delay]): answers the call and, with a delay in
// milliseconds, waits before the next priority.
func answer(ctx context.Context, ch pbx.Channel, args string) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	delay := split(args, 2)[0]
	if delay == "" {
		return nil
	}
	d, err := seconds(delay)
	if err != nil {
		ch.Log().Warn("Answer: delay ignored", "error", err)
		return nil
	}
	return ch.Wait(ctx, d/1000)
}
