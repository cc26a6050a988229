package calls_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
)

// A BYE before the answer ends the early dialog and with it the call (RFC 3261
// §15: "The caller's UA MAY send a BYE for either confirmed or early dialogs"):
// 200 to it, 487 to the INVITE, CANCEL to the callee.
func TestByeWhileRinging(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	in.ring()
	out.learn(caller.response(180, "it rings"))
	caller.send(out.request(sip.BYE, "").String())
	got := map[int]bool{}
	for range 2 {
		text := caller.read(patience)
		_, res, err := sip.Parse(text)
		if err != nil || res == nil {
			t.Fatalf("after BYE: %v %q", err, text)
		}
		got[res.Status()] = true
		if res.Status() == 487 {
			out.ackTo(out.invite, res)
		}
	}
	if !got[200] || !got[487] {
		t.Errorf("BYE brought %v, want 200 to it and 487 to the INVITE", got)
	}
	in.cancelled("the caller is gone")
	if r := one(t, h, "NO ANSWER", 16); r.billsec != 0 {
		t.Errorf("billsec %v of a call nobody answered", r.billsec)
	}
}

// Three phones ring, two of them of one extension: the first answer has the call, each loser is told why by Reason (RFC 3326
// §2), and a second answer that crosses the CANCEL is acknowledged and hung up
// (RFC 3261 §13.2.2.4, §9.1).
func TestForkLosers(t *testing.T) {
	h := open(t, "", "exten => 8000,1,Dial(PJSIP/8006&PJSIP/8007,20)\n")
	caller, desk, mobile, third := h.registered("8005"), h.registered("8006"), h.registered("8006"), h.registered("8007")
	out := caller.call("8000", caller.describe(""))
	a, b, c := desk.incoming(), mobile.incoming(), third.incoming()
	for _, in := range []*talk{a, b, c} {
		in.ring()
	}
	caller.response(180, "they ring")
	b.answer()
	out.answered("the mobile phone has answered")
	for _, loser := range []*talk{a, c} {
		cancel := loser.p.request(sip.CANCEL, "the call was taken elsewhere")
		if r := cancel.Get(sip.HeaderReason); !strings.Contains(r, "SIP") || !strings.Contains(r, "cause=200") {
			t.Errorf("%s: CANCEL says Reason %q, want SIP;cause=200", loser.p.name, r)
		}
		loser.reply(cancel, 200, "")
	}
	a.reply(a.invite, 487, "")
	desk.request(sip.ACK, "487 is acknowledged")
	c.reply(c.invite, 200, third.describe("")) // its 200 was under way when the CANCEL came
	third.request(sip.ACK, "a 200 is acknowledged, late or not")
	c.hungUp("the call is taken already")
	hear(t, caller, mobile)
	out.bye()
	b.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// openGlare is a call whose caller is told the callee's name by a re-INVITE
// when the callee answers (send_pai): the node's own change, to collide with.
func openGlare(t *testing.T) (h *house, out, in *talk, change *sip.Request) {
	t.Helper()
	h = open(t, "send_pai=yes\n", "exten => _80XX,1,Answer()\nsame => n,Dial(PJSIP/${EXTEN})\n")
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.extra = []string{"Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"} // with UPDATE it would get that
	out = caller.call("8006", caller.describe(""))
	out.answered("Answer")
	in = callee.incoming()
	in.answer()
	change = caller.request(sip.INVITE, "the caller is told who has answered")
	return h, out, in, change
}

// RFC 3261 §14.1: a re-INVITE that gets 491 is tried again, by the side that
// does not own the Call-ID after 0 to 2 s.
func TestGlareRetried(t *testing.T) {
	h, out, in, change := openGlare(t)
	begin := time.Now()
	out.reply(change, 491, "")
	out.p.request(sip.ACK, "491 is acknowledged")
	again := out.p.request(sip.INVITE, "the re-INVITE comes again")
	if waited := time.Since(begin); waited > 2*time.Second+patience/2 {
		t.Errorf("it comes after %v, want 0 to 2 s", waited)
	}
	a, _, _ := change.CSeq()
	b, _, _ := again.CSeq()
	if b <= a {
		t.Errorf("the retry has CSeq %d after %d", b, a)
	}
	out.reply(again, 200, out.p.describe(""))
	out.p.request(sip.ACK, "200 is acknowledged")
	hear(t, out.p, in.p)
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// RFC 3261 §14.2: "A UAS that receives an INVITE on a dialog while an INVITE it
// had sent on that dialog is in progress MUST return a 491". Afterwards the
// caller's own change goes through.
func TestGlareRefused(t *testing.T) {
	h, out, in, change := openGlare(t)
	caller := out.p
	out.reinvite(caller.describe("inactive"))
	out.refused(491, "the node's re-INVITE is under way")
	out.reply(change, 200, caller.describe(""))
	caller.request(sip.ACK, "200 is acknowledged")
	hear(t, caller, in.p)
	out.reinvite(caller.describe("inactive"))
	if res := out.answered("now it is free"); !strings.Contains(res.Body(), "a=inactive") {
		t.Errorf("inactive is answered with\n%s", res.Body())
	}
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// A request of a dialog that is over, or never was, gets 481 (RFC 3261
// §12.2.2), except ACK, which nobody answers.
func TestOutsideOfDialog(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	out.bye()
	in.hungUp("the end")
	out.lastInvite = out.invite
	out.ack("")
	for _, m := range []sip.Method{sip.INVITE, sip.BYE, sip.UPDATE, sip.INFO} {
		req := out.request(m, "")
		out.lastInvite = req
		caller.send(req.String())
		res := caller.response(481, string(m)+" after the end")
		if m == sip.INVITE {
			out.ackTo(req, res)
		}
	}
}
