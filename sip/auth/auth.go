// Package auth is digest authentication for SIP (RFC 3261 §22, RFC 7616, RFC
// 8760), both sides.
package auth

import (
	"time"

	"github.com/hometone/hometone/sip"
)

// Algorithm is a digest algorithm of RFC 7616, with its -sess variant.
type Algorithm uint8

const (
	MD5 Algorithm = iota
	MD5Sess
	SHA256
	SHA256Sess
	SHA512256
	SHA512256Sess
)

// Secret is what the server knows of a user: the password, or hashes
// H(user:realm:password) in hexadecimal.
type Secret struct {
	Password  string
	MD5       string
	SHA256    string
	SHA512256 string
}

// Verdict is the outcome of a verification.
type Verdict uint8

const (
	NoCredentials Verdict = iota // none for our realm: challenge
	OK                           // the user is who he says
	Stale                        // right secret, old nonce: challenge with stale=true
	Denied                       // wrong user, secret or replay: challenge
	Malformed                    // answer 400
)

// Config of a Server.
type Config struct {
	Realm      string        // mandatory
	Algorithms []Algorithm   // in order of preference; empty = SHA-256, MD5
	Lifetime   time.Duration // of a nonce; 0 = 5 minutes
	Key        []byte        // HMAC key of the nonces, shared by the nodes of a cluster; empty = random
	MaxNonces  int           // nonces whose counts are remembered; 0 = 65,536
}

// Server challenges and verifies. It is safe for concurrent use.
type Server struct{ config Config }

// New returns a Server.
func New(c Config) *Server { return &Server{c} }

// Challenge adds the challenges to a 401 (WWW-Authenticate), or a 407 if proxy
// is set (Proxy-Authenticate).
func (s *Server) Challenge(res *sip.Response, proxy, stale bool, now time.Time) {}

// Verify checks the credentials for our realm in Authorization (a 401's) or
// Proxy-Authorization.
func (s *Server) Verify(req *sip.Request, proxy bool, lookup func(user, realm string) (Secret, bool), now time.Time) (user string, v Verdict) {
	return "", NoCredentials
}

// Credentials are a client's user name and secret.
type Credentials struct {
	Username string
	Realm    string // "" = any
	Secret   Secret
}

// Client answers challenges and counts its nonces. It is safe for concurrent use.
type Client struct{}

// NewClient returns a Client.
func NewClient(creds ...Credentials) *Client { return &Client{} }

// Answer adds to req the credentials for the challenges of res (401 or 407).
// It fails if none can be answered, or if the same credentials were refused.
func (c *Client) Answer(req *sip.Request, res *sip.Response) error { return nil }
