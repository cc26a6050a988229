package rtp

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/hometone/hometone/media"
)

// report sends an RTCP report, or the goodbye.
func (s *Stream) report(bye bool) {
	s.mu.Lock()
	to, conn := s.p.RTCP, s.control
	if s.p.RTCPMux {
		conn = s.conn
	}
	out := Sender{
		SSRC: s.h.SSRC, Timestamp: s.h.Timestamp, Packets: uint32(s.packets), Octets: uint32(s.octets),
		Active: s.packets > 0 && s.p.Send,
	}
	idle := s.packets == 0 && s.in.Packets == 0
	packet := s.rtcp.Append(nil, time.Now(), s.now(), out, &s.in, s.cname, bye)
	s.mu.Unlock()
	if idle || !to.IsValid() {
		return
	}
	if _, err := conn.WriteToUDPAddrPort(packet, to); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Debug("rtp: send report", "peer", to, "error", err)
	}
}

// Stats are the figures of one call.
type Stats struct {
	Sent, SentBytes         uint64 // packets, octets of payload
	Received                uint64 // packets
	Lost                    int64
	Duplicates, Reordered   uint64
	Late                    uint64 // came after their time to be played
	Concealed               uint64 // frames of 20 ms that were not there in time, wholly or in part
	Jitter, MaxJitter       time.Duration
	LargestGap              time.Duration // longest time between two packets received
	BufferDelay             time.Duration // of the jitter buffer now
	RTT                     time.Duration // from RTCP; 0: unknown
	MOS                     float64       // of what is heard here, see media.MOS; 0: nothing was received
	FirstPacket, LastPacket time.Time     // received
	Source                  netip.AddrPort
	SSRC, OurSSRC           uint32
	RemoteLost              int64   // of ours, as the peer reports
	RemoteFraction          float64 // share of ours lost lately
	RemoteJitter            time.Duration
}

// Stats returns the figures so far; also after Close.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Stats{
		Sent: s.packets, SentBytes: s.octets, Received: s.in.Packets,
		Lost: s.in.Lost(), Duplicates: s.in.Duplicates, Reordered: s.in.Reordered,
		Late: s.jb.Late, Concealed: s.jb.Missing, LargestGap: s.in.LargestGap,
		Jitter: s.in.JitterTime(media.Rate), MaxJitter: media.Duration(int(s.in.MaxJitter)),
		BufferDelay: s.jb.DelayTime(media.Rate), RTT: s.rtcp.RTT,
		FirstPacket: s.first, Source: s.peer, SSRC: s.in.SSRC, OurSSRC: s.h.SSRC,
		RemoteLost: s.rtcp.RemoteLost, RemoteFraction: s.rtcp.RemoteFraction,
		RemoteJitter: media.Duration(int(s.rtcp.RemoteJitter)),
	}
	if s.in.Packets > 0 {
		out.LastPacket = s.start.Add(s.in.Last)
		expected := float64(s.in.Packets) + float64(max(s.in.Lost(), 0))
		out.MOS = media.MOS(float64(max(out.Lost, 0))/expected, out.Jitter, out.RTT/2)
	}
	return out
}
