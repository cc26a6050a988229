package calls_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/test/live"
)

// moved waits for a re-INVITE (or UPDATE) that changes nothing but where the
// peer's sound goes, answers it, and returns that place.
func (c *talk) moved(m sip.Method, why string) netip.AddrPort {
	c.p.t.Helper()
	return c.movedAs(m, "", why)
}

// movedAs answers with a direction.
func (c *talk) movedAs(m sip.Method, direction, why string) netip.AddrPort {
	c.p.t.Helper()
	req := c.p.request(m, why)
	before := c.p.ear.remote
	c.p.ear.follow(c.p.t, req.Body())
	if c.p.ear.remote == before {
		c.p.t.Errorf("%s: %s: the sound goes to %v as before", c.p.name, why, before)
	}
	c.reply(req, 200, c.p.describe(direction))
	if m == sip.INVITE {
		c.p.request(sip.ACK, "a 200 is acknowledged")
	}
	return c.p.ear.remote
}

// direct waits until two peers have been told each other's address.
func direct(t *testing.T, a, b *talk, m sip.Method) {
	t.Helper()
	for _, x := range [][2]*talk{{a, b}, {b, a}} {
		if got, want := x[0].moved(m, "direct media"), x[1].p.ear.addr(); got != want {
			t.Errorf("%s is told to send to %v, want %s's own address %v", x[0].p.name, got, x[1].p.name, want)
		}
	}
}

// direct_media=yes: after the answer both telephones are told each other's
// address and hear each other without the node; hold brings the sound back (the
// other side hears music), resume sends it away again; BYE ends the call when the
// other has its sound back.
func TestDirectMedia(t *testing.T) {
	for _, method := range []string{"invite", "update"} {
		h := open(t, "direct_media=yes\ndirect_media_method="+method+"\n", plain)
		m := map[string]sip.Method{"invite": sip.INVITE, "update": sip.UPDATE}[method]
		caller, callee := h.registered("8005"), h.registered("8006")
		out, in := connect(t, caller, callee, "8006")
		node := caller.ear.remote
		direct(t, out, in, m)
		hear(t, caller, callee)
		if caller.ear.from.Load() != callee.ear.ssrc || callee.ear.from.Load() != caller.ear.ssrc {
			t.Errorf("the sound comes from SSRC %x and %x, want the telephones' own %x and %x",
				caller.ear.from.Load(), callee.ear.from.Load(), callee.ear.ssrc, caller.ear.ssrc)
		}
		if m == sip.UPDATE {
			out.bye()
			if got := in.moved(m, "the other has hung up"); got == caller.ear.addr() {
				t.Errorf("the callee still sends to %v", got)
			}
			in.hungUp("the end")
			h.Stop()
			continue
		}

		callee.ear.reset()
		out.reinvite(caller.describe("sendonly"))
		out.answered("hold")
		if got := in.moved(m, "music is heard from the node"); got == caller.ear.addr() {
			t.Errorf("the held side still sends to %v", got)
		}
		if got := out.movedAs(m, "sendonly", "the holder's sound comes back too"); got != node {
			t.Errorf("the holder sends to %v, want the node's %v", got, node)
		}
		if !eventually(func() bool { return callee.ear.heard() > 10 }) {
			t.Error("the held side hears no music")
		}
		out.reinvite(caller.describe(""))
		out.answered("resume")
		direct(t, in, out, m)
		hear(t, caller, callee)

		in.bye()
		if got := out.moved(m, "the other has hung up"); got != node {
			t.Errorf("the caller sends to %v, want the node's %v", got, node)
		}
		out.hungUp("after its sound has come back")
		one(t, h, "ANSWERED", 16)
		h.Stop()
	}
}

