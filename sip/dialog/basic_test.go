package dialog

import (
	"net/netip"
	"testing"

	"github.com/hometone/hometone/sip/siptest"
)

const calleeScript = `
	-> INVITE sip:bob@{sut} | sdp
	<-? 100
	do ring
	<- 180 INVITE | To: *;tag={tag} | Contact   # §12.1.1: a response that makes a dialog MUST carry a tag and a Contact
	do answer
	<- 200 INVITE | To: *;tag={tag} | sdp: 10000 | Allow | Supported | Contact # §13.3.1.4
	-> ACK
	-> BYE
	<- 200 BYE # §15.1.2: the UAS core MUST generate a 2xx
`

// TestCallee plays the basic call of RFC 3665 §3.1 with us as callee.
func TestCallee(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.script.Run(t, calleeScript, r.net.Dial("alice"))
		event[Confirmed](r, "the ACK confirms the session")
		r.ended(CauseBye, "BYE ends it")
		r.empty()
	})
}

// TestCalleeOnSockets plays it over UDP and TCP.
func TestCalleeOnSockets(t *testing.T) {
	sockets(t, nil, func(t *testing.T, r *rig, addr netip.AddrPort) {
		r.answering()
		r.script.Vars = map[string]string{"sut": addr.String()}
		dial := siptest.UDP
		if addr == r.addr("tcp") {
			dial = siptest.TCP
		}
		r.script.Run(t, calleeScript, dial(t, "alice", addr))
		event[Confirmed](r, "the ACK confirms the session")
		r.ended(CauseBye, "BYE ends it")
	})
}

const callerScript = `
	do invite
	<- INVITE | Contact: <sip:hometone@*> | Max-Forwards: 70 | From: *;tag={tag} | sdp: 10000 | Supported: 100rel | Allow: UPDATE
	-> 180
	-> 200 | sdp
	<- ACK | CSeq: * ACK | From: *;tag={tag} # §13.2.2.4: the UAC core MUST generate an ACK
	do bye
	<- BYE | Reason: Q.850;cause=16* # §15.1.1
	-> 200 BYE
`

// TestCaller plays the basic call with us as caller.
func TestCaller(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.answering()
		r.do("invite", r.invite(p, nil))
		r.script.Run(t, callerScript, p)
		a := event[Answered](r, "the 2xx")
		if a.SDP != siptest.StandardSDP || a.Session.RemoteSDP() != a.SDP || a.Session.LocalSDP() != ourSDP {
			t.Errorf("the answer was %q", a.SDP)
		}
		r.ended(CauseLocalBye, "Bye ends it")
		r.empty()
	})
}

// TestCallerOnSockets plays it over UDP.
func TestCallerOnSockets(t *testing.T) {
	sockets(t, nil, func(t *testing.T, r *rig, addr netip.AddrPort) {
		if addr == r.addr("tcp") {
			return
		}
		p := siptest.UDP(t, "bob", addr)
		r.answering()
		r.do("invite", r.invite(p, nil))
		r.script.Run(t, callerScript, p)
		event[Answered](r, "the 2xx")
		r.ended(CauseLocalBye, "Bye ends it")
	})
}

// TestCancelledByPeer: RFC 3261 §9.2.
func TestCancelledByPeer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.answering()
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp
			do ring
			<- 180
			-> CANCEL | Reason: SIP;cause=200;text="Call completed elsewhere"
			<- 200 CANCEL
			<- 487 INVITE  # §9.2: the UAS SHOULD immediately respond to the INVITE with a 487
			-> ACK
		`, r.net.Dial("alice"))
		e := r.ended(CauseCancelled, "CANCEL ends the session")
		if e.Reason.Cause != 200 {
			t.Errorf("the Reason of the CANCEL was lost: %v", e.Reason)
		}
		r.empty()
	})
}

// TestCancelByUs: RFC 3261 §9.1, RFC 3326.
func TestCancelByUs(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.do("invite", r.invite(p, nil))
		r.do("cancel", func() error { return r.inv.Cancel(AnsweredElsewhere) })
		r.script.Run(t, `
			do invite
			<- INVITE
			do cancel
			silence 400ms           # §9.1: the CANCEL MUST NOT be sent before a provisional response
			-> 180
			<- CANCEL | Reason: SIP;cause=200;text="Call completed elsewhere"
			-> 200 CANCEL
			-> 487 INVITE
			<- ACK
		`, p)
		if e := event[Rejected](r, "487"); e.Status != 487 {
			t.Errorf("rejected with %d", e.Status)
		}
		r.empty()
	})
}

// TestCancelCrosses200: the 2xx wins on the wire, and nobody wants it.
func TestCancelCrosses200(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.do("invite", r.invite(p, nil))
		r.do("cancel", func() error { return r.inv.Cancel(AnsweredElsewhere) })
		r.script.Run(t, `
			do invite
			<- INVITE
			-> 180
			do cancel
			<- CANCEL
			-> 200 INVITE | sdp
			<- ACK        # §13.2.2.4: an ACK for each 2xx
			<- BYE        # §9.1: "the UAC ... may send a BYE"
			-> 200 BYE
			-> 481 CANCEL
		`, p)
		if e := event[Rejected](r, "the caller had given up"); e.Status != 487 {
			t.Errorf("rejected with %d", e.Status)
		}
		r.empty()
	})
}

// TestRejected: RFC 3261 §13.2.2.3.
func TestRejected(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.do("invite", r.invite(p, nil))
		r.script.Run(t, `
			do invite
			<- INVITE
			-> 180
			-> 486 | Reason: Q.850;cause=17
			<- ACK
		`, p)
		if e := event[Rejected](r, "486"); e.Status != 486 || e.Reason.Cause != 17 {
			t.Errorf("rejected with %d, reason %v", e.Status, e.Reason)
		}
		r.empty()
	})
}

// TestReject: we refuse.
func TestReject(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		r.do("busy", func() error { return r.session().Reject(486, "") })
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp
			do busy
			<- 486 | To: *;tag=* | -Contact
			-> ACK
		`, r.net.Dial("alice"))
		r.ended(CauseRejected, "we refused")
		r.empty()
	})
}
