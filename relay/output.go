package relay

import (
	"math/rand/v2"
	"time"

	"github.com/hometone/hometone/rtp"
)

// output is what a leg sends, as one RTP stream: one SSRC, with sequence
// numbers and timestamps that go on when the source behind it changes. A packet of the
// present source keeps its distance to its neighbours, so that losses and
// talk spurts before us stay visible behind us. It is plain data and a machine without a
// clock.
type output struct {
	SSRC      uint32
	Sequence  uint16        // of the latest packet sent
	Timestamp uint32        // of the latest packet sent
	At        time.Duration // when it was sent
	Started   bool
	Packets   uint64
	Octets    uint64 // of payload

	exact    bool   // Timestamp is the time of At, not the start of a packet's audio
	source   origin // whom the deltas belong to; zero: nobody
	first    uint16 // sequence number of the first packet of the source
	seqDelta uint16
	tsDelta  uint32
}

// origin names one run of packets whose numbers belong together.
type origin struct {
	id       uint64 // leg or player, unique in the relay
	ssrc     uint32
	restarts uint32 // of the sender, see rtp.Reception
}

func newOutput() output {
	return output{SSRC: rand.Uint32(), Sequence: uint16(rand.Uint32N(1 << 15)), Timestamp: rand.Uint32()}
}

// interrupt says that packets of the source were not sent on purpose (hold,
// another source): the next packet is spliced on without a gap in sequence.
func (o *output) interrupt() { o.source = origin{} }

// skip says that one packet in order was left out on purpose.
func (o *output) skip(from origin) {
	if o.source == from {
		o.seqDelta--
	}
}

// number gives a packet of from its place in the stream. frame is the least
// step of the timestamp between two sources. It returns false for a packet that
// is older than the splice.
func (o *output) number(h *rtp.Header, from origin, now time.Duration, clock int, frame uint32, event bool) bool {
	if o.source != from {
		o.splice(h, from, now, clock, frame)
		if !event {
			// RFC 3551 §4.1: the marker bit tells the first packet of a talk spurt.
			h.Marker = true
		}
	}
	h.Sequence += o.seqDelta
	h.Timestamp += o.tsDelta
	h.SSRC = o.SSRC
	return int16(h.Sequence-o.first) >= 0
}

func (o *output) splice(h *rtp.Header, from origin, now time.Duration, clock int, frame uint32) {
	timestamp := o.Timestamp
	if o.Started {
		elapsed := uint32(int64(now-o.At) / 1000 * int64(clock) / 1_000_000)
		if o.exact {
			frame = 1
		}
		timestamp += max(elapsed, frame)
	}
	o.source = from
	o.first = o.Sequence + 1
	o.seqDelta = o.first - h.Sequence
	o.tsDelta = timestamp - h.Timestamp
}

// sent records a packet that left.
func (o *output) sent(h rtp.Header, now time.Duration, octets int) {
	if !o.Started || int16(h.Sequence-o.Sequence) > 0 {
		o.Sequence, o.Timestamp = h.Sequence, h.Timestamp
	}
	o.Started, o.exact = true, false
	o.At = now
	o.Packets++
	o.Octets += uint64(octets)
}

// pass says that the time of the stream is past units after the timestamp of the latest
// packet, a report of a lasting event.
func (o *output) pass(timestamp, past uint32) {
	o.Timestamp, o.exact = timestamp+past, true
}

// timestampAt is the RTP time that corresponds to now, for sender reports.
func (o *output) timestampAt(now time.Duration, clock int) uint32 {
	return o.Timestamp + uint32(int64(now-o.At)/1000*int64(clock)/1_000_000)
}
