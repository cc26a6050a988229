package pbx

import (
	"context"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/relay"
)

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

// startSink makes keys that the peer sends as RTP events come to us.
func (l *leg) startSink() {
	if l.sinking || l.rtp == nil {
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

// stopSink ends it; connected legs pass their events on in the relay.
func (l *leg) stopSink() {
	if l.sinking && l.rtp != nil {
		l.rtp.Sink(nil)
	}
	l.sinking = false
}

// played notes that what an application plays has ended.
func (l *leg) played(e relay.Event) {
	if e.Source == l.playing {
		l.playing = nil
	}
}

// play starts a source towards the leg's peer; nil stops what plays.
func (l *leg) play(src media.Source) {
	l.playing = src
	if l.rtp != nil {
		l.rtp.Play(src)
	}
}

// Play implements Channel.
func (ch *channel) Play(_ context.Context, name, stop string) (rune, error) {
	if ch.gone() {
		return 0, ErrHangup
	}
	clip, err := ch.set.Sounds.Load(name, ch.language())
	if err != nil {
		return 0, err
	}
	if ch.caller.rtp == nil || !ch.caller.agreed && ch.caller.state != legUp {
		return 0, relay.ErrClosed
	}
	ch.interp.Waited()
	if stop != "" {
		ch.caller.startSink()
	}
	ch.caller.play(clip.Play(1))
	// The end is announced by the relay; the clip's length is the limit for a
	// peer that cannot hear yet.
	until := time.Now().Add(time.Duration(len(clip.Samples()))*time.Second/media.Rate + time.Second)
	for !ch.gone() && ch.caller.playing != nil {
		if stop != "" {
			if r, ok := ch.takeKey(stop); ok {
				ch.caller.play(nil)
				return r, nil
			}
		}
		if !ch.step(until) {
			break
		}
	}
	ch.caller.play(nil)
	if ch.gone() {
		return 0, ErrHangup
	}
	return 0, nil
}

// language is the language of prompts.
func (ch *channel) language() string {
	if ch.lang != "" {
		return ch.lang
	}
	if l := ch.caller.endpoint.Language; l != "" {
		return l
	}
	return "en"
}

// Echo implements Channel.
func (ch *channel) Echo(ctx context.Context) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	ch.caller.startSink()
	ch.caller.rtp.Echo(true)
	defer func() {
		if ch.caller.rtp != nil {
			ch.caller.rtp.Echo(false)
		}
	}()
	for !ch.gone() {
		if r, ok := ch.takeKey(""); ok && r == '#' {
			return nil
		}
		ch.step(time.Time{})
	}
	return ErrHangup
}

// StartTone implements Channel.
func (ch *channel) StartTone(name string) error {
	src, err := tone(name, ch.caller.endpoint.ToneZone)
	if err != nil {
		return err
	}
	ch.caller.play(src)
	return nil
}

// StopTone implements Channel.
func (ch *channel) StopTone() {
	if ch.caller.playing != nil {
		ch.caller.play(nil)
	}
}
