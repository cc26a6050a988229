package dialog

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/hometone/hometone/sip"
)

// TestForks: "a single INVITE may create several dialogs": every tag is one;
// the first 2xx wins, later ones get ACK and BYE (RFC 3261 §13.2.2.4).
func TestForks(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		var early int
		r.do("count", func() error { early = r.layer.Len(); return nil })
		r.script.Run(t, `
			do invite
			<- INVITE | To: {to}
			-> 180 | To: {to};tag=one
			-> 183 | To: {to};tag=two | Contact: <sip:two@{me}>
			-> 180 | To: {to};tag=three
			pause 5ms
			do count
			-> 200 | To: {to};tag=two | sdp | Contact: <sip:two@{me}>
			<- ACK | To: *;tag=two | uri: sip:two@{me}
			-> 200 INVITE | To: {to};tag=three | sdp
			<- ACK | To: *;tag=three
			<- BYE | To: *;tag=three
			-> 200 BYE
			-> 200 INVITE | To: {to};tag=four | sdp | Contact: <sip:four@{me}>
			<- ACK | To: *;tag=four | uri: sip:four@{me}
			<- BYE | To: *;tag=four
			-> 200 BYE
			do bye
			<- BYE | To: *;tag=two
			-> 200
		`, p)
		if early != 3 {
			t.Errorf("%d early dialogs, want 3", early)
		}
		if a := event[Answered](r, "first 200"); a.Session.ID().RemoteTag != "two" {
			t.Errorf("answered by %v", a.Session.ID())
		}
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestForkLimit: a peer cannot make us hold more than maxForks dialogs.
func TestForkLimit(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, "do invite\n<- INVITE | To: {to}", p)
		for range maxForks + 10 {
			r.script.Run(t, "-> 180 | To: {to};tag="+sip.NewTag(), p)
		}
		if n := r.layer.Len(); n != maxForks {
			t.Errorf("%d early dialogs, want %d", n, maxForks)
		}
		r.script.Run(t, "-> 404\n<- ACK", p)
		event[Rejected](r, "404")
		r.empty()
	})
}

// TestRouteSet: the route set is the Record-Route of the 2xx in reverse order
// (§12.1.2); a strict router becomes the Request-URI and the remote target
// goes last (§12.2.1.1).
func TestRouteSet(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, `
			do invite
			<- INVITE
			-> 200 | sdp | Contact: <sip:far@203.0.113.9> | Record-Route: <sip:p2.example.org;lr>, <sip:{me};lr>
			<- ACK | uri: sip:far@203.0.113.9 | Route: <sip:{me};lr> | Route: <sip:p2.example.org;lr>
			do bye
			<- BYE | uri: sip:far@203.0.113.9
			-> 200
			do invite
			<- INVITE
			-> 200 | sdp | Contact: <sip:far@203.0.113.9> | Record-Route: <sip:p2.example.org;lr>, <sip:{me}>
			<- ACK | uri: sip:{me} | Route: <sip:p2.example.org;lr> | Route: <sip:far@203.0.113.9>
			do bye
			<- BYE | uri: sip:{me} | Route: <sip:far@203.0.113.9>
			-> 200
		`, p)
	})
}

// TestRouteSetOfCallee: the route set is Record-Route in order (§12.1.1), and
// the responses carry a copy.
func TestRouteSetOfCallee(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("alice")
		r.changing(p)
		r.script.Run(t, `
			-> INVITE sip:bob@{sut} | sdp | Record-Route: <sip:{me};lr> | +Record-Route: <sip:p2.example.org;lr> | Contact: <sip:a@203.0.113.9>
			do answer
			<- 200 | Record-Route: <sip:{me};lr> | Record-Route: <sip:p2.example.org;lr>
			-> ACK
			do bye
			<- BYE sip:a@203.0.113.9 | Route: <sip:{me};lr> | Route: <sip:p2.example.org;lr>
			-> 200
		`, p)
	})
}

// failing is an Authorizer that knows nobody.
type failing struct{}

func (failing) Authorize(*sip.Request, *sip.Response) error { return errors.New("no credentials") }

