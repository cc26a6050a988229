package pbx

import (
	"context"
	"errors"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/sip"
)

// Keys come as RTP events (RFC 4733), as INFO, or as tones in the sound, and are
// sent in the way that the endpoint's dtmf_mode says and its peer understands.
// Between two connected legs that both have events they stay in the relay.

// key is a key of a telephone, posted by the relay's loop.
type key struct{ r rune }

// keyEvent follows one telephone-event: RFC 4733 repeats an event in many
// packets with one timestamp, and the last of them three times. It is owned by
// the relay's loop.
type keyEvent struct {
	timestamp uint32
	seen      bool
	done      bool
}

// add takes one packet's payload and returns the key when it has ended.
func (k *keyEvent) add(payload []byte, timestamp uint32) (rune, bool) {
	if len(payload) < 4 || int(payload[0]) >= len(keypad) {
		return 0, false
	}
	if !k.seen || k.timestamp != timestamp {
		*k = keyEvent{timestamp: timestamp, seen: true}
	}
	if payload[1]&0x80 == 0 || k.done {
		return 0, false
	}
	k.done = true
	return rune(keypad[payload[0]]), true
}

// startSink makes keys that the peer sends as RTP events, or as tones if that is
// its way, come to us.
func (l *leg) startSink() {
	if l.rtp == nil {
		return
	}
	l.detect(l.detects())
	if l.sinking {
		return
	}
	l.sinking = true
	event := new(keyEvent)
	l.rtp.Sink(func(p relay.Packet) {
		if p.Encoding != "telephone-event" {
			return
		}
		if r, ok := event.add(p.Payload, p.Timestamp); ok {
			l.post(key{r}, true)
		}
	})
}

// stopSink ends it.
func (l *leg) stopSink() {
	if l.sinking && l.rtp != nil {
		l.rtp.Sink(nil)
	}
	l.sinking = false
	l.stopDetecting()
}

// listenFor says that the leg is connected with another one: its keys come to us
// only if the relay cannot pass them on as they are.
func (l *leg) listenFor(peer *leg) {
	if l.rtp != nil {
		l.rtp.KeepEvents(len(l.codes) > 0 || len(l.ch.stores) > 0)
	}
	if l.way() == peer.way() && len(l.codes) == 0 && len(l.ch.stores) == 0 {
		l.stopSink()
		return
	}
	l.startSink()
}

// detect starts or ends the search for keys in the sound.
func (l *leg) detect(on bool) {
	if !on {
		l.stopDetecting()
	}
	if !on || l.undetect != nil {
		return
	}
	stop, err := l.rtp.DetectDTMF(func(digit byte, _ time.Duration) { l.post(key{rune(digit)}, true) })
	if err != nil {
		l.ch.log().Warn("keys in the sound are not heard", "peer", l.name, "error", err)
		return
	}
	l.undetect = stop
}

func (l *leg) stopDetecting() {
	if l.undetect != nil {
		l.undetect()
		l.undetect = nil
	}
}

// keyWay is how keys travel between us and a peer.
type keyWay uint8

const (
	wayEvents keyWay = iota // RTP events
	wayInfo                 // INFO
	wayTones                // in the sound
	wayNone
)

// way is how the leg's peer gets keys: as dtmf_mode says, and where that needs
// telephone-event and the peer has not agreed to it, in the way that works
// without (auto_info: INFO, all others: tones).
func (l *leg) way() keyWay {
	mode := l.dtmfMode()
	events := l.agreed && l.talk.Agreed.DTMF != nil
	switch {
	case mode == "none":
		return wayNone
	case events:
		return wayEvents
	case mode == "info" || mode == "auto_info" || l.inside:
		return wayInfo
	}
	return wayTones
}

// detects reports whether keys are looked for in the sound: with dtmf_mode=inband,
// and with auto if the peer has no events. Otherwise speech could be taken for a key.
func (l *leg) detects() bool {
	mode := l.dtmfMode()
	return !l.inside && (mode == "inband" || mode == "auto" && l.agreed && l.talk.Agreed.DTMF == nil)
}

// keyHold is how long a key that is passed on is held.
const keyHold = 160 * time.Millisecond

// sendKey sends a key to the leg's peer, held for hold; 0 = keyHold.
func (l *leg) sendKey(r rune, hold time.Duration) {
	if l.session == nil || l.state != legUp {
		return
	}
	if hold <= 0 {
		hold = keyHold
	}
	var err error
	switch l.way() {
	case wayEvents:
		err = l.rtp.SendDTMF(string(r), hold, 0)
	case wayTones:
		l.rtp.Overlay(media.DTMF(string(r), hold, time.Millisecond), nil)
	case wayInfo:
		body := "Signal=" + string(r) + "\r\nDuration=" + millis(hold) + "\r\n"
		err = l.session.Send(sip.INFO, "application/dtmf-relay", body, nil)
	case wayNone:
	}
	if err != nil && !errors.Is(err, relay.ErrClosed) {
		l.ch.log().Info("key not sent", "peer", l.name, "error", err)
	}
}

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
		ch.caller.sendKey(r, hold)
		ch.keepKey("TX", r)
		if err := ch.Wait(ctx, hold+gap); err != nil {
			return err
		}
	}
	return nil
}
