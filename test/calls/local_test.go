package calls_test

import (
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
)

// Dial(Local/…) runs an extension as if it were a telephone: its ringing and
// answer come back, sound passes both ways, and there is one record.
func TestLocalChannel(t *testing.T) {
	h := open(t, "", "exten => 700,1,Dial(Local/8006@calls)\n"+plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("700", caller.describe(""))
	in := callee.incoming()
	in.ring()
	caller.response(180, "the ringing comes through")
	in.answer()
	out.answered("the answer comes through")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// Busy behind a Local channel is busy in front of it; a caller who gives up
// is gone behind it.
func TestLocalChannelEnds(t *testing.T) {
	h := open(t, "", "exten => 700,1,Dial(Local/8006@calls)\n"+plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("700", caller.describe(""))
	callee.incoming().refuse(486)
	out.refused(486, "busy comes through")
	out = caller.call("700", caller.describe(""))
	in := callee.incoming()
	in.ring()
	caller.response(180, "it rings")
	out.cancel()
	in.cancelled("the caller has given up")
}

// A callee's 302 sends the call to the extension of its contact (RFC 3261
// §8.1.3.4): the caller is told with 181, the new callee who diverted (RFC 5806).
func TestForwarding(t *testing.T) {
	h := open(t, "", plain)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	res := sip.NewResponse(in.invite, 302, "")
	res.Set(sip.HeaderTo, in.local)
	res.Set(sip.HeaderContact, "<sip:8007@"+h.addr.String()+">")
	res.SetBody("", "")
	callee.send(res.String())
	callee.request(sip.ACK, "302 is acknowledged")
	caller.response(181, "the call is being forwarded")
	next := third.incoming()
	if d := next.invite.Get(sip.HeaderDiversion); !strings.Contains(d, "8006") {
		t.Errorf("Diversion is %q, want the number that forwarded", d)
	}
	next.answer()
	out.answered("the new callee answers")
	hear(t, caller, third)
	out.bye()
	next.hungUp("the end")
}
