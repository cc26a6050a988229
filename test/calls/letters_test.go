package calls_test

import (
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
)

// forwardTo answers an INVITE with 302.
func (h *house) forwardTo(callee *peer, in *talk, to string) {
	res := sip.NewResponse(in.invite, 302, "")
	res.Set(sip.HeaderTo, in.local)
	res.Set(sip.HeaderContact, "<sip:"+to+"@"+h.addr.String()+">")
	res.SetBody("", "")
	callee.send(res.String())
	callee.request(sip.ACK, "302 is acknowledged")
}

// Dial's i follows no 302; z takes the time limit off a call that is forwarded, which
// stays without.
func TestForwardLimits(t *testing.T) {
	h := open(t, "", `exten => 1,1,Dial(PJSIP/8006,20,i)
same => n,Set(CDR(userfield)=${DIALSTATUS})
same => n,Hangup(16)
exten => 2,1,Dial(PJSIP/8006,1,z)
same => n,Hangup(16)
exten => 3,1,Dial(PJSIP/8006,1)
same => n,Set(CDR(userfield)=${DIALSTATUS})
same => n,Hangup(16)
exten => 8007,1,Dial(PJSIP/8007)
`)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out := caller.call("1", caller.describe(""))
	h.forwardTo(callee, callee.incoming(), "8007")
	out.finished()
	for _, c := range []struct {
		number  string
		patient bool
	}{{"2", true}, {"3", false}} {
		out := caller.call(c.number, caller.describe(""))
		h.forwardTo(callee, callee.incoming(), "8007")
		caller.response(181, "the call is being forwarded")
		next := third.incoming()
		next.ring()
		caller.response(180, "it rings there")
		if c.patient {
			time.Sleep(1500 * time.Millisecond) // longer than the limit of the Dial
			next.answer()
			out.answered("z: the limit is off")
			out.bye()
			next.hungUp("the end")
			continue
		}
		next.cancelled("without z the time is over")
		out.finished()
	}
	fields := map[string]bool{}
	for _, r := range h.settled() {
		fields[r.field] = true
	}
	if !fields["NOANSWER"] {
		t.Errorf("no record says that nobody answered in time: %v", fields)
	}
}

// C: the record begins with the callee's answer.
func TestRecordBeginsAnew(t *testing.T) {
	h := open(t, "", "exten => 1,1,Answer()\nsame => n,Wait(1)\nsame => n,Dial(PJSIP/8006,20,C)\n")
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("1", caller.describe(""))
	out.answered("Answer")
	begun := time.Now()
	in := callee.incoming()
	in.answer()
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
	if r, all := one(t, h, "ANSWERED", 16), time.Since(begun).Seconds(); r.duration > all-0.9 {
		t.Errorf("the record says %v s of %v, want what came after the callee's answer", r.duration, all)
	}
}

// R: the caller is told at once that it rings, and hears early media when there is some.
func TestRingUntilMedia(t *testing.T) {
	h := open(t, "", "exten => 1,1,Dial(PJSIP/8006,20,R)\n")
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("1", caller.describe(""))
	caller.response(180, "before the callee has said anything")
	in := callee.incoming()
	in.early()
	if res := caller.response(183, "early media"); res.Body() == "" {
		t.Error("183 without a description")
	}
	in.answer()
	out.answered("the callee answers")
	out.bye()
	in.hungUp("the end")
}

// ForkCDR ends the record and begins another one; ResetCDR begins it anew.
func TestRecordApplications(t *testing.T) {
	h := open(t, "", `exten => 1,1,Answer()
same => n,Set(CDR(userfield)=first)
same => n,Wait(0.5)
same => n,ForkCDR()
same => n,Set(CDR(userfield)=second)
same => n,Wait(0.2)
same => n,Hangup(16)
exten => 2,1,Answer()
same => n,Wait(0.8)
same => n,ResetCDR()
same => n,Set(CDR(userfield)=reset)
same => n,Wait(0.1)
same => n,Hangup(16)
`)
	caller := h.registered("8005")
	for _, number := range []string{"1", "2"} {
		out := caller.call(number, caller.describe(""))
		out.answered("Answer")
		out.hungUp("Hangup")
	}
	all := map[string]cdr{}
	for _, r := range h.settled() {
		all[r.field] = r
	}
	if len(all) != 3 || all["first"].duration < 0.4 || all["second"].duration > all["first"].duration+0.5 || all["second"].disposition != "ANSWERED" {
		t.Errorf("forked: %+v", all)
	}
	if r, ok := all["reset"]; !ok || r.duration > 0.7 {
		t.Errorf("reset: %+v, want what came after ResetCDR", r)
	}
}
