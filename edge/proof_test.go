package edge

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transport"
)

// A stranger writes a dialog that does not exist, or borrows the proof of one
// that does: the edge forwards none of it to where he likes.
func TestForgedDialog(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{})
	alice, pbx := b.udp("alice"), b.udp("pbx")
	mallory, victim := b.udp("mallory"), b.udp("victim")
	d.Apply(peerSet(pbx), time.Now())
	s := &siptest.Script{System: "edge", Patience: 3 * time.Second, Vars: map[string]string{
		"sut": b.addr("udp").String(), "pbx": pbx.Address(), "alice": alice.Address(), "victim": victim.Address(),
	}}
	s.Run(t, `
		alice -> INVITE sip:100@{sut} | sdp
		pbx <- INVITE | Record-Route: <sip:{sut};lr;proof={proof}>
		pbx -> 200 | sdp
		alice <- 200 INVITE | Record-Route: <sip:{sut};lr;proof={proof}>
		alice -> ACK
		pbx <- ACK
		mallory -> BYE sip:victim@{victim} | new | To: <sip:victim@{victim}>;tag=guess | Route: <sip:{sut};lr>
		mallory <- 403
		mallory -> BYE sip:victim@{sut} | new | To: <sip:victim@{victim}>;tag=guess | Route: <sip:{sut};lr>, <sip:{victim};lr>
		mallory <- 403
		mallory -> BYE sip:victim@{victim} | new | To: <sip:victim@{victim}>;tag=guess | Route: <sip:{victim};lr>
		mallory <- 403
		mallory -> BYE sip:victim@{victim} | new | To: <sip:victim@{victim}>;tag=guess | Route: <sip:{sut};lr;proof={proof}>
		mallory <- 403          # the proof of another dialog
		mallory -> ACK sip:victim@{victim} | new | To: <sip:victim@{victim}>;tag=guess | Route: <sip:{sut};lr>
		victim silence 50ms
		alice -> INFO sip:victim@192.0.2.66   # a dialog of her own, aimed at somebody else
		alice <- 403
		alice -> BYE sip:100@{pbx}
		pbx <- BYE | -Route
		pbx -> 200
		alice <- 200
	`, alice, pbx, mallory, victim)
}

// The callee is elsewhere than the destination: the response tells where, and
// proves it to the caller (RFC 3261 §16.7 step 8). Both sides go on.
func TestProofOfCallee(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{})
	alice, pbx, media := b.udp("alice"), b.udp("pbx"), b.udp("media")
	d.Apply(peerSet(pbx), time.Now())
	_, port, _ := strings.Cut(media.Address(), ":")
	s := &siptest.Script{System: "edge", Patience: 3 * time.Second, Vars: map[string]string{"sut": b.addr("udp").String(), "at": "localhost:" + port}}
	s.Run(t, `
		alice -> INVITE sip:100@{sut} | sdp
		pbx <- INVITE
		pbx -> 200 | Contact: <sip:100@{at}> | sdp
		alice <- 200 INVITE | Record-Route: <sip:{sut};lr;proof={proof}>
		pbx -> again
		alice <- again          # the copy of the 200 leads there too
		alice -> ACK
		media <- ACK | uri: sip:100@{at} | -Route
		alice -> BYE
		media <- BYE
		media -> 200
		alice <- 200
	`, alice, pbx, media)
	if n := b.counter("refused"); n != 0 {
		t.Errorf("%d requests of the dialog were refused", n)
	}
}

// A phone that is no destination calls another by a flow that only the edge
// knows: nobody else may use that flow, in a dialog or outside.
func TestStolenFlow(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{Path: true})
	phone, pbx, mallory := siptest.TCP(t, "phone", b.addr("tcp")), b.udp("pbx"), b.udp("mallory")
	d.Apply(peerSet(pbx), time.Now())
	s := &siptest.Script{System: "edge", Patience: 3 * time.Second, Vars: map[string]string{"sut": b.addr("udp").String(), "edge": b.addr("tcp").String()}}
	s.Run(t, `
		phone -> REGISTER sip:{sut} | Supported: path, outbound
		pbx <- REGISTER | Path: <sip:{token}@*;ob>
		pbx -> 200
		phone <- 200
		mallory -> INVITE sip:phone@10.1.2.3 | new | Route: <sip:{token}@{edge};transport=tcp;lr> | sdp
		mallory <- 403
		mallory -> ACK
		mallory -> BYE sip:phone@10.1.2.3 | new | To: <sip:phone@10.1.2.3>;tag=guess | Route: <sip:{token}@{edge};transport=tcp;lr>
		mallory <- 403
		phone silence 50ms
	`, phone, pbx, mallory)
}

func dialogRequest(callID, from, to string) *sip.Message {
	req := sip.NewRequest(sip.BYE, "sip:bob@192.0.2.1")
	req.Add(sip.HeaderCallID, callID)
	req.Add(sip.HeaderFrom, "<sip:a@b>;tag="+from)
	req.Add(sip.HeaderTo, "<sip:b@b>;tag="+to)
	return &req.Message
}

