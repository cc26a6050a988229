package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
)

// Verdict is the outcome of a verification.
type Verdict uint8

// The verdicts.
const (
	NoCredentials Verdict = iota // none for our realm: challenge
	OK                           // the user is who he says
	Stale                        // right secret, but the nonce is used up: challenge with stale
	Denied                       // unknown user or wrong secret: challenge
	Malformed                    // answer 400
)

var verdictNames = [...]string{"no credentials", "ok", "stale", "denied", "malformed"}

// String returns the verdict in words.
func (v Verdict) String() string { return verdictNames[v] }

// Config of a Server.
type Config struct {
	Realm      string        // mandatory
	Algorithms []Algorithm   // offered, in order of preference; empty = MD5, see Challenge
	Lifetime   time.Duration // of a nonce; 0 = 5 minutes
	Key        []byte        // of the nonces, shared by the nodes of a cluster; empty = random
	MaxNonces  int           // nonces whose counts are remembered; 0 = 131,072
}

// clockSkew is how far the clock of another node that issued a nonce may be
// ahead.
const clockSkew = 10 * time.Second

// Server challenges and verifies for one realm. It is safe for concurrent use.
type Server struct {
	config Config
	mint   *mint
	replay *replay
	decoy  Secret // stands for a user who is not there
}

// New returns a Server.
func New(c Config) *Server {
	if len(c.Algorithms) == 0 {
		c.Algorithms = []Algorithm{MD5}
	}
	if c.Lifetime <= 0 {
		c.Lifetime = 5 * time.Minute
	}
	if c.MaxNonces <= 0 {
		c.MaxNonces = 1 << 17
	}
	var secret [16]byte
	rand.Read(secret[:])
	return &Server{
		config: c,
		mint:   newMint(c.Realm, c.Key),
		replay: newReplay(c.MaxNonces, c.Lifetime+clockSkew),
		decoy:  Secret{Password: hex.EncodeToString(secret[:])},
	}
}

// Realm returns the realm.
func (s *Server) Realm() string { return s.config.Realm }

// authOnly is the protection we offer (RFC 7616 §3.3 qop).
var authOnly = []string{"auth"}

// Challenge adds the challenges to a 401 (WWW-Authenticate), or to a 407 if
// proxy is set (Proxy-Authenticate): one line per algorithm, the preferred one
// first (RFC 8760 §2.4). Many phones give up if the first algorithm, or any,
// is one they do not know, so MD5 alone is the default, as it is Asterisk's.
func (s *Server) Challenge(res *sip.Response, proxy, stale bool, now time.Time) {
	id := sip.HeaderWWWAuthenticate
	if proxy {
		id = sip.HeaderProxyAuthenticate
	}
	nonce := s.mint.issue(now)
	for _, a := range s.config.Algorithms {
		c := sip.Challenge{
			Scheme: "Digest", Realm: s.config.Realm, Nonce: nonce,
			Algorithm: a.String(), QOP: authOnly, Stale: stale,
		}
		res.Add(id, c.String())
	}
}

// Verify checks the credentials for our realm in Authorization, or in
// Proxy-Authorization if proxy is set. lookup returns what is known of a user.
// The digest URI is not compared with the Request-URI, which elements on the
// way may rewrite (RFC 3261 §22.4); the nonce count keeps credentials from
// being used for a second request.
func (s *Server) Verify(req *sip.Request, proxy bool, lookup func(user, realm string) (Secret, bool), now time.Time) (user string, v Verdict) {
	c, a, found := s.credentials(req, proxy)
	if !found {
		return "", NoCredentials
	}
	nc, ok := wellFormed(c, a)
	if !ok {
		return c.Username, Malformed
	}
	secret, known := lookup(c.Username, c.Realm)
	if known = known && secret.can(a); !known {
		secret = s.decoy
	}
	want := response(a, secret.ha1(a, c.Username, c.Realm), input{
		method: string(req.Method()), uri: c.URI, body: req.Body(),
		nonce: c.Nonce, cnonce: c.CNonce, qop: c.QOP, nc: c.NC,
	})
	match := subtle.ConstantTimeCompare([]byte(c.Response), want.bytes()) == 1
	id, issued, ours := s.mint.check(c.Nonce)
	age := now.Sub(issued)
	switch {
	case !known || !match:
		return c.Username, Denied
	case !ours || age >= s.config.Lifetime || age < -clockSkew:
		return c.Username, Stale
	case !s.replay.use(id, issued, nc, now):
		return c.Username, Stale
	}
	return c.Username, OK
}

// credentials returns the first digest credentials for our realm with an
// algorithm that we offer.
func (s *Server) credentials(req *sip.Request, proxy bool) (sip.Credentials, Algorithm, bool) {
	id := sip.HeaderAuthorization
	if proxy {
		id = sip.HeaderProxyAuthorization
	}
	for v := range req.Values(id) {
		c, err := sip.ParseCredentials(v)
		if err != nil || !strings.EqualFold(c.Scheme, "Digest") || c.Realm != s.config.Realm {
			continue
		}
		if a, ok := ParseAlgorithm(c.Algorithm); ok && s.offers(a) {
			return c, a, true
		}
	}
	return sip.Credentials{}, 0, false
}

// offers reports whether the algorithm, with or without -sess, is ours.
func (s *Server) offers(a Algorithm) bool {
	return slices.Contains(s.config.Algorithms, a) || slices.Contains(s.config.Algorithms, a.base())
}

// wellFormed checks what RFC 7616 §3.4 asks of credentials, and returns nc.
func wellFormed(c sip.Credentials, a Algorithm) (nc uint32, ok bool) {
	if c.Username == "" || c.Nonce == "" || c.URI == "" || c.Response == "" || c.UserHash {
		return 0, false
	}
	switch c.QOP {
	case "":
		return 0, !a.session() || c.CNonce != ""
	case "auth", "auth-int":
		nc, ok = c.Count()
		return nc, ok && nc > 0 && c.CNonce != ""
	}
	return 0, false
}
