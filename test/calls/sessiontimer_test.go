package calls_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
)

// RFC 4028 §9: "the UAS MUST reject the request with a 422 (Session Interval
// Too Small) response", which "MUST contain a Min-SE header field"; the caller
// comes again with that.
func TestSessionIntervalTooSmall(t *testing.T) {
	h := open(t, "timers_min_se=120\ntimers_sess_expires=300\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.extra = []string{"Session-Expires", "90"}
	out := caller.call("8006", caller.describe(""))
	if least := out.refused(422, "90 s are too few").Get(sip.HeaderMinSE); least != "120" {
		t.Errorf("Min-SE is %q, want 120", least)
	}
	out.again(func(req *sip.Request) {
		req.SetName("Session-Expires", "120")
		req.SetName("Min-SE", "120")
	})
	in := callee.incoming()
	in.answer()
	res := out.answered("120 s are enough")
	if se := res.Get(sip.HeaderSessionExpires); !strings.HasPrefix(se, "120;refresher=uac") {
		t.Errorf("Session-Expires is %q, want the 120 s that were asked for, and that the caller refreshes", se)
	}
	if !res.HasToken(sip.HeaderRequire, "timer") {
		t.Error("§9: if the refresher is uac, the 2xx MUST have Require: timer")
	}
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// RFC 4028 §7.3: our own INVITE asks for what the file says; a 422 brings it
// again with the interval that the callee wants, and the call goes on.
func TestSessionIntervalOfCallee(t *testing.T) {
	h := open(t, "timers_sess_expires=300\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	if se := in.invite.Get(sip.HeaderSessionExpires); !strings.HasPrefix(se, "300") {
		t.Errorf("Session-Expires is %q, want timers_sess_expires", se)
	}
	if !in.invite.HasToken(sip.HeaderSupported, "timer") {
		t.Error("§7.1: a UAC that does session timers MUST say Supported: timer")
	}
	in.reply(in.invite, 422, "", "Min-SE", "1200")
	callee.request(sip.ACK, "422 is acknowledged")
	second := callee.incoming()
	if a, b := in.invite.CallID(), second.invite.CallID(); a != b {
		t.Errorf("§7.3: the retry should have the same Call-ID, it has %q after %q", b, a)
	}
	if se, least := second.invite.Get(sip.HeaderSessionExpires), second.invite.Get(sip.HeaderMinSE); !strings.HasPrefix(se, "1200") || least != "1200" {
		t.Errorf("the retry has Session-Expires %q and Min-SE %q, want 1200 in both", se, least)
	}
	second.reply(second.invite, 200, callee.describe(""), "Session-Expires", "1200;refresher=uac", "Require", "timer")
	callee.request(sip.ACK, "the call is answered")
	out.answered("the caller hears nothing of it")
	out.bye()
	second.hungUp("the end")
}

// timers=no: nothing of RFC 4028 is said or refused.
func TestSessionTimersOff(t *testing.T) {
	h := open(t, "timers=no\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.extra = []string{"Session-Expires", "90"}
	out, in := connect(t, caller, callee, "8006")
	if se := in.invite.Get(sip.HeaderSessionExpires); se != "" {
		t.Errorf("Session-Expires is %q, want none", se)
	}
	out.bye()
	in.hungUp("the end")
}

// expiring makes a call whose sessions expire after 90 s, the least there is
// (RFC 4028 §4). The node refreshes the caller's session, the callee its own.
func expiring(t *testing.T) (h *house, out, in *talk) {
	t.Helper()
	testdata.Long(t)
	t.Parallel()
	h = open(t, "timers_sess_expires=90\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.extra = []string{"Session-Expires", "90;refresher=uas"}
	out = caller.call("8006", caller.describe(""))
	in = callee.incoming()
	in.reply(in.invite, 200, callee.describe(""), "Session-Expires", "90;refresher=uas", "Supported", "timer", "Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")
	callee.request(sip.ACK, "the call is answered")
	if se := out.answered("the call is answered").Get(sip.HeaderSessionExpires); se != "90;refresher=uas" {
		t.Fatalf("Session-Expires is %q, want the refresher that the caller has chosen", se)
	}
	return h, out, in
}

// refreshed waits for the node's refresh of the caller's session, which comes
// at half of the interval (RFC 4028 §7.2), and answers it.
func (c *talk) refreshed(t *testing.T) {
	t.Helper()
	begin := time.Now()
	update := c.p.requestWithin(50*time.Second, sip.UPDATE, "the node refreshes")
	if waited := time.Since(begin); waited < 40*time.Second {
		t.Errorf("the refresh comes after %v, want half of 90 s", waited)
	}
	if se := update.Get(sip.HeaderSessionExpires); se != "90;refresher=uac" {
		t.Errorf("§7.4: the refresh says Session-Expires: %q, want that the roles stay", se)
	}
	c.reply(update, 200, "", "Session-Expires", "90;refresher=uac", "Require", "timer")
}

// RFC 4028 §10: the callee, who is the refresher, does not refresh: the node
// "SHOULD send a BYE" a third of the interval before its end, and the call is
// over for both.
func TestSessionExpires(t *testing.T) {
	h, out, in := expiring(t)
	out.refreshed(t)
	bye := in.p.requestWithin(30*time.Second, sip.BYE, "the callee's session expires")
	in.reply(bye, 200, "")
	out.hungUp("the call is over")
	one(t, h, "ANSWERED", 102)
}

// Both sides refresh, each where it is the refresher: the call outlives the
// interval.
func TestSessionRefreshed(t *testing.T) {
	h, out, in := expiring(t)
	out.refreshed(t)
	refresh := in.request(sip.UPDATE, "")
	refresh.Set(sip.HeaderSessionExpires, "90;refresher=uac")
	in.p.send(refresh.String())
	res := in.p.response(200, "the callee's refresh is accepted")
	if se := res.Get(sip.HeaderSessionExpires); se != "90;refresher=uac" {
		t.Errorf("the refresh is answered with Session-Expires: %q", se)
	}
	if text := in.p.read(30 * time.Second); text != "" {
		t.Fatalf("the callee gets\n%s\nafter its refresh, want nothing", text)
	}
	hear(t, out.p, in.p)
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}
