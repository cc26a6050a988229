package calls_test

import (
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
)

// Blind transfer by the callee (RFC 3515): the caller is sent to another
// extension and the two hear each other; the transferer is told and released.
func TestBlindTransfer(t *testing.T) {
	h := open(t, "", plain)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out, in := connect(t, caller, callee, "8006")
	refer := in.request(sip.REFER, "")
	refer.Set(sip.HeaderContact, callee.contact())
	refer.Set(sip.HeaderReferTo, "<sip:8007@"+h.addr.String()+">")
	callee.send(refer.String())
	callee.response(202, "REFER is accepted")
	told, released := "", false
	for !strings.Contains(told, "SIP/2.0 200") || !released {
		text := callee.read(patience)
		req, _, err := sip.Parse(text)
		if err != nil || req == nil {
			t.Fatalf("after REFER (told %q, released %v): %v %q", told, released, err, text)
		}
		told += req.Body()
		released = released || req.Method() == sip.BYE
		in.reply(req, 200, "")
	}
	again := third.incoming()
	again.answer()
	hear(t, caller, third)
	out.bye()
	again.hungUp("the end")
	r := one(t, h, "ANSWERED", 16)
	if !strings.HasPrefix(r.dstChannel, "PJSIP/8007-") {
		t.Errorf("the record names %s, want the last channel", r.dstChannel)
	}
}

// A transfer to nowhere is refused and the call goes on.
func TestTransferRefused(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	refer := in.request(sip.REFER, "")
	refer.Set(sip.HeaderContact, callee.contact())
	refer.Set(sip.HeaderReferTo, "<sip:999@"+h.addr.String()+">")
	callee.send(refer.String())
	callee.response(603, "no such extension")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}
