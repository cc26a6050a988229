package app

import (
	"context"
	"fmt"

	"github.com/hometone/hometone/pbx"
)

// wait is Wait(seconds), a number that may have a fraction.
func wait(ctx context.Context, ch pbx.Channel, args string) error {
	if args == "" {
		return nil
	}
	d, err := seconds(args)
	if err != nil {
		return fmt.Errorf("Wait: %w", err)
	}
	return ch.Wait(ctx, d)
}
