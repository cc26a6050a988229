package pbx

import (
	"context"
	"errors"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
)

// This file is a channel's way through the dialplan. Two legs that talk with each
// other need nobody: the Dial that has connected them leaves the goroutine, which
// ends, and the next event of the call starts another one
// (docs/adr/0190-connected-calls-rest.md).

// errRests is what Dial returns when the two talk and the channel is to rest.
var errRests = errors.New("pbx: the call rests")

// story runs the dialplan from its position on. It returns the connected Dial that
// rests, nil when there is nothing more to run.
func (ch *channel) story(ctx context.Context) *dialing {
	for again := true; again; again = ch.relocate() {
		if ch.open(ctx) {
			continue
		}
		ch.mayRest = ch.text == nil // messages run one after the other
		if ch.goOn(ctx, ch.interp.Run(ctx)) == dialplan.Rests {
			return ch.dialing
		}
	}
	return nil
}

// live leads the channel from the connected Dial d (nil: there is none) to its end.
// If the channel rests instead it belongs to somebody else when live returns.
func (ch *channel) live(ctx context.Context, d *dialing) {
	for d != nil {
		if d.talked(ctx) {
			d = ch.parted(ctx, d)
			continue
		}
		at := ch.alarm(d.wakeAt())
		if !at.IsZero() && !time.Now().Before(at) {
			if d.timeUp() {
				d = ch.parted(ctx, d)
			}
			continue
		}
		talking := d
		if ch.box.rest(at, func() { ch.resume(ctx, talking) }) {
			return
		}
	}
	ch.mayRest, ch.ending, ch.afterwards = false, true, true
	ch.interp.RunHangup(ctx)
	ch.runHangupHandlers(ctx)
	ch.release(ctx)
	ch.srv.leave(ch)
}

// resume is the goroutine of a channel that rested.
func (ch *channel) resume(ctx context.Context, d *dialing) {
	makeRoom(ch == nil)
	ch.live(ctx, d)
}

// parted goes on in the dialplan when the two of a Dial do not talk any more. It
// returns as story.
func (ch *channel) parted(ctx context.Context, d *dialing) *dialing {
	err := d.after(ctx) // ErrHangup at most
	ch.dialing = nil
	result, _ := ch.ran(err)
	if ch.goOn(ctx, ch.interp.Resume(ctx, result)) == dialplan.Rests {
		return ch.dialing
	}
	if !ch.relocate() {
		return nil
	}
	return ch.story(ctx)
}

// goOn goes on in the dialplan as long as digits lead on, and does what its end
// asks for, unless the call rests.
func (ch *channel) goOn(ctx context.Context, o dialplan.Outcome) dialplan.Outcome {
	for o == dialplan.WantDigits && ch.collectExtension(ctx) {
		o = ch.interp.Run(ctx)
	}
	switch {
	case ch.gone():
	case o == dialplan.FellThrough:
		// Asterisk's autofallthrough: a Dial that failed ends the call its way.
		switch DialStatus(ch.interp.Get("DIALSTATUS")) {
		case StatusBusy:
			ch.cause = CauseUserBusy
		case StatusCongestion, StatusUnavailable:
			ch.cause = CauseCongestion
		}
	case o == dialplan.NoExtension && ch.cause == CauseNone:
		ch.cause = CauseNoRoute
	}
	return o
}

// The times WaitExten-like collecting uses when the dialplan sets none.
const (
	firstDigit   = 10 * time.Second
	betweenDigit = 5 * time.Second
)

// collectExtension gathers keys until they name an extension, or time runs out. It
// reports whether the dialplan goes on.
func (ch *channel) collectExtension(ctx context.Context) bool {
	exten := ch.interp.Pending()
	timeout, between := ch.patience.digits()
	if exten != "" {
		timeout = between
	}
	for !ch.gone() {
		key, err := ch.Digit(ctx, timeout)
		if err != nil {
			return false
		}
		if key != 0 {
			exten += string(key)
			timeout = between
			if ch.set.Plan.MatchMore(ch.interp.Position().Context, exten, ch.caller.number, time.Now()) && len(exten) < maxKeys {
				continue
			}
		}
		return exten != "" && ch.interp.Digits(exten) || exten == "" && ch.interp.Timeout(false)
	}
	return false
}
