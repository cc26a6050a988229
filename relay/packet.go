package relay

import (
	"net/netip"
	"time"

	"github.com/hometone/hometone/rtp"
)

// received is a packet that passed a leg's checks.
type received struct {
	packet []byte
	header rtp.Header
	format *Format // of the leg's description
	from   origin
	kept   bool // an event that goes to the sink only
	raw    bool // no RTP
}

// arrivals is the harvest of one batch on one leg.
type arrivals struct {
	list  [batchSize + earlyMost]received
	n     int
	peer  *Leg
	sink  func(Packet)
	taps  []*tap
	moved bool // the peer's address changed
	coded [packetSize]byte
}

// readRTP takes a packet from a leg's RTP socket, or a batch if it has taken one in
// this round already, judges it under the leg's lock, and passes it on without.
func (lp *loop) readRTP(l *Leg, now time.Duration) {
	a := &lp.arrivals
	a.n, a.moved = 0, false
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	var n int
	if l.pair.any || l.round == lp.round {
		n = lp.batch.receive(l.pair.rtp, l.pair.any)
	} else {
		n = lp.batch.receiveOne(l.pair.rtp)
	}
	l.round = lp.round
	if !l.heeded && l.described {
		l.weigh(a)
		if l.heeded = l.hears(); l.heeded {
			l.release(now, a)
		}
	}
	for i := range n {
		l.arrive(lp, i, now, a)
	}
	if !l.heeded && l.described {
		for i := range a.n {
			if r := &a.list[i]; !r.raw {
				l.hold(early{packet: r.packet, at: now, judged: true})
			}
		}
	}
	a.peer, a.sink, a.taps = l.peer, l.sink, l.taps
	source := l.latch.Source
	l.mu.Unlock()
	if a.moved && l.watch != nil {
		l.watch(Event{Leg: l, Kind: Latched, Remote: source})
	}
	for i := range a.n {
		if a.list[i].raw {
			break // UDPTL is for the joined leg alone
		}
		if a.sink != nil {
			a.sink(a.list[i].shown())
		}
		if len(a.taps) > 0 {
			show(a.taps, a.list[i].shown())
		}
	}
	if a.peer != nil && a.n > 0 {
		a.peer.forward(a, now)
	}
}

// arrive judges one datagram. Needs mu.
func (l *Leg) arrive(lp *loop, i int, now time.Duration, a *arrivals) {
	b := lp.batch.packet(i)
	if l.desc.Raw {
		l.arriveRaw(lp, i, now, a)
		return
	}
	if rtp.IsRTCP(b) {
		// Also if not agreed on: a phone that multiplexes unasked is understood.
		l.arriveRTCP(lp.batch, i, now)
		return
	}
	h, ok := rtp.Parse(b)
	if !ok {
		if rtp.IsSTUN(b) {
			l.drops.STUN++
		} else {
			l.drops.Malformed++
		}
		return
	}
	var to netip.Addr
	if l.pair.any {
		to = lp.batch.destination(i)
	}
	if !l.described {
		l.hold(early{packet: b, src: lp.batch.source(i), dst: to, at: now})
		return
	}
	l.judge(b, h, lp.batch.source(i), to, now, a)
}

// judge takes an RTP packet into the harvest if it is the peer's and one that was
// agreed on. to is the local address it came to, of an unspecified socket. Needs mu.
func (l *Leg) judge(b []byte, h rtp.Header, src netip.AddrPort, to netip.Addr, now time.Duration, a *arrivals) {
	f := l.desc.receives(h.PT)
	if f == nil {
		l.drops.Format++
		return
	}
	ok, moved := l.latch.accept(src, h, now, !l.desc.Recv)
	if !ok {
		l.drops.Source++
		return
	}
	if moved {
		l.aim()
		a.moved = true
	}
	l.heard = now
	if l.pair.any {
		l.replyAs = to
	}
	if !l.desc.Recv {
		l.drops.Direction++
		return
	}
	l.active, l.quiet = now, false
	l.octets += uint64(h.End - h.Start)
	switch l.in.Update(h, now, f.ClockRate, f.telephone) {
	case rtp.Duplicate:
		l.drops.Duplicate++
		return
	case rtp.Jumped:
		// The next one tells whether the source began anew; this one would look
		// like thousands of lost packets to the other peer.
		return
	}
	a.add(l, b, h, f)
}

// add takes a packet of a leg into the harvest.
func (a *arrivals) add(l *Leg, b []byte, h rtp.Header, f *Format) {
	a.list[a.n] = received{packet: b, header: h, format: f, from: origin{l.id, h.SSRC, l.in.Restarts}, kept: l.keepsEvents && f.telephone}
	a.n++
}

// shown is the packet as an application sees it.
func (r *received) shown() Packet {
	h := r.header
	return Packet{
		Payload: r.packet[h.Start:h.End], Encoding: r.format.Encoding, ClockRate: r.format.ClockRate,
		Timestamp: h.Timestamp, Sequence: h.Sequence, SSRC: h.SSRC, Marker: h.Marker,
	}
}

// forward sends packets of another leg (or of this one: echo) to the peer.
func (l *Leg) forward(a *arrivals, now time.Duration) {
	for i := range a.n {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return
		}
		r := &a.list[i]
		if r.raw || l.desc.Raw {
			l.passRaw(r)
			l.mu.Unlock()
			continue
		}
		if aside, yes := l.displaced(); yes && !r.format.telephone {
			if l.player.source != nil {
				aside = nil // what plays has taken its place already
			}
			l.mu.Unlock()
			show(aside, r.shown())
			continue
		}
		sent, taps := l.pass(r, now, a.coded[:]), l.taps
		l.mu.Unlock()
		show(taps, sent)
	}
}

// pass rewrites one packet in place, or makes it anew in spare when its codec
// is another, and sends it. It returns what taps shall see. Needs mu.
func (l *Leg) pass(r *received, now time.Duration, spare []byte) (sent Packet) {
	if l.player.source != nil {
		return sent
	}
	to, transcode := l.route(r.format)
	switch {
	case to == nil:
		l.drops.Format++
		l.out.skip(r.from)
		return sent
	case r.kept, l.dialling(): // an event takes the place of the audio
		l.out.skip(r.from)
		return sent
	case !l.desc.Send || l.to.n == 0:
		l.drops.Unsent++
		l.out.interrupt()
		return sent
	}
	h, packet, clock := r.header, r.packet, to.ClockRate
	if transcode {
		if packet = l.recode(spare, r, to, &h); packet == nil {
			l.drops.Format++
			l.out.skip(r.from)
			return sent
		}
	}
	frame := uint32(l.desc.Ptime * time.Duration(clock) / time.Second)
	if !l.out.number(&h, r.from, now, clock, frame, to.telephone) {
		l.drops.Unsent++
		return sent
	}
	h.PT = to.SendPT
	rtp.Rewrite(packet, h)
	l.sendRTP(packet, h, now)
	return l.shown(packet, h, to)
}

// sendRTP sends a finished packet. Needs mu.
func (l *Leg) sendRTP(packet []byte, h rtp.Header, now time.Duration) {
	var ok bool
	if l.pair.any && l.replyAs.IsValid() {
		ok = sendFrom(l.pair.rtp, packet, &l.to, l.replyAs)
	} else {
		ok = send(l.pair.rtp, packet, &l.to)
	}
	if !ok {
		l.drops.Unsent++
		return
	}
	l.out.sent(h, now, h.End-h.Start)
}