// TestChallenge: 407 is answered with the same Call-ID and the next CSeq
// (RFC 3261 §22.2), the ACK to the 2xx carries the same credentials (§13.2.2.4),
// and a request in the dialog is challenged as well.
func TestChallenge(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.do("invite", r.invite(p, func(c *InviteConfig) { c.Auth = NewDigest("hometone", "secret") }))
		r.script.Run(t, `
			do invite
			<- INVITE | Call-ID: {id} | From: {from}
			-> 407 | Proxy-Authenticate: Digest realm="r", nonce="abc", algorithm=MD5, qop="auth"
			<- ACK
			<- INVITE | Call-ID: {id} | From: {from} | Proxy-Authorization: Digest *username="hometone"* | sdp: 10000
			-> 200 | sdp
			<- ACK | Proxy-Authorization: Digest *username="hometone"*
			do bye
			<- BYE
			-> 401 | WWW-Authenticate: Digest realm="r2", nonce="def", algorithm=MD5
			<- BYE | Authorization: Digest *realm="r2"*
			-> 200
		`, p)
		event[Answered](r, "200")
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestChallengeWithoutCredentials is reported as it is.
func TestChallengeWithoutCredentials(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.do("invite", r.invite(p, func(c *InviteConfig) { c.Auth = failing{} }))
		r.script.Run(t, "do invite\n<- INVITE\n-> 401\n<- ACK", p)
		if e := event[Rejected](r, "401"); e.Status != 401 {
			t.Errorf("rejected %+v", e)
		}
		r.empty()
	})
}

// TestRedirect: a 3xx is the application's business; its contacts are in the
// response.
func TestRedirect(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, "do invite\n<- INVITE\n-> 302 | Contact: <sip:else@{me}>\n<- ACK", p)
		e := event[Rejected](r, "302")
		if c, _, _ := e.Res.Contacts(); e.Status != 302 || len(c) != 1 {
			t.Errorf("rejected %+v", e)
		}
		r.empty()
	})
}

// TestNobodyThere: no response is 408, no way is 503 (RFC 3261 §8.1.3.1).
func TestNobodyThere(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.changing(p)
		r.script.Run(t, "do invite\n<- INVITE\nsilence 40s", p)
		if e := event[Rejected](r, "timeout"); e.Status != 408 || e.Err == nil {
			t.Errorf("rejected %+v", e)
		}
		r.do("invite", r.invite(p, func(c *InviteConfig) { c.URI = "sip:x@203.0.113.1" }))
		r.script.Run(t, "do invite\npause 40s", p)
		if e := event[Rejected](r, "no route"); e.Status != 503 || e.Err == nil {
			t.Errorf("rejected %+v", e)
		}
		r.do("invite", r.invite(p, func(c *InviteConfig) { c.URI = "sip:x@nowhere.invalid" }))
		r.script.Run(t, "do invite\npause 40s", p)
		if e := event[Rejected](r, "no name"); e.Status != 503 || e.Err == nil {
			t.Errorf("rejected %+v", e)
		}
		r.empty()
	})
}

// TestNamedPeer: a peer whose Contact is a name: the DNS is asked for every
// request, and their order stays as it was decided.
func TestNamedPeer(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		p := r.net.Dial("bob")
		r.net.Names = map[string]netip.AddrPort{"bob.test": netip.MustParseAddrPort(p.Address())}
		r.changing(p)
		r.do("invite", r.invite(p, func(c *InviteConfig) { c.URI = "sip:bob@bob.test" }))
		r.do("both", func() error { r.session().Update(""); return r.session().Bye(Reason{}) })
		r.script.Run(t, `
			do invite
			<- INVITE sip:bob@bob.test
			-> 200 | sdp | Contact: <sip:bob@bob.test>
			<- ACK sip:bob@bob.test
			do both
			<- UPDATE
			<- BYE
			-> 200 BYE
		`, p)
		event[Answered](r, "200")
		r.ended(CauseLocalBye, "BYE")
		r.empty()
	})
}

// TestReplaces: RFC 3891 §3: the new INVITE takes the place of the dialog that
// Replaces names; that one is ended with BYE when we answer.
func TestReplaces(t *testing.T) {
	memory(t, nil, func(t *testing.T, r *rig) {
		alice, carol := r.net.Dial("alice"), r.net.Dial("carol")
		r.changing(alice)
		r.do("find", func() error {
			id := r.session().ID()
			s, early := r.layer.Find(sip.DialogRef{CallID: id.CallID, ToTag: id.LocalTag, FromTag: id.RemoteTag})
			if s != r.session() || early {
				t.Error("the dialog was not found")
			}
			if s, _ := r.layer.Find(sip.DialogRef{CallID: id.CallID, ToTag: id.RemoteTag, FromTag: id.LocalTag}); s != nil {
				t.Error("found with the tags the wrong way round")
			}
			r.options.Replaces = s
			return nil
		})
		r.script.Run(t, `
			alice -> INVITE sip:bob@{sut} | sdp
			do answer
			alice <- 200
			alice -> ACK
			do find
			carol -> INVITE sip:bob@{sut} | sdp | Require: replaces
			do answer
			carol <- 200
			alice <- BYE
			alice -> 200
			carol -> ACK
			carol -> BYE
			carol <- 200
		`, alice, carol)
		event[Confirmed](r, "ACK")
		r.ended(CauseReplaced, "carol took over")
		event[Confirmed](r, "ACK")
		r.ended(CauseBye, "BYE")
		r.empty()
	})
}
