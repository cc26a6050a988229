package relay

import (
	"time"

	"github.com/hometone/hometone/rtp"
)

// readRTCP takes a batch from a leg's RTCP socket.
func (lp *loop) readRTCP(l *Leg, now time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	n := lp.batch.receive(l.pair.rtcp, false)
	for i := range n {
		l.arriveRTCP(lp.batch, i, now)
	}
}

// arriveRTCP takes one RTCP packet if it is the peer's: from the address of
// its RTP, of its SDP, or of its signalling. Needs mu.
func (l *Leg) arriveRTCP(b *batch, i int, now time.Duration) {
	packet, src := b.packet(i), b.source(i)
	if !rtp.IsRTCP(packet) {
		if rtp.IsSTUN(packet) {
			l.drops.STUN++
		} else {
			l.drops.Malformed++
		}
		return
	}
	if a := src.Addr(); a != l.latch.Source.Addr() && (l.latch.Source.IsValid() || !l.latch.known(src) && a != l.desc.RTCP.Addr()) {
		l.drops.Source++
		return
	}
	wall := l.relay.start.Add(now)
	if !l.control.Receive(packet, wall, now, l.out.SSRC) {
		l.drops.Malformed++
		return
	}
	l.heard = now
	if src != l.rtcpFrom {
		l.rtcpFrom = src
		l.aim()
	}
}

// report sends our RTCP, if the peer is known. Needs mu.
func (l *Leg) report(now time.Duration, bye bool) {
	if !l.described || l.toRTCP.n == 0 || l.relay.config.RTCPInterval < 0 || !l.out.Started && l.in.Packets == 0 {
		return
	}
	cname := l.desc.CNAME
	if cname == "" {
		cname = l.pair.local.String()
	}
	s := rtp.Sender{
		SSRC: l.out.SSRC, Timestamp: l.out.timestampAt(now, l.clock()),
		Packets: uint32(l.out.Packets), Octets: uint32(l.out.Octets), Active: l.out.Packets > l.reported,
	}
	l.reported = l.out.Packets
	packet := l.control.Append(nil, l.relay.start.Add(now), now, s, &l.in, cname, bye)
	fd := l.pair.rtcp
	if l.desc.RTCPMux {
		fd = l.pair.rtp
	}
	if l.pair.any && l.replyAs.IsValid() {
		sendFrom(fd, packet, &l.toRTCP, l.replyAs)
		return
	}
	send(fd, packet, &l.toRTCP)
}

// keep does what is due on a leg now and then: reports and timeouts.
func (l *Leg) keep(now time.Duration) {
	l.mu.Lock()
	if l.closed || !l.described {
		l.mu.Unlock()
		return
	}
	if now >= l.reportAt {
		l.report(now, false)
		l.reportAt = now + l.relay.reportDelay()
	}
	l.keepOpen(now)
	kind, expired := l.expired(now)
	if expired {
		l.quiet = true
	}
	l.mu.Unlock()
	if expired && l.watch != nil {
		l.watch(Event{Leg: l, Kind: kind})
	}
}

// comfortNoise is the payload type of RFC 3389 at 8 kHz (RFC 3551 §6), and quietest
// its lowest level, -127 dBov.
const (
	comfortNoise = 13
	quietest     = 127
)

// keepOpen sends a packet of comfort noise when nothing else has been sent for
// Description.Keepalive, so that NATs keep the way open. Needs mu.
func (l *Leg) keepOpen(now time.Duration) {
	d := &l.desc
	if d.Keepalive <= 0 || d.Raw || !d.Send || l.to.n == 0 || now-max(l.out.At, l.set) < d.Keepalive {
		return
	}
	h := rtp.Header{PT: comfortNoise, Start: rtp.HeaderSize, End: rtp.HeaderSize + 1}
	l.out.number(&h, origin{id: l.id, ssrc: comfortNoise, restarts: uint32(l.out.Packets)}, now, l.clock(), 1, true)
	packet := append(rtp.AppendHeader(nil, h), quietest)
	l.sendRTP(packet, h, now)
}

// expired says whether a timeout has come that was not told yet. Needs mu.
func (l *Leg) expired(now time.Duration) (EventKind, bool) {
	limit, since, kind := l.relay.config.Timeout, l.active, Timeout
	if !l.desc.Recv {
		limit, since, kind = l.relay.config.HoldTimeout, l.heard, HoldTimeout
	}
	return kind, limit > 0 && !l.quiet && now-since >= limit
}
