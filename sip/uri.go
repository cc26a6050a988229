package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// URI is a SIP, SIPS (RFC 3261 §19.1) or tel URI (RFC 3966), or the outer form
// of any other. All parts are as they stand on the wire, so User and the
// parameters may hold %-escapes; Username and Unescape decode them.
type URI struct {
	Scheme   string // as written; compare with IsSIP, IsSIPS, IsTel
	User     string // escaped; for tel: the number with its separators
	Password string // escaped; never written to logs
	Host     string // name, IPv4 or IPv6 in brackets; "" for tel and others
	Port     uint16 // 0 = none given
	Params   Params
	Headers  string // behind "?", without it, escaped: "a=b&c=d"
	Opaque   string // what follows the colon in all other schemes
}

// IsSIP reports whether the scheme is sip or sips.
func (u URI) IsSIP() bool { return equalFold(u.Scheme, "sip") || u.IsSIPS() }

// IsSIPS reports whether the scheme is sips.
func (u URI) IsSIPS() bool { return equalFold(u.Scheme, "sips") }

// IsTel reports whether the scheme is tel.
func (u URI) IsTel() bool { return equalFold(u.Scheme, "tel") }

// Username returns the user part without escapes.
func (u URI) Username() string { return Unescape(u.User) }

// Transport returns the transport parameter in lower case, or "".
func (u URI) Transport() string {
	v, _ := u.Params.Get("transport")
	return strings.ToLower(v)
}

// Addr returns the host as an address if it is a numeric one.
func (u URI) Addr() (netip.Addr, bool) { return HostAddr(u.Host) }

// HostAddr parses a host of this package, IPv4 or IPv6 with or without
// brackets, as an address.
func HostAddr(host string) (netip.Addr, bool) {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	} else if host == "" || host[0] != ':' && !is(host[0], classHex) {
		return netip.Addr{}, false
	}
	// RFC 5118 §4.10: three colons, a slip of old grammars, count as two.
	if i := strings.Index(host, ":::"); i >= 0 {
		host = host[:i] + host[i+1:]
	}
	a, err := netip.ParseAddr(host)
	return a, err == nil && a.Zone() == ""
}

// FormatHost writes an address as a host of a SIP message: IPv6 in brackets,
// IPv4-mapped IPv6 as IPv4.
func FormatHost(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// MaxURIParams bounds the parameters of a URI, and its headers. Comparing two
// URIs costs the product of their numbers.
const MaxURIParams = 64

// ParseURI parses one URI. The error is a *Error with status 400.
func ParseURI(s string) (URI, error) {
	var u URI
	if fault := u.parse(s); fault != "" {
		return URI{}, &Error{Status: 400, Reason: fault}
	}
	return u, nil
}

// parse fills u and returns what is wrong, or "".
func (u *URI) parse(s string) (fault string) {
	colon := strings.IndexByte(s, ':')
	if colon <= 0 || !validScheme(s[:colon]) {
		return "URI without scheme"
	}
	u.Scheme = s[:colon]
	rest := s[colon+1:]
	switch {
	case u.IsSIP():
		return u.parseSIP(rest)
	case u.IsTel():
		return u.parseTel(rest)
	}
	if !validOpaque(rest) {
		return "bad character in URI"
	}
	u.Opaque = rest
	return ""
}

// parseSIP parses [userinfo "@"] hostport uri-parameters [headers]. The "@"
// can stand nowhere else without an escape (RFC 3261 §25.1).
func (u *URI) parseSIP(s string) (fault string) {
	if at := strings.IndexByte(s, '@'); at >= 0 {
		u.User = s[:at]
		if colon := strings.IndexByte(u.User, ':'); colon >= 0 {
			u.User, u.Password = u.User[:colon], u.User[colon+1:]
		}
		if u.User == "" || !allEscaped(u.User, classUser) || !allEscaped(u.Password, classPassword) {
			return "bad user part in URI"
		}
		s = s[at+1:]
	}
	if q := strings.IndexByte(s, '?'); q >= 0 {
		s, u.Headers = s[:q], s[q+1:]
		if !validURIHeaders(u.Headers) {
			return "bad headers part in URI"
		}
	}
	if semi := strings.IndexByte(s, ';'); semi >= 0 {
		s, u.Params = s[:semi], Params(s[semi:])
		if !validURIParams(string(u.Params)) {
			return "bad parameter in URI"
		}
	}
	host, port, ok := splitHostPort(s)
	if !ok {
		return "bad host or port in URI"
	}
	u.Host, u.Port = host, port
	return ""
}

// parseTel parses telephone-subscriber of RFC 3966 §3.
func (u *URI) parseTel(s string) (fault string) {
	if semi := strings.IndexByte(s, ';'); semi >= 0 {
		s, u.Params = s[:semi], Params(s[semi:])
		if !validURIParams(string(u.Params)) {
			return "bad parameter in tel URI"
		}
	}
	u.User = s
	if !validNumber(s) {
		return "bad telephone number"
	}
	return ""
}

// validNumber: global-number-digits or local-number-digits (RFC 3966 §3). A
// local number without phone-context is let pass, as phones send it.
func validNumber(s string) bool {
	extra := "*#ABCDEFabcdef"
	if strings.HasPrefix(s, "+") {
		s, extra = s[1:], ""
	}
	digits := 0
	for i := range len(s) {
		switch {
		case is(s[i], classDigit), strings.IndexByte(extra, s[i]) >= 0:
			digits++
		case strings.IndexByte("-.()", s[i]) < 0:
			return false
		}
	}
	return digits > 0
}

func validScheme(s string) bool {
	if s == "" || lower(s[0]) < 'a' || lower(s[0]) > 'z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := lower(s[i])
		if (c < 'a' || c > 'z') && !is(c, classDigit) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func validOpaque(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '"' {
			return false
		}
	}
	return s != ""
}

// validURIParams checks *( ";" pname [ "=" pvalue ] ); empty parameters, which
// some peers send, are let pass.
func validURIParams(s string) bool {
	for n := 0; s != ""; n++ {
		if n == MaxURIParams {
			return false
		}
		p := s[1:]
		if end := strings.IndexByte(p, ';'); end >= 0 {
			p, s = p[:end], p[end:]
		} else {
			s = ""
		}
		name, value, _ := strings.Cut(p, "=")
		if name == "" && p != "" || !allEscaped(name, classParam) || !validParamValue(value) {
			return false
		}
	}
	return true
}

// validParamValue is param-unreserved / unreserved / escaped, and "=", which
// instance identifiers in the wild carry.
func validParamValue(s string) bool {
	for s != "" {
		part, rest, _ := strings.Cut(s, "=")
		if !allEscaped(part, classParam) {
			return false
		}
		s = rest
	}
	return true
}

func validURIHeaders(s string) bool {
	for n := 0; s != ""; n++ {
		if n == MaxURIParams {
			return false
		}
		var h string
		h, s, _ = strings.Cut(s, "&")
		name, value, _ := strings.Cut(h, "=")
		if name == "" || !allEscaped(name, classHeader) || !allEscaped(value, classHeader|classUser) {
			return false
		}
	}
	return true
}

// splitHostPort parses host [ ":" port ].
func splitHostPort(s string) (host string, port uint16, ok bool) {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, false
		}
		host, s = s[:end+1], s[end+1:]
		if _, ok := HostAddr(host); !ok {
			return "", 0, false
		}
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 {
		host, s = s[:colon], s[colon:]
	} else {
		host, s = s, ""
	}
	if host == "" || host[0] != '[' && !all(host, classHost) {
		return "", 0, false
	}
	if s == "" {
		return host, 0, true
	}
	if s[0] != ':' {
		return "", 0, false
	}
	n, ok := number(s[1:], 65535)
	return host, uint16(n), ok && n > 0
}

