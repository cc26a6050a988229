package calls_test

import (
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
)

// Transfer sends an unanswered caller elsewhere with 302 (RFC 3261 §21.3.3),
// an answered one with REFER (RFC 5589 §6).
func TestTransferApplication(t *testing.T) {
	h := open(t, "", "exten => 700,1,Transfer(PJSIP/sip:there@192.0.2.1)\nexten => 701,1,Answer()\nsame => n,Transfer(sip:there@192.0.2.1)\nsame => n,Wait(5)\n")
	caller := h.registered("8005")
	out := caller.call("700", caller.describe(""))
	res := out.refused(302, "the caller is sent elsewhere")
	if c := res.Get(sip.HeaderContact); c != "<sip:there@192.0.2.1>" {
		t.Errorf("Contact is %q", c)
	}
	out = caller.call("701", caller.describe(""))
	out.answered("the call is answered first")
	refer := caller.request(sip.REFER, "the caller is asked to call elsewhere")
	if to := refer.Get(sip.HeaderReferTo); !strings.Contains(to, "sip:there@192.0.2.1") {
		t.Errorf("Refer-To is %q", to)
	}
	out.reply(refer, 202, "")
	out.bye()
}

// Texts: SendText within the call, and from one side of a call to the other
// (RFC 3428 §4).
func TestTextInCall(t *testing.T) {
	h := open(t, "", "exten => 700,1,Answer()\nsame => n,SendText(hello)\nsame => n,Wait(5)\n"+plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("700", caller.describe(""))
	out.answered("the call is answered")
	text := caller.request(sip.MESSAGE, "the text comes in the dialog")
	if text.Body() != "hello" {
		t.Errorf("the text is %q", text.Body())
	}
	out.reply(text, 200, "")
	out.bye()
	out, in := connect(t, caller, callee, "8006")
	req := out.request(sip.MESSAGE, "")
	req.SetBody("text/plain", "to the other side")
	caller.send(req.String())
	caller.response(202, "the text is passed on")
	text = callee.request(sip.MESSAGE, "the text goes to the other side")
	if text.Body() != "to the other side" {
		t.Errorf("the text is %q", text.Body())
	}
	in.reply(text, 200, "")
	out.bye()
	in.hungUp("the end")
}
