package edge

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// A call through the proxy, whole: what is added, what is taken off, where the
// dialog's requests go.
func TestCall(t *testing.T) {
	b := start(t, Config{}, transaction.Timers{})
	alice, bob := b.udp("alice"), b.udp("bob")
	b.to(false, bob)
	b.play(`
		alice -> INVITE sip:bob@{sut} | Max-Forwards: 70 | sdp | X-Odd:   as it came
		bob <- INVITE | uri: sip:bob@{bob} | Max-Forwards: 69 | Record-Route: <sip:{sut};lr> | sdp | X-Odd: as it came   # §16.6 step 3: MUST decrement Max-Forwards by one
		bob -> 100
		bob -> 180
		alice <- 180 | Record-Route: <sip:{sut};lr>
		bob -> 200 | sdp
		alice <- 200 INVITE | sdp
		alice -> ACK
		bob <- ACK | -Route        # §16.4: the proxy MUST remove its own value from Route
		bob -> BYE
		alice <- BYE | -Route
		alice -> 200 BYE
		bob <- 200 BYE
	`, alice, bob)
}

// The rows of RFC 3261 §16.3 and RFC 5393: what is not forwarded.
func TestValidation(t *testing.T) {
	b := start(t, Config{}, transaction.Timers{})
	for _, c := range []struct{ why, script string }{
		{"16.3 step 3: Max-Forwards zero MUST NOT be forwarded", `
			alice -> INVITE sip:bob@{bob} | Max-Forwards: 0
			alice <- 483
			alice -> ACK`},
		{"16.3 step 5: an option the proxy does not know MUST be answered 420 with Unsupported", `
			alice -> INVITE sip:bob@{bob} | Proxy-Require: bogus, other
			alice <- 420 | Unsupported: bogus, other
			alice -> ACK`},
		{"16.3 step 2: a scheme that is not understood SHOULD be answered 416", `
			alice -> MESSAGE im:bob@example.org
			alice <- 416`},
		{"16.5: what nobody is responsible for is not here", `
			alice -> BYE sip:bob@{sut} | To: <sip:bob@{sut}>;tag=gone
			alice <- 481`},
		{"OPTIONS to the proxy itself are answered", `
			alice -> OPTIONS sip:{sut}
			alice <- 200`},
	} {
		t.Run(c.why, func(t *testing.T) {
			alice, bob := b.udp("alice"), b.udp("bob")
			b.play(c.script+"\nbob silence 50ms\n", alice, bob)
		})
	}
}

// RFC 5393 §4.2: a request that comes back unchanged is a loop, one that comes
// back with another Request-URI is a spiral and goes on.
func TestLoop(t *testing.T) {
	b := start(t, Config{}, transaction.Timers{})
	alice := b.udp("alice")
	b.play(`
		alice -> INVITE sip:nobody@{sut} | Max-Forwards: 70
		alice <- 482 INVITE       # the second pass finds its own branch
		alice -> ACK
	`, alice)
	if got := b.counter("loops"); got != 1 {
		t.Errorf("%d loops were found, want 1 before Max-Forwards ran out", got)
	}
}

