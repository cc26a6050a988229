package pbx

import (
	"context"
	"errors"
)

// Speak plays sounds one after the other, as package prompts names them, until
// a key in stop is pressed, which is returned (else 0). A sound that is missing is
// logged and left out; the only error is ErrHangup.
func Speak(ctx context.Context, ch Channel, stop string, names ...string) (rune, error) {
	for _, name := range names {
		key, err := ch.Play(ctx, name, stop)
		if errors.Is(err, ErrHangup) || key != 0 {
			return key, err
		}
		if err != nil {
			ch.Log().Warn("not played", "file", name, "error", err)
		}
	}
	return 0, nil
}
