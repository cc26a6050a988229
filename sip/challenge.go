package sip

import (
	"strconv"
	"strings"
)

// AuthParams is the raw comma-separated parameter list behind the scheme of a
// challenge or of credentials (RFC 3261 §25.1, RFC 7616 §3.3).
type AuthParams string

// Get returns the value of the first parameter of that name, unquoted.
func (p AuthParams) Get(name string) (string, bool) {
	s, more := string(p), true
	for more {
		var elem string
		elem, s, more = nextAuthParam(s)
		n, v, ok := strings.Cut(elem, "=")
		if ok && equalFold(trim(n), name) {
			return Unquote(trim(v)), true
		}
	}
	return "", false
}

// nextAuthParam is nextElement without angle brackets.
func nextAuthParam(s string) (elem, rest string, more bool) {
	for i := 0; i < len(s); {
		switch s[i] {
		case ',':
			return trim(s[:i]), s[i+1:], true
		case '"':
			if i = skipQuoted(s, i); i < 0 {
				return trim(s), "", false
			}
		default:
			i++
		}
	}
	return trim(s), "", false
}

func splitScheme(s string) (scheme string, params AuthParams, ok bool) {
	scheme, rest, _ := strings.Cut(trim(s), " ")
	return scheme, AuthParams(trim(rest)), IsToken(scheme)
}

// Challenge is one WWW-Authenticate or Proxy-Authenticate value (RFC 7616
// §3.3, RFC 8760).
type Challenge struct {
	Scheme    string // "Digest"
	Realm     string
	Nonce     string
	Opaque    string
	Domain    string
	Algorithm string   // as written; "" = MD5
	QOP       []string // "auth", "auth-int"; nil = none given (RFC 2069)
	Stale     bool
	UserHash  bool
	Params    AuthParams // all, for other schemes
}

// ParseChallenge parses the value of one field line.
func ParseChallenge(s string) (Challenge, error) {
	scheme, p, ok := splitScheme(s)
	if !ok {
		return Challenge{}, bad(HeaderWWWAuthenticate, "Malformed Challenge")
	}
	c := Challenge{Scheme: scheme, Params: p}
	c.Realm, _ = p.Get("realm")
	c.Nonce, _ = p.Get("nonce")
	c.Opaque, _ = p.Get("opaque")
	c.Domain, _ = p.Get("domain")
	c.Algorithm, _ = p.Get("algorithm")
	stale, _ := p.Get("stale")
	userhash, _ := p.Get("userhash")
	c.Stale, c.UserHash = equalFold(stale, "true"), equalFold(userhash, "true")
	if list, ok := p.Get("qop"); ok {
		for q := range strings.SplitSeq(list, ",") {
			if q = trim(q); q != "" {
				c.QOP = append(c.QOP, strings.ToLower(q))
			}
		}
	}
	return c, nil
}

// String writes the value of the field.
func (c Challenge) String() string {
	var buf [256]byte
	b := append(buf[:0], c.Scheme...)
	b = AppendQuote(append(b, ` realm=`...), c.Realm)
	b = appendQuoted(b, "domain", c.Domain)
	b = appendQuoted(b, "nonce", c.Nonce)
	b = appendQuoted(b, "opaque", c.Opaque)
	if c.Stale {
		b = append(b, ", stale=true"...)
	}
	b = appendPlain(b, "algorithm", c.Algorithm)
	b = appendQuoted(b, "qop", strings.Join(c.QOP, ","))
	if c.UserHash {
		b = append(b, ", userhash=true"...)
	}
	return string(b)
}

func appendQuoted(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return AppendQuote(append(append(append(b, ", "...), name...), '='), value)
}

func appendPlain(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return append(append(append(append(b, ", "...), name...), '='), value...)
}

// Credentials are one Authorization or Proxy-Authorization value (RFC 7616
// §3.4).
type Credentials struct {
	Scheme    string // "Digest"
	Username  string
	Realm     string
	Nonce     string
	URI       string
	Response  string
	Algorithm string // as written; "" = MD5
	CNonce    string
	Opaque    string
	QOP       string // "auth", "auth-int" or "" (RFC 2069)
	NC        string // eight hexadecimal digits
	UserHash  bool
	Params    AuthParams // all, for other schemes
}

// ParseCredentials parses the value of one field line.
func ParseCredentials(s string) (Credentials, error) {
	scheme, p, ok := splitScheme(s)
	if !ok {
		return Credentials{}, bad(HeaderAuthorization, "Malformed Credentials")
	}
	c := Credentials{Scheme: scheme, Params: p}
	for rest, more := string(p), true; more; {
		var elem string
		elem, rest, more = nextAuthParam(rest)
		name, value, ok := strings.Cut(elem, "=")
		if ok {
			c.set(trim(name), Unquote(trim(value)))
		}
	}
	return c, nil
}

func (c *Credentials) set(name, value string) {
	fields := [...]struct {
		name string
		to   *string
	}{
		{"username", &c.Username}, {"realm", &c.Realm}, {"nonce", &c.Nonce}, {"uri", &c.URI},
		{"response", &c.Response}, {"algorithm", &c.Algorithm}, {"cnonce", &c.CNonce},
		{"opaque", &c.Opaque}, {"qop", &c.QOP}, {"nc", &c.NC},
	}
	for _, f := range fields {
		if equalFold(f.name, name) {
			if *f.to == "" {
				*f.to = value
			}
			return
		}
	}
	if equalFold(name, "userhash") {
		c.UserHash = equalFold(value, "true")
	}
}

// Count returns nc as a number (RFC 7616 §3.4: exactly eight LHEX).
func (c Credentials) Count() (uint32, bool) {
	if len(c.NC) != 8 || !all(c.NC, classHex) {
		return 0, false
	}
	n, err := strconv.ParseUint(c.NC, 16, 32)
	return uint32(n), err == nil
}

// String writes the value of the field.
func (c Credentials) String() string {
	var buf [320]byte
	b := append(buf[:0], c.Scheme...)
	b = AppendQuote(append(b, ` username=`...), c.Username)
	b = AppendQuote(append(b, `, realm=`...), c.Realm)
	b = appendQuoted(b, "nonce", c.Nonce)
	b = appendQuoted(b, "uri", c.URI)
	b = appendQuoted(b, "response", c.Response)
	b = appendPlain(b, "algorithm", c.Algorithm)
	b = appendQuoted(b, "cnonce", c.CNonce)
	b = appendQuoted(b, "opaque", c.Opaque)
	b = appendPlain(b, "qop", c.QOP)
	b = appendPlain(b, "nc", c.NC)
	if c.UserHash {
		b = append(b, ", userhash=true"...)
	}
	return string(b)
}