// String writes the URI.
func (u URI) String() string {
	var buf [128]byte
	return string(u.Append(buf[:0]))
}

// Append writes the URI behind dst.
func (u URI) Append(dst []byte) []byte {
	dst = append(dst, u.Scheme...)
	dst = append(dst, ':')
	if u.Opaque != "" {
		return append(dst, u.Opaque...)
	}
	dst = append(dst, u.User...)
	if u.IsTel() {
		return append(dst, u.Params...)
	}
	if u.Password != "" {
		dst = append(dst, ':')
		dst = append(dst, u.Password...)
	}
	if u.User != "" {
		dst = append(dst, '@')
	}
	dst = append(dst, u.Host...)
	if u.Port != 0 {
		dst = append(dst, ':')
		dst = strconv.AppendUint(dst, uint64(u.Port), 10)
	}
	dst = append(dst, u.Params...)
	if u.Headers != "" {
		dst = append(dst, '?')
		dst = append(dst, u.Headers...)
	}
	return dst
}

// AOR returns the canonical address of record: scheme and host in lower case,
// user without needless escapes, no port, parameters, headers or password
// (RFC 3261 §10.3 step 5). A tel URI is its number without separators.
func (u URI) AOR() string {
	var buf [96]byte
	dst := buf[:0]
	switch {
	case u.IsTel():
		return "tel:" + bareNumber(u.User)
	case u.IsSIPS():
		dst = append(dst, "sips:"...)
	case u.IsSIP():
		dst = append(dst, "sip:"...)
	default:
		return strings.ToLower(u.Scheme) + ":" + u.Opaque
	}
	if u.User != "" {
		if strings.IndexByte(u.User, '%') >= 0 {
			dst = append(dst, EscapeUser(u.Username())...)
		} else {
			dst = append(dst, u.User...)
		}
		dst = append(dst, '@')
	}
	for i := range len(u.Host) {
		dst = append(dst, lower(u.Host[i]))
	}
	return string(dst)
}

// bareNumber removes the visual separators of RFC 3966 §5.1.1.
func bareNumber(s string) string {
	if !strings.ContainsAny(s, "-.()") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if strings.IndexByte("-.()", s[i]) < 0 {
			b = append(b, s[i])
		}
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

func escape(s string, class uint16) string {
	n := 0
	for i := range len(s) {
		if !is(s[i], class) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; is(c, class) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

// EscapeUser escapes a text for the user part of a URI (RFC 3261 §19.1.2).
func EscapeUser(s string) string { return escape(s, classUserStrict) }

// EscapeParam escapes a text for the name or value of a URI parameter.
func EscapeParam(s string) string { return escape(s, classParam) }

// EscapeHeader escapes a text for the headers part of a URI.
func EscapeHeader(s string) string { return escape(s, classHeader) }

// Unescape replaces each %HH by its byte; a malformed escape stays.
func Unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && is(s[i+1], classHex) && is(s[i+2], classHex) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) byte {
	switch c = lower(c); {
	case c >= 'a':
		return c - 'a' + 10
	default:
		return c - '0'
	}
}
