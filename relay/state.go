package relay

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/hometone/hometone/rtp"
)

// State is what another relay, or this one after a restart, needs to go on
// with a leg so that its peer hears no new stream: the same ports, SSRC and
// numbers. It is plain data.
type State struct {
	Local       netip.AddrPort // RTP; RTCP is one port above
	Description Description
	Source      netip.AddrPort // where the peer's packets came from; zero: nobody spoke yet
	PeerSSRC    uint32         // the peer's stream
	PeerSeq     uint16
	SSRC        uint32 // our stream: of the latest packet sent
	Sequence    uint16
	Timestamp   uint32
	Sent        uint64    // packets
	SentOctets  uint64    // of payload
	Taken       time.Time // when the snapshot was made
}

// Snapshot returns the state of the leg now.
func (l *Leg) Snapshot() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.relay.now()
	return State{
		Local: l.pair.local, Description: l.desc,
		Source: l.latch.Source, PeerSSRC: l.latch.ssrc, PeerSeq: l.latch.seq,
		SSRC: l.out.SSRC, Sequence: l.out.Sequence, Timestamp: l.out.timestampAt(now, l.clock()),
		Sent: l.out.Packets, SentOctets: l.out.Octets, Taken: l.relay.start.Add(now),
	}
}

// Restore opens a leg with the ports and the state of a snapshot. What was
// sent after the snapshot is unknown, so the numbers go on as if sending had never
// stopped: a packet every packet time. Joins, sinks and sources are the caller's to make again.
func (r *Relay) Restore(s State, watch func(Event)) (*Leg, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	pair, err := r.ports.openAt(r.roomiest(), s.Local, r.config.DSCP)
	if err != nil {
		return nil, err
	}
	l := r.adopt(pair, watch)
	l.Set(s.Description)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := r.now()
	away := max(time.Since(s.Taken), 0)
	l.out.SSRC, l.out.Packets, l.out.Octets = s.SSRC, s.Sent, s.SentOctets
	l.out.Sequence = s.Sequence + uint16(away/l.desc.Ptime)
	l.out.Timestamp = s.Timestamp + uint32(int64(away)/1000*int64(l.clock())/1_000_000)
	l.out.At, l.out.Started = now, s.Sent > 0
	if s.Source.IsValid() {
		l.latch.take(s.Source, rtp.Header{SSRC: s.PeerSSRC, Sequence: s.PeerSeq}, now)
		l.aim()
	}
	return l, nil
}

// openAt binds one given pair, which must be free in the range.
func (p *ports) openAt(lp *loop, local netip.AddrPort, dscp uint8) (*pair, error) {
	p.mu.Lock()
	spare := p.spares.takeAt(local.Port())
	p.mu.Unlock()
	if spare != nil {
		p.close(spare)
	}
	if !p.reserve(local.Port()) {
		return nil, fmt.Errorf("relay: port %d is in use or not in %d-%d", local.Port(), p.first, p.last+1)
	}
	out, err := bindPair(local.Addr(), local.Port(), dscp)
	if err != nil {
		p.put(local.Port())
		return nil, fmt.Errorf("relay: bind %v: %w", local, err)
	}
	return p.enter(lp, out)
}

// reserve takes one given port out of the queue.
func (p *ports) reserve(port uint16) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.n {
		k := (p.head + i) % len(p.free)
		if p.free[k] == port {
			p.free[p.head], p.free[k] = p.free[k], p.free[p.head]
			p.head = (p.head + 1) % len(p.free)
			p.n--
			return true
		}
	}
	return false
}
