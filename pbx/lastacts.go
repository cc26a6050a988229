package pbx

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// maxHangupHandlers bounds the hangup handlers of one channel.
const maxHangupHandlers = 32

// pushHangupHandler keeps [[context,]extension,]priority[(arguments)] to be
// called as a subroutine when the channel has ended, before those kept already.
func (ch *channel) pushHangupHandler(target string) error {
	place, _, _ := strings.Cut(target, "(")
	if _, err := ch.interp.Target(place); err != nil {
		return fmt.Errorf("hangup handler: %w", err)
	}
	if len(ch.lastActs) >= maxHangupHandlers {
		return errors.New("hangup handler: there are too many")
	}
	ch.lastActs = append(ch.lastActs, ch.qualify(target)) // it is called from elsewhere
	return nil
}

// popHangupHandler forgets the latest one.
func (ch *channel) popHangupHandler() {
	if n := len(ch.lastActs); n > 0 {
		ch.lastActs = ch.lastActs[:n-1]
	}
}

// runHangupHandlers calls them, the latest first, after the extension h.
func (ch *channel) runHangupHandlers(ctx context.Context) {
	for n := len(ch.lastActs); n > 0; n = len(ch.lastActs) {
		target := ch.lastActs[n-1]
		ch.lastActs = ch.lastActs[:n-1]
		if err := ch.interp.Subroutine(ctx, target); err != nil {
			ch.log().Warn("hangup handler", "target", target, "error", err)
		}
	}
}
