package calls_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/test/live"
)

// examplePort is where the example pjsip.conf listens.
const examplePort = 5061

// The first call: the example files byte for byte, 8005 calls 8006, both hear
// each other, one record.
func TestExampleFiles(t *testing.T) {
	dir := filepath.Join(testdata.Path(t), "..", "examples", "asterisk")
	if _, err := os.Stat(filepath.Join(dir, "pjsip.conf")); err != nil {
		t.Skipf("no example files: %v", err)
	}
	testdata.Alone(t, testdata.ExamplePort)
	h := run(t, t.TempDir(), dir, examplePort)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the caller has hung up")
	one(t, h, "ANSWERED", 16)
}

// connect brings up a call between two peers and returns both dialogs.
func connect(t *testing.T, caller, callee *peer, number string) (out, in *talk) {
	t.Helper()
	out = caller.call(number, caller.describe(""))
	in = callee.incoming()
	in.ring()
	caller.response(180, "the callee rings")
	in.answer()
	out.answered("the callee has answered")
	return out, in
}

// hear checks the sound both ways: each side hears the other's tone.
func hear(t *testing.T, a, b *peer) {
	t.Helper()
	a.ear.reset()
	b.ear.reset()
	done := make(chan struct{})
	go func() { // ends with its packets
		defer close(done)
		b.ear.speak(770, firstPT(b), 25)
	}()
	a.ear.speak(440, firstPT(a), 25)
	<-done
	eventually(func() bool { return a.ear.heard() >= 25 && b.ear.heard() >= 25 }) // the last packets' way through the relay
	if share := b.ear.tone(440); share < 0.9 || b.ear.heard() < 23 {
		t.Errorf("%s hears %d packets with %.2f of %s's tone, want 25 and at least 0.9", b.name, b.ear.heard(), share, a.name)
	}
	if share := a.ear.tone(770); share < 0.9 || a.ear.heard() < 23 {
		t.Errorf("%s hears %d packets with %.2f of %s's tone, want 25 and at least 0.9", a.name, a.ear.heard(), share, b.name)
	}
}

// meet waits until two sides hear each other: a description in an ACK, which
// nobody answers, is in force some time after it was sent.
func meet(t *testing.T, a, b *peer) {
	t.Helper()
	if !eventually(func() bool {
		a.ear.speak(440, firstPT(a), 1)
		b.ear.speak(770, firstPT(b), 1)
		return a.ear.heard() > 0 && b.ear.heard() > 0
	}) {
		t.Fatalf("%s and %s do not hear each other", a.name, b.name)
	}
}

