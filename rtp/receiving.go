package rtp

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/hometone/hometone/media"
)

// playout gives one frame to the recorder.
func (s *Stream) playout(frame []int16) {
	s.mu.Lock()
	record, digit := s.record, s.onDTMF
	started := s.jb.started
	if started {
		s.jb.Get(frame)
	}
	var over []Event
	s.events.Expire(s.now(), func(e Event) { over = append(over, e) })
	s.mu.Unlock()
	if started && record != nil {
		record(frame)
	}
	tell(over, digit)
}

func tell(over []Event, f func(byte, time.Duration)) {
	for _, e := range over {
		if d, ok := EventDigit(e.Code); ok && f != nil {
			f(d, media.Duration(int(e.Duration)))
		}
	}
}

// readRTP receives until the socket is closed.
func (s *Stream) readRTP() {
	buf := make([]byte, 2048)
	pcm := make([]int16, 0, 2048)
	for {
		n, src, err := s.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier packet
		}
		src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port())
		if IsRTCP(buf[:n]) {
			s.receiveRTCP(buf[:n], src)
			continue
		}
		s.receive(buf[:n], src, pcm)
	}
}

// receive takes one RTP packet.
func (s *Stream) receive(b []byte, src netip.AddrPort, pcm []int16) {
	h, ok := Parse(b)
	if !ok {
		return
	}
	now := s.now()
	var over []Event
	s.mu.Lock()
	digit := s.onDTMF
	isEvent := s.p.DTMF && h.PT == s.p.DTMFRecvPT
	codec, isAudio := s.codecOf(h.PT)
	if !(isEvent || isAudio) || !s.accept(src, now) || !s.p.Recv {
		s.mu.Unlock()
		return
	}
	if s.first.IsZero() {
		s.first = s.start.Add(now)
	}
	switch v := s.in.Update(h, now, media.Rate, isEvent); {
	case v == Duplicate || v == Jumped:
	case isEvent:
		s.events.Receive(h, b[h.Start:h.End], now, func(e Event) { over = append(over, e) })
	default:
		s.jb.Put(h.Timestamp, s.decode(codec, pcm, b[h.Start:h.End]), v == Restarted)
	}
	s.mu.Unlock()
	tell(over, digit)
}

// codecOf finds the codec of an incoming payload type. Needs mu.
func (s *Stream) codecOf(pt uint8) (media.Codec, bool) {
	if s.p.Encoding != "" && pt == s.p.RecvPT {
		return s.codec, true
	}
	for _, e := range s.p.Also {
		if e.RecvPT == pt {
			c := media.CodecOf(e.Name, media.Rate)
			return c, c != media.NoCodec
		}
	}
	return media.NoCodec, false
}

// decode reads a payload. A change of codec begins a stream. Needs mu.
func (s *Stream) decode(c media.Codec, pcm []int16, payload []byte) []int16 {
	if s.decoder == nil || s.decodes != c {
		s.decoder, s.decodes = media.NewDecoder(c, media.Rate), c
	}
	return s.decoder.Decode(pcm, payload)
}

// accept keeps to one source: the negotiated address at once, another one only
// while nothing comes from the present one. Needs mu.
func (s *Stream) accept(src netip.AddrPort, now time.Duration) bool {
	const patience = time.Second
	if src == s.peer {
		return true
	}
	if src == s.p.Remote || !s.peer.IsValid() || now-s.in.Last > patience {
		s.peer = src
		return true
	}
	return false
}

// readRTCP receives reports until the socket is closed.
func (s *Stream) readRTCP() {
	buf := make([]byte, 2048)
	for {
		n, src, err := s.control.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.receiveRTCP(buf[:n], netip.AddrPortFrom(src.Addr().Unmap(), src.Port()))
		}
	}
}

func (s *Stream) receiveRTCP(b []byte, src netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if IsRTCP(b) && (src.Addr() == s.p.Remote.Addr() || src.Addr() == s.peer.Addr()) {
		s.rtcp.Receive(b, time.Now(), s.now(), s.h.SSRC)
	}
}
