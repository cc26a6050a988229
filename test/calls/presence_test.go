package calls_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/test/live"
)

// openPeople is a node with three extensions that have hints, and a telephone
// "lamp" that needs no password and shows a mailbox.
func openPeople(t *testing.T) (*house, *siptest.Script, *siptest.Peer) {
	t.Helper()
	port := live.FreePort(t)
	h := openFiles(t, port, map[string]string{
		"pjsip.conf": endpoints(port, "", "8005", "8006") +
			"\n[lamp]\ntype=endpoint\ncontext=calls\naors=lamp\nmailboxes=100@default\nmwi_subscribe_replaces_unsolicited=yes\n\n[lamp]\ntype=aor\nmax_contacts=1\nmailboxes=100@default\n",
		"extensions.conf": "[calls]\nexten => _80XX,1,Dial(PJSIP/${EXTEN},20)\nexten => 8005,hint,PJSIP/8005\nexten => 8006,hint,PJSIP/8006\n",
	})
	c, err := siptest.DialUDP(h.addr)
	if err != nil {
		t.Fatal(err)
	}
	lamp := siptest.NewPeer("lamp", c)
	t.Cleanup(func() { lamp.Close() })
	s := &siptest.Script{Do: map[string]func(){}, Vars: map[string]string{"sut": "127.0.0.1:" + strconv.Itoa(int(port))}, Patience: 5 * time.Second}
	return h, s, lamp
}

// A lamp follows a real call: not registered, idle, ringing, in use, on hold,
// and out again, on both sides.
func TestLampFollowsCall(t *testing.T) {
	h, s, lamp := openPeople(t)
	var caller, callee *peer
	var out, in *talk
	s.Do["register"] = func() { callee = h.registered("8006"); caller = h.registered("8005") }
	s.Do["call"] = func() {
		out = caller.call("8006", caller.describe(""))
		in = callee.incoming()
		in.ring()
		caller.response(180, "the callee rings")
	}
	s.Do["answer"] = func() { in.answer(); out.answered("answered") }
	s.Do["hold"] = func() {
		in.reinvite(callee.describe("sendonly"))
		in.learn(callee.response(200, "hold"))
		in.ack("")
	}
	s.Do["end"] = func() { out.bye(); in.hungUp("the caller has hung up") }
	s.Run(t, `
		-> SUBSCRIBE sip:8006@{sut} | Event: presence | Accept: application/pidf+xml
		<- 200 SUBSCRIBE | Expires: 3600
		<- NOTIFY | body: <note>Unavailable</note>
		-> 200
		do register
		<- NOTIFY | body: <note>Ready</note>
		-> 200
		do call
		<- NOTIFY | body: <note>Ringing</note>
		-> 200
		do answer
		<- NOTIFY | body: <note>On the phone</note>
		-> 200
		do hold
		<- NOTIFY | body: <note>On hold</note>
		-> 200
		do end
		<- NOTIFY | body: <note>Ready</note>
		-> 200
		-> SUBSCRIBE sip:8005@{sut} | new | Event: dialog
		<- 200 SUBSCRIBE
		<- NOTIFY | body: <state>terminated</state>
		-> 200
		-> SUBSCRIBE sip:8007@{sut} | new | Event: dialog
		<- 404
	`, lamp)
	h.settled()
}

// A message to a telephone that is away is there when it registers; one that
// is there has it at once.
func TestMessageWaits(t *testing.T) {
	h, s, lamp := openPeople(t)
	var phone *peer
	s.Do["register"] = func() {
		phone = newPeer(t, h.addr, "8006", "8006")
		phone.register()
	}
	take := func(text string) func() {
		return func() {
			req := phone.request(sip.MESSAGE, "the message comes")
			if req.Body() != text {
				t.Errorf("message %q, want %q", req.Body(), text)
			}
			res := sip.NewResponse(req, 200, "")
			res.SetBody("", "")
			phone.send(res.String())
		}
	}
	s.Do["one"], s.Do["two"] = take("one"), take("two")
	s.Run(t, `
		-> MESSAGE sip:8006@{sut} | Content-Type: text/plain | body: one
		<- 202 MESSAGE     # durable, not delivered
		do register
		do one
		-> MESSAGE sip:8006@{sut} | new | Content-Type: text/plain | body: two
		do two
		<- 200 MESSAGE     # delivered
		-> MESSAGE sip:nobody@{sut} | new | Content-Type: text/plain | body: x
		<- 404
	`, lamp)
}

// A telephone with a mailbox is told of messages when it registers, and may
// publish what an outer voicemail counts.
func TestMailboxLamp(t *testing.T) {
	_, s, lamp := openPeople(t)
	s.Run(t, `
		-> REGISTER sip:{sut} | To: <sip:lamp@{sut}> | Contact: <sip:lamp@{me}> | Expires: 60
		<- 200 REGISTER
		<- NOTIFY | Event: message-summary | Subscription-State: terminated | body: Voice-Message: 0/0 (0/0)
		-> 200 NOTIFY
		-> SUBSCRIBE sip:lamp@{sut} | new | Event: message-summary
		<- 200 SUBSCRIBE
		<- NOTIFY | Subscription-State: active;expires=* | body: Messages-Waiting: no
		-> 200 NOTIFY
		-> PUBLISH sip:lamp@{sut} | new | Event: presence
		<- 400 PUBLISH
	`, lamp)
}
