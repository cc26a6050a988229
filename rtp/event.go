package rtp

import (
	"encoding/binary"
	"strings"
	"time"
)

// digits are the DTMF named events by their code (RFC 4733 §3.2, table 3); '!' is flash.
const digits = "0123456789*#ABCD!"

// EventCode is the event of a DTMF digit.
func EventCode(digit byte) (code uint8, ok bool) {
	if digit >= 'a' && digit <= 'd' {
		digit -= 'a' - 'A'
	}
	i := strings.IndexByte(digits, digit)
	return uint8(i), i >= 0
}

// EventDigit is the DTMF digit of an event.
func EventDigit(code uint8) (digit byte, ok bool) {
	if int(code) >= len(digits) {
		return 0, false
	}
	return digits[code], true
}

// EventPayload is one report of a telephone event (RFC 4733 §2.3).
type EventPayload struct {
	Code     uint8
	End      bool
	Volume   uint8  // power level without its sign, dBm0
	Duration uint16 // in timestamp units
}

const eventSize = 4 // octets of one report

// ParseEvent reads one report.
func ParseEvent(b []byte) (e EventPayload, ok bool) {
	if len(b) < eventSize {
		return e, false
	}
	return EventPayload{
		Code: b[0], End: b[1]&0x80 != 0, Volume: b[1] & 0x3F, Duration: binary.BigEndian.Uint16(b[2:]),
	}, true
}

// Append appends the report to dst.
func (e EventPayload) Append(dst []byte) []byte {
	flags := e.Volume & 0x3F
	if e.End {
		flags |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(dst, e.Code, flags), e.Duration)
}

// EventSender sends one event after the other (RFC 4733 §2.5.1). The zero value is
// idle. It is a machine without a clock: its owner calls Next once per update.
type EventSender struct {
	code    uint8
	volume  uint8
	start   uint32 // timestamp of the segment
	elapsed uint32 // since the segment began
	total   uint32 // of the segment: from its start to the end of the event
	marker  bool
	finals  int // reports with the final duration still to be sent
	sending bool
}

// finalReports is how often the final duration is sent: RFC 4733 §2.5.1.4 "a
// total of three times".
const finalReports = 3

// maxSegment is the longest duration of one segment (RFC 4733 §2.5.1.3).
const maxSegment = 0xFFFF

// Start begins an event at timestamp ts that lasts duration timestamp units.
func (s *EventSender) Start(code uint8, ts, duration uint32, volume uint8) {
	*s = EventSender{code: code, volume: volume, start: ts, total: duration, marker: true, sending: true, finals: finalReports}
}

// Active says whether reports are still to be sent.
func (s *EventSender) Active() bool { return s.sending }

// Next makes the report that is due step units after the one before. h gets the timestamp and
// the marker. While it returns true, no audio is sent.
func (s *EventSender) Next(step uint32, h *Header) (e EventPayload, ok bool) {
	if !s.sending {
		return e, false
	}
	if s.elapsed+step > maxSegment && s.total > maxSegment {
		// RFC 4733 §2.5.1.3: a new segment starts where the last one ends,
		// "the RTP timestamp MUST be updated", no marker.
		s.start += maxSegment
		s.total -= maxSegment
		s.elapsed -= maxSegment - step
	} else {
		s.elapsed += step
	}
	h.Timestamp, h.Marker = s.start, s.marker
	s.marker = false
	e = EventPayload{Code: s.code, Volume: s.volume, Duration: uint16(min(s.elapsed, s.total, maxSegment))}
	e.End = s.elapsed > s.total
	if s.elapsed >= s.total {
		s.finals--
		s.sending = s.finals > 0
	}
	return e, true
}

// Event is a complete telephone event as received.
type Event struct {
	Code     uint8
	Volume   uint8
	Duration uint32 // in timestamp units
	Complete bool   // its end was seen
}

// EventReceiver puts reports together to events, each told once, whatever was
// lost, repeated or reordered (RFC 4733 §2.5.2). The zero value is ready. It is a machine without a clock.
type EventReceiver struct {
	active bool
	event  Event
	start  uint32 // timestamp of the present segment
	base   uint32 // duration of the segments before
	latest time.Duration
	done   bool   // there was an event before
	last   uint32 // timestamp of the segment that ended last
}

// silent is how long an event whose end was lost lasts after its last report:
// three times a long update interval (RFC 4733 §2.5.2.2).
const silent = 150 * time.Millisecond

// Receive takes the payload of one packet. tell is called for each event that
// is over by it: because its end came, or because the next one began.
func (r *EventReceiver) Receive(h Header, payload []byte, now time.Duration, tell func(Event)) {
	ts := h.Timestamp
	// RFC 4733 §2.5.1.5: several events that follow one another may share a packet.
	for len(payload) >= eventSize {
		e, _ := ParseEvent(payload)
		r.report(ts, e, now, tell)
		ts += uint32(e.Duration)
		payload = payload[eventSize:]
	}
}

func (r *EventReceiver) report(ts uint32, e EventPayload, now time.Duration, tell func(Event)) {
	if r.done && int32(ts-r.last) <= 0 && !(r.active && ts == r.start) {
		return // a repeated or late report of an event that was told
	}
	if r.active && int32(ts-r.start) < 0 {
		return
	}
	switch segment := r.active && e.Code == r.event.Code && ts == r.start+maxSegment; {
	case segment: // RFC 4733 §2.5.1.3: a long event goes on
		r.base += maxSegment
		r.start = ts
	case r.active && ts != r.start:
		r.finish(tell)
		fallthrough
	case !r.active:
		r.active = true
		r.start, r.base = ts, 0
		r.event = Event{Code: e.Code, Volume: e.Volume}
	}
	r.latest = now
	r.event.Duration = max(r.event.Duration, r.base+uint32(e.Duration))
	if e.End {
		r.event.Complete = true
		r.finish(tell)
	}
}

// Expire ends an event whose end was lost; call it now and then.
func (r *EventReceiver) Expire(now time.Duration, tell func(Event)) {
	if r.active && now-r.latest >= silent {
		r.finish(tell)
	}
}

func (r *EventReceiver) finish(tell func(Event)) {
	r.active, r.done, r.last = false, true, r.start
	tell(r.event)
}
