package relay

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hometone/hometone/rtp"
)

// Errors of SendDTMF.
var (
	ErrNoEvents = errors.New("relay: telephone-event was not negotiated")
	ErrBadDigit = errors.New("relay: no DTMF digit")
	ErrBusy     = errors.New("relay: too many digits wait")
)

// maxDigits is how many digits may wait on a leg.
const maxDigits = 256

// dialler sends digits on a leg as telephone events (RFC 4733), one report
// per packet time. While an event lasts, it takes the place of the audio; between
// two digits the audio is heard.
type dialler struct {
	id     uint64 // unique in the relay
	digits []digit
	sender rtp.EventSender
	due    time.Duration // of the next step
	rest   int           // steps before the next digit
	gap    time.Duration
	seq    uint16
	ts     uint32
	past   uint32 // timestamp units since the event began
}

// digit is one that waits.
type digit struct {
	code uint8
	on   time.Duration
	gap  time.Duration
}

// SendDTMF sends digits (0-9 * # A-D, ! for flash) to the peer as telephone
// events, each on for on (zero: 100 ms), with at least gap (zero: 60 ms) after it; w is a pause of
// half a second. Dialled is told when all are sent. Errors: ErrNoEvents (then media.DTMF
// can be played), ErrBadDigit, ErrBusy, ErrClosed.
func (l *Leg) SendDTMF(digits string, on, gap time.Duration) error {
	if on <= 0 {
		on = 100 * time.Millisecond
	}
	if gap <= 0 {
		gap = 60 * time.Millisecond
	}
	all, err := spell(digits, min(on, time.Minute), min(gap, time.Minute))
	if err != nil {
		return err
	}
	now := l.relay.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.desc.events() == nil:
		return ErrNoEvents
	case len(all) > maxDigits || l.dial != nil && len(l.dial.digits)+len(all) > maxDigits:
		return ErrBusy
	}
	if l.dial != nil {
		l.dial.digits = append(l.dial.digits, all...)
	} else {
		l.dial = &dialler{id: l.relay.ids.Add(1), digits: all, due: now}
		l.pair.loop.schedule(due{at: now, leg: l, id: l.dial.id})
	}
	return nil
}

// spell turns digits into events.
func spell(digits string, on, gap time.Duration) (all []digit, err error) {
	for i := range len(digits) {
		if c := digits[i]; c == 'w' || c == 'W' {
			all = append(all, digit{gap: 500 * time.Millisecond})
			continue
		}
		code, ok := rtp.EventCode(digits[i])
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrBadDigit, digits[i])
		}
		all = append(all, digit{code, on, gap})
	}
	return all, nil
}

// events is the format of telephone events, nil if the peer takes none. The one with the
// clock of the audio is preferred: they share the timestamps (RFC 4733 §2.1).
func (d *Description) events() (found *Format) {
	for i := range d.Formats {
		f := &d.Formats[i]
		if f.telephone && (found == nil || f.ClockRate == d.Formats[0].ClockRate) {
			found = f
		}
	}
	return found
}

// dialling says whether an event is being sent. Needs mu.
func (l *Leg) dialling() bool { return l.dial != nil && l.dial.sender.Active() }

// dialNext makes the step that is due. It returns when the next one is; 0 when
// all is sent.
func (l *Leg) dialNext(now time.Duration) time.Duration {
	l.mu.Lock()
	d, f := l.dial, l.desc.events()
	if d == nil {
		l.mu.Unlock()
		return 0
	}
	if f == nil { // it was renegotiated away
		d.digits, d.sender = nil, rtp.EventSender{}
	}
	var sent Packet
	if f != nil {
		sent = l.dialStep(f, now)
	}
	over := !d.sender.Active() && d.rest == 0 && len(d.digits) == 0
	if over {
		l.dial = nil
	}
	d.due += l.desc.Ptime
	if now-d.due > late {
		d.due = now
	}
	next, taps := d.due, l.taps
	l.mu.Unlock()
	show(taps, sent)
	if !over {
		return next
	}
	if l.watch != nil {
		l.watch(Event{Leg: l, Kind: Dialled})
	}
	return 0
}

// dialStep sends the report that is due, if any. Needs mu.
func (l *Leg) dialStep(f *Format, now time.Duration) Packet {
	const volume = 10 // -10 dBm0
	d := l.dial
	step := uint32(l.desc.Ptime * time.Duration(f.ClockRate) / time.Second)
	defer func() { d.ts += step }()
	if !d.sender.Active() {
		if d.rest > 0 || len(d.digits) == 0 {
			d.rest = max(d.rest-1, 0)
			return Packet{}
		}
		next := d.digits[0]
		d.digits = slices.Delete(d.digits, 0, 1)
		d.gap, d.past = next.gap, 0
		if next.on == 0 {
			d.rest = int(next.gap / l.desc.Ptime)
			return Packet{}
		}
		d.sender.Start(next.code, d.ts, uint32(next.on*time.Duration(f.ClockRate)/time.Second), volume)
	}
	d.seq++
	h := rtp.Header{Sequence: d.seq, PT: f.SendPT, Start: rtp.HeaderSize}
	e, _ := d.sender.Next(step, &h)
	if !d.sender.Active() {
		d.rest = int((d.gap + l.desc.Ptime - 1) / l.desc.Ptime)
	}
	return l.sendEvent(h, e, f, step, now)
}

// sendEvent sends one report. Needs mu.
func (l *Leg) sendEvent(h rtp.Header, e rtp.EventPayload, f *Format, step uint32, now time.Duration) Packet {
	if !l.desc.Send || l.to.n == 0 {
		l.out.interrupt()
		return Packet{}
	}
	l.out.number(&h, origin{id: l.dial.id}, now, f.ClockRate, 1, true)
	packet := e.Append(rtp.AppendHeader(make([]byte, 0, rtp.HeaderSize+4), h))
	h.End = len(packet)
	l.sendRTP(packet, h, now)
	// An event's reports all bear its start; the stream's time goes on.
	l.out.pass(h.Timestamp, l.dial.past)
	l.dial.past += step
	return l.shown(packet, h, f)
}
