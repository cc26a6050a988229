package calls_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
)

// refer asks for a transfer and returns what the transferer is told last
// (RFC 3515 §2.4.5); other messages that come meanwhile are answered.
func (c *talk) refer(t *testing.T, to string, status int) string {
	t.Helper()
	req := c.request(sip.REFER, "")
	req.Set(sip.HeaderContact, c.p.contact())
	req.Set(sip.HeaderReferTo, to)
	c.p.send(req.String())
	c.p.response(status, "REFER")
	if status >= 300 {
		return ""
	}
	told := ""
	for !strings.Contains(told, "terminated") {
		text := c.p.read(patience)
		notify, _, err := sip.Parse(text)
		if err != nil || notify == nil || notify.Method() != sip.NOTIFY {
			t.Fatalf("after REFER (told %q): %v %q, want a NOTIFY", told, err, text)
		}
		told += notify.Get(sip.HeaderSubscriptionState) + " " + notify.Body()
		c.reply(notify, 200, "")
	}
	return told
}

// Blind transfer by the callee (RFC 3515): the caller is sent to another
// extension and the two hear each other; the transferer is told when the third
// has answered, and ends its own dialog.
func TestBlindTransfer(t *testing.T) {
	h := open(t, "", plain)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out, in := connect(t, caller, callee, "8006")
	done := make(chan string, 1)
	go func() { done <- in.refer(t, "<sip:8007@"+h.addr.String()+">", 202) }()
	again := third.incoming()
	again.answer()
	if told := <-done; !strings.Contains(told, "SIP/2.0 200 OK") {
		t.Errorf("the transferer was told %q, want 200 OK in the end", told)
	}
	in.bye()
	hear(t, caller, third)
	out.bye()
	again.hungUp("the end")
	r := one(t, h, "ANSWERED", 16)
	if !strings.HasPrefix(r.dstChannel, "PJSIP/8007-") {
		t.Errorf("the record names %s, want the last channel", r.dstChannel)
	}
}

// Blind transfer by the caller: the callee is sent to another extension. What
// came before and what follows are a record each.
func TestBlindTransferByCaller(t *testing.T) {
	h := open(t, "", plain)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out, in := connect(t, caller, callee, "8006")
	done := make(chan string, 1)
	go func() { done <- out.refer(t, "<sip:8007@"+h.addr.String()+">", 202) }()
	again := third.incoming()
	if by := again.invite.Get(sip.HeaderReferredBy); !strings.Contains(by, "sip:8005@") {
		t.Errorf("Referred-By is %q, want the transferer (RFC 3892 §2.3)", by)
	}
	again.answer()
	if told := <-done; !strings.Contains(told, "SIP/2.0 200 OK") {
		t.Errorf("the transferer was told %q, want 200 OK in the end", told)
	}
	out.bye()
	hear(t, callee, third)
	in.bye()
	again.hungUp("the end")
	if list := h.settled(); len(list) != 2 || list[0].disposition != "ANSWERED" || list[1].disposition != "ANSWERED" {
		t.Errorf("records %+v, want two answered calls", list)
	}
}

// A transfer whose target refuses: the transferer is told so.
func TestBlindTransferBusy(t *testing.T) {
	h := open(t, "", plain)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out, in := connect(t, caller, callee, "8006")
	done := make(chan string, 1)
	go func() { done <- in.refer(t, "<sip:8007@"+h.addr.String()+">", 202) }()
	third.incoming().refuse(486)
	if told := <-done; !strings.Contains(told, "SIP/2.0 486") {
		t.Errorf("the transferer was told %q, want 486 in the end", told)
	}
	out.hungUp("the target is busy")
	in.hungUp("nothing is left")
}

// A transfer to nowhere is refused and the call goes on.
func TestTransferRefused(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	in.refer(t, "<sip:999@"+h.addr.String()+">", 404)
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}

// replaces names the dialog of a talk from the side of the node (RFC 3891 §3).
func (c *talk) replaces(number, node string) string {
	tag := func(address string) string { _, t, _ := strings.Cut(address, ";tag="); return t }
	ref := c.callID + "%3Bto-tag%3D" + tag(c.remote) + "%3Bfrom-tag%3D" + tag(c.local)
	return "<sip:" + number + "@" + node + "?Replaces=" + ref + ">"
}