// Forks with real peers: RFC 3261 §16.6, §16.7, §16.10.
func TestForks(t *testing.T) {
	for _, c := range []struct {
		why      string
		parallel bool
		script   string
	}{
		{"16.7 step 10: after a 200 the proxy MUST send a CANCEL to all pending branches", true, `
			alice -> INVITE sip:bob@{sut}
			bob <- INVITE
			carol <- INVITE
			bob -> 180
			alice <- 180
			carol -> 180
			alice <- 180
			carol -> 200
			alice <- 200 INVITE
			bob <- CANCEL | Reason: SIP;cause=200*
			bob -> 200 CANCEL
			bob -> 487 INVITE
			bob <- ACK
			alice -> ACK
			carol <- ACK`},
		{"16.10: a CANCEL is sent on every pending branch, and the best final response goes back", true, `
			alice -> INVITE sip:bob@{sut}
			bob <- INVITE
			carol <- INVITE
			bob -> 180
			alice <- 180
			carol -> 100
			alice -> CANCEL | Reason: SIP;cause=600;text="away"
			alice <- 200 CANCEL
			bob <- CANCEL | Reason: SIP;cause=600;text="away"
			carol <- CANCEL
			bob -> 200 CANCEL
			carol -> 200 CANCEL
			bob -> 487 INVITE
			bob <- ACK
			carol -> 487 INVITE
			carol <- ACK
			alice <- 487 INVITE
			alice -> ACK`},
		{"16.7 step 5: a 6xx ends the search", false, `
			alice -> INVITE sip:bob@{sut}
			bob <- INVITE
			bob -> 603
			bob <- ACK
			alice <- 603
			alice -> ACK
			carol silence 50ms`},
		{"16.7 step 7: the challenges of all branches MUST be collected", true, `
			alice -> INVITE sip:bob@{sut}
			bob <- INVITE
			carol <- INVITE
			bob -> 401 | WWW-Authenticate: Digest realm="one", nonce="1"
			bob <- ACK
			carol -> 407 | Proxy-Authenticate: Digest realm="two", nonce="2"
			carol <- ACK
			alice <- 401 | WWW-Authenticate: Digest realm="one"* | Proxy-Authenticate: Digest realm="two"*
			alice -> ACK`},
		{"one after the other until one accepts", false, `
			alice -> INVITE sip:bob@{sut}
			bob <- INVITE
			bob -> 486
			bob <- ACK
			carol <- INVITE
			carol -> 200
			alice <- 200 INVITE
			alice -> ACK
			carol <- ACK`},
		{"16.7 step 6: a 503 SHOULD NOT be forwarded, a 500 is", false, `
			alice -> INVITE sip:bob@{sut}
			bob <- INVITE
			bob -> 503
			bob <- ACK
			carol <- INVITE
			carol -> 503
			carol <- ACK
			alice <- 500
			alice -> ACK`},
	} {
		t.Run(c.why, func(t *testing.T) {
			b := start(t, Config{}, transaction.Timers{})
			alice, bob, carol := b.udp("alice"), b.udp("bob"), b.udp("carol")
			b.to(c.parallel, bob, carol)
			b.play(c.script, alice, bob, carol)
		})
	}
}

// RFC 3261 §16.4: what a strict router has done is undone, and §16.6 step 6: a
// strict router is given what it needs.
func TestStrictRouting(t *testing.T) {
	b := start(t, Config{}, transaction.Timers{})
	alice, bob := b.udp("alice"), b.udp("bob")
	b.play(`
		alice -> MESSAGE sip:{sut};lr | To: <sip:bob@{bob}>;tag=1 | Route: <sip:bob@{bob}>
		bob <- MESSAGE | uri: sip:bob@{bob} | -Route
		bob -> 200
		alice <- 200
		alice -> MESSAGE sip:bob@far.example | new | To: <sip:bob@far.example>;tag=1 | Route: <sip:{sut};lr>, <sip:{bob}>
		bob <- MESSAGE | uri: sip:{bob} | Route: <sip:bob@far.example>
		bob -> 200
		alice <- 200
		alice -> MESSAGE sip:bob@far.example | new | To: <sip:bob@far.example>;tag=1 | Route: <sip:{sut};lr>, <sip:{bob};lr>
		bob <- MESSAGE | uri: sip:bob@far.example | Route: <sip:{bob};lr>
		bob -> 200
		alice <- 200
	`, alice, bob)
}

// Two transports, two entries of Record-Route (RFC 5658 §6): each side sees the
// address and transport it talks to, and in-dialog requests cross over.
func TestDoubleRecordRoute(t *testing.T) {
	b := start(t, Config{}, transaction.Timers{})
	alice, bob := b.udp("alice"), siptest.TCP(t, "bob", b.addr("tcp"))
	carol := b.udp("carol")
	b.to(false, carol)
	b.play(`
		bob -> INVITE sip:carol@{sut} | sdp
		carol <- INVITE | Record-Route: <sip:{sut};lr>
		carol -> 200 | sdp
		bob <- 200 INVITE
		bob -> ACK
		carol <- ACK | -Route
		carol -> BYE
		bob <- BYE | -Route        # over the connection it came by, not a new one
		bob -> 200
		carol <- 200
	`, alice, bob, carol)
}

