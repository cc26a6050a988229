package auth

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// Algorithm is a digest algorithm of RFC 7616 §3.2, with its -sess variant.
type Algorithm uint8

// The algorithms, the weakest first.
const (
	MD5 Algorithm = iota + 1
	MD5Sess
	SHA256
	SHA256Sess
	SHA512256
	SHA512256Sess
)

var algorithmNames = [...]string{
	MD5: "MD5", MD5Sess: "MD5-sess",
	SHA256: "SHA-256", SHA256Sess: "SHA-256-sess",
	SHA512256: "SHA-512-256", SHA512256Sess: "SHA-512-256-sess",
}

// String returns the name as registered (RFC 7616 §6.1).
func (a Algorithm) String() string {
	if int(a) < len(algorithmNames) {
		return algorithmNames[a]
	}
	return ""
}

// ParseAlgorithm reads the value of an algorithm parameter; none at all means
// MD5 (RFC 7616 §3.3).
func ParseAlgorithm(s string) (Algorithm, bool) {
	if s == "" {
		return MD5, true
	}
	for a, name := range algorithmNames {
		if name != "" && strings.EqualFold(name, s) {
			return Algorithm(a), true
		}
	}
	return 0, false
}

// session reports whether A1 holds nonce and cnonce.
func (a Algorithm) session() bool { return a == MD5Sess || a == SHA256Sess || a == SHA512256Sess }

// base returns the algorithm without -sess.
func (a Algorithm) base() Algorithm {
	if a.session() {
		return a - 1
	}
	return a
}

// hexDigits is the room for the longest digest in hexadecimal.
const hexDigits = 2 * sha256.Size

// digest is a hash in lower-case hexadecimal.
type digest struct {
	text [hexDigits]byte
	n    int
}

func (d *digest) bytes() []byte { return d.text[:d.n] }

// sum hashes data.
func (a Algorithm) sum(data []byte) (d digest) {
	switch a.base() {
	case SHA256:
		h := sha256.Sum256(data)
		d.n = hex.Encode(d.text[:], h[:])
	case SHA512256:
		h := sha512.Sum512_256(data)
		d.n = hex.Encode(d.text[:], h[:])
	default:
		h := md5.Sum(data)
		d.n = hex.Encode(d.text[:], h[:])
	}
	return d
}

// HA1 returns the hash of user, realm and password in hexadecimal, which may be
// stored in place of the password.
func HA1(a Algorithm, user, realm, password string) string {
	d := ha1(a, user, realm, password)
	return string(d.bytes())
}

func ha1(a Algorithm, user, realm, password string) digest {
	var buf [256]byte
	b := append(buf[:0], user...)
	b = append(b, ':')
	b = append(b, realm...)
	b = append(b, ':')
	b = append(b, password...)
	return a.sum(b)
}

// input is what the response hash is made of besides A1 (RFC 7616 §3.4.1).
type input struct {
	method, uri, body  string
	nonce, cnonce, qop string
	nc                 string // eight hexadecimal digits; unused without qop
}

// response computes the response parameter. Without qop it is that of RFC 2069,
// as RFC 3261 §22.4 still allows.
func response(a Algorithm, a1 digest, in input) digest {
	var buf [512]byte
	if a.session() {
		b := append(buf[:0], a1.bytes()...)
		b = append(b, ':')
		b = append(b, in.nonce...)
		b = append(b, ':')
		b = append(b, in.cnonce...)
		a1 = a.sum(b)
	}
	b := append(buf[:0], in.method...)
	b = append(b, ':')
	b = append(b, in.uri...)
	if in.qop == "auth-int" {
		body := a.sum([]byte(in.body))
		b = append(b, ':')
		b = append(b, body.bytes()...)
	}
	a2 := a.sum(b)
	b = append(buf[:0], a1.bytes()...)
	b = append(b, ':')
	b = append(b, in.nonce...)
	if in.qop != "" {
		for _, part := range [...]string{in.nc, in.cnonce, in.qop} {
			b = append(b, ':')
			b = append(b, part...)
		}
	}
	b = append(b, ':')
	b = append(b, a2.bytes()...)
	return a.sum(b)
}

// Secret is what is known of a user: the password, or the hashes H(user:realm:
// password) in hexadecimal that HA1 makes. Any may be empty; the password wins.
type Secret struct {
	Password  string
	MD5       string
	SHA256    string
	SHA512256 string
}

// String hides the secret from logs.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret from logs.
func (Secret) GoString() string { return "[secret]" }

// stored returns the stored hash for the algorithm, or "".
func (s Secret) stored(a Algorithm) string {
	switch a.base() {
	case SHA256:
		return s.SHA256
	case SHA512256:
		return s.SHA512256
	}
	return s.MD5
}

// can reports whether the secret is enough for the algorithm.
func (s Secret) can(a Algorithm) bool { return s.Password != "" || s.stored(a) != "" }

// ha1 returns A1's hash. It hashes even where a stored hash makes that needless,
// so that the time does not tell how, or whether, a user is known.
func (s Secret) ha1(a Algorithm, user, realm string) digest {
	d := ha1(a, user, realm, s.Password)
	if stored := s.stored(a); s.Password == "" && len(stored) == d.n {
		copy(d.text[:], strings.ToLower(stored))
	}
	return d
}
