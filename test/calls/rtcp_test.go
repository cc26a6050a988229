package calls_test

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// control is the RTCP port of a peer, which its description names (RFC 3605).
type control struct {
	t    *testing.T
	conn *net.UDPConn
	e    *ear
	got  []rtcp.Packet // read and not yet asked for
}

func newControl(t *testing.T, e *ear) *control {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(e.addr().Addr(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &control{t: t, conn: conn, e: e}
}

// attribute is the line of a description.
func (c *control) attribute() string {
	return "a=rtcp:" + strconv.Itoa(int(c.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port())) + "\r\n"
}

// send sends to the port above the one the node's RTP is on (RFC 3550 §11).
func (c *control) send(packets ...rtcp.Packet) {
	c.t.Helper()
	b, err := rtcp.Marshal(packets)
	if err != nil {
		c.t.Fatal(err)
	}
	c.e.mu.Lock()
	to := netip.AddrPortFrom(c.e.remote.Addr(), c.e.remote.Port()+1)
	c.e.mu.Unlock()
	if _, err := c.conn.WriteToUDPAddrPort(b, to); err != nil {
		c.t.Fatal(err)
	}
}

// read waits for a packet that is wanted; others are skipped.
func (c *control) read(why string, wanted func(rtcp.Packet) bool) {
	c.t.Helper()
	buf := make([]byte, 1500)
	for deadline := time.Now().Add(4 * patience); ; {
		if i := slices.IndexFunc(c.got, wanted); i >= 0 {
			c.got = c.got[i+1:]
			return
		}
		_ = c.conn.SetReadDeadline(deadline)
		n, err := c.conn.Read(buf)
		if err != nil {
			c.t.Fatalf("no RTCP: want %s, got %v", why, err)
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			c.t.Fatalf("%v: % x", err, buf[:n])
		}
		if len(packets) < 2 {
			c.t.Errorf("RFC 3550 §6.1: a compound packet of at least two, got %T", packets[0])
		}
		c.got = packets
	}
}

// ntp is a time as RFC 3550 §4 writes it.
func ntp(t time.Time) uint64 {
	return uint64(t.Unix()+2208988800)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// RTCP through a node (RFC 3550 §6.4): who speaks gets a receiver report on its stream, that
// tells how long ago its sender report came; who listens gets a sender report that agrees with
// what it hears; both are told goodbye.
func TestReports(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	speaker, listener := newControl(t, caller.ear), newControl(t, callee.ear)
	out := caller.call("8006", caller.describe("")+speaker.attribute())
	in := callee.incoming()
	in.answerWith(callee.describe("") + listener.attribute())
	out.answered("the callee has answered")

	caller.ear.speak(440, 0, 10) // and a gap of two packets
	caller.ear.sent += 2
	caller.ear.speak(440, 0, 10)
	sent := time.Now()
	speaker.send(&rtcp.SenderReport{SSRC: caller.ear.ssrc, NTPTime: ntp(sent), RTPTime: 22 * 160, PacketCount: 20, OctetCount: 3200},
		rtcp.NewCNAMESourceDescription(caller.ear.ssrc, "speaker"))
	speaker.read("a receiver report with LSR", func(p rtcp.Packet) bool {
		r, ok := p.(*rtcp.ReceiverReport)
		if !ok || len(r.Reports) != 1 || r.Reports[0].LastSenderReport == 0 {
			return false
		}
		elapsed, b := time.Since(sent), r.Reports[0]
		if b.SSRC != caller.ear.ssrc || b.LastSequenceNumber&0xFFFF != 22 || b.TotalLost != 2 {
			t.Errorf("the report is %+v; want SSRC %d, up to 22, 2 lost", b, caller.ear.ssrc)
		}
		if want := uint32(ntp(sent) >> 16); b.LastSenderReport != want {
			t.Errorf("LSR %08x, want %08x, the middle of our NTP time", b.LastSenderReport, want)
		}
		if d := time.Duration(b.Delay) * time.Second / 65536; d > elapsed || elapsed-d > elapsed/4+200*time.Millisecond {
			t.Errorf("DLSR %v, the sender report went out %v ago", d, elapsed)
		}
		return true
	})
	listener.read("a sender report", func(p rtcp.Packet) bool {
		r, ok := p.(*rtcp.SenderReport)
		if !ok {
			return false
		}
		if r.SSRC != callee.ear.from.Load() || r.OctetCount != r.PacketCount*160 {
			t.Errorf("the sender report is %v; want SSRC %d, 160 octets in each packet", r, callee.ear.from.Load())
		}
		if n := int(r.PacketCount); n == 0 || n > 20 || !eventually(func() bool { return callee.ear.heard() >= n }) {
			t.Errorf("it tells of %d packets, %d were heard of 20", n, callee.ear.heard())
		}
		if off := time.Duration(int64(ntp(time.Now())-r.NTPTime)>>32) * time.Second; off < -2*time.Second || off > 2*patience {
			t.Errorf("its NTP time is %v off", off)
		}
		return true
	})
	out.bye()
	in.hungUp("the end")
	goodbye := func(p rtcp.Packet) bool { _, ok := p.(*rtcp.Goodbye); return ok }
	speaker.read("a goodbye", goodbye)
	listener.read("a goodbye", goodbye)
}
