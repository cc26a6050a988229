package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// receiveText is ReceiveText([seconds]): waits for a text of the caller's within the call,
// for ever without a time. RECEIVETEXTMESSAGE is the text, RECEIVETEXTSTATUS SUCCESS or
// FAILURE.
func receiveText(ctx context.Context, ch pbx.Channel, args string) error {
	_ = ch.Set("RECEIVETEXTMESSAGE", "")
	_ = ch.Set("RECEIVETEXTSTATUS", "FAILURE")
	limit := time.Duration(0)
	if strings.TrimSpace(args) != "" {
		d, err := seconds(args)
		if err != nil {
			return fmt.Errorf("ReceiveText: %w", err)
		}
		limit = d
	}
	t, ok, err := ch.Switchboard().AwaitText(ctx, limit)
	if err != nil || !ok {
		if errors.Is(err, pbx.ErrHangup) {
			return err
		}
		return nil
	}
	if err := ch.Set("RECEIVETEXTMESSAGE", t.Body); err != nil {
		return fmt.Errorf("ReceiveText: %w", err)
	}
	return ch.Set("RECEIVETEXTSTATUS", "SUCCESS")
}
