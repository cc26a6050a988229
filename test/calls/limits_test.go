package calls_test

import (
	"testing"
	"time"
)

// Dial's S(seconds) and L(milliseconds) end an answered call when its time is
// over, for both sides; L counts from the answer too.
func TestCallLimits(t *testing.T) {
	for option, limit := range map[string]time.Duration{"S(1)": time.Second, "L(700)": 700 * time.Millisecond, "S(9)L(700:300:100)": 700 * time.Millisecond} {
		h := open(t, "", "exten => _80XX,1,Dial(PJSIP/${EXTEN},20,"+option+")\n")
		caller, callee := h.registered("8005"), h.registered("8006")
		out, in := connect(t, caller, callee, "8006")
		begin := time.Now()
		in.hungUp("the time is over")
		out.hungUp("the time is over")
		if talked := time.Since(begin); talked < limit-100*time.Millisecond {
			t.Errorf("%s: the call ended after %v", option, talked)
		}
		if r := one(t, h, "ANSWERED", 16); r.billsec < limit.Seconds()-0.1 {
			t.Errorf("%s: the record says %v s", option, r.billsec)
		}
		h.Stop()
	}
}

// With g the dialplan goes on after the limit: the caller is still there.
func TestCallLimitGoesOn(t *testing.T) {
	h := open(t, "", "exten => _80XX,1,Dial(PJSIP/${EXTEN},20,S(0.3)g)\nsame => n,GotoIf($[\"${DIALSTATUS}\" = \"ANSWER\"]?next)\nsame => n,Hangup()\nsame => n(next),Dial(PJSIP/8007)\n")
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out, in := connect(t, caller, callee, "8006")
	in.hungUp("the first one's time is over")
	next := third.incoming()
	next.answer()
	hear(t, caller, third)
	out.bye()
	next.hungUp("the end")
}
