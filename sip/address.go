package sip

import "strings"

// Address is a name-addr or addr-spec with the parameters of its header field
// (RFC 3261 §20.10): From, To, Contact, Route, Refer-To and the like.
type Address struct {
	Display string // without quotes and escapes
	URI     string // raw, without angle brackets
	Params  Params // of the header field, not of the URI
}

// ParseAddress parses one element. The error is a *Error with status 400.
func ParseAddress(s string) (Address, error) {
	a, fault := parseAddress(s)
	if fault != "" {
		return Address{}, &Error{Status: 400, Reason: fault}
	}
	return a, nil
}

func parseAddress(s string) (a Address, fault string) {
	s = trim(s)
	rest := s
	if strings.HasPrefix(s, `"`) {
		end := skipQuoted(s, 0)
		if end < 0 {
			return a, "quoted string does not end"
		}
		a.Display, rest = Unquote(s[:end]), trim(s[end:])
		if !strings.HasPrefix(rest, "<") {
			return a, "display name without address"
		}
	}
	open := strings.IndexByte(rest, '<')
	if open < 0 {
		return a.parseSpec(rest)
	}
	if open > 0 {
		a.Display = trim(rest[:open])
		// *(token LWS) by the grammar; harmless others that peers send pass.
		if a.Display != "" && !all(a.Display, classDisplay) {
			return a, "bad display name"
		}
	}
	end := strings.IndexByte(rest[open:], '>')
	if end < 0 {
		return a, "angle bracket does not close"
	}
	a.URI = closeUp(trim(rest[open+1 : open+end]))
	if a.URI == "" {
		return a, "empty address"
	}
	tail := trim(rest[open+end+1:])
	if tail != "" && tail[0] != ';' {
		return a, "text behind address"
	}
	a.Params = Params(tail)
	return a, ""
}

// closeUp removes blanks behind semicolons, which stand there when a peer folds
// a long URI. Other blanks stay, and make the URI a malformed one.
func closeUp(uri string) string {
	if strings.IndexByte(uri, ' ') < 0 {
		return uri
	}
	b := make([]byte, 0, len(uri))
	for i := range len(uri) {
		if c := uri[i]; c != ' ' || len(b) == 0 || b[len(b)-1] != ';' {
			b = append(b, c)
		}
	}
	return string(b)
}

// parseSpec parses an addr-spec without brackets: parameters belong to the
// header field, and the URI may hold no comma or question mark (§20.10). Peers
// that write a user part with a semicolon like this, sip:8005;x=y@host, mean it:
// no parameter holds an @.
func (a Address) parseSpec(s string) (Address, string) {
	start := 0
	if at := strings.IndexByte(s, '@'); at >= 0 && strings.IndexByte(s[:at], '"') < 0 {
		start = at
	}
	if semi := strings.IndexByte(s[start:], ';'); semi >= 0 {
		s, a.Params = trim(s[:start+semi]), Params(s[start+semi:])
	}
	if s == "" {
		return a, "empty address"
	}
	if !all(strings.ReplaceAll(s, ";", ""), classSpec) {
		return a, "address must stand in angle brackets"
	}
	a.URI = s
	return a, ""
}

// ParsedURI parses the URI.
func (a Address) ParsedURI() (URI, error) { return ParseURI(a.URI) }

// Tag returns the tag parameter, or "".
func (a Address) Tag() string {
	v, _ := a.Params.Get("tag")
	return v
}

// String writes the address as name-addr.
func (a Address) String() string {
	var b strings.Builder
	b.Grow(len(a.Display) + len(a.URI) + len(a.Params) + 5)
	if a.Display != "" {
		b.WriteString(Quote(a.Display))
		b.WriteByte(' ')
	}
	b.WriteByte('<')
	b.WriteString(a.URI)
	b.WriteByte('>')
	b.WriteString(string(a.Params))
	return b.String()
}
