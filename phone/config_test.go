package phone

import (
	"strings"
	"testing"
	"time"
)

// TestZeroConfig proves that the zero value is a phone.
func TestZeroConfig(t *testing.T) {
	p, err := New(Config{})
	if err != nil {
		t.Fatalf("New(Config{}): %v; the zero value must work", err)
	}
	if got := p.set.MaxCalls; got != 4 {
		t.Errorf("MaxCalls defaults to %d, the documentation says 4", got)
	}
	if got := p.set.Expires; got != 10*time.Minute {
		t.Errorf("Expires defaults to %v, the documentation says 10 minutes", got)
	}
	if len(p.set.codecs) != 2 || p.set.codecs[0].Name != "PCMU" {
		t.Errorf("codecs default to %v, the documentation says PCMU, PCMA", p.set.codecs)
	}
	if !strings.HasPrefix(p.set.Instance, "urn:uuid:") || len(p.set.Instance) != len("urn:uuid:")+36 {
		t.Errorf("instance %q is not a UUID URN (RFC 5626 §4.1)", p.set.Instance)
	}
}

func TestConfigErrors(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		want   string
	}{
		"account without user": {Config{Account: "sip:192.0.2.1"}, "no user"},
		"account without host": {Config{Account: "sip:8005@"}, "account"},
		"strange server":       {Config{Server: "sip:"}, "server"},
		"listen without port":  {Config{Listen: []string{"udp://127.0.0.1"}}, "listen"},
		"listen on websocket":  {Config{Listen: []string{"ws://127.0.0.1:80"}}, "want udp://"},
		"tls without key":      {Config{Listen: []string{"tls://127.0.0.1:0"}}, "certificate"},
		"unknown codec":        {Config{Codecs: []string{"G729"}}, "G729"},
		"odd packet time":      {Config{Ptime: 25 * time.Millisecond}, "packet time"},
		"negative expires":     {Config{Expires: -time.Second}, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.config)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
}

// TestDestination proves what a user may type to call somebody.
func TestDestination(t *testing.T) {
	p, err := New(Config{Account: "sip:8005@192.0.2.1:5061;transport=tcp", Password: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"8006":                     "sip:8006@192.0.2.1:5061;transport=tcp",
		"sip:bob@example.org":      "sip:bob@example.org",
		"bob@example.org":          "sip:bob@example.org",
		"sips:bob@example.org":     "sips:bob@example.org",
		"a b":                      "sip:a%20b@192.0.2.1:5061;transport=tcp",
		"sip:8006@[2001:db8::1]:5": "sip:8006@[2001:db8::1]:5",
	} {
		u, err := p.destination(typed)
		if err != nil || u.String() != want {
			t.Errorf("%q calls %s (%v), want %s", typed, u.String(), err, want)
		}
	}
	alone, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alone.destination("8006"); err == nil {
		t.Error("a user without a host was accepted on a phone without an account")
	}
}

// TestMailbox proves order, the limit, and that what must arrive does.
func TestMailbox(t *testing.T) {
	b := newMailbox[int](2)
	for i := range 3 {
		if got, want := b.put(i, false), i < 2; got != want {
			t.Errorf("put %d: %v, want %v with a limit of 2", i, got, want)
		}
	}
	if !b.put(9, true) {
		t.Error("an item that must arrive was refused")
	}
	<-b.wake
	got := b.take()
	if len(got) != 3 || got[0] != 0 || got[1] != 1 || got[2] != 9 {
		t.Errorf("take returned %v, want 0 1 9 in this order", got)
	}
	select {
	case <-b.wake:
		t.Error("an empty mailbox wakes its reader")
	default:
	}
}
