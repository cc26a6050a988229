package phone

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hometone/hometone/sip/siptest"
)

// registering is a phone with an account at a fake registrar.
func registering(t *testing.T, password string) (*Phone, *siptest.Peer) {
	t.Helper()
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := probe.LocalAddr().String()
	probe.Close()
	registrar := siptest.UDP(t, "registrar", netip.MustParseAddrPort(own))
	p, err := New(Config{
		Account: "sip:8005@" + registrar.Address(), Password: password,
		Listen: []string{"udp://" + own}, KeepAlive: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return p, registrar
}

// register runs Register beside a script.
func register(t *testing.T, p *Phone, registrar *siptest.Peer, script string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- p.Register(ctx) }()
	(&siptest.Script{System: "phone"}).Run(t, script, registrar)
	return <-result
}

// TestRegisterWithDigest proves RFC 3261 §10.2 and §22.2: credentials follow
// a challenge, Call-ID stays, CSeq grows.
func TestRegisterWithDigest(t *testing.T) {
	p, registrar := registering(t, "secret")
	err := register(t, p, registrar, `
registrar <- REGISTER | -Authorization | Call-ID: {id} | Contact: {contact} | Expires: 600   # nothing was asked yet
registrar -> 401 | WWW-Authenticate: Digest realm="x", nonce="n1", algorithm=SHA-256, qop="auth"
registrar <- REGISTER | Call-ID: {id} | Authorization   # RFC 3261 §10.2: all registrations SHOULD use the same Call-ID
registrar -> 200 | Contact: {contact};expires=90
`)
	if err != nil {
		t.Fatalf("Register: %v", err)
	}
}

// TestRegisterLongEnough proves RFC 3261 §10.2.8: after a 423 the phone asks
// for Min-Expires.
func TestRegisterLongEnough(t *testing.T) {
	p, registrar := registering(t, "secret")
	err := register(t, p, registrar, `
registrar <- REGISTER | Expires: 600
registrar -> 423 | Min-Expires: 1800
registrar <- REGISTER | Expires: 1800   # "greater than or equal to" Min-Expires
registrar -> 200
`)
	if err != nil {
		t.Fatalf("Register: %v", err)
	}
}

// TestRegisterRefused proves that a wrong password ends in an error and not
// in a loop.
func TestRegisterRefused(t *testing.T) {
	p, registrar := registering(t, "wrong")
	err := register(t, p, registrar, `
registrar <- REGISTER
registrar -> 401 | WWW-Authenticate: Digest realm="x", nonce="n1", algorithm=MD5, qop="auth"
registrar <- REGISTER | Authorization
registrar -> 401 | WWW-Authenticate: Digest realm="x", nonce="n2", algorithm=MD5, qop="auth"
registrar silence 300ms   # RFC 3261 §22.2: the same credentials are not tried again
`)
	var refused *Refused
	if !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("Register: %v, want a refusal with 401", err)
	}
}

// TestRegisterBehindNAT proves that the phone binds the address at which the
// registrar sees it, and removes the other.
func TestRegisterBehindNAT(t *testing.T) {
	p, registrar := registering(t, "secret")
	err := register(t, p, registrar, `
registrar <- REGISTER | Via: {sent};rport;branch={branch}
registrar -> 200 | Via: {sent};received=203.0.113.7;rport=61000;branch={branch}
registrar <- REGISTER | Contact: <sip:8005@203.0.113.7:61000>*
registrar -> 200
`)
	if err != nil {
		t.Fatalf("Register: %v", err)
	}
}

// TestUnregister proves RFC 3261 §10.2.2: Quit takes the binding back.
func TestUnregister(t *testing.T) {
	p, registrar := registering(t, "secret")
	if err := register(t, p, registrar, `
registrar <- REGISTER | Call-ID: {id}
registrar -> 200
`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- p.Quit(ctx) }()
	(&siptest.Script{System: "phone"}).Run(t, `
registrar <- REGISTER | Expires: 0
registrar -> 200
`, registrar)
	if err := <-result; err != nil {
		t.Errorf("Quit: %v", err)
	}
}
