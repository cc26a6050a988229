package edge

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// veiled runs an edge with an inside and an outside; pbx is inside, alice out.
func veiled(t *testing.T) (b *bench, pbx, alice *siptest.Peer) {
	any4 := netip.MustParseAddrPort("127.0.0.1:0")
	b = start(t, Config{Hide: []string{"out"}, Secret: []byte("0123456789abcdef")}, transaction.Timers{},
		transport.Listen{Name: "udp", Proto: transport.UDP, Addr: any4}, transport.Listen{Name: "out", Proto: transport.UDP, Addr: any4})
	pbx = b.udp("pbx")
	alice = siptest.UDP(t, "alice", b.addr("out"))
	return b, pbx, alice
}

// to sends what is outside a dialog to a peer, from a listener.
func (b *bench) via(listener string, p *siptest.Peer) {
	b.plan.Store(&Plan{Groups: [][]Branch{{{Targets: []transport.Target{{Proto: transport.UDP, Addr: netip.MustParseAddrPort(p.Address()), Listener: listener}}}}}})
}

func (b *bench) playVeiled(script string, pbx, alice *siptest.Peer) {
	b.t.Helper()
	s := &siptest.Script{System: "edge", Vars: map[string]string{
		"sut": b.addr("udp").String(), "out": b.addr("out").String(), "pbx": pbx.Address(), "alice": alice.Address(),
	}}
	s.Run(b.t, script, pbx, alice)
}

// A call from the inside: the outside sees one Via, one Record-Route and a
// Contact, all with the address of the outer listener, and its requests inside
// the dialog arrive.
func TestVeilOutgoing(t *testing.T) {
	b, pbx, alice := veiled(t)
	b.via("out", alice)
	b.playVeiled(`
		pbx -> INVITE sip:alice@{sut} | Record-Route: <sip:{pbx};lr> | Via: SIP/2.0/UDP {pbx};branch=z9hG4bKone;rport, SIP/2.0/UDP 10.0.0.8;branch=z9hG4bKtwo | sdp
		alice <- INVITE | Via: SIP/2.0/UDP {out};* | Contact: <sip:~*@{out}> | Record-Route: <sip:~*@{out};lr>
		alice -> 180
		pbx <- 180 | Record-Route: <sip:{pbx};lr>      # what the inside wrote comes back to it
		alice -> 200 | sdp
		pbx <- 200 INVITE
		pbx -> ACK | Route: <sip:{sut};lr>, <sip:{out};lr>
		alice <- ACK
		alice -> BYE
		pbx <- BYE | uri: sip:pbx@{pbx} | Route: <sip:{pbx};lr>
		pbx -> 200
		alice <- 200
	`, pbx, alice)
}

// A call from the outside, and a request in each direction inside the dialog.
func TestVeilIncoming(t *testing.T) {
	b, pbx, alice := veiled(t)
	b.via("udp", pbx)
	b.playVeiled(`
		alice -> INVITE sip:pbx@{out} | sdp
		pbx <- INVITE
		pbx -> 200 | sdp
		alice <- 200 INVITE | Contact: <sip:~*@{out}> | Record-Route: <sip:~*@{out};lr>
		alice -> ACK
		pbx <- ACK | uri: sip:pbx@{pbx} | -Route
		pbx -> INVITE | sdp
		alice <- INVITE | Contact: <sip:~*@{out}>
		alice -> 200 | sdp
		pbx <- 200 INVITE
		pbx -> ACK
		alice <- ACK
		alice -> BYE
		pbx <- BYE | uri: sip:pbx@{pbx} | -Route
		pbx -> 200
		alice <- 200
	`, pbx, alice)
}

// Nobody but the proxy makes tokens, and equal texts have equal ones.
func TestVeilTokens(t *testing.T) {
	s := newSelf(nil, func() []transport.Listen { return nil })
	one, _ := newVeil([][]byte{[]byte("one")}, []string{"out"}, s, nil)
	two, _ := newVeil([][]byte{[]byte("two")}, []string{"out"}, s, nil)
	token := one.seal("sip:8006@10.0.0.5:5080")
	if token != one.seal("sip:8006@10.0.0.5:5080") {
		t.Error("the same address gives two tokens")
	}
	if strings.Contains(token, "10.0.0.5") {
		t.Errorf("%s shows the address", token)
	}
	if text, ok := one.open(token); !ok || text != "sip:8006@10.0.0.5:5080" {
		t.Errorf("opened %q, %v", text, ok)
	}
	if _, ok := two.open(token); ok {
		t.Error("another secret opens the token")
	}
	if u, err := sip.ParseURI("sip:" + token + "@192.0.2.1;lr"); err != nil || u.User != token {
		t.Errorf("%q does not stand in a URI: %v", token, err)
	}
}

func FuzzTokens(f *testing.F) {
	s := newSelf(nil, func() []transport.Listen { return nil })
	v, _ := newVeil([][]byte{[]byte("one")}, []string{"out"}, s, nil)
	flows := newFlowTokens([]byte("one"))
	udp := transport.NewFlow(transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("198.51.100.7:40000"), 0)
	tls := transport.NewFlow(transport.TLS, netip.MustParseAddrPort("[2001:db8::1]:5061"), netip.MustParseAddrPort("[2001:db8::2]:40000"), 77)
	f.Add(v.seal("sip:a@b"))
	f.Add(flows.encode(udp))
	f.Add(flows.encode(tls))
	f.Fuzz(func(t *testing.T, token string) {
		if strings.ContainsAny(token, "\r\n") {
			return // stands in no URI
		}
		if text, ok := v.open(token); ok && v.seal(text) != token {
			t.Errorf("%q opens and is not what we write", token)
		}
		if flow, _, ok := flows.decode(token); ok && flow != udp && flow != tls {
			t.Errorf("%q is a flow that nobody wrote: %v", token, flow)
		}
	})
}

// A token of UDP outlives a restart; one of a connection says that it is gone.
func TestFlowTokens(t *testing.T) {
	before, after := newFlowTokens([]byte("one")), newFlowTokens([]byte("one"))
	udp := transport.NewFlow(transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("198.51.100.7:40000"), 0)
	tls := transport.NewFlow(transport.TLS, netip.MustParseAddrPort("[2001:db8::1]:5061"), netip.MustParseAddrPort("[2001:db8::2]:40000"), 77)
	for _, c := range []struct {
		flow  transport.Flow
		in    *flowTokens
		alive bool
	}{{udp, before, true}, {udp, after, true}, {tls, before, true}, {tls, after, false}} {
		flow, alive, ok := c.in.decode(before.encode(c.flow))
		if !ok || flow != c.flow || alive != c.alive {
			t.Errorf("%v comes back as %v, alive %v, %v", c.flow, flow, alive, ok)
		}
	}
	token := []byte(before.encode(udp))
	token[3] ^= 1
	if _, _, ok := before.decode(string(token)); ok {
		t.Error("a changed token is accepted")
	}
}
