package calls_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
)

// faxMachine is the UDPTL side of a peer.
type faxMachine struct {
	conn *net.UDPConn
	far  netip.AddrPort
	seq  byte
}

func newFaxMachine(t *testing.T) *faxMachine {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &faxMachine{conn: conn}
}

// describe is its session description (ITU-T T.38 Annex D).
func (f *faxMachine) describe(version int) string {
	a := f.conn.LocalAddr().(*net.UDPAddr)
	return fmt.Sprintf("v=0\r\no=- 7 %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=image %d udptl t38\r\n"+
		"a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n",
		version, a.Port)
}

// follow takes the other side's address from a description.
func (f *faxMachine) follow(t *testing.T, body string) {
	t.Helper()
	_, rest, ok := strings.Cut(body, "m=image ")
	var port uint16
	if _, err := fmt.Sscanf(rest, "%d udptl t38", &port); !ok || err != nil || port == 0 {
		t.Fatalf("no fax in\n%s", body)
	}
	f.far = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
}

// exchange sends datagrams from one machine to the other and wants them as they were.
func (f *faxMachine) exchange(t *testing.T, other *faxMachine) {
	t.Helper()
	for range 20 {
		f.seq++
		sent := append([]byte{0, f.seq, 6}, bytes.Repeat([]byte{f.seq}, 8)...)
		if _, err := f.conn.WriteToUDPAddrPort(sent, f.far); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2048)
		_ = other.conn.SetReadDeadline(time.Now().Add(patience))
		n, from, err := other.conn.ReadFromUDPAddrPort(buf)
		if err != nil || !bytes.Equal(buf[:n], sent) || from.Port() != other.far.Port() {
			t.Fatalf("sent % x, the other machine got % x from %v (%v)", sent, buf[:n], from, err)
		}
	}
}

// t38_udptl=yes: the re-INVITE of one side to T.38 goes through to the other, and
// the answer comes back; the packets pass as they are; either side's sound, or the
// end of the call, takes the other back to sound.
func TestFax(t *testing.T) {
	h := open(t, "t38_udptl=yes\nt38_udptl_ec=redundancy\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	hear(t, caller, callee)
	a, b := newFaxMachine(t), newFaxMachine(t)

	in.reinvite(b.describe(8))
	req := caller.request(sip.INVITE, "the fax is passed on")
	a.follow(t, req.Body())
	for _, want := range []string{"a=T38MaxBitRate:14400\r\n", "a=T38FaxMaxDatagram:399\r\n", "a=T38FaxUdpEC:t38UDPRedundancy\r\n", "a=T38FaxRateManagement:transferredTCF\r\n"} {
		if !strings.Contains(req.Body(), want) {
			t.Errorf("the offer has no %q:\n%s", want, req.Body())
		}
	}
	if strings.Contains(req.Body(), "m=audio") {
		t.Errorf("the fax takes the place of the sound (RFC 3264 §8.3.3), got\n%s", req.Body())
	}
	out.reply(req, 200, a.describe(8))
	caller.request(sip.ACK, "a 200 is acknowledged")
	res := callee.response(200, "the fax is answered")
	in.ack("")
	b.follow(t, res.Body())
	a.exchange(t, b)
	b.exchange(t, a)

	in.reinvite(callee.describe("")) // back to sound
	in.answered("sound is taken")
	back := caller.request(sip.INVITE, "the other side goes back as well")
	caller.ear.follow(t, back.Body())
	out.reply(back, 200, caller.describe(""))
	caller.request(sip.ACK, "a 200 is acknowledged")
	hear(t, caller, callee)

	out.reinvite(a.describe(9)) // and a fax the other way
	req = callee.request(sip.INVITE, "the fax is passed on")
	b.follow(t, req.Body())
	in.reply(req, 200, b.describe(9))
	callee.request(sip.ACK, "a 200 is acknowledged")
	a.follow(t, caller.response(200, "the fax is answered").Body())
	out.ack("")
	a.exchange(t, b)
	out.bye()
	back = callee.request(sip.INVITE, "to sound before the end")
	if !strings.Contains(back.Body(), "m=audio") {
		t.Errorf("want sound, got\n%s", back.Body())
	}
	in.reply(back, 200, callee.describe(""))
	callee.request(sip.ACK, "a 200 is acknowledged")
	in.hungUp("the end")
}

// A fax that cannot be passed on is refused with 488, and the sound goes on
// (RFC 3261 §14.2): the other side does not want it, is not allowed one, or there
// is no other side.
func TestFaxRefused(t *testing.T) {
	h := open(t, "t38_udptl=yes\n", plain+"exten => echo,1,Echo()\n")
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	machine := newFaxMachine(t)
	in.reinvite(machine.describe(8))
	req := caller.request(sip.INVITE, "the fax is passed on")
	out.reply(req, 488, "")
	caller.request(sip.ACK, "a refusal is acknowledged")
	in.refused(488, "the other side wants no fax")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")

	alone := caller.call("echo", caller.describe(""))
	alone.answered("an application")
	alone.reinvite(machine.describe(9))
	alone.refused(488, "nobody is at the other side")
	alone.bye()
	h.Stop()

	h = open(t, "", plain)
	caller, callee = h.registered("8005"), h.registered("8006")
	out, in = connect(t, caller, callee, "8006")
	in.reinvite(machine.describe(8))
	in.refused(488, "t38_udptl is not set")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}

// An answer without any stream ends the call, as one to sound does.
func TestFaxDeclined(t *testing.T) {
	h := open(t, "t38_udptl=yes\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	machine := newFaxMachine(t)
	in.reinvite(machine.describe(8))
	req := caller.request(sip.INVITE, "the fax is passed on")
	body := machine.describe(8)
	_, rest, _ := strings.Cut(body, " udptl")
	head, _, _ := strings.Cut(body, "m=image")
	out.reply(req, 200, head+"m=image 0 udptl"+rest)
	caller.request(sip.ACK, "a 200 is acknowledged")
	out.hungUp("its answer has no stream")
	in.hungUp("the call is over")
	in.refused(487, "what waits is refused with the call (RFC 3261 §15.1.2)")
}
