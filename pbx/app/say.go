package app

import (
	"context"
	"errors"

	"github.com/hometone/hometone/pbx"
)

// sayDigits is SayDigits(digits): plays digits/0 … digits/9, star, pound and minus.
func sayDigits(ctx context.Context, ch pbx.Channel, args string) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	for _, r := range args {
		name := ""
		switch {
		case r >= '0' && r <= '9':
			name = "digits/" + string(r)
		case r == '*':
			name = "digits/star"
		case r == '#':
			name = "digits/pound"
		case r == '-':
			name = "digits/minus"
		default:
			continue
		}
		if _, err := ch.Play(ctx, name, ""); errors.Is(err, pbx.ErrHangup) {
			return err
		} else if err != nil {
			ch.Log().Warn("SayDigits: not played", "file", name, "error", err)
		}
	}
	return nil
}
