package calls_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
)

// Dial calls destinations of all kinds at once: an endpoint, one by a user of its own, one
// at a URI, and an extension over a Local channel. The first that answers wins, the
// others are given up.
func TestMixedDestinations(t *testing.T) {
	h := open(t, "", `exten => 1,1,Dial(PJSIP/8006&Local/7@calls/n)
exten => 7,1,Dial(PJSIP/8007)
exten => 2,1,Dial(PJSIP/55@8006)
exten => 3,1,Set(D=${PJSIP_DIAL_CONTACTS(8006)})
same => n,Dial(${STRREPLACE(D,sip:8006,sip:other)})
`)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out := caller.call("1", caller.describe(""))
	first, second := callee.incoming(), third.incoming()
	first.ring()
	caller.response(180, "it rings")
	second.answer()
	out.answered("the one behind the Local channel was faster")
	first.cancelled("somebody else has answered")
	hear(t, caller, third)
	out.bye()
	second.hungUp("the end")

	for number, uri := range map[string]string{"2": "sip:55@", "3": "sip:other@" + callee.addr().String()} {
		out = caller.call(number, caller.describe(""))
		first = callee.incoming()
		if got := first.invite.URI(); !strings.HasPrefix(got, uri) {
			t.Errorf("the INVITE goes to %s, want %s…", got, uri)
		}
		first.refuse(486)
		out.refused(486, "busy")
	}
}

// DIALSTATUS and HANGUPCAUSE after each kind of refusal, and of several refusals
// together.
func TestDialStatus(t *testing.T) {
	h := open(t, "", `exten => one,1,Dial(PJSIP/8006,2)
same => n,Set(CDR(userfield)=${DIALSTATUS} ${HANGUPCAUSE})
same => n,Hangup(16)
exten => two,1,Dial(PJSIP/8006&PJSIP/8007,5)
same => n,Set(CDR(userfield)=${DIALSTATUS})
same => n,Hangup(16)
exten => none,1,Dial(PJSIP/nobody)
same => n,Set(CDR(userfield)=${DIALSTATUS} ${HANGUPCAUSE})
same => n,Hangup(16)
`)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	records := 0
	is := func(what, want string) {
		t.Helper()
		records++
		if !eventually(func() bool { return len(h.settled()) == records }) {
			t.Fatalf("%s: %d records", what, len(h.settled()))
		}
		if got := h.settled()[records-1].field; got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	for status, want := range map[int]string{
		486: "BUSY 17", 600: "BUSY 17", 404: "CHANUNAVAIL 1", 410: "CHANUNAVAIL 22", 403: "CHANUNAVAIL 21", 603: "CHANUNAVAIL 21", 480: "NOANSWER 19", 408: "CHANUNAVAIL 18", 503: "CONGESTION 34", 500: "CHANUNAVAIL 38",
	} {
		out := caller.call("one", caller.describe(""))
		callee.incoming().refuse(status)
		out.finished()
		is("status "+strconv.Itoa(status), want)
	}
	out := caller.call("none", caller.describe(""))
	out.finished()
	is("an endpoint that there is not", "CHANUNAVAIL 3")
	for _, c := range []struct {
		first, second int
		want          string
	}{{486, 503, "BUSY"}, {404, 503, "CONGESTION"}, {404, 486, "BUSY"}, {480, 486, "NOANSWER"}} {
		out := caller.call("two", caller.describe(""))
		a, b := callee.incoming(), third.incoming()
		a.refuse(c.first)
		b.refuse(c.second)
		out.finished()
		is("two refusals", c.want)
	}
}

// finished waits for any final refusal.
func (c *talk) finished() {
	c.p.t.Helper()
	for {
		text := c.p.read(patience)
		if text == "" {
			c.p.t.Fatalf("%s: no final answer", c.p.name)
		}
		if res := parsed(c.p.t, text); res.Status() >= 300 {
			c.ackTo(c.lastInvite, res)
			return
		}
	}
}

func parsed(t *testing.T, text string) *sip.Response {
	t.Helper()
	_, res, err := sip.Parse(text)
	if err != nil || res == nil {
		t.Fatalf("want a response, got %v\n%s", err, text)
	}
	return res
}
