package rtp

import (
	"time"

	"github.com/pion/rtcp"
)

// Sender is what a sender report says about the stream we send (RFC 3550 §6.4.1).
type Sender struct {
	SSRC      uint32
	Timestamp uint32 // RTP time that corresponds to now
	Packets   uint32
	Octets    uint32 // of payload
	Active    bool   // RTP was sent since the last two reports: SR, else RR
}

// Control is one RTCP session with one peer: what we remember of its reports.
// The zero value is ready. It is plain data.
type Control struct {
	RTT            time.Duration // round trip; 0 until a report allows it
	RemoteLost     int64         // packets of ours that the peer misses
	RemoteFraction float64       // share of ours lost since its last report, 0 to 1
	RemoteJitter   uint32        // interarrival jitter it sees, in timestamp units
	Reports        uint64        // compound packets received
	Bye            bool          // the peer said goodbye

	lastSR uint32        // middle 32 bits of the NTP time in the last SR
	lastAt time.Duration // when it came
	seenSR bool
}

// ntpEpoch is the difference between 1900 and 1970 in seconds.
const ntpEpoch = 2208988800

// ntp is a time in the 64-bit NTP format of RFC 3550 §4.
func ntp(t time.Time) uint64 {
	seconds := uint64(t.Unix() + ntpEpoch)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}

// middle are the middle 32 bits of an NTP time, in 1/65536 s.
func middle(n uint64) uint32 { return uint32(n >> 16) }

// Append appends a compound packet: SR or RR, with a report on what r received
// if it received anything, SDES with the CNAME (RFC 3550 §6.1: "RTCP packets
// MUST be sent in a compound packet of at least two individual packets",
// starting with a report, and with a CNAME), and BYE if asked for. wall and now are
// the same moment on the wall clock and on the clock of arrivals.
func (c *Control) Append(dst []byte, wall time.Time, now time.Duration, s Sender, r *Reception, cname string, bye bool) []byte {
	var reports []rtcp.ReceptionReport
	if r != nil && r.started {
		reports = []rtcp.ReceptionReport{c.report(now, r)}
	}
	var packets []rtcp.Packet
	if s.Active {
		packets = append(packets, &rtcp.SenderReport{
			SSRC: s.SSRC, NTPTime: ntp(wall), RTPTime: s.Timestamp,
			PacketCount: s.Packets, OctetCount: s.Octets, Reports: reports,
		})
	} else {
		packets = append(packets, &rtcp.ReceiverReport{SSRC: s.SSRC, Reports: reports})
	}
	packets = append(packets, rtcp.NewCNAMESourceDescription(s.SSRC, cname))
	if bye {
		packets = append(packets, &rtcp.Goodbye{Sources: []uint32{s.SSRC}})
	}
	b, err := rtcp.Marshal(packets)
	if err != nil { // only a CNAME over 255 octets can do this
		return dst
	}
	return append(dst, b...)
}

// report is the report block on an incoming stream (RFC 3550 §6.4.1, §A.3).
func (c *Control) report(now time.Duration, r *Reception) rtcp.ReceptionReport {
	block := rtcp.ReceptionReport{
		SSRC:               r.SSRC,
		FractionLost:       r.fraction(),
		TotalLost:          uint32(max(0, min(r.Lost(), 0x7FFFFF))),
		LastSequenceNumber: r.HighestSequence(),
		Jitter:             r.Jitter(),
	}
	if c.seenSR {
		block.LastSenderReport = c.lastSR
		block.Delay = uint32((now - c.lastAt) * 65536 / time.Second)
	}
	return block
}

// Receive takes a compound packet of the peer. ssrc is ours, so that reports on
// us are found. It returns false if the packet is not valid RTCP.
func (c *Control) Receive(b []byte, wall time.Time, now time.Duration, ssrc uint32) bool {
	packets, err := rtcp.Unmarshal(b)
	if err != nil || len(packets) == 0 {
		return false
	}
	c.Reports++
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			c.lastSR, c.lastAt, c.seenSR = middle(p.NTPTime), now, true
			c.reported(p.Reports, wall, ssrc)
		case *rtcp.ReceiverReport:
			c.reported(p.Reports, wall, ssrc)
		case *rtcp.Goodbye:
			c.Bye = true
		}
	}
	return true
}

// reported takes the blocks about us. RFC 3550 §6.4.1: the round trip is the
// arrival time less LSR less DLSR.
func (c *Control) reported(blocks []rtcp.ReceptionReport, wall time.Time, ssrc uint32) {
	for _, b := range blocks {
		if b.SSRC != ssrc {
			continue
		}
		lost := int32(b.TotalLost<<8) >> 8 // 24 bits, signed
		c.RemoteLost = int64(lost)
		c.RemoteFraction = float64(b.FractionLost) / 256
		c.RemoteJitter = b.Jitter
		if b.LastSenderReport == 0 {
			continue
		}
		rtt := int32(middle(ntp(wall)) - b.LastSenderReport - b.Delay)
		if rtt >= 0 && rtt < 60<<16 {
			c.RTT = time.Duration(rtt) * time.Second / 65536
		}
	}
}
