package rtp

import "time"

// Constants of RFC 3550 §A.1.
const (
	maxDropout  = 3000 // sequence numbers a source may jump ahead
	maxMisorder = 100  // and fall behind
	window      = 64   // sequence numbers below the highest whose arrival is remembered
)

// Verdict says what a packet is in its stream.
type Verdict uint8

// The verdicts.
const (
	InOrder   Verdict = iota // the next, or one after a gap
	Reordered                // older than the highest, not seen before
	Duplicate                // seen before
	Jumped                   // far from all others: counted, but perhaps a restart
	Restarted                // the source began anew (new SSRC, or two packets after a jump)
)

// Reception keeps the statistics of one incoming stream by RFC 3550 §A.1
// (sequence numbers), §A.3 (loss) and §A.8 (jitter). The zero value waits for
// the first packet. It is plain data.
type Reception struct {
	SSRC       uint32
	Packets    uint64 // all that came, also before a restart
	Duplicates uint64
	Reordered  uint64
	Restarts   uint32        // changes of SSRC and jumps that turned out to be restarts
	LargestGap time.Duration // longest time between two packets
	Last       time.Duration // arrival of the latest packet
	MaxJitter  uint32        // highest value of the estimate, in timestamp units

	started       bool
	maxSeq        uint16
	cycles        uint32 // sequence number cycles, shifted by 16
	baseSeq       uint32
	badSeq        uint32 // the sequence number that would prove a restart
	received      uint32 // since the start, without duplicates
	seen          uint64 // bit i: maxSeq-i arrived
	transit       int32
	jitter        uint32 // scaled by 16, in timestamp units
	lostBefore    int64  // before the last restart
	expectedPrior uint32
	receivedPrior uint32
}

const noSeq = 1 << 16 // no 16-bit sequence number

// Update counts a packet that arrived at arrival, a monotonic time of any
// origin. clock is the timestamp rate in Hz. event says that the timestamp
// does not follow the arrival (telephone-event), so that it tells no jitter.
func (r *Reception) Update(h Header, arrival time.Duration, clock int, event bool) Verdict {
	gap := arrival - r.Last
	if r.Packets > 0 {
		r.LargestGap = max(r.LargestGap, gap)
	}
	r.Packets++
	r.Last = arrival
	v := r.sequence(h)
	if v == Restarted {
		r.transit = transit(h, arrival, clock)
	} else if v != Duplicate && !event {
		r.updateJitter(transit(h, arrival, clock))
	}
	return v
}

// sequence is update_seq of RFC 3550 §A.1, with a window for duplicates.
func (r *Reception) sequence(h Header) Verdict {
	if !r.started || h.SSRC != r.SSRC {
		if r.started {
			r.Restarts++
		}
		r.restart(h)
		return Restarted
	}
	switch delta := h.Sequence - r.maxSeq; {
	case delta == 0:
		r.Duplicates++
		return Duplicate
	case delta < maxDropout:
		if h.Sequence < r.maxSeq {
			r.cycles += 1 << 16
		}
		r.maxSeq = h.Sequence
		r.seen = r.seen<<delta | 1
		r.received++
		r.badSeq = noSeq
		return InOrder
	case delta <= 0xFFFF-maxMisorder:
		if uint32(h.Sequence) == r.badSeq {
			// Two consecutive packets after a jump: the other side restarted.
			r.Restarts++
			r.restart(h)
			return Restarted
		}
		r.badSeq = uint32(h.Sequence + 1)
		return Jumped
	default:
		return r.older(-delta)
	}
}

// older is a packet that is back numbers behind the highest.
func (r *Reception) older(back uint16) Verdict {
	if back < window {
		if r.seen&(1<<back) != 0 {
			r.Duplicates++
			return Duplicate
		}
		r.seen |= 1 << back
	}
	r.Reordered++
	r.received++
	return Reordered
}

func (r *Reception) restart(h Header) {
	if r.started {
		r.lostBefore += max(0, int64(r.expected())-int64(r.received))
	}
	r.started = true
	r.SSRC = h.SSRC
	r.maxSeq, r.baseSeq, r.cycles = h.Sequence, uint32(h.Sequence), 0
	r.badSeq = noSeq
	r.received, r.seen = 1, 1
	r.expectedPrior, r.receivedPrior = 0, 0
}

// updateJitter is the estimator of RFC 3550 §A.8 with its integer rounding.
func (r *Reception) updateJitter(transit int32) {
	d := transit - r.transit
	r.transit = transit
	if d < 0 {
		d = -d
	}
	r.jitter += uint32(d) - (r.jitter+8)>>4
	r.MaxJitter = max(r.MaxJitter, r.jitter>>4)
}

func transit(h Header, arrival time.Duration, clock int) int32 {
	return int32(uint32(int64(arrival)/1000*int64(clock)/1_000_000) - h.Timestamp)
}

func (r *Reception) expected() uint32 {
	if !r.started {
		return 0
	}
	return r.cycles + uint32(r.maxSeq) - r.baseSeq + 1
}

// HighestSequence is the extended highest sequence number (RFC 3550 §6.4.1).
func (r *Reception) HighestSequence() uint32 { return r.cycles + uint32(r.maxSeq) }

// Lost is how many packets are missing. Duplicates do not make up for losses.
func (r *Reception) Lost() int64 {
	return r.lostBefore + int64(r.expected()) - int64(r.received)
}

// Jitter is the interarrival jitter in timestamp units.
func (r *Reception) Jitter() uint32 { return r.jitter >> 4 }

// JitterTime is the interarrival jitter as a time.
func (r *Reception) JitterTime(clock int) time.Duration {
	if clock <= 0 {
		return 0
	}
	return time.Duration(r.Jitter()) * time.Second / time.Duration(clock)
}

// fraction is the share lost since the last report, in 1/256 (RFC 3550 §A.3).
func (r *Reception) fraction() uint8 {
	expected := r.expected()
	expectedInterval := expected - r.expectedPrior
	receivedInterval := r.received - r.receivedPrior
	r.expectedPrior, r.receivedPrior = expected, r.received
	lost := int64(expectedInterval) - int64(receivedInterval)
	if expectedInterval == 0 || lost <= 0 {
		return 0
	}
	return uint8(min(lost<<8/int64(expectedInterval), 255))
}
