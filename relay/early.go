package relay

import (
	"net/netip"
	"time"

	"github.com/hometone/hometone/rtp"
)

// A peer may speak before this leg has anybody to give its packets to: with its
// answer, while that is still being read, or before the other leg is joined. The
// first packets of a stream are kept for as long as that takes, and go out in front
// of the next one that comes. A stream that has gone on for longer than a moment
// without anybody to hear it has not just begun: nothing of it is kept.

// Limits of what is kept.
const (
	earlyMost = 25 // packets of a leg
	earlyFor  = 500 * time.Millisecond
)

// early is a packet that was kept.
type early struct {
	packet []byte
	src    netip.AddrPort
	dst    netip.Addr
	at     time.Duration
	judged bool // it was counted when it came
}

// hears reports whether anybody wants what the leg receives. Needs mu.
func (l *Leg) hears() bool { return l.peer != nil || l.sink != nil || len(l.taps) > 0 }

// hold keeps a packet. Needs mu.
func (l *Leg) hold(e early) {
	switch {
	case l.stale || len(l.early) == earlyMost:
	case len(l.early) > 0 && e.at-l.early[0].at > earlyFor:
		l.stale, l.early = true, nil
	default:
		e.packet = append([]byte(nil), e.packet...)
		l.early = append(l.early, e)
	}
}

// weigh judges what was kept before the leg was described. Needs mu.
func (l *Leg) weigh(a *arrivals) {
	kept := l.early[:0]
	for _, e := range l.early {
		if !e.judged {
			h, _ := rtp.Parse(e.packet) // it was RTP when it was kept
			before := a.n
			l.judge(e.packet, h, e.src, e.dst, e.at, a)
			e.judged, a.n = a.n > before, before
		}
		if e.judged {
			kept = append(kept, e)
		}
	}
	l.early = kept
}

// release takes the packets that were kept into the harvest. Needs mu.
func (l *Leg) release(now time.Duration, a *arrivals) {
	for _, e := range l.early {
		h, _ := rtp.Parse(e.packet)
		if f := l.desc.receives(h.PT); f != nil && l.desc.Recv && now-l.early[0].at <= earlyFor {
			a.add(l, e.packet, h, f)
		}
	}
	l.early = nil
}