// A transfer: the sound of both comes back before the transferer is told of
// progress, and the two who are left are joined directly.
func TestDirectMediaTransfer(t *testing.T) {
	h := open(t, "direct_media=yes\n", plain)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out, in := connect(t, caller, callee, "8006")
	direct(t, out, in, sip.INVITE)
	refer := out.request(sip.REFER, "")
	refer.Set(sip.HeaderContact, caller.contact())
	refer.Set(sip.HeaderReferTo, "<sip:8007@"+h.addr.String()+">")
	caller.send(refer.String())
	caller.response(202, "REFER")
	out.moved(sip.INVITE, "before the transferer is told anything")
	in.moved(sip.INVITE, "back to the node")
	notify := caller.request(sip.NOTIFY, "then it is")
	out.reply(notify, 200, "")
	again := third.incoming()
	again.answer()
	notify = caller.request(sip.NOTIFY, "the third has answered")
	if !strings.Contains(notify.Body(), "200 OK") {
		t.Errorf("the transferer is told %q, want 200 OK", notify.Body())
	}
	out.reply(notify, 200, "")
	direct(t, in, again, sip.INVITE)
	out.bye()
	hear(t, callee, third)
	again.bye()
	in.moved(sip.INVITE, "the other has hung up")
	in.hungUp("the end")
}

// What needs the sound keeps it: no re-INVITE without direct_media in the file of
// both, with keys of features, with a recording, with a peer that refuses, and across NAT
// if disable_direct_media_on_nat says so.
func TestMediaStays(t *testing.T) {
	yes := "direct_media=yes\n"
	cases := []struct {
		name, extra, plan string
		nat               bool
	}{
		{"not in the file", "", plain, false},
		{"features", yes, "exten => _80XX,1,Dial(PJSIP/${EXTEN},,tT)\n", false},
		{"recording", yes, "exten => _80XX,1,MixMonitor(x.wav)\nsame => n,Dial(PJSIP/${EXTEN})\n", false},
		{"NAT", yes + "disable_direct_media_on_nat=yes\n", plain, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, c.extra, c.plan)
			caller, callee := h.registered("8005"), h.registered("8006")
			if c.nat {
				caller.ear.says = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), caller.ear.addr().Port())
			}
			out, in := connect(t, caller, callee, "8006")
			hear(t, caller, callee) // a message that comes meanwhile is the next one read
			out.bye()
			in.hungUp("no re-INVITE came before it")
		})
	}
	t.Run("one side only", func(t *testing.T) {
		port := live.FreePort(t)
		files := endpoints(port, yes, "8005") + strings.SplitAfterN(endpoints(port, "", "8006"), "\n", 5)[4]
		h := openFiles(t, port, map[string]string{"pjsip.conf": files, "extensions.conf": "[calls]\n" + plain})
		caller, callee := h.registered("8005"), h.registered("8006")
		out, in := connect(t, caller, callee, "8006")
		hear(t, caller, callee)
		out.bye()
		in.hungUp("no re-INVITE came before it")
	})
	t.Run("refused", func(t *testing.T) {
		h := open(t, yes, plain)
		caller, callee := h.registered("8005"), h.registered("8006")
		out, in := connect(t, caller, callee, "8006")
		in.moved(sip.INVITE, "direct media")
		req := caller.request(sip.INVITE, "direct media")
		out.reply(req, 488, "")
		caller.request(sip.ACK, "a refusal is acknowledged")
		in.moved(sip.INVITE, "the other one did not want it")
		hear(t, caller, callee)
		out.bye()
		in.hungUp("the end")
	})
	t.Run("glare mitigation", func(t *testing.T) {
		h := open(t, yes+"direct_media_glare_mitigation=outgoing\n", plain)
		caller, callee := h.registered("8005"), h.registered("8006")
		out, in := connect(t, caller, callee, "8006")
		if got := out.moved(sip.INVITE, "the incoming leg begins"); got != callee.ear.addr() {
			t.Errorf("the caller is told %v, want %v", got, callee.ear.addr())
		}
		hear(t, caller, callee)
		in.bye()
		out.moved(sip.INVITE, "the other has hung up")
		out.hungUp("no re-INVITE went to the outgoing leg")
	})
}
