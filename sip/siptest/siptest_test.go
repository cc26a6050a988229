package siptest

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// parrot answers every request but ACK with 200, and retransmits it once.
type parrot struct{ net *Memory }

func (p parrot) ServeRequest(f transport.Flow, req *sip.Request, _ error) {
	if req.Method() == sip.ACK {
		return
	}
	res := sip.NewResponse(req, 200, "")
	res.SetToTag("parrot")
	res.Add(sip.HeaderContact, "<sip:parrot@192.0.2.1>")
	res.AddName("X-Seen", "one, two")
	p.net.Send(f, res.Bytes())
	p.net.Send(f, res.Bytes())
}

func (p parrot) ServeResponse(transport.Flow, *sip.Response) {}
func (p parrot) FlowClosed(transport.Flow, error)            {}

// playParrot runs a script against the parrot and returns the failure.
func playParrot(t *testing.T, script string) (fault string, s *Script) {
	t.Helper()
	s = &Script{Vars: map[string]string{"sut": "192.0.2.1"}}
	synctest.Test(t, func(t *testing.T) {
		n := NewMemory()
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		go n.Run(ctx, parrot{n}) // ends with ctx
		n.Ready()
		if err := s.Play(script, n.Dial("alice")); err != nil {
			fault = err.Error()
		}
	})
	return fault, s
}

// TestScriptHolds plays a script that holds: dialog identifiers, variables,
// retransmissions.
func TestScriptHolds(t *testing.T) {
	fault, s := playParrot(t, `
		# a comment
		-> INVITE sip:bob@{sut} | sdp | X-Test: yes
		<- 200 INVITE | To: *;tag={tag} | Contact: <sip:{who}@*> | -Require | X-Seen | nobody
		<- again
		-> ACK
		-> BYE
		<- 200 BYE | To: *;tag={tag}   # the same dialog
		silence 1s
	`)
	if fault != "" {
		t.Fatal(fault)
	}
	if s.Vars["tag"] != "parrot" || s.Vars["who"] != "parrot" {
		t.Errorf("variables %v", s.Vars)
	}
}

// TestScriptFails proves that each kind of expectation can fail, that the
// failure names the line, gives the sentence and draws the ladder.
func TestScriptFails(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"<- 180   # it MUST ring", "because: it MUST ring"},
		{"<- 200 | Require: x", "Require is missing"},
		{"<- 200 | -Contact", "Contact must not be there"},
		{"<- 200 | Contact: <sip:x@y>", "want \"<sip:x@y>\""},
		{"<- 200 | sdp", "no session description"},
		{"<- 200 | reason: No", "reason phrase"},
		{"<- 200 | uri: x", "Request-URI"},
		{"silence 1s", "got 200"},
		{"<- 200\n<- 200", "no message"},
		{"-> BYE | Route: {nothing}", "{nothing} has no value yet"},
		{"do nothing", "nothing to do"},
		{"bob -> BYE", "there is no peer"},
		{"nonsense", "want an arrow"},
		{"<- 200 | after: 3s", "came after"},
	} {
		fault, _ := playParrot(t, "-> INVITE sip:bob@{sut} | sdp\n"+c.line)
		if !strings.Contains(fault, c.want) {
			t.Errorf("%q failed with %q, want %q", c.line, fault, c.want)
		}
		if strings.Contains(c.line, "MUST") && !strings.Contains(fault, "|------INVITE sdp------>|") {
			t.Errorf("no ladder in %q", fault)
		}
	}
}

// TestSockets plays between two peers over UDP and TCP framing.
func TestSockets(t *testing.T) {
	a, err := DialUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := DialUDP(a.Local())
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := NewPeer("alice", b), NewPeer("bob", a)
	defer alice.Close()
	defer bob.Close()
	s := &Script{Vars: map[string]string{"bob": a.Local().String()}}
	s.Run(t, `
		alice -> INVITE sip:bob@{bob} | sdp
		bob <- INVITE sip:bob@{bob} | sdp | Contact
		bob -> 180
		bob -> 486
		alice <- 180
		alice <- 486 | To: *;tag={t}
		alice -> ACK
		bob <- ACK | To: *;tag={t}
		alice -> INVITE sip:bob@{bob} | new | sdp | call: second
		bob <- INVITE
		bob -> 200 | sdp | Record-Route: <sip:{bob};lr>
		alice <- 200
		alice -> ACK
		bob <- ACK | Route: <sip:{bob};lr>
		bob -> BYE
		alice <- BYE | From: *;tag=*
		alice -> 200
		bob <- 200 BYE
	`, alice, bob)
}
