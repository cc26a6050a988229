package calls_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
)

// prack acknowledges a reliable provisional response (RFC 3262 §4) and expects
// 200.
func (c *talk) prack(res *sip.Response) {
	c.p.t.Helper()
	c.learn(res)
	seq, method, _ := res.CSeq()
	req := c.request(sip.PRACK, "")
	req.SetName("RAck", fmt.Sprintf("%s %d %s", res.Get(sip.HeaderRSeq), seq, method))
	c.p.send(req.String())
	c.p.response(200, "PRACK is answered")
}

// reliably answers the INVITE with a reliable provisional response and waits
// for its PRACK, which it answers.
func (c *talk) reliably(status int, rseq, body string) {
	c.p.t.Helper()
	c.reply(c.invite, status, body, "Require", "100rel", "RSeq", rseq)
	prack := c.p.request(sip.PRACK, "RFC 3262 §4: the UAC MUST acknowledge it")
	if want := rseq + " " + c.invite.Get(sip.HeaderCSeq); prack.Get(sip.HeaderRAck) != want {
		c.p.t.Errorf("RAck is %q, want %q", prack.Get(sip.HeaderRAck), want)
	}
	c.reply(prack, 200, "")
}

// Reliable provisional responses on both legs (RFC 3262): early media of the
// callee, acknowledged, is passed on to the caller reliably; the answers to the
// offers are in the 183, so both hear each other before the 200.
func TestReliableEarlyMedia(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.extra = []string{"Supported", "100rel, timer"}
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	if !in.invite.HasToken(sip.HeaderSupported, "100rel") {
		t.Errorf("the callee is told Supported: %q, want 100rel among it", in.invite.Get(sip.HeaderSupported))
	}
	in.reliably(183, "4711", callee.describe(""))
	progress := caller.response(183, "early media")
	if !progress.HasToken(sip.HeaderRequire, "100rel") || progress.Get(sip.HeaderRSeq) == "" {
		t.Fatalf("RFC 3262 §3: a reliable response MUST have Require: 100rel and RSeq:\n%s", progress)
	}
	out.prack(progress)
	hear(t, caller, callee)
	in.reliably(180, "4712", "") // the caller hears the early media already
	in.answer()
	out.answered("then the answer")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// RFC 3262 §3: a reliable response "is passed to the transaction layer
// periodically" until its PRACK comes; a PRACK for nothing gets 481; the 200 with
// the answer does not overtake the 183 that has it.
func TestReliableUntilPRACK(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.extra = []string{"Supported", "100rel"}
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	in.early()
	progress := caller.response(183, "early media")
	in.answer()
	clear(caller.seen)
	if again := caller.response(183, "without PRACK it comes again"); again.Get(sip.HeaderRSeq) != progress.Get(sip.HeaderRSeq) {
		t.Errorf("RSeq %q is repeated as %q", progress.Get(sip.HeaderRSeq), again.Get(sip.HeaderRSeq))
	}
	out.learn(progress)
	wrong := out.request(sip.PRACK, "")
	wrong.SetName("RAck", "1 1 INVITE")
	caller.send(wrong.String())
	caller.response(481, "a PRACK that matches nothing")
	out.prack(progress)
	out.answered("the answer waited for the PRACK")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}

// 100rel=required: who cannot is told with 421 (RFC 3261 §21.4.15); 100rel=no:
// who insists is told with 420 (RFC 3262 §3), and a callee is not told that we
// could.
func TestReliableByConfiguration(t *testing.T) {
	h := open(t, "100rel=required\n", plain)
	caller := h.registered("8005")
	out := caller.call("8006", caller.describe(""))
	if res := out.refused(421, "the endpoint requires 100rel"); res.Get(sip.HeaderRequire) != "100rel" {
		t.Errorf("Require is %q, want 100rel", res.Get(sip.HeaderRequire))
	}
	h.Stop()
	h = open(t, "100rel=no\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.extra = []string{"Require", "100rel"}
	out = caller.call("8006", caller.describe(""))
	if res := out.refused(420, "the endpoint does not do 100rel"); res.Get(sip.HeaderUnsupported) != "100rel" {
		t.Errorf("Unsupported is %q, want 100rel", res.Get(sip.HeaderUnsupported))
	}
	caller.extra = nil
	out, in := connect(t, caller, callee, "8006")
	if in.invite.HasToken(sip.HeaderSupported, "100rel") {
		t.Errorf("Supported is %q with 100rel=no", in.invite.Get(sip.HeaderSupported))
	}
	out.bye()
	in.hungUp("the end")
}

// UPDATE before the answer (RFC 3311 §5.1): after PRACK the callee moves its
// early media to another place.
func TestEarlyUpdate(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.extra = []string{"Supported", "100rel"}
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	in.reliably(183, "1", callee.describe(""))
	out.prack(caller.response(183, "early media"))
	hear(t, caller, callee)
	remote := callee.ear.remote
	callee.ear = newEar(t, callee.node.Addr())
	callee.ear.remote = remote
	callee.send(in.request(sip.UPDATE, callee.describe("")).String())
	if res := callee.response(200, "the UPDATE is answered"); !strings.Contains(res.Body(), "m=audio") {
		t.Errorf("no answer in\n%s", res)
	}
	hear(t, caller, callee)
	in.answer()
	out.answered("the answer")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// A caller holds with UPDATE and resumes with it, from either side (RFC 3311
// §5.1, RFC 3264 §8.4).
func TestHoldByUpdate(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	for _, holder := range []*talk{out, in} {
		p := holder.p
		p.send(holder.request(sip.UPDATE, p.describe("sendonly")).String())
		if res := p.response(200, "hold"); !strings.Contains(res.Body(), "a=recvonly") {
			t.Errorf("%s: sendonly is answered with\n%s", p.name, res.Body())
		}
		p.send(holder.request(sip.UPDATE, p.describe("sendrecv")).String())
		if res := p.response(200, "resume"); strings.Contains(res.Body(), "a=recvonly") {
			t.Errorf("%s: sendrecv is answered with\n%s", p.name, res.Body())
		}
		hear(t, caller, callee)
	}
	out.bye()
	in.hungUp("the end")
}
