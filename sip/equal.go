package sip

import "strings"

// Equal compares two URIs by RFC 3261 §19.1.4, tel URIs by RFC 3966 §4 and all
// others letter by letter behind the scheme. It is not transitive, because a
// parameter that only one URI has is mostly ignored.
func (u URI) Equal(v URI) bool {
	switch {
	case u == v:
		return true
	case !equalFold(u.Scheme, v.Scheme):
		return false
	case u.IsTel():
		return equalFold(bareNumber(u.User), bareNumber(v.User)) &&
			u.Params.Len() == v.Params.Len() && sameParams(u.Params, v.Params, true)
	case !u.IsSIP():
		return u.Opaque == v.Opaque
	}
	// A component with a default value differs from the one that states it.
	return u.Port == v.Port && equalHost(u.Host, v.Host) &&
		equalEscaped(u.User, v.User, false) && equalEscaped(u.Password, v.Password, false) &&
		sameParams(u.Params, v.Params, false) && sameParams(v.Params, u.Params, false) &&
		sameHeaders(u.Headers, v.Headers)
}

// equalHost compares names without case and IPv6 addresses by value.
func equalHost(a, b string) bool {
	if equalFold(a, b) {
		return true
	}
	x, ok1 := HostAddr(a)
	y, ok2 := HostAddr(b)
	return ok1 && ok2 && x == y
}

// sameParams reports whether each parameter of a agrees with b. One that b
// lacks is ignored, unless strict is set or its absence means something else
// than any value: user, ttl, method, maddr, transport (§19.1.4).
func sameParams(a, b Params, strict bool) bool {
	for name, value := range a.All() {
		other, ok := b.Get(name)
		switch {
		case ok && !equalEscaped(value, other, true):
			return false
		case !ok && (strict || binding(name)):
			return false
		}
	}
	return true
}

func binding(param string) bool {
	for _, p := range [...]string{"user", "ttl", "method", "maddr", "transport"} {
		if equalFold(p, param) {
			return true
		}
	}
	return false
}

// sameHeaders: header components are never ignored (§19.1.4); order does not
// matter.
func sameHeaders(a, b string) bool {
	if a == b {
		return true
	}
	if strings.Count(a, "&") != strings.Count(b, "&") {
		return false
	}
	for h := range strings.SplitSeq(a, "&") {
		name, value, _ := strings.Cut(h, "=")
		found := false
		for g := range strings.SplitSeq(b, "&") {
			n, v, _ := strings.Cut(g, "=")
			found = found || equalEscaped(n, name, true) && equalEscaped(v, value, false)
		}
		if !found {
			return false
		}
	}
	return true
}

// equalEscaped compares two texts in which a letter outside the reserved set
// equals its %HH form (§19.1.4), with or without case.
func equalEscaped(a, b string, fold bool) bool {
	for a != "" && b != "" {
		var x, y uint16
		x, a = nextEscaped(a)
		y, b = nextEscaped(b)
		if x != y && !(fold && x < 256 && y < 256 && lower(byte(x)) == lower(byte(y))) {
			return false
		}
	}
	return a == b
}

// nextEscaped cuts the first letter off; an escaped reserved letter is told
// apart from the plain one by adding 256.
func nextEscaped(s string) (c uint16, rest string) {
	if s[0] != '%' || len(s) < 3 || !is(s[1], classHex) || !is(s[2], classHex) {
		return uint16(s[0]), s[1:]
	}
	b := unhex(s[1])<<4 | unhex(s[2])
	if strings.IndexByte(";/?:@&=+$,", b) >= 0 {
		return 256 + uint16(b), s[3:]
	}
	return uint16(b), s[3:]
}

// URIHeaders yields name and value of the headers part, without escapes, for
// the request that a Refer-To or Contact URI asks for (RFC 3261 §19.1.1).
func (u URI) URIHeaders() func(yield func(name, value string) bool) {
	return func(yield func(string, string) bool) {
		if u.Headers == "" {
			return
		}
		for h := range strings.SplitSeq(u.Headers, "&") {
			name, value, _ := strings.Cut(h, "=")
			if !yield(Unescape(name), Unescape(value)) {
				return
			}
		}
	}
}