// eventually waits until a condition holds, as long as patience lasts, and
// reports whether it does.
func eventually(holds func() bool) bool {
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func firstPT(p *peer) byte {
	if strings.HasPrefix(p.codecs, "8") {
		return 8
	}
	return 0
}

// one checks that there is exactly one record.
func one(t *testing.T, h *house, disposition string, cause int) cdr {
	t.Helper()
	list := h.settled()
	if len(list) != 1 {
		t.Fatalf("%d records, want exactly one: %+v", len(list), list)
	}
	if list[0].disposition != disposition || list[0].cause != cause {
		t.Errorf("record says %s cause %d, want %s cause %d", list[0].disposition, list[0].cause, disposition, cause)
	}
	return list[0]
}

const plain = "exten => _80XX,1,NoOp()\nsame => n,Dial(PJSIP/${EXTEN})\n"

// RFC 3261 §9.1, §15: the caller gives up while it rings: CANCEL reaches the
// callee, the caller gets 487.
func TestCallerCancels(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	in.ring()
	caller.response(180, "it rings")
	out.cancel()
	in.cancelled("the caller has cancelled")
	if r := one(t, h, "NO ANSWER", 0); r.billsec != 0 {
		t.Errorf("billsec %v of a call nobody answered", r.billsec)
	}
}

// The callee's refusal comes back as Asterisk maps it, through DIALSTATUS and
// the end of the dialplan.
func TestRefusals(t *testing.T) {
	cases := []struct {
		callee, caller int
		disposition    string
		cause          int
	}{
		{486, 486, "BUSY", 17},
		{600, 486, "BUSY", 17},
		{603, 503, "FAILED", 34},
		{480, 480, "NO ANSWER", 19},
		{503, 503, "CONGESTION", 34},
		{404, 503, "FAILED", 34},
		{488, 503, "FAILED", 34},
	}
	for _, c := range cases {
		h := open(t, "", plain)
		caller, callee := h.registered("8005"), h.registered("8006")
		out := caller.call("8006", caller.describe(""))
		callee.incoming().refuse(c.callee)
		out.refused(c.caller, "the callee refused")
		one(t, h, c.disposition, c.cause)
		h.Stop()
	}
}

// Nobody is registered, and no such extension.
func TestNobodyThere(t *testing.T) {
	h := open(t, "", plain)
	caller := h.registered("8005")
	out := caller.call("8006", caller.describe(""))
	out.refused(503, "8006 is not registered: CHANUNAVAIL")
	one(t, h, "FAILED", 34)
	out = caller.call("999", caller.describe(""))
	out.refused(404, "999 is no extension")
	if n := len(h.settled()); n != 1 {
		t.Errorf("%d records: a call that the dialplan does not know leaves none", n)
	}
}

// Deny by default: a wrong password and an unknown name get the same answers.
func TestStrangers(t *testing.T) {
	h := open(t, "", plain)
	var first []string
	for _, name := range []string{"8005", "nobody"} {
		p := newPeer(t, h.addr, name, "wrong")
		out := p.call("8006", p.describe(""))
		res := out.refused(401, "wrong credentials are challenged again")
		var fields []string
		for n := range res.Fields() {
			fields = append(fields, n)
		}
		shape := strings.Join(fields, ",")
		if first = append(first, shape); first[0] != shape {
			t.Errorf("the answers differ: %s and %s", first[0], shape)
		}
	}
	if n := len(h.settled()); n != 0 {
		t.Errorf("%d records of calls that were never admitted", n)
	}
}

// Dial's timeout cancels the callee and the dialplan goes on.
func TestTimeout(t *testing.T) {
	h := open(t, "", "exten => _80XX,1,Dial(PJSIP/${EXTEN},0.3)\nsame => n,GotoIf($[\"${DIALSTATUS}\" = \"NOANSWER\"]?busy)\nsame => n,Hangup(34)\nsame => n(busy),Busy(1)\n")
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	in.ring()
	caller.response(180, "it rings")
	in.cancelled("the time to ring is over")
	out.refused(486, "the dialplan answers busy")
	one(t, h, "NO ANSWER", 17)
}

// A call to two people at once: the first to answer has it, the other is told
// so (RFC 3326).
func TestForked(t *testing.T) {
	h := open(t, "", "exten => 8000,1,Dial(PJSIP/8006&PJSIP/8007,20)\n")
	caller, b, c := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out := caller.call("8000", caller.describe(""))
	first, second := b.incoming(), c.incoming()
	first.ring()
	caller.response(180, "one of them rings")
	second.ring()
	second.answer()
	out.answered("the second has answered")
	cancel := first.cancelled("the call was taken elsewhere")
	if r := cancel.Get(sip.HeaderReason); !strings.Contains(r, "SIP") || !strings.Contains(r, "cause=200") {
		t.Errorf("CANCEL says Reason %q, want SIP;cause=200", r)
	}
	hear(t, caller, c)
	second.p.send(second.request(sip.BYE, "").String())
	second.p.response(200, "the callee's BYE is answered")
	out.hungUp("the callee has hung up")
	r := one(t, h, "ANSWERED", 16)
	if !strings.HasPrefix(r.dstChannel, "PJSIP/8007-") {
		t.Errorf("the record names %s, want 8007's channel", r.dstChannel)
	}
}

// One extension with two phones: both ring.
func TestTwoContacts(t *testing.T) {
	h := open(t, "", plain)
	caller, desk, mobile := h.registered("8005"), h.registered("8006"), h.registered("8006")
	out := caller.call("8006", caller.describe(""))
	a, b := desk.incoming(), mobile.incoming()
	a.ring() // RFC 3261 §9.1: CANCEL waits for a provisional answer
	caller.response(180, "one of them rings")
	b.answer()
	out.answered("one phone has answered")
	a.cancelled("the other stops")
	out.bye()
	b.hungUp("the caller has hung up")
	one(t, h, "ANSWERED", 16)
}

// Early media: the callee's 183 opens the sound before the answer.
func TestEarlyMedia(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	in.early()
	res := caller.response(183, "early media is passed on")
	if res.Body() == "" {
		t.Fatal("183 has no session description")
	}
	caller.ear.follow(t, res.Body())
	hear(t, caller, callee)
	in.answer()
	out.answered("then the answer")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// PCMU on one side and PCMA on the other: the relay translates.
func TestTranscoding(t *testing.T) {
	port := live.FreePort(t)
	h := openFiles(t, port, map[string]string{
		"pjsip.conf":      strings.Replace(endpoints(port, "", "8005", "8006"), "[8006]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw", "[8006]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=alaw", 1),
		"extensions.conf": "[calls]\n" + plain,
	})
	caller, callee := h.registered("8005"), h.registered("8006")
	callee.codecs = "8 101"
	out, in := connect(t, caller, callee, "8006")
	hear(t, caller, callee)
	if callee.ear.types()[8] == 0 || caller.ear.types()[0] == 0 {
		t.Errorf("payload types heard: callee %v, caller %v", callee.ear.types(), caller.ear.types())
	}
	out.bye()
	in.hungUp("the end")
}

// A codec that the endpoint does not allow is refused with 488 at once.
func TestNoCommonCodec(t *testing.T) {
	h := open(t, "", plain)
	caller := h.registered("8005")
	caller.codecs = "9 101"
	out := caller.call("8006", caller.describe(""))
	out.refused(488, "only G.722 is offered")
	one(t, h, "FAILED", 58)
}

// Both sides hang up at the same moment: each BYE is answered and there is one
// record (RFC 3261 §15.1.2).
func TestByeGlare(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	a, b := out.request(sip.BYE, ""), in.request(sip.BYE, "")
	caller.send(a.String())
	callee.send(b.String())
	for _, p := range []*peer{caller, callee} {
		p.finish()
	}
	one(t, h, "ANSWERED", 16)
}

// finish answers BYEs until a peer's own BYE has its answer and it is quiet.
func (p *peer) finish() {
	p.t.Helper()
	answered := false
	for {
		text := p.read(300 * time.Millisecond)
		if text == "" {
			break
		}
		req, res, err := sip.Parse(text)
		switch {
		case err != nil:
			p.t.Fatalf("%s: %v", p.name, err)
		case res != nil:
			answered = answered || res.Status() == 200 || res.Status() == 481
		case req.Method() == sip.BYE:
			r := sip.NewResponse(req, 200, "")
			r.SetBody("", "")
			p.send(r.String())
		}
	}
	if !answered {
		p.t.Errorf("%s: its BYE was not answered", p.name)
	}
}

// A probe is answered the same for every user (RFC 3261 §11.2).
func TestProbe(t *testing.T) {
	h := open(t, "", plain)
	p := h.peer("monitor")
	for _, user := range []string{"", "8005@", "nobody@"} {
		c := &talk{p: p, callID: p.next(), seq: 1, target: "sip:" + user + h.addr.String()}
		c.local, c.remote = "<sip:m@127.0.0.1>;tag="+p.next(), "<sip:127.0.0.1>"
		p.send(c.request(sip.OPTIONS, "").String())
		res := p.response(200, "OPTIONS")
		if !res.HasToken(sip.HeaderAllow, "INVITE") {
			t.Errorf("Allow is %q", res.Get(sip.HeaderAllow))
		}
	}
}
