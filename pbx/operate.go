package pbx

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/sip/dialog"
)

// This file is the Channel interface, apart from Dial and the sound.

// Name implements Channel.
func (ch *channel) Name() string { return ch.name }

// Get implements Channel.
func (ch *channel) Get(name string) string { return ch.interp.Get(name) }

// Set implements Channel.
func (ch *channel) Set(name, value string) error { return ch.interp.Set(name, value) }

// Script implements Channel.
func (ch *channel) Script() Script { return ch.interp }

// Log implements Channel.
func (ch *channel) Log() *slog.Logger { return ch.log() }

// Answered implements Channel.
func (ch *channel) Answered() bool { return ch.caller.state == legUp }

// Answer implements Channel.
func (ch *channel) Answer(context.Context) error { return ch.answer(nil) }

// answer answers the caller, who is told whom it talks with if other is not nil.
func (ch *channel) answer(other *leg) error {
	if ch.gone() {
		return ErrHangup
	}
	ch.report(200, "OK")
	if ch.caller.state == legUp {
		return nil
	}
	var headers []dialog.Header
	if other != nil {
		headers = ch.caller.identity(other.party, false)
	}
	body, err := ch.caller.describe()
	if err == nil {
		err = ch.caller.session.Answer(body, headers...)
	}
	if err != nil {
		if errors.Is(err, relay.ErrNoPort) {
			ch.caller.status = 488 // as Asterisk: there is no stream to agree on
		}
		ch.end(CauseFailure, ch.name)
		return err
	}
	ch.caller.state = legUp
	ch.cdr.Answer = time.Now()
	ch.armRTP()
	return nil
}

// Indicate implements Channel.
func (ch *channel) Indicate(_ context.Context, what Indication) error {
	if ch.gone() {
		return ErrHangup
	}
	if ch.caller.state == legUp {
		if what == Ringing && ch.caller.playing != nil {
			return nil // the tone, or what else there is, is heard already
		}
		return ch.indicateTone(what)
	}
	switch what {
	case Ringing:
		if ch.told180 || ch.caller.state == legEarly && !ch.set.Endpoints.Global.AllowSending180After183 {
			return nil
		}
		ch.told180 = true
		if ch.caller.endpoint.InbandProgress {
			return ch.ringInBand()
		}
		ch.caller.state = max(ch.caller.state, legRinging)
		return ch.caller.session.Provisional(180, "", ch.ringer()...)
	case Progress:
		if ch.caller.state >= legEarly {
			return nil
		}
		body, err := ch.caller.describe()
		if err != nil {
			return err
		}
		ch.caller.state = legEarly
		return ch.caller.session.Provisional(183, body, ch.ringer()...)
	case Busy:
		ch.end(CauseUserBusy, ch.name)
		ch.caller.hangUp(CauseUserBusy)
	case Congestion:
		ch.end(CauseCongestion, ch.name)
		ch.caller.hangUp(CauseCongestion)
	}
	return nil
}

// ringInBand has the caller hear that it rings, in the place of a 180
// (inband_progress).
func (ch *channel) ringInBand() error {
	if ch.caller.state < legEarly {
		body, err := ch.caller.describe()
		if err == nil {
			err = ch.caller.session.Provisional(183, body, ch.ringer()...)
		}
		if err != nil {
			return err
		}
		ch.caller.state = legEarly
	}
	return ch.StartTone("ring")
}

// ringer tells the caller at once who rings, if its endpoint wants to know before the
// answer (rpid_immediate) and it is one telephone.
func (ch *channel) ringer() []dialog.Header {
	if !ch.caller.endpoint.RPIDImmediate || len(ch.branches) != 1 {
		return nil
	}
	return ch.caller.identity(ch.branches[0].party, false)
}

// indicateTone tells an answered caller by ear.
func (ch *channel) indicateTone(what Indication) error {
	switch what {
	case Ringing:
		return ch.StartTone("ring")
	case Busy:
		return ch.StartTone("busy")
	case Congestion:
		return ch.StartTone("congestion")
	}
	return nil
}

// Hangup implements Channel.
func (ch *channel) Hangup(cause Cause) error {
	ch.end(cause, ch.name)
	return ErrHangup
}

// Refuse implements Switchboard.
func (ch *channel) Refuse(status int) error {
	if ch.caller.state != legUp {
		ch.caller.status = uint16(status)
	}
	return ch.Hangup(CauseOfStatus(status))
}

// Wait implements Channel.
func (ch *channel) Wait(_ context.Context, d time.Duration) error {
	var until time.Time
	if d >= 0 {
		until = time.Now().Add(d)
	}
	for !ch.gone() {
		if !ch.step(until) {
			return nil
		}
	}
	return ErrHangup
}

// Digit implements Channel.
func (ch *channel) Digit(_ context.Context, d time.Duration) (rune, error) {
	ch.caller.startSink()
	until := time.Now().Add(d)
	for !ch.gone() {
		if r, ok := ch.takeKey(""); ok {
			return r, nil
		}
		if !ch.step(until) {
			return 0, nil
		}
	}
	return 0, ErrHangup
}

// takeKey takes the oldest key; with stop, only if it is one of those, and
// keys that are not are forgotten.
func (ch *channel) takeKey(stop string) (rune, bool) {
	for len(ch.keys) > 0 {
		r := ch.keys[0]
		ch.keys = ch.keys[1:]
		if stop == "" || containsRune(stop, r) {
			return r, true
		}
	}
	return 0, false
}

func containsRune(s string, r rune) bool {
	for _, c := range s {
		if c == r {
			return true
		}
	}
	return false
}
