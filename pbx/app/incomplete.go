package app

import (
	"context"
	"time"

	"github.com/hometone/hometone/pbx"
)

// incomplete is Incomplete([n]): the extension is not complete. An unanswered caller
// gets 484 (RFC 3261 §21.4.22), an answered one, or any with n, may dial more keys.
func incomplete(ctx context.Context, ch pbx.Channel, args string) error {
	o, _ := letters(args)
	if !ch.Answered() && !o.has('n') {
		return ch.Hangup(pbx.CauseInvalidNumber)
	}
	exten := ch.Get("EXTEN")
	for i := range len(exten) {
		ch.Script().Press(exten[i : i+1])
	}
	key, err := ch.Digit(ctx, 5*time.Second)
	if err != nil {
		return err
	}
	if key == 0 {
		if !ch.Script().Timeout(false) {
			return ch.Hangup(pbx.CauseInvalidNumber)
		}
		return nil
	}
	ch.Script().Press(string(key))
	return nil
}
