package rtp

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
)

var ntpZero = time.Unix(0, 0)

// TestNTP: RFC 3550 §4: seconds since 1900 and a fraction of 2^32.
func TestNTP(t *testing.T) {
	if got := ntp(ntpZero); got != 2208988800<<32 {
		t.Errorf("1970 is %#x", got)
	}
	if got := ntp(time.Unix(1, 500_000_000)); got != 2208988801<<32|1<<31 {
		t.Errorf("half a second is %#x", got)
	}
}

// TestCompound: RFC 3550 §6.1: "The first RTCP packet in the compound packet
// MUST always be a report packet", "an SDES packet containing a CNAME item MUST be included".
func TestCompound(t *testing.T) {
	var c Control
	for name, s := range map[string]Sender{
		"sender":   {SSRC: 7, Timestamp: 1234, Packets: 10, Octets: 1600, Active: true},
		"receiver": {SSRC: 7},
	} {
		var r Reception
		feed(&r, 100, 101, 103)
		b := c.Append(nil, time.Now(), r.Last, s, &r, "someone", true)
		packets, err := rtcp.Unmarshal(b)
		if err != nil || len(packets) != 3 {
			t.Fatalf("%s: %v, %d packets", name, err, len(packets))
		}
		if err := rtcp.CompoundPacket(packets).Validate(); name == "sender" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var blocks []rtcp.ReceptionReport
		switch p := packets[0].(type) {
		case *rtcp.SenderReport:
			blocks = p.Reports
			if name != "sender" || p.SSRC != 7 || p.RTPTime != 1234 || p.PacketCount != 10 || p.OctetCount != 1600 {
				t.Errorf("%s: %+v", name, p)
			}
		case *rtcp.ReceiverReport:
			blocks = p.Reports
			if name != "receiver" || p.SSRC != 7 {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if len(blocks) != 1 || blocks[0].SSRC != 1 || blocks[0].TotalLost != 1 || blocks[0].FractionLost != 64 || blocks[0].LastSequenceNumber != 103 {
			t.Errorf("%s: %+v", name, blocks)
		}
		if _, ok := packets[2].(*rtcp.Goodbye); !ok {
			t.Errorf("%s: no BYE at the end", name)
		}
	}
	b := c.Append(nil, time.Now(), 0, Sender{SSRC: 7}, nil, "someone", false)
	if p, err := rtcp.Unmarshal(b); err != nil || len(p) != 2 {
		t.Errorf("RFC 3550 §6.4.2: an empty RR if there is nothing to report: %v", err)
	}
}

// TestRoundTrip is the example of RFC 3550 figure 2: A hears of itself at
// 0xb7108000 after the peer kept its report for 5.250 s: 6.125 s round trip.
func TestRoundTrip(t *testing.T) {
	const lsr, dlsr, arrival = 0xb705_2000, 0x0005_4000, 0xb710_8000
	// A wall clock whose middle 32 bits are the arrival's.
	seconds := int64(arrival>>16) - ntpEpoch&0xFFFF
	for seconds < 0 {
		seconds += 1 << 16
	}
	wall := time.Unix(seconds, int64(time.Second)*(arrival&0xFFFF)/65536)
	rr := &rtcp.ReceiverReport{SSRC: 2, Reports: []rtcp.ReceptionReport{
		{SSRC: 7, LastSenderReport: lsr, Delay: dlsr, FractionLost: 128, TotalLost: 0xFFFFFE, Jitter: 80},
		{SSRC: 8, TotalLost: 77},
	}}
	b, err := rr.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var c Control
	if !c.Receive(b, wall, 0, 7) {
		t.Fatal("refused")
	}
	if want := 6125 * time.Millisecond; c.RTT < want-time.Millisecond || c.RTT > want+time.Millisecond {
		t.Errorf("round trip %v, the RFC has %v", c.RTT, want)
	}
	if c.RemoteFraction != 0.5 || c.RemoteLost != -2 || c.RemoteJitter != 80 {
		t.Errorf("loss is signed, and of our SSRC only: %+v", c)
	}
}

// TestDelaySinceReport: RFC 3550 §6.4.1: DLSR is in 1/65536 s, zero before an SR came.
func TestDelaySinceReport(t *testing.T) {
	var c Control
	var r Reception
	feed(&r, 1, 2)
	if b := c.report(0, &r); b.LastSenderReport != 0 || b.Delay != 0 {
		t.Errorf("%+v", b)
	}
	sr, err := (&rtcp.SenderReport{SSRC: 1, NTPTime: 0x0123_4567_89AB_CDEF}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	c.Receive(sr, ntpZero, 10*time.Second, 7)
	if b := c.report(12500*time.Millisecond, &r); b.LastSenderReport != 0x4567_89AB || b.Delay != 0x0002_8000 {
		t.Errorf("%+v", b)
	}
	bye, err := (&rtcp.Goodbye{Sources: []uint32{1}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if !c.Receive(bye, ntpZero, 0, 7) || !c.Bye {
		t.Error("BYE was not noticed")
	}
	if c.Receive([]byte{0x80, 200, 0, 9, 1}, ntpZero, 0, 7) || c.Receive(nil, ntpZero, 0, 7) {
		t.Error("a broken packet was taken")
	}
}
