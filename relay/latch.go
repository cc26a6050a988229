package relay

import (
	"net/netip"
	"time"

	"github.com/hometone/hometone/rtp"
)

// Figures of the latch.
const (
	latchRun      = 4                      // coherent packets in a row that make a new source
	latchRunKnown = 2                      // the same for a first source with an address we know
	latchSilence  = 250 * time.Millisecond // the old source is silent: for one that carries its stream on
	latchKnown    = 1 * time.Second        // the same for another stream from an address we know
	latchForeign  = 5 * time.Second        // the same for a stranger
	candidateHold = 250 * time.Millisecond // a candidate keeps its place against others for this long
	carryOn       = 3000                   // sequence numbers within which a stream carries on
)

// latch decides whose packets are the peer's, and learns where a peer behind
// a NAT really is (RFC 4961 symmetric RTP), without letting a stranger take
// the stream over:
//
//   - Before anybody is accepted, the address of the peer's SDP is believed at
//     once. Anybody else is a candidate: one at a time, and accepted after
//     a run of packets with one SSRC and successive sequence numbers. A
//     candidate at the address of the peer's SDP or signalling displaces others.
//   - After that, packets of others are dropped. Another source is accepted only
//     after a run, and after the old one has fallen silent: briefly if the new one carries the
//     old stream on (same SSRC, sequence numbers that follow: only the peer, or
//     somebody who sees its packets, can do that), longer if it is another stream from an
//     address we know, longest for a stranger, and never for a stranger
//     while the peer is on hold. Two need not wait: the SDP's exact address; and, if the old source
//     is a stranger that only spoke first, the address of the peer's SDP or signalling.
//
// It is plain data and a machine without a clock.
type latch struct {
	SDP        netip.AddrPort // where the peer says it receives
	Signalling netip.Addr     // where its SIP comes from
	Source     netip.AddrPort // accepted; zero: nobody yet

	last time.Duration // latest packet of Source
	ssrc uint32        // and its stream
	seq  uint16

	candidate netip.AddrPort
	run       int           // its packets in a row
	seen      time.Duration // its latest packet
	candSSRC  uint32
	candSeq   uint16
}

// describe takes a new SDP address; another one than before starts anew. None
// (hold by c=0.0.0.0) changes nothing.
func (l *latch) describe(sdp netip.AddrPort, signalling netip.Addr) {
	if sdp.IsValid() && sdp != l.SDP {
		*l = latch{SDP: sdp}
	}
	l.Signalling = signalling
}

// accept says whether a packet is the peer's, and whether Source changed.
func (l *latch) accept(src netip.AddrPort, h rtp.Header, now time.Duration, held bool) (ok, moved bool) {
	switch {
	case src == l.Source:
		l.note(h, now)
		return true, false
	case !l.Source.IsValid() && src == l.SDP:
		l.take(src, h, now)
		return true, true
	case !l.consider(src, h, now):
		return false, false
	case !l.Source.IsValid():
		need := latchRun
		if l.known(src) {
			need = latchRunKnown
		}
		if l.run < need {
			return true, false // heard, but not yet answered to
		}
	case l.run < latchRun || now-l.last < l.patience(src, h, held):
		return false, false
	}
	l.take(src, h, now)
	return true, true
}

// patience is how long the present source must have been silent.
func (l *latch) patience(src netip.AddrPort, h rtp.Header, held bool) time.Duration {
	switch {
	case src == l.SDP, l.named(src.Addr()) && !l.named(l.Source.Addr()):
		return 0
	case h.SSRC == l.ssrc && h.Sequence-l.seq < carryOn:
		return latchSilence
	case l.known(src):
		return latchKnown
	case held:
		return 1<<63 - 1
	default:
		return latchForeign
	}
}

// known says whether the IP address is one that the peer has used.
func (l *latch) known(src netip.AddrPort) bool {
	return l.named(src.Addr()) || src.Addr() == l.Source.Addr()
}

// named says whether it is one that its SDP or signalling shows.
func (l *latch) named(a netip.Addr) bool { return a == l.SDP.Addr() || a == l.Signalling }

// consider counts the run of a candidate. Another one takes its place only
// when it paused, or when it is unknown and the other known.
func (l *latch) consider(src netip.AddrPort, h rtp.Header, now time.Duration) bool {
	if src != l.candidate {
		busy := l.candidate.IsValid() && now-l.seen < candidateHold
		if busy && (l.known(l.candidate) || !l.known(src)) {
			return false
		}
		l.candidate, l.run = src, 0
	}
	if l.run > 0 && (h.SSRC != l.candSSRC || h.Sequence-l.candSeq-1 > 2) {
		l.run = 0
	}
	l.run++
	l.candSSRC, l.candSeq, l.seen = h.SSRC, h.Sequence, now
	return true
}

func (l *latch) take(src netip.AddrPort, h rtp.Header, now time.Duration) {
	l.Source = src
	l.candidate, l.run = netip.AddrPort{}, 0
	l.note(h, now)
}

func (l *latch) note(h rtp.Header, now time.Duration) {
	l.last, l.ssrc, l.seq = now, h.SSRC, h.Sequence
}