func TestProofs(t *testing.T) {
	start := time.Date(2026, 2, 3, 23, 59, 0, 0, time.UTC)
	at := func(days int, secrets ...string) *proofs {
		var list [][]byte
		for _, s := range secrets {
			list = append(list, []byte(s))
		}
		p := newProofs(list)
		p.now = func() time.Time { return start.AddDate(0, 0, days) }
		return p
	}
	both := proofOf(at(0, "one"), "call", "alice", "192.0.2.1", "pbx.example.com")
	for _, c := range []struct {
		name                  string
		verifier              *proofs
		callID, from, to, hop string
		want                  bool
	}{
		{"the caller's request", at(0, "one"), "call", "alice", "bob", "192.0.2.1", true},
		{"the callee's request", at(0, "one"), "call", "bob", "alice", "192.0.2.1", true},
		{"the other hop", at(0, "one"), "call", "bob", "alice", "pbx.example.com", true},
		{"elsewhere", at(0, "one"), "call", "alice", "bob", "192.0.2.2", false},
		{"nowhere", at(0, "one"), "call", "alice", "bob", "", false},
		{"another call", at(0, "one"), "call2", "alice", "bob", "192.0.2.1", false},
		{"parts moved between the fields", at(0, "one"), "callalice", "", "bob", "192.0.2.1", false},
		{"other people", at(0, "one"), "call", "carol", "bob", "192.0.2.1", false},
		{"after a restart with a new secret, the old one known", at(0, "two", "one"), "call", "alice", "bob", "192.0.2.1", true},
		{"with a secret of somebody else", at(0, "two"), "call", "alice", "bob", "192.0.2.1", false},
		{"a week later", at(7, "one"), "call", "alice", "bob", "192.0.2.1", true},
		{"nine days later", at(9, "one"), "call", "alice", "bob", "192.0.2.1", false},
		{"256 days later, when the day has the same byte", at(256, "one"), "call", "alice", "bob", "192.0.2.1", false},
		{"a fellow edge whose clock is behind", at(-1, "one"), "call", "alice", "bob", "192.0.2.1", true},
	} {
		if got := c.verifier.check(both, dialogRequest(c.callID, c.from, c.to), []byte(c.hop)); got != c.want {
			t.Errorf("%s: believed %v, want %v", c.name, got, c.want)
		}
	}
	p := at(0, "one")
	for day := range 100 {
		p.of(uint64(day))
	}
	if len(p.days) > proofDays+proofSkew+1 {
		t.Errorf("keys of %d days are kept", len(p.days))
	}
}

func FuzzProof(f *testing.F) {
	p := newProofs([][]byte{[]byte("one")})
	p.now = func() time.Time { return time.Unix(1_770_000_000, 0) }
	good := proofOf(p, "call", "alice", "192.0.2.1")
	f.Add(good)
	f.Add(proofOf(p, "call", "bob", "192.0.2.2", "192.0.2.1"))
	f.Add("")
	m := dialogRequest("call", "alice", "carol")
	f.Fuzz(func(t *testing.T, param string) {
		if p.check(param, m, []byte("192.0.2.1")) && !strings.HasPrefix(param, good[:8]) {
			t.Errorf("%q is believed", param)
		}
	})
}

// The node's own secret outlives restarts and is renewed after a month; the one
// before is believed still.
func TestOwnSecret(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	first, old, err := secretOf(new(config.Edge), dir, now)
	if err != nil || len(first) != 64 || old != nil {
		t.Fatalf("first start: %d bytes, %d old, %v", len(first), len(old), err)
	}
	if info, err := os.Stat(filepath.Join(dir, secretFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	if again, _, _ := secretOf(new(config.Edge), dir, now.Add(time.Hour)); string(again) != string(first) {
		t.Error("a restart makes another secret")
	}
	second, old, err := secretOf(new(config.Edge), dir, now.Add(secretLife+time.Hour))
	if err != nil || string(second) == string(first) || len(old) != 1 || string(old[0]) != string(first) {
		t.Errorf("after a month: same %v, %d old, %v", string(second) == string(first), len(old), err)
	}
}

// RFC 3261 §26.2.2 and RFC 5630: what goes to a SIPS URI leaves over TLS or not
// at all, and the proxy's route is a SIPS URI too (§16.6 step 4).
func TestSIPS(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{})
	alice, pbx := b.udp("alice"), b.udp("pbx")
	d.Apply(peerSet(pbx), time.Now())
	b.play(`
		alice -> INVITE sips:100@{sut} | sdp
		alice <- 480 | Warning: 380 hometone "SIPS Not Allowed"
		alice -> ACK
		alice -> INVITE sips:100@{sut} | new | Route: <sips:{sut};lr> | sdp
		alice <- 480
		alice -> ACK
		pbx silence 30ms
	`, alice, pbx)
	there := netip.MustParseAddrPort("192.0.2.9:5061")
	for _, c := range []struct {
		proto transport.Proto
		e     entry
		want  string
	}{
		{transport.TLS, entry{sips: true}, "<sips:"},
		{transport.TLS, entry{}, ";transport=tls;lr>"},
		{transport.WSS, entry{sips: true}, ";transport=ws;lr>"},
		{transport.WSS, entry{token: "t"}, "<sip:t@"},
	} {
		if got := b.proxy.entry(transport.Target{Proto: c.proto, Addr: there}, &c.e); !strings.Contains(got, c.want) || c.proto == transport.TLS && c.e.sips && strings.Contains(got, "transport") {
			t.Errorf("entry for %v %+v is %s, want %s", c.proto, c.e, got, c.want)
		}
	}
	for text, want := range map[string]bool{"sips:a@b": true, "SIPS:a@b": true, "sip:a@b": false} {
		if sipsOnly(sip.NewRequest(sip.INVITE, text)) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	routed := sip.NewRequest(sip.INVITE, "sip:a@b")
	routed.Add(sip.HeaderRoute, "<sips:p.example.com;lr>")
	if !sipsOnly(routed) {
		t.Error("a next hop with SIPS is not taken as secure only")
	}
}

// proofOf is the parameter for hops.
func proofOf(p *proofs, callID, tag string, hops ...string) string {
	var list [][]byte
	for _, hop := range hops {
		list = append(list, []byte(hop))
	}
	return string(p.appendProof(nil, callID, tag, list...))
}
