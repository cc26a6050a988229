package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hometone/hometone/sip"
)

// Why a challenge cannot be answered.
var (
	ErrNoChallenge   = errors.New("auth: no digest challenge that can be answered")
	ErrNoCredentials = errors.New("auth: no credentials for the realm")
	ErrRefused       = errors.New("auth: the credentials were refused")
)

// Credentials are a client's user name and secret for a realm.
type Credentials struct {
	Username string
	Realm    string // "" = any
	Secret   Secret
}

// Client answers challenges for one account. It remembers the last challenge of
// each realm, at most maxRealms, to count its uses and to put credentials on
// later requests unasked. It is safe for concurrent use.
type Client struct {
	creds []Credentials

	mu     sync.Mutex // guards the following
	realms []realm    // the latest last
}

const maxRealms = 16

// realm is the state of one protection space.
type realm struct {
	challenge sip.Challenge
	algorithm Algorithm
	proxy     bool
	used      uint32 // nc of the last use
}

// NewClient returns a Client. The first credentials that fit a realm are used.
func NewClient(creds ...Credentials) *Client { return &Client{creds: slices.Clone(creds)} }

// Answer puts on req the credentials that the challenges in res (a 401 or 407 to
// req) ask for; CSeq and branch are the caller's (RFC 3261 §8.1.3.5). Of several
// challenges of one realm the strongest is taken (RFC 8760 §2.4 leaves that to
// local policy), of several realms each is answered (RFC 3261 §22.3).
func (c *Client) Answer(req *sip.Request, res *sip.Response) error {
	proxy := res.Status() == 407
	best := strongest(res, proxy)
	if len(best) == 0 {
		return ErrNoChallenge
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	answered := 0
	for _, r := range best {
		cred, ok := c.find(r.challenge.Realm, r.algorithm)
		if !ok {
			continue
		}
		if refused(req, r) {
			return fmt.Errorf("%w: user %q, realm %q", ErrRefused, cred.Username, r.challenge.Realm)
		}
		c.remember(r)
		if err := c.put(req, &c.realms[len(c.realms)-1], cred); err != nil {
			return err
		}
		answered++
	}
	if answered == 0 {
		return fmt.Errorf("%w %q", ErrNoCredentials, best[0].challenge.Realm)
	}
	return nil
}

// Authorize puts on req the credentials for all realms that challenged before,
// which saves a round trip (RFC 3261 §22.2, §22.3).
func (c *Client) Authorize(req *sip.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.realms {
		r := &c.realms[i]
		if cred, ok := c.find(r.challenge.Realm, r.algorithm); ok {
			_ = c.put(req, r, cred) // what cannot be answered will be challenged again
		}
	}
}

// strongest returns the strongest challenge we can answer of each realm.
func strongest(res *sip.Response, proxy bool) []realm {
	id := sip.HeaderWWWAuthenticate
	if proxy {
		id = sip.HeaderProxyAuthenticate
	}
	var best []realm
	for v := range res.Values(id) {
		ch, err := sip.ParseChallenge(v)
		if err != nil || !strings.EqualFold(ch.Scheme, "Digest") || ch.Nonce == "" {
			continue
		}
		a, ok := ParseAlgorithm(ch.Algorithm)
		if _, known := qop(ch); !ok || !known {
			continue
		}
		r := realm{challenge: ch, algorithm: a, proxy: proxy}
		i := slices.IndexFunc(best, func(b realm) bool { return b.challenge.Realm == ch.Realm })
		switch {
		case i < 0:
			best = append(best, r)
		case a.base() > best[i].algorithm.base():
			best[i] = r
		}
	}
	return best
}

// qop chooses the quality of protection: auth, or auth-int if only that is
// offered, or none if none is (RFC 7616 §3.3; unknown ones are passed over).
func qop(ch sip.Challenge) (string, bool) {
	switch {
	case len(ch.QOP) == 0:
		return "", true
	case slices.Contains(ch.QOP, "auth"):
		return "auth", true
	case slices.Contains(ch.QOP, "auth-int"):
		return "auth-int", true
	}
	return "", false
}

// find returns the credentials for a realm.
func (c *Client) find(name string, a Algorithm) (Credentials, bool) {
	for _, cred := range c.creds {
		if (cred.Realm == "" || cred.Realm == name) && cred.Secret.can(a) {
			return cred, true
		}
	}
	return Credentials{}, false
}

// refused: an answer to the first use of a nonce that is challenged again, and
// not because the nonce is stale, means that the secret is wrong (RFC 7616
// §3.3 stale). A nonce used before may have run out at a server that does not
// say so.
func refused(req *sip.Request, r realm) bool {
	old, ok := existing(req, r)
	if !ok || r.challenge.Stale {
		return false
	}
	nc, counted := old.Count()
	return !counted || nc == 1
}

func existing(req *sip.Request, r realm) (sip.Credentials, bool) {
	for v := range req.Values(header(r.proxy)) {
		if old, err := sip.ParseCredentials(v); err == nil && old.Realm == r.challenge.Realm {
			return old, true
		}
	}
	return sip.Credentials{}, false
}

func header(proxy bool) sip.HeaderID {
	if proxy {
		return sip.HeaderProxyAuthorization
	}
	return sip.HeaderAuthorization
}

// remember makes r the latest realm, in place of what was known of it.
func (c *Client) remember(r realm) {
	for i, known := range c.realms {
		if known.challenge.Realm != r.challenge.Realm || known.proxy != r.proxy {
			continue
		}
		if known.challenge.Nonce == r.challenge.Nonce && known.algorithm == r.algorithm {
			r.used = known.used
		}
		c.realms = slices.Delete(c.realms, i, i+1)
		break
	}
	if len(c.realms) == maxRealms {
		c.realms = slices.Delete(c.realms, 0, 1)
	}
	c.realms = append(c.realms, r)
}

// put replaces the credentials of the realm on req.
func (c *Client) put(req *sip.Request, r *realm, cred Credentials) error {
	r.used++
	value, err := Respond(r.challenge, cred, req, sip.NewTag(), r.used)
	if err != nil {
		return err
	}
	id := header(r.proxy)
	var others []string
	for v := range req.Values(id) {
		if old, err := sip.ParseCredentials(v); err != nil || old.Realm != r.challenge.Realm {
			others = append(others, v)
		}
	}
	req.Del(id)
	for _, v := range others {
		req.Add(id, v)
	}
	req.Add(id, value)
	return nil
}

// Respond computes the value of Authorization or Proxy-Authorization that
// answers one challenge for a request, with a given cnonce and nonce count.
func Respond(ch sip.Challenge, cred Credentials, req *sip.Request, cnonce string, nc uint32) (string, error) {
	a, ok := ParseAlgorithm(ch.Algorithm)
	quality, known := qop(ch)
	switch {
	case !ok || !known || !strings.EqualFold(ch.Scheme, "Digest"):
		return "", ErrNoChallenge
	case !cred.Secret.can(a):
		return "", ErrNoCredentials
	}
	out := sip.Credentials{
		Scheme: "Digest", Username: cred.Username, Realm: ch.Realm, Nonce: ch.Nonce,
		URI: req.URI(), Algorithm: ch.Algorithm, Opaque: ch.Opaque, QOP: quality,
	}
	if quality != "" {
		out.NC = fmt.Sprintf("%08x", nc)
	}
	if quality != "" || a.session() {
		out.CNonce = cnonce
	}
	d := response(a, cred.Secret.ha1(a, cred.Username, ch.Realm), input{
		method: string(req.Method()), uri: out.URI, body: req.Body(),
		nonce: out.Nonce, cnonce: out.CNonce, qop: out.QOP, nc: out.NC,
	})
	out.Response = string(d.bytes())
	return out.String(), nil
}
