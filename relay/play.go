package relay

import (
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
)

// player is what an application plays on a leg.
type player struct {
	source media.Source
	id     uint64        // unique in the relay
	due    time.Duration // of the next frame
	seq    uint16
	ts     uint32
}

// late is how far a player may lag behind its schedule before it gives up catching up.
const late = 100 * time.Millisecond

// playNext makes and sends the frame of a player that is due. It returns when
// the next one is; 0 if the player has ended or was replaced.
func (lp *loop) playNext(l *Leg, id uint64, now time.Duration) (next time.Duration) {
	l.mu.Lock()
	if l.dial != nil && id == l.dial.id {
		l.mu.Unlock()
		return l.dialNext(now)
	}
	p := l.playing(id)
	if p == nil {
		l.mu.Unlock()
		return 0
	}
	source, ptime, f := p.source, l.desc.Ptime, l.desc.playing()
	encoding, described := "", l.described
	if f != nil {
		encoding = f.codec.String()
	}
	l.mu.Unlock()
	if !described {
		return now + 20*time.Millisecond // not yet negotiated: wait
	}
	packet, more := lp.frame[:rtp.HeaderSize], f != nil
	samples := media.Samples(ptime)
	if more {
		packet, more = source.Next(packet, encoding, samples)
	}
	if !l.sendFrame(id, packet, samples, now) {
		return 0
	}
	if !more {
		l.played(id, source)
		return 0
	}
	return l.advance(id, now)
}

// sendFrame sends one frame; false if the player was replaced meanwhile.
func (l *Leg) sendFrame(id uint64, packet []byte, samples int, now time.Duration) bool {
	sent, taps, current := l.playPacket(id, packet, samples, now)
	show(taps, sent)
	return current
}

// playPacket sends one frame under the lock.
func (l *Leg) playPacket(id uint64, packet []byte, samples int, now time.Duration) (sent Packet, taps []*tap, current bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, f := l.playing(id), l.desc.playing()
	if p == nil {
		return sent, nil, false
	}
	frame := uint32(samples)
	if f != nil {
		frame = uint32(samples * f.ClockRate / media.Rate)
	}
	p.ts += frame
	p.seq++
	h := rtp.Header{Sequence: p.seq, Timestamp: p.ts, Start: rtp.HeaderSize, End: len(packet)}
	if aside, yes := l.displaced(); yes && p == &l.player && f != nil {
		return seen(aside, packet, h, f), aside, true
	}
	if f == nil || !l.desc.Send || l.to.n == 0 || len(packet) == rtp.HeaderSize {
		l.out.interrupt()
		return sent, nil, true
	}
	if l.dialling() {
		return sent, nil, true
	}
	h.PT = f.SendPT
	l.out.number(&h, origin{id: id}, now, f.ClockRate, frame, false)
	rtp.AppendHeader(packet[:0], h)
	l.sendRTP(packet, h, now)
	return l.shown(packet, h, f), l.taps, true
}

// advance sets the next frame's time on the absolute schedule.
func (l *Leg) advance(id uint64, now time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.playing(id)
	if p == nil {
		return 0
	}
	p.due += l.desc.Ptime
	if now-p.due > late {
		p.due = now
	}
	return p.due
}

// played ends a player and tells it.
func (l *Leg) played(id uint64, source media.Source) {
	l.mu.Lock()
	if l.over != nil && l.over.id == id {
		l.over = nil
	}
	current := l.player.id == id
	if current {
		l.player = player{}
	}
	l.mu.Unlock()
	if current && l.watch != nil {
		l.watch(Event{Leg: l, Kind: Played, Source: source})
	}
}
