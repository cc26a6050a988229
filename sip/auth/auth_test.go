package auth

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const request = "REGISTER sip:example.com SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" +
	"From: <sip:8005@example.com>;tag=1\r\nTo: <sip:8005@example.com>\r\n" +
	"Call-ID: a\r\nCSeq: 1 REGISTER\r\nContent-Length: 4\r\n\r\nbody"

func newRequest(t testing.TB) *sip.Request {
	t.Helper()
	req := new(sip.Request)
	if err := req.Parse(request); err != nil {
		t.Fatal(err)
	}
	return req
}

// users is a lookup with three ways to store a secret.
func users(user, realm string) (Secret, bool) {
	switch user {
	case "8005":
		return Secret{Password: "correct horse"}, true
	case "8006":
		return Secret{
			MD5:    HA1(MD5, user, realm, "battery"),
			SHA256: strings.ToUpper(HA1(SHA256, user, realm, "battery")),
		}, true
	}
	return Secret{}, false
}

func challenge(t testing.TB, s *Server, req *sip.Request, stale bool, now time.Time) *sip.Response {
	t.Helper()
	res := sip.NewResponse(req, 401, "")
	s.Challenge(res, false, stale, now)
	return res
}

// The vectors of RFC 2617, RFC 7616 and two other stacks.
func TestVectors(t *testing.T) {
	b, err := os.ReadFile(testdata.Path(t, "16-vectors-digest", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Source, Algorithm, Username, Realm, Password, Method, URI, Nonce string
		NC, CNonce, QOP, Body, EntityBody                                *string
		Response                                                         string
		Correct                                                          string `json:"correct_response"`
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	value := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, v := range vectors {
		a, ok := ParseAlgorithm(v.Algorithm)
		if !ok {
			t.Errorf("%s: algorithm %q", v.Source, v.Algorithm)
			continue
		}
		want := v.Response
		if v.Correct != "" {
			want = v.Correct
		}
		got := response(a, Secret{Password: v.Password}.ha1(a, v.Username, v.Realm), input{
			method: v.Method, uri: v.URI, body: value(v.Body) + value(v.EntityBody), nonce: v.Nonce,
			cnonce: value(v.CNonce), qop: value(v.QOP), nc: value(v.NC),
		})
		if string(got.bytes()) != want {
			t.Errorf("%s: got %s, want %s", v.Source, got.bytes(), want)
		}
	}
	if len(vectors) < 5 {
		t.Errorf("only %d vectors", len(vectors))
	}
}

// Challenge, answer, verify: every algorithm, every way to store a secret.
func TestRoundTrip(t *testing.T) {
	for a := MD5; a <= SHA512256Sess; a++ {
		for _, proxy := range []bool{false, true} {
			s := New(Config{Realm: "example.com", Algorithms: []Algorithm{a}})
			req := newRequest(t)
			status := 401
			if proxy {
				status = 407
			}
			res := sip.NewResponse(req, status, "")
			s.Challenge(res, proxy, false, start)
			client := NewClient(Credentials{Username: "8005", Secret: Secret{Password: "correct horse"}})
			if err := client.Answer(req, res); err != nil {
				t.Fatal(a, err)
			}
			if user, v := s.Verify(req, proxy, users, start); user != "8005" || v != OK {
				t.Errorf("%v proxy=%v: %s %v", a, proxy, user, v)
			}
			if _, v := s.Verify(req, !proxy, users, start); v != NoCredentials {
				t.Errorf("%v: credentials for the other header count: %v", a, v)
			}
		}
	}
}

func TestStoredHash(t *testing.T) {
	s := New(Config{Realm: "example.com", Algorithms: []Algorithm{SHA256, MD5}})
	for _, name := range []Algorithm{MD5, SHA256} {
		req := newRequest(t)
		ch := sip.Challenge{Scheme: "Digest", Realm: "example.com", Nonce: s.mint.issue(start), Algorithm: name.String(), QOP: []string{"auth"}}
		value, err := Respond(ch, Credentials{Username: "8006", Secret: Secret{Password: "battery"}}, req, "c", 1)
		if err != nil {
			t.Fatal(err)
		}
		req.Add(sip.HeaderAuthorization, value)
		if _, v := s.Verify(req, false, users, start); v != OK {
			t.Errorf("%v: %v", name, v)
		}
	}
	// A client may hold hashes only, too.
	secret, _ := users("8006", "example.com")
	req := newRequest(t)
	if err := NewClient(Credentials{Username: "8006", Secret: secret}).Answer(req, challenge(t, s, req, false, start)); err != nil {
		t.Fatal(err)
	}
	if _, v := s.Verify(req, false, users, start); v != OK {
		t.Errorf("hash against hash: %v", v)
	}
}

// RFC 7616 §3.4: "if the server sees the same nc value twice, then the request
// is a replay".
func TestReplay(t *testing.T) {
	s := New(Config{Realm: "example.com"})
	client := NewClient(Credentials{Username: "8005", Secret: Secret{Password: "correct horse"}})
	req := newRequest(t)
	if err := client.Answer(req, challenge(t, s, req, false, start)); err != nil {
		t.Fatal(err)
	}
	if _, v := s.Verify(req, false, users, start); v != OK {
		t.Fatal(v)
	}
	if _, v := s.Verify(req, false, users, start); v != Stale {
		t.Errorf("a replay is %v, want stale", v)
	}
	second := newRequest(t)
	client.Authorize(second)
	if !strings.Contains(second.Get(sip.HeaderAuthorization), "nc=00000002") {
		t.Errorf("second use: %s", second.Get(sip.HeaderAuthorization))
	}
	third := newRequest(t)
	client.Authorize(third)
	for _, r := range []*sip.Request{third, second} { // overtaken on the way
		if _, v := s.Verify(r, false, users, start); v != OK {
			t.Errorf("the next count is %v", v)
		}
	}
	if _, v := s.Verify(second, false, users, start); v != Stale {
		t.Errorf("an overtaken count twice is %v", v)
	}
}

// A nonce that ran out is answered with stale=true, and the client goes on by
// itself (RFC 7616 §3.3).
func TestStale(t *testing.T) {
	s := New(Config{Realm: "example.com", Lifetime: time.Minute})
	client := NewClient(Credentials{Username: "8005", Secret: Secret{Password: "correct horse"}})
	req := newRequest(t)
	if err := client.Answer(req, challenge(t, s, req, false, start)); err != nil {
		t.Fatal(err)
	}
	later := start.Add(time.Minute)
	if _, v := s.Verify(req, false, users, later); v != Stale {
		t.Fatalf("after its life a nonce is %v", v)
	}
	res := challenge(t, s, req, true, later)
	if !strings.Contains(res.Get(sip.HeaderWWWAuthenticate), "stale=true") {
		t.Errorf("challenge %s", res.Get(sip.HeaderWWWAuthenticate))
	}
	if err := client.Answer(req, res); err != nil {
		t.Fatalf("a stale challenge is no refusal: %v", err)
	}
	if req.Count(sip.HeaderAuthorization) != 1 {
		t.Errorf("%d credentials for one realm", req.Count(sip.HeaderAuthorization))
	}
	if _, v := s.Verify(req, false, users, later); v != OK {
		t.Errorf("second answer: %v", v)
	}
}

// Nobody can tell an unknown user from a wrong password.
func TestNoEnumeration(t *testing.T) {
	s := New(Config{Realm: "example.com"})
	for _, c := range []Credentials{
		{Username: "8005", Secret: Secret{Password: "wrong"}},
		{Username: "nobody", Secret: Secret{Password: "wrong"}},
		{Username: "nobody", Secret: Secret{Password: "correct horse"}},
	} {
		for _, now := range []time.Time{start, start.Add(time.Hour)} {
			req := newRequest(t)
			if err := NewClient(c).Answer(req, challenge(t, s, req, false, start)); err != nil {
				t.Fatal(err)
			}
			if _, v := s.Verify(req, false, users, now); v != Denied {
				t.Errorf("%s: %v, want denied without a word about the nonce", c.Username, v)
			}
		}
	}
}

func TestForeignNonce(t *testing.T) {
	key := []byte("of the cluster")
	a, b := New(Config{Realm: "example.com", Key: key}), New(Config{Realm: "example.com", Key: key})
	other := New(Config{Realm: "example.com"})
	req := newRequest(t)
	client := NewClient(Credentials{Username: "8005", Secret: Secret{Password: "correct horse"}})
	if err := client.Answer(req, challenge(t, a, req, false, start)); err != nil {
		t.Fatal(err)
	}
	if _, v := other.Verify(req, false, users, start); v != Stale {
		t.Errorf("a nonce of another key: %v, want stale", v)
	}
	if _, v := b.Verify(req, false, users, start); v != OK {
		t.Errorf("a nonce of another node of the cluster: %v", v)
	}
}

func TestVerdicts(t *testing.T) {
	s := New(Config{Realm: "example.com", Algorithms: []Algorithm{MD5}})
	nonce := s.mint.issue(start)
	for value, want := range map[string]Verdict{
		``:                                NoCredentials,
		`NoOneKnowsThisScheme opaque="x"`: NoCredentials,
		`Digest realm="elsewhere", username="8005", nonce="n", uri="u", response="r"`:                                                  NoCredentials,
		`Digest realm="example.com", username="8005", nonce="n", uri="u", response="r", algorithm=SHA-256`:                             NoCredentials,
		`Digest realm="example.com", username="8005", nonce="n", uri="u", response="r", algorithm=AKAv1-MD5`:                           NoCredentials,
		`Digest realm="example.com", nonce="n", uri="u", response="r"`:                                                                 Malformed,
		`Digest realm="example.com", username="8005", nonce="n", uri="u", response="r", qop=auth`:                                      Malformed,
		`Digest realm="example.com", username="8005", nonce="n", uri="u", response="r", qop=auth, cnonce="c", nc=0000000g`:             Malformed,
		`Digest realm="example.com", username="8005", nonce="n", uri="u", response="r", qop=auth, cnonce="c", nc=00000000`:             Malformed,
		`Digest realm="example.com", username="8005", nonce="n", uri="u", response="r", qop=auth-conf, cnonce="c", nc=00000001`:        Malformed,
		`Digest realm="example.com", username="8005", nonce="` + nonce + `", uri="u", response="r"`:                                    Denied,
		`Digest realm="example.com", username="8005", nonce="` + nonce + `", uri="u", response="r", qop=auth, cnonce="c", nc=00000001`: Denied,
	} {
		req := newRequest(t)
		if value != "" {
			req.Add(sip.HeaderAuthorization, value)
		}
		if _, v := s.Verify(req, false, users, start); v != want {
			t.Errorf("%s: %v, want %v", value, v, want)
		}
	}
}

// RFC 2069 clients send no qop; their nonce is good for one request.
func TestNoQOP(t *testing.T) {
	s := New(Config{Realm: "example.com", Algorithms: []Algorithm{MD5}})
	ch := sip.Challenge{Scheme: "Digest", Realm: "example.com", Nonce: s.mint.issue(start)}
	req := newRequest(t)
	value, err := Respond(ch, Credentials{Username: "8005", Secret: Secret{Password: "correct horse"}}, req, "", 1)
	if err != nil || strings.Contains(value, "qop") || strings.Contains(value, "nc=") {
		t.Fatal(value, err)
	}
	req.Add(sip.HeaderAuthorization, value)
	if _, v := s.Verify(req, false, users, start); v != OK {
		t.Errorf("without qop: %v", v)
	}
	if _, v := s.Verify(req, false, users, start); v != Stale {
		t.Errorf("without qop, again: %v", v)
	}
}

// RFC 7616 §3.4.3: auth-int covers the body.
func TestIntegrity(t *testing.T) {
	s := New(Config{Realm: "example.com", Algorithms: []Algorithm{SHA256, MD5}})
	ch := sip.Challenge{Scheme: "Digest", Realm: "example.com", Nonce: s.mint.issue(start), Algorithm: "SHA-256", QOP: []string{"auth-int"}}
	req := newRequest(t)
	value, err := Respond(ch, Credentials{Username: "8005", Secret: Secret{Password: "correct horse"}}, req, "c", 1)
	if err != nil {
		t.Fatal(err)
	}
	req.Add(sip.HeaderAuthorization, value)
	forged := req.Clone()
	forged.SetBody("text/plain", "forged")
	if _, v := s.Verify(forged, false, users, start); v != Denied {
		t.Errorf("another body: %v", v)
	}
	if _, v := s.Verify(req, false, users, start); v != OK {
		t.Errorf("auth-int: %v", v)
	}
}

func TestClientRefused(t *testing.T) {
	s := New(Config{Realm: "example.com"})
	client := NewClient(Credentials{Username: "8005", Secret: Secret{Password: "wrong"}})
	req := newRequest(t)
	if err := client.Answer(req, challenge(t, s, req, false, start)); err != nil {
		t.Fatal(err)
	}
	if err := client.Answer(req, challenge(t, s, req, false, start)); !errors.Is(err, ErrRefused) {
		t.Errorf("the second challenge: %v, want a refusal and no endless loop", err)
	}
	strange := sip.NewResponse(req, 401, "")
	strange.Add(sip.HeaderWWWAuthenticate, `Digest realm="x", nonce="n", algorithm=AKAv1-MD5, qop="auth"`)
	if err := client.Answer(req, strange); !errors.Is(err, ErrNoChallenge) {
		t.Errorf("an unknown algorithm: %v", err)
	}
	named := NewClient(Credentials{Username: "u", Realm: "other", Secret: Secret{Password: "p"}})
	if err := named.Answer(newRequest(t), challenge(t, s, req, false, start)); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("another realm: %v", err)
	}
}

// Of one realm the strongest challenge is answered; of several realms each.
func TestClientChoice(t *testing.T) {
	req := newRequest(t)
	res := sip.NewResponse(req, 407, "")
	for _, v := range []string{
		`Digest realm="a", nonce="n1", algorithm=MD5, qop="auth,auth-int"`,
		`Digest realm="a", nonce="n1", algorithm=SHA-512-256, qop="auth"`,
		`Digest realm="a", nonce="n1", algorithm=SHA-256, qop="auth"`,
		`Basic realm="a"`,
		`Digest realm="b", nonce="n2", opaque="o", qop="auth-int"`,
	} {
		res.Add(sip.HeaderProxyAuthenticate, v)
	}
	client := NewClient(Credentials{Username: "u", Secret: Secret{Password: "p"}})
	if err := client.Answer(req, res); err != nil {
		t.Fatal(err)
	}
	var got []sip.Credentials
	for v := range req.Values(sip.HeaderProxyAuthorization) {
		c, err := sip.ParseCredentials(v)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	if len(got) != 2 || got[0].Realm != "a" || got[0].Algorithm != "SHA-512-256" || got[0].QOP != "auth" {
		t.Fatalf("%+v", got)
	}
	if got[1].Realm != "b" || got[1].QOP != "auth-int" || got[1].Opaque != "o" || got[1].Algorithm != "" {
		t.Errorf("%+v", got[1])
	}
}

// The memory of the replay window is bounded, and what falls out of it is not
// taken twice.
func TestReplayBound(t *testing.T) {
	s := New(Config{Realm: "example.com", MaxNonces: 64})
	var first *sip.Request
	for i := range 1000 {
		req := newRequest(t)
		now := start.Add(time.Duration(i) * time.Millisecond)
		client := NewClient(Credentials{Username: "8005", Secret: Secret{Password: "correct horse"}})
		if err := client.Answer(req, challenge(t, s, req, false, now)); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = req
		}
		if _, v := s.Verify(req, false, users, now.Add(time.Millisecond)); v != OK {
			t.Fatalf("request %d: %v", i, v)
		}
		if n := len(s.replay.young) + len(s.replay.old); n > 64 {
			t.Fatalf("%d nonces remembered", n)
		}
	}
	if _, v := s.Verify(first, false, users, start.Add(time.Second)); v != Stale {
		t.Errorf("a forgotten nonce is %v, want stale", v)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	c := Credentials{Username: "u", Secret: Secret{Password: "hidden"}}
	if s := strings.Join([]string{c.Secret.String(), c.Secret.GoString()}, ""); strings.Contains(s, "hidden") {
		t.Error(s)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(`Digest username="8005", realm="example.com", nonce="x", uri="sip:a", response="r", qop=auth, nc=00000001, cnonce="c"`)
	f.Add(`Digest realm="example.com`)
	s := New(Config{Realm: "example.com"})
	f.Fuzz(func(t *testing.T, value string) {
		req := newRequest(t)
		req.Add(sip.HeaderAuthorization, value)
		if _, v := s.Verify(req, false, users, start); v == OK {
			t.Errorf("accepted %q", value)
		}
		res := sip.NewResponse(req, 401, "")
		res.Add(sip.HeaderWWWAuthenticate, value)
		_ = NewClient(Credentials{Username: "u", Secret: Secret{Password: "p"}}).Answer(req, res)
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, a := range []Algorithm{MD5, SHA256} {
		b.Run(a.String(), func(b *testing.B) {
			s := New(Config{Realm: "example.com", Algorithms: []Algorithm{a}})
			client := NewClient(Credentials{Username: "8005", Secret: Secret{Password: "correct horse"}})
			req := newRequest(b)
			if err := client.Answer(req, challenge(b, s, req, false, start)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Verify(req, false, users, start)
			}
		})
	}
}

func BenchmarkChallenge(b *testing.B) {
	s := New(Config{Realm: "example.com", Algorithms: []Algorithm{MD5}})
	req := newRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		s.Challenge(sip.NewResponse(req, 401, ""), false, false, start)
	}
}