// Attended transfer (RFC 5589 §7) in all orders of roles: the transferer has
// called or been called in each of its two calls, and the two that remain hear
// each other.
func TestAttendedTransfer(t *testing.T) {
	for i := range 4 {
		called1, called2 := i&1 != 0, i&2 != 0
		t.Run("called"+strconv.FormatBool(called1)+strconv.FormatBool(called2), func(t *testing.T) {
			h := open(t, "", plain)
			first, middle, last := h.registered("8005"), h.registered("8006"), h.registered("8007")
			pair := func(other *peer, called bool) (mine, theirs *talk) {
				if called {
					theirs, mine = connect(t, other, middle, "8006")
					return mine, theirs
				}
				return connect(t, middle, other, other.name)
			}
			mine1, theirs1 := pair(first, called1)
			mine2, theirs2 := pair(last, called2)
			if told := mine1.refer(t, mine2.replaces("8007", h.addr.String()), 202); !strings.Contains(told, "SIP/2.0 200 OK") {
				t.Fatalf("the transferer was told %q, want 200 OK", told)
			}
			mine1.bye()
			mine2.bye()
			hear(t, first, last)
			theirs1.bye()
			theirs2.hungUp("the other side has hung up")
			if list := h.settled(); len(list) != 2 {
				t.Errorf("%d records, want two", len(list))
			}
		})
	}
}

// Semi-attended: the transferer refers before the third has answered. The
// one transferred hears it ring and is connected at the answer.
func TestSemiAttendedTransfer(t *testing.T) {
	for _, called := range []bool{true, false} {
		h := open(t, "", plain)
		first, middle, last := h.registered("8005"), h.registered("8006"), h.registered("8007")
		var mine, theirs *talk
		if called {
			theirs, mine = connect(t, first, middle, "8006")
		} else {
			mine, theirs = connect(t, middle, first, "8005")
		}
		early := middle.call("8007", middle.describe(""))
		ringing := last.incoming()
		ringing.ring()
		early.learn(middle.response(180, "the third rings"))
		req := mine.request(sip.REFER, "")
		req.Set(sip.HeaderContact, middle.contact())
		req.Set(sip.HeaderReferTo, early.replaces("8007", h.addr.String()))
		middle.send(req.String())
		released, told := false, ""
		for deadline := time.Now().Add(patience); !(released && strings.Contains(told, "SIP/2.0 200 OK")); {
			text := middle.read(time.Until(deadline))
			in, res, err := sip.Parse(text)
			switch {
			case err != nil:
				t.Fatalf("released %v, told %q: %v", released, told, err)
			case in != nil:
				told += in.Body()
				mine.reply(in, 200, "")
			case res.Status() >= 300:
				released = true // of the INVITE to the third
				early.ackTo(early.invite, res)
			}
		}
		mine.bye()
		ringing.answer()
		hear(t, first, last)
		theirs.bye()
		ringing.hungUp("the other side has hung up")
	}
}

// RFC 3891 §3: an INVITE with Replaces takes the place of the dialog it names;
// one that names none is answered 481.
func TestReplaces(t *testing.T) {
	h := open(t, "", plain)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out, in := connect(t, caller, callee, "8006")
	tag := func(address string) string { _, tag, _ := strings.Cut(address, ";tag="); return tag }
	// The names are those of the dialog's other side, which is the exchange.
	third.extra = []string{"Replaces", out.callID + ";to-tag=" + tag(out.remote) + ";from-tag=" + tag(out.local)}
	taking := third.call("8006", third.describe(""))
	taking.answered("the new one is answered at once")
	out.hungUp("the dialog has been replaced")
	hear(t, third, callee)
	taking.bye()
	in.hungUp("the end")
	third.extra = []string{"Replaces", "nothing@nowhere;to-tag=1;from-tag=2"}
	third.call("8006", third.describe("")).refused(481, "no such dialog")
}