// The same across IPv4 and IPv6.
func TestDoubleRecordRouteAcrossFamilies(t *testing.T) {
	if l, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6")
	} else {
		l.Close()
	}
	b := start(t, Config{}, transaction.Timers{},
		transport.Listen{Name: "udp", Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")},
		transport.Listen{Name: "six", Proto: transport.UDP, Addr: netip.MustParseAddrPort("[::1]:0")})
	alice, bob := b.udp("alice"), siptest.UDP(t, "bob", b.addr("six"))
	b.to(false, bob)
	s := &siptest.Script{System: "edge", Vars: map[string]string{"sut": b.addr("udp").String(), "six": b.addr("six").String(), "alice": alice.Address(), "bob": bob.Address()}}
	s.Run(t, `
		alice -> INVITE sip:bob@{sut} | sdp
		bob <- INVITE | Record-Route: <sip:{six};lr> | Record-Route: <sip:{sut};lr>
		bob -> 200 | sdp
		alice <- 200 INVITE
		alice -> ACK
		bob <- ACK | uri: sip:bob@{bob} | -Route
		bob -> INVITE | sdp
		alice <- INVITE | uri: sip:alice@{alice} | -Route
		alice -> 200 | sdp
		bob <- 200 INVITE
		bob -> ACK
		alice <- ACK
		alice -> BYE
		bob <- BYE
		bob -> 200
		alice <- 200
	`, alice, bob)
}

// The edge dies and comes back in the middle of a call: in-dialog requests
// still find their way, because it stands in the Route.
func TestRestart(t *testing.T) {
	one := start(t, Config{}, transaction.Timers{})
	alice, bob := one.udp("alice"), one.udp("bob")
	one.to(false, bob)
	one.play(`
		alice -> INVITE sip:bob@{sut} | sdp
		bob <- INVITE
		bob -> 200 | sdp
		alice <- 200 INVITE
		alice -> ACK
		bob <- ACK
	`, alice, bob)
	listen := one.addrs
	one.stop()
	two := start(t, Config{}, transaction.Timers{}, listen...)
	two.play(`
		bob -> INVITE | sdp
		alice <- INVITE
		alice -> 200 | sdp
		bob <- 200 INVITE
		bob -> ACK
		alice <- ACK
		alice -> BYE
		bob <- BYE
		bob -> 200
		alice <- 200
	`, alice, bob)
}

// §16.11 and RFC 6026: a 2xx is forwarded as often as it comes, and every ACK.
func TestAccepted(t *testing.T) {
	b := start(t, Config{}, transaction.Timers{})
	alice, bob := b.udp("alice"), b.udp("bob")
	b.to(false, bob)
	b.play(`
		alice -> INVITE sip:bob@{sut}
		bob <- INVITE
		bob -> 200
		alice <- 200 INVITE
		bob -> again
		alice <- again
		alice -> ACK
		bob <- ACK
		alice -> again
		bob <- again
	`, alice, bob)
}

// A 3xx is passed on, or followed if so configured (§16.5, §16.7 step 4).
func TestRedirection(t *testing.T) {
	for _, c := range []struct {
		recurse bool
		script  string
	}{
		{false, `
			alice -> INVITE sip:bob@{sut}
			bob <- INVITE
			bob -> 302 | Contact: <sip:carol@{carol}>
			bob <- ACK
			alice <- 302 | Contact: <sip:carol@{carol}>
			alice -> ACK`},
		{true, `
			alice -> INVITE sip:bob@{sut}
			bob <- INVITE
			bob -> 302 | Contact: <sip:bob@{bob}>;q=0.1, <sip:carol@{carol}>
			bob <- ACK
			carol <- INVITE | uri: sip:carol@{carol}
			carol -> 200
			alice <- 200 INVITE
			alice -> ACK
			carol <- ACK`},
	} {
		b := start(t, Config{Recurse: c.recurse}, transaction.Timers{})
		alice, bob, carol := b.udp("alice"), b.udp("bob"), b.udp("carol")
		b.to(false, bob)
		b.play(c.script, alice, bob, carol)
	}
}

// §16.8: Timer C ends an INVITE that rings for ever.
func TestTimerC(t *testing.T) {
	b := start(t, Config{TimerC: 150 * time.Millisecond}, transaction.Timers{})
	alice, bob := b.udp("alice"), b.udp("bob")
	b.to(false, bob)
	b.play(`
		alice -> INVITE sip:bob@{sut}
		bob <- INVITE
		bob -> 180
		alice <- 180
		bob <- CANCEL | after: 140ms    # "the proxy MUST generate a CANCEL request"
		bob -> 200 CANCEL
		bob -> 487 INVITE
		bob <- ACK
		alice <- 487
		alice -> ACK
	`, alice, bob)
}
