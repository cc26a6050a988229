package relay

import (
	"encoding/binary"
	"time"

	"github.com/hometone/hometone/rtp"
)

// This file carries what is no RTP: UDPTL, the packets of a T.38 fax (ITU-T T.38
// §9.1). They stay as they are: their numbers and the repetitions in them are the
// two fax machines' affair.

// rawCount counts packets that are no RTP.
type rawCount struct{ received, sent uint64 }

// shortestUDPTL is a sequence number, the length of a message, and what follows it.
const shortestUDPTL = 4

// arriveRaw judges one datagram of a Raw leg. UDPTL has no SSRC; its sequence
// number, which comes first, is enough for the latch. Needs mu.
func (l *Leg) arriveRaw(lp *loop, i int, now time.Duration, a *arrivals) {
	b := lp.batch.packet(i)
	if len(b) < shortestUDPTL {
		l.drops.Malformed++
		return
	}
	h := rtp.Header{Sequence: binary.BigEndian.Uint16(b), End: len(b)}
	ok, moved := l.latch.accept(lp.batch.source(i), h, now, !l.desc.Recv)
	if !ok {
		l.drops.Source++
		return
	}
	if moved {
		l.aim()
		a.moved = true
	}
	l.heard, l.active, l.quiet = now, now, false
	if l.pair.any {
		l.replyAs = lp.batch.destination(i)
	}
	l.raw.received++
	l.octets += uint64(len(b))
	a.list[a.n] = received{packet: b, header: h, raw: true}
	a.n++
}

// passRaw sends a packet of a Raw leg to the peer of another one; RTP has no way
// to it, nor it to RTP. Needs mu.
func (l *Leg) passRaw(r *received) {
	switch {
	case !r.raw || !l.desc.Raw:
		l.drops.Format++
		return
	case !l.desc.Send || l.to.n == 0:
		l.drops.Unsent++
		return
	}
	var sent bool
	if l.pair.any && l.replyAs.IsValid() {
		sent = sendFrom(l.pair.rtp, r.packet, &l.to, l.replyAs)
	} else {
		sent = send(l.pair.rtp, r.packet, &l.to)
	}
	if !sent {
		l.drops.Unsent++
		return
	}
	l.raw.sent++
}
