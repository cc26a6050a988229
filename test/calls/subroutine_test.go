package calls_test

import (
	"testing"
	"time"
)

// Dial's b runs on the callee before its INVITE, which carries what
// PJSIP_HEADER added there; B has run on the caller before that.
func TestBeforeDial(t *testing.T) {
	h := open(t, "", `exten => 1,1,Dial(PJSIP/8006,20,b(calls^add^1(x^y))B(calls^first^1(z)))
exten => first,1,Set(__SEEN=${ARG1})
same => n,Return()
exten => add,1,Set(PJSIP_HEADER(add,X-Extra)=${ARG1}${ARG2}${SEEN})
same => n,Return()
`)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("1", caller.describe(""))
	in := callee.incoming()
	if got := in.invite.GetName("X-Extra"); got != "xyz" {
		t.Errorf("X-Extra of the INVITE is %q, want the arguments and what B set", got)
	}
	in.answer()
	out.answered("the callee has answered")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the caller has hung up")
	one(t, h, "ANSWERED", 16)
}

// A handler that hangs up leaves its callee uncalled.
func TestBeforeDialRefuses(t *testing.T) {
	h := open(t, "", `exten => 1,1,Dial(PJSIP/8006,20,b(no^1))
exten => no,1,Hangup(17)
`)
	caller := h.registered("8005")
	h.registered("8006")
	caller.call("1", caller.describe("")).refused(486, "the handler hung up as busy")
}

// U runs on the callee that has answered, before the caller is; GOSUB_RESULT
// says how the call goes on.
func TestAnsweredSubroutine(t *testing.T) {
	h := open(t, "", `exten => _X,1,Set(__RESULT=${EXTEN})
same => n,Dial(PJSIP/8006,20,U(screen^${EXTEN}))
same => n,Hangup(17)
exten => other,1,Hangup(34)
[screen]
exten => s,1,Read(KEY,,1,,1,5)
same => n,GotoIf($["${KEY}" = "1"]?take)
same => n,Set(GOSUB_RESULT=BUSY)
same => n,GotoIf($["${ARG1}" = "3"]?take)
same => n,Set(GOSUB_RESULT=GOTO:calls^other^1)
same => n(take),Return()
`)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("1", caller.describe(""))
	in := callee.incoming()
	in.answer()
	callee.ear.press(1)
	out.answered("the callee took the call with 1")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the caller has hung up")
	for number, status := range map[string]int{"2": 503, "3": 486} {
		refused := caller.call(number, caller.describe(""))
		in = callee.incoming()
		in.answer()
		callee.ear.press(2)
		in.hungUp("the callee did not take the call")
		refused.refused(status, "extension "+number)
	}
}

// A caller who gives up while U runs ends the call of the callee.
func TestAnsweredSubroutineCancelled(t *testing.T) {
	h := open(t, "", `exten => 1,1,Dial(PJSIP/8006,20,U(screen))
[screen]
exten => s,1,Wait(60)
same => n,Return()
`)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("1", caller.describe(""))
	in := callee.incoming()
	in.answer()
	began := time.Now()
	out.cancel()
	in.hungUp("the caller gave up")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the callee's BYE took %v", took)
	}
}
