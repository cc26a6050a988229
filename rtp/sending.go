package rtp

import (
	"context"
	"errors"
	mrand "math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/hometone/hometone/media"
)

// pace is the clock of the stream: one packet per packet time and one frame to
// the recorder per 20 ms, on an absolute schedule.
func (s *Stream) pace(ctx context.Context, ended <-chan struct{}) error {
	now := time.Now()
	nextSend, nextPlay, nextReport := now, now, now.Add(reportInterval/2)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buf [2048]byte
	var frame [160]int16
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return nil
		case <-timer.C:
			now = time.Now()
		}
		for !nextSend.After(now) {
			nextSend = after(nextSend, s.sendFrame(buf[:0]), now)
		}
		for !nextPlay.After(now) {
			s.playout(frame[:])
			nextPlay = after(nextPlay, playoutFrame, now)
		}
		if !nextReport.After(now) {
			s.report(false)
			nextReport = now.Add(reportInterval/2 + mrand.N(reportInterval))
		}
		next := nextSend
		if nextPlay.Before(next) {
			next = nextPlay
		}
		timer.Reset(time.Until(next))
	}
}

// reportInterval is the time between RTCP reports (RFC 3550 §6.2: five seconds at least).
const reportInterval = 5 * time.Second

// behind is how far a schedule may lag before it is given up.
const behind = 200 * time.Millisecond

func after(t time.Time, step time.Duration, now time.Time) time.Time {
	if t = t.Add(step); now.Sub(t) > behind {
		return now
	}
	return t
}

// now is the stream's clock of arrivals.
func (s *Stream) now() time.Duration { return time.Since(s.start) }

// sendFrame sends the packet that is due and returns the packet time.
func (s *Stream) sendFrame(buf []byte) time.Duration {
	s.mu.Lock()
	ptime := s.p.Ptime
	if ptime == 0 {
		ptime = 20 * time.Millisecond
	}
	samples := media.Samples(ptime)
	packet, to, ended := s.nextPacket(buf, uint32(samples))
	s.mu.Unlock()
	if ended != nil {
		ended()
	}
	if packet == nil {
		return ptime
	}
	if _, err := s.conn.WriteToUDPAddrPort(packet, to); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Debug("rtp: send", "peer", to, "error", err)
	}
	return ptime
}

// nextPacket builds the packet that is due: a telephone event, what is
// played, or silence. Needs mu.
func (s *Stream) nextPacket(buf []byte, samples uint32) (packet []byte, to netip.AddrPort, ended func()) {
	to = s.p.Remote
	ts := s.h.Timestamp
	s.h.Timestamp += samples
	payload, ended := s.audio(buf[HeaderSize:HeaderSize], int(samples))
	if !s.p.Send || !to.IsValid() || to.Port() == 0 {
		s.resumed = true
		return nil, to, ended
	}
	h := Header{SSRC: s.h.SSRC, Sequence: s.h.Sequence, Timestamp: ts, PT: s.p.SendPT, Marker: s.resumed}
	if e, ok := s.event(ts, samples, &h); ok {
		h.PT = s.p.DTMFSendPT
		payload = e.Append(payload[:0])
		s.resumed = true
	} else {
		s.resumed = false
	}
	s.h.Sequence++
	s.packets++
	s.octets += uint64(len(payload))
	AppendHeader(buf, h)
	return buf[:HeaderSize+len(payload)], to, ended
}

// audio takes the next samples of what is played. Needs mu.
func (s *Stream) audio(dst []byte, samples int) (payload []byte, ended func()) {
	if s.source != nil {
		payload, more := s.source.Next(dst, s.codec.String(), samples)
		if !more {
			ended = s.done
			s.source, s.done = nil, nil
		}
		return payload, ended
	}
	payload, _ = s.silence.Next(dst, s.codec.String(), samples)
	return payload, nil
}

// event makes the telephone-event report that is due, if any. Needs mu.
func (s *Stream) event(ts, samples uint32, h *Header) (EventPayload, bool) {
	const volume, gap = 10, 60 * time.Millisecond
	if !s.sender.Active() {
		if s.gap > 0 {
			s.gap--
			return EventPayload{}, false
		}
		if len(s.pending) == 0 {
			return EventPayload{}, false
		}
		next := s.pending[0]
		s.pending = s.pending[1:]
		s.sender.Start(next.code, ts, uint32(media.Samples(next.duration)), volume)
	}
	e, ok := s.sender.Next(samples, h)
	if !s.sender.Active() {
		s.gap = int(gap/s.p.Ptime) + 1
	}
	return e, ok
}
