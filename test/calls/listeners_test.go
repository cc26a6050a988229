package calls_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/test/live"
)

// The address to listen on changes with a reload: the call in progress goes on
// and ends over the old one, new calls come over the new one, and a port that
// cannot be had changes nothing.
func TestListenersChange(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	move := func(port uint16) []config.Problem {
		live.Write(t, h.dir+"/asterisk/pjsip.conf", endpoints(port, "", "8005", "8006", "8007"))
		return h.Node.Reload()
	}

	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	problems := move(taken.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	last := problems[len(problems)-1]
	if last.Severity != config.Error || !strings.Contains(last.Text, "address already in use") || !strings.Contains(last.Hint, "has it") {
		t.Fatalf("a port in use is answered %v, want an error that says who has it", last)
	}
	hear(t, caller, callee)
	if a := h.Node.Addrs(); len(a) != 1 || a[0].Addr != h.addr {
		t.Fatalf("after a reload that was refused the node listens on %v, want %v", a, h.addr)
	}

	fresh := netip.AddrPortFrom(h.addr.Addr(), live.FreePort(t))
	if problems := move(fresh.Port()); config.HasErrors(problems) {
		t.Fatalf("reload: %v", problems)
	}
	hear(t, caller, callee)
	late := newPeer(t, fresh, "8007", "8007")
	late.register()
	out.bye()
	in.hungUp("the end, asked for at the address that has gone")
	again, end := connect(t, late, callee, "8006")
	hear(t, late, callee)
	again.bye()
	end.hungUp("the end of a call over the new address")
	if n := len(h.settled()); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}
