package pbx

import (
	"context"
	"time"
)

// SendDigits implements Channel.
func (ch *channel) SendDigits(ctx context.Context, digits string, hold, gap time.Duration) error {
	for _, r := range digits {
		if r == 'W' {
			if err := ch.Wait(ctx, 500*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if ch.gone() {
			return ErrHangup
		}
		ch.caller.sendKey(r)
		if err := ch.Wait(ctx, hold+gap); err != nil {
			return err
		}
	}
	return nil
}

// sendEvent sends a key as an RTP event; false if the leg cannot.
func (l *leg) sendEvent(rune) bool { return false }
