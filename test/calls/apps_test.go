package calls_test

import (
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/test/live"
)

// Echo sends back what it hears until # is pressed, then the dialplan goes on.
func TestEcho(t *testing.T) {
	h := open(t, "", "exten => 600,1,Answer()\nsame => n,Echo()\nsame => n,Hangup()\n")
	caller := h.registered("8005")
	out := caller.call("600", caller.describe(""))
	out.answered("Answer")
	caller.ear.speak(440, 0, 25)
	eventually(func() bool { return caller.ear.heard() >= 25 })
	if share := caller.ear.tone(440); share < 0.9 {
		t.Errorf("the echo has %.2f of the tone", share)
	}
	caller.ear.press(11)
	out.hungUp("# ends Echo, Hangup the call")
	one(t, h, "ANSWERED", 16)
}

// The applications that tell an unanswered caller something.
func TestIndications(t *testing.T) {
	h := open(t, "", `exten => 1,1,Ringing()
same => n,Wait(0.1)
same => n,Progress()
same => n,Wait(0.1)
same => n,Answer()
same => n,Hangup(16)
exten => 2,1,Busy()
exten => 3,1,Congestion()
exten => 4,1,Hangup(1)
exten => 5,1,Hangup()
exten => 6,1,Set(N=3)
same => n(more),Set(N=$[${N} - 1])
same => n,GotoIf($[${N} > 0]?more)
same => n,Hangup(28)
`)
	caller := h.registered("8005")
	out := caller.call("1", caller.describe(""))
	caller.response(180, "Ringing")
	if res := caller.response(183, "Progress"); res.Body() == "" {
		t.Error("183 without a session description")
	}
	out.answered("Answer")
	out.hungUp("Hangup")
	for number, status := range map[string]int{"2": 486, "3": 503, "4": 404, "5": 603, "6": 484} {
		caller.call(number, caller.describe("")).refused(status, "extension "+number)
	}
	if n := len(h.settled()); n != 6 {
		t.Errorf("%d records, want 6", n)
	}
}

// Option g goes on in the dialplan when the callee has hung up; without it the
// call ends. The extension h runs either way.
func TestGoOn(t *testing.T) {
	h := open(t, "", "exten => 1,1,Dial(PJSIP/8006,20,g)\nsame => n,Wait(0.05)\nsame => n,Hangup(17)\nexten => h,1,Set(CDR(userfield)=${DIALSTATUS} ${DIALEDPEERNUMBER})\n")
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "1")
	callee.send(in.request(sip.BYE, "").String())
	callee.response(200, "the callee's BYE is answered")
	out.hungUp("the dialplan hangs up")
	one(t, h, "ANSWERED", 17)
}

// Reload during a call: the call goes on, new calls follow the new dialplan; a
// broken file changes nothing.
func TestReload(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	live.Write(t, h.dir+"/asterisk/extensions.conf", "[calls]\nexten => 1,1,Hangup(17)\n")
	if p := h.Reload(); config.HasErrors(p) {
		t.Fatalf("reload: %v", p)
	}
	hear(t, caller, callee)
	again := h.registered("8007")
	again.call("1", again.describe("")).refused(486, "the new dialplan")
	live.Write(t, h.dir+"/asterisk/pjsip.conf", "[8005]\ntype=endpoint\nno_such_option\n[\n")
	if p := h.Reload(); !config.HasErrors(p) {
		t.Fatalf("a broken file is accepted: %v", p)
	}
	again.call("1", again.describe("")).refused(486, "still the last good dialplan")
	out.bye()
	in.hungUp("the end")
	if n := len(h.settled()); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
}

// The end of a node: calls in progress are released and their records written.
func TestShutdown(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	connect(t, caller, callee, "8006")
	done := make(chan struct{})
	go func() { // ends with the node
		defer close(done)
		h.Stop()
	}()
	caller.released(t)
	callee.released(t)
	<-done
	list := h.readRecords()
	if len(list) != 1 || list[0].disposition != "ANSWERED" {
		t.Errorf("records after the end: %+v", list)
	}
}

// released answers the BYE of a node that stops.
func (p *peer) released(t *testing.T) {
	t.Helper()
	bye := p.request(sip.BYE, "the node ends")
	r := sip.NewResponse(bye, 200, "")
	r.SetBody("", "")
	p.send(r.String())
	if !strings.Contains(bye.Get(sip.HeaderReason), "Q.850") {
		t.Errorf("%s: BYE without a cause", p.name)
	}
}

// A record of a call does not keep the password that a caller was asked for.
func TestPasswordNotRecorded(t *testing.T) {
	h := open(t, "", "exten => 600,1,Authenticate(86429753)\n")
	caller := h.registered("8005")
	out := caller.call("600", caller.describe(""))
	out.answered("Authenticate answers")
	out.bye()
	if got := one(t, h, "ANSWERED", 16); got.data != "…" {
		t.Errorf("lastdata is %q", got.data)
	}
}
