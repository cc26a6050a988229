package sip

// Contact and URI parameters of registration: RFC 3261 §20.10, RFC 5626
// (outbound), RFC 5627 (GRUU), RFC 8599 (push).

// Q returns the q parameter in thousandths, 0..1000 (RFC 3261 §25.1 qvalue);
// 1000 if there is none, as RFC 3261 §16.6 treats it.
func (a Address) Q() (q int, err error) {
	v, ok := a.Params.Get("q")
	if !ok {
		return 1000, nil
	}
	whole, frac := v, ""
	for i := range v {
		if v[i] == '.' {
			whole, frac = v[:i], v[i+1:]
			break
		}
	}
	n, ok1 := number(whole+(frac + "000")[:3], 1000)
	if !ok1 || len(whole) != 1 || len(frac) > 3 {
		return 0, &Error{Status: 400, Reason: "Malformed q"}
	}
	return int(n), nil
}

// Expires returns the expires parameter in seconds. A malformed value counts
// as 3600 (RFC 3261 §20.10), one above 2^32-1 as that.
func (a Address) Expires() (sec uint32, ok bool) {
	v, ok := a.Params.Get("expires")
	if !ok {
		return 0, false
	}
	n, good := clamped(v)
	if !good {
		return 3600, true
	}
	return n, true
}

// clamped parses 1*DIGIT; what is above 2^32-1 becomes 2^32-1.
func clamped(s string) (uint32, bool) {
	if !all(s, classDigit) {
		return 0, false
	}
	n, ok := number(s, 1<<32-1)
	if !ok {
		return 1<<32 - 1, true
	}
	return uint32(n), true
}

// Instance returns +sip.instance without quotes and angle brackets, a URN
// (RFC 5626 §4.1).
func (a Address) Instance() (urn string, ok bool) {
	v, ok := a.Params.Get("+sip.instance")
	if len(v) < 3 || v[0] != '<' || v[len(v)-1] != '>' {
		return "", false
	}
	return v[1 : len(v)-1], ok
}

// WithInstance returns the address with +sip.instance.
func (a Address) WithInstance(urn string) Address {
	a.Params = a.Params.WithQuoted("+sip.instance", "<"+urn+">")
	return a
}

// RegID returns the reg-id, 1..2^31-1 (RFC 5626 §4.2.1).
func (a Address) RegID() (id uint32, ok bool) {
	v, _ := a.Params.Get("reg-id")
	n, good := number(v, 1<<31-1)
	return uint32(n), good && n > 0
}

// PubGRUU returns pub-gruu, a URI (RFC 5627 §4.1).
func (a Address) PubGRUU() (uri string, ok bool) { return a.Params.Get("pub-gruu") }

// TempGRUU returns temp-gruu, a URI (RFC 5627 §4.1).
func (a Address) TempGRUU() (uri string, ok bool) { return a.Params.Get("temp-gruu") }

// GRUU reports whether the URI is a GRUU, and the value of gr: an instance for
// a public one, "" for a temporary one (RFC 5627 §6.1).
func (u URI) GRUU() (instance string, ok bool) {
	v, ok := u.Params.Get("gr")
	return Unescape(v), ok
}

// Outbound reports whether the URI has ob (RFC 5626 §4.3).
func (u URI) Outbound() bool { return u.Params.Has("ob") }

// Loose reports whether the URI has lr, with or without a value (RFC 3261
// §16.4; peers write lr=on and lr=true).
func (u URI) Loose() bool { return u.Params.Has("lr") }

// Push are the URI parameters of a client that is woken by a push service
// (RFC 8599 §14.5), without escapes.
type Push struct {
	Provider string // pn-provider: "apns", "fcm", "webpush", …
	Param    string // pn-param
	PRID     string // pn-prid
	PURR     string // pn-purr
}

// Push returns the push parameters; ok tells whether pn-provider is there.
func (u URI) Push() (p Push, ok bool) {
	provider, ok := u.Params.Get("pn-provider")
	p.Provider = Unescape(provider)
	p.Param = u.param("pn-param")
	p.PRID = u.param("pn-prid")
	p.PURR = u.param("pn-purr")
	return p, ok
}

func (u URI) param(name string) string {
	v, _ := u.Params.Get(name)
	return Unescape(v)
}
