package calls_test

import (
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/test/live"
)

// Hold and resume by re-INVITE (RFC 3264 §8.4): the holder hears nothing, then
// both hear each other again; from either side.
func TestHold(t *testing.T) {
	for _, side := range []string{"caller", "callee"} {
		h := open(t, "", plain)
		caller, callee := h.registered("8005"), h.registered("8006")
		out, in := connect(t, caller, callee, "8006")
		holder, other := out, in
		if side == "callee" {
			holder, other = in, out
		}
		for _, direction := range []string{"inactive", "sendonly"} {
			holder.reinvite(holder.p.describe(direction))
			res := holder.answered("hold is answered")
			want := map[string]string{"inactive": "a=inactive", "sendonly": "a=recvonly"}[direction]
			if !strings.Contains(res.Body(), want) {
				t.Errorf("%s: %s is answered with\n%s\nwant %s", side, direction, res.Body(), want)
			}
			holder.p.ear.reset()
			other.p.ear.reset()
			other.p.ear.speak(770, 0, 10)
			if n := holder.p.ear.heard(); n != 0 {
				t.Errorf("%s holds (%s) and still hears %d packets", side, direction, n)
			}
		}
		holder.reinvite(holder.p.describe("sendrecv"))
		holder.answered("resume is answered")
		hear(t, caller, callee)
		out.bye()
		in.hungUp("the end")
		one(t, h, "ANSWERED", 16)
		h.Stop()
	}
}

// A re-INVITE moves the stream to another address (RFC 3264 §8.3.1).
func TestAddressChange(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	hear(t, caller, callee)
	remote := caller.ear.remote
	caller.ear = newEar(t, caller.node.Addr())
	caller.ear.remote = remote
	out.reinvite(caller.describe(""))
	out.answered("the new address is accepted")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}

// A re-INVITE changes the codec of one side; the relay translates from then on.
func TestCodecChange(t *testing.T) {
	port := live.FreePort(t)
	h := openFiles(t, port, map[string]string{
		"pjsip.conf":      strings.ReplaceAll(endpoints(port, "", "8005", "8006"), "allow=ulaw", "allow=ulaw,alaw"),
		"extensions.conf": "[calls]\n" + plain,
	})
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	hear(t, caller, callee)
	callee.codecs = "8 101"
	in.reinvite(callee.describe(""))
	in.answered("the other law is accepted")
	hear(t, caller, callee)
	if callee.ear.types()[8] == 0 {
		t.Errorf("the callee hears payload types %v, want 8", callee.ear.types())
	}
	out.bye()
	in.hungUp("the end")
}

// An INVITE without a session description: the offer is in the 200, the answer
// in the ACK (RFC 3261 §13.2.1).
func TestLateOffer(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("8006", "")
	in := callee.incoming()
	in.answer()
	res := caller.response(200, "the 200 carries the offer")
	if res.Body() == "" {
		t.Fatal("200 without an offer")
	}
	out.learn(res)
	out.ack(caller.describe(""))
	meet(t, caller, callee)
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
	one(t, h, "ANSWERED", 16)
}

// A re-INVITE without a session description gets an offer (RFC 3261 §14.2).
func TestLateReoffer(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	out.reinvite("")
	res := caller.response(200, "the 200 carries an offer")
	if !strings.Contains(res.Body(), "m=audio") {
		t.Fatalf("no offer in\n%s", res)
	}
	out.learn(res)
	out.ack(caller.describe(""))
	meet(t, caller, callee)
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}

// Keys pass through: as RTP events untouched, and an INFO of one side reaches
// the other.
func TestKeys(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	hear(t, caller, callee)
	caller.ear.press(5)
	eventually(func() bool { return len(callee.ear.pressed()) > 0 })
	if got := callee.ear.pressed(); len(got) != 1 || got[0] != 5 {
		t.Errorf("the callee hears the events %v, want 5", got)
	}
	out.bye()
	in.hungUp("the end")
}

// An UPDATE changes the session within the dialog (RFC 3311).
func TestUpdate(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	caller.send(out.request(sip.UPDATE, caller.describe("inactive")).String())
	res := caller.response(200, "UPDATE is answered")
	if !strings.Contains(res.Body(), "a=inactive") {
		t.Errorf("answer to an inactive offer:\n%s", res.Body())
	}
	out.bye()
	in.hungUp("the end")
}

// rtp_timeout ends a call whose sound has stopped, with Asterisk's cause 44.
func TestSilentPeer(t *testing.T) {
	h := open(t, "rtp_timeout=1\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	hear(t, caller, callee)
	out.hungUp("no sound for a second")
	in.hungUp("no sound for a second")
	one(t, h, "ANSWERED", 44)
}
