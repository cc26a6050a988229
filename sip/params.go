package sip

import (
	"iter"
	"strings"
)

// Params is a raw parameter list as it stands on the wire, ";a=b;c", the same
// for URIs (RFC 3261 §19.1.1) and for header fields (§7.3.1). Names compare
// without case. It is a value: With and Without return new lists.
type Params string

// next cuts the first parameter off. ok is false at the end.
func (p Params) next() (name, value string, hasValue bool, rest Params, ok bool) {
	s := string(p)
	for len(s) > 0 && (s[0] == ';' || isSpace(s[0])) {
		s = s[1:]
	}
	if s == "" {
		return "", "", false, "", false
	}
	end := paramEnd(s)
	rest, s = Params(s[end:]), s[:end]
	eq := strings.IndexByte(s, '=')
	if eq < 0 {
		return trim(s), "", false, rest, true
	}
	return trim(s[:eq]), trim(s[eq+1:]), true, rest, true
}

// paramEnd returns the index of the semicolon behind the first parameter, or
// the length.
func paramEnd(s string) int {
	end := strings.IndexByte(s, ';')
	if end < 0 {
		return len(s)
	}
	if strings.IndexByte(s[:end], '"') < 0 {
		return end
	}
	for i := 0; i < len(s); {
		switch s[i] {
		case ';':
			return i
		case '"':
			if i = skipQuoted(s, i); i < 0 {
				return len(s)
			}
		default:
			i++
		}
	}
	return len(s)
}

// Get returns the value of the first parameter of that name, without the
// quotes and escapes of a quoted string; a parameter without value gives "".
func (p Params) Get(name string) (value string, ok bool) {
	raw, ok := p.Raw(name)
	return Unquote(raw), ok
}

// Raw returns the value as it stands on the wire.
func (p Params) Raw(name string) (value string, ok bool) {
	for p != "" {
		n, v, _, rest, more := p.next()
		if !more {
			break
		}
		if equalFold(n, name) {
			return v, true
		}
		p = rest
	}
	return "", false
}

// Has reports whether there is a parameter of that name.
func (p Params) Has(name string) bool {
	_, ok := p.Raw(name)
	return ok
}

// All yields names and values (unquoted) in order.
func (p Params) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for {
			n, v, _, rest, more := p.next()
			if !more || !yield(n, Unquote(v)) {
				return
			}
			p = rest
		}
	}
}

// Len returns the number of parameters.
func (p Params) Len() int {
	n := 0
	for range p.All() {
		n++
	}
	return n
}

// With returns the list with the parameter set to value, in its old place or
// at the end; an empty value writes the bare name. A value that could not
// stand unquoted is quoted, which header fields allow; a value for a URI is
// escaped first with EscapeParam.
func (p Params) With(name, value string) Params {
	if value != "" && strings.ContainsAny(value, " \t\r\n\",;<>=\\?@") {
		value = Quote(value)
	}
	return p.with(name, value)
}

// WithQuoted is With for the parameters whose value is always a quoted
// string, as pub-gruu and +sip.instance (RFC 5627 §4.1, RFC 5626 §4.1).
func (p Params) WithQuoted(name, value string) Params { return p.with(name, Quote(value)) }

func (p Params) with(name, raw string) Params {
	text := ";" + name
	if raw != "" {
		text += "=" + raw
	}
	var b strings.Builder
	b.Grow(len(p) + len(text))
	done := false
	for n, v := range p.raw() {
		if !equalFold(n, name) {
			writeParam(&b, n, v)
		} else if !done {
			b.WriteString(text)
			done = true
		}
	}
	if !done {
		b.WriteString(text)
	}
	return Params(b.String())
}

// Without returns the list without the parameters of that name.
func (p Params) Without(name string) Params {
	if !p.Has(name) {
		return p
	}
	var b strings.Builder
	for n, v := range p.raw() {
		if !equalFold(n, name) {
			writeParam(&b, n, v)
		}
	}
	return Params(b.String())
}

// raw yields names and values as on the wire; a value is "=v" or "".
func (p Params) raw() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for {
			n, v, has, rest, more := p.next()
			if has {
				v = "=" + v
			}
			if !more || !yield(n, v) {
				return
			}
			p = rest
		}
	}
}

func writeParam(b *strings.Builder, name, value string) {
	b.WriteByte(';')
	b.WriteString(name)
	b.WriteString(value)
}
