package sip

import "strings"

// Character classes of RFC 3261 §25.1, one bit each.
const (
	classToken      = 1 << iota // token
	classUser                   // unreserved / user-unreserved, and "#", which phones do send
	classUserStrict             // the same without "#"
	classPassword               // password without escapes
	classParam                  // param-unreserved / unreserved: URI parameters
	classHeader                 // hnv-unreserved / unreserved: URI headers
	classHost                   // hostname or IPv4 letters, and "_"
	classDigit
	classHex
	classSpace   // linear white space
	classDisplay // what a display name without quotes may hold, read liberally
	classSpec    // what an address without angle brackets may hold, read liberally
	classCallID  // what a Call-ID may hold, read liberally
)

var classes = func() (t [256]uint16) {
	set := func(class uint16, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= class
		}
	}
	const (
		digits = "0123456789"
		alpha  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		alnum  = alpha + digits
		unres  = alnum + "-_.!~*'()"
	)
	set(classDigit, digits)
	set(classHex, digits+"abcdefABCDEF")
	set(classToken, alnum+"-.!%*_+`'~")
	set(classUser, unres+"&=+$,;?/#")
	set(classUserStrict, unres+"&=+$,;?/")
	set(classPassword, unres+"&=+$,")
	set(classParam, unres+"[]/:&+$")
	set(classHeader, unres+"[]/?:+$")
	set(classHost, alnum+"-._")
	set(classSpace, " \t\r\n")
	for c := ' '; c < 256; c++ {
		if c != 0x7f {
			t[c] |= classDisplay | classSpec | classCallID
		}
	}
	t['\t'] |= classDisplay
	clear := func(class uint16, chars string) {
		for i := range len(chars) {
			t[chars[i]] &^= class
		}
	}
	clear(classDisplay, `,;"<>\`)
	clear(classSpec, `?,<>" `)
	clear(classCallID, ", ")
	return t
}()

func is(c byte, class uint16) bool { return classes[c]&class != 0 }

// all reports whether s is not empty and has only letters of the class.
func all(s string, class uint16) bool {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return s != ""
}

// allEscaped is all, but also lets "%" HEXDIG HEXDIG pass; empty is fine.
func allEscaped(s string, class uint16) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 >= len(s) || !is(s[i+1], classHex) || !is(s[i+2], classHex) {
				return false
			}
			i += 2
			continue
		}
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

// IsToken reports whether s is a token of RFC 3261 §25.1.
func IsToken(s string) bool { return all(s, classToken) }

func isSpace(c byte) bool { return classes[c]&classSpace != 0 }

// indexSpace returns the index of the first white space, or -1.
func indexSpace(s string) int {
	for i := range len(s) {
		if isSpace(s[i]) {
			return i
		}
	}
	return -1
}

// trim removes linear white space at both ends.
func trim(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold compares ASCII without case; other bytes must be the same.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	if a == b {
		return true
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// number parses 1*DIGIT up to max.
func number(s string, max uint64) (uint64, bool) {
	if s == "" {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		if !is(s[i], classDigit) {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
		if n > max {
			return 0, false
		}
	}
	return n, true
}

// skipQuoted returns the index behind the quoted string that starts at s[i],
// or -1 if it does not end.
func skipQuoted(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// Quote returns s as a quoted-string of RFC 3261 §25.1; CR and LF, which may
// not occur there, become spaces.
func Quote(s string) string {
	var buf [128]byte
	return string(AppendQuote(buf[:0], s))
}

// AppendQuote is Quote behind dst.
func AppendQuote(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\r', '\n':
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// Unquote removes the quotes and escapes of a quoted-string; anything else is
// returned as it is. Without escapes the result is a view of s.
func Unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// nextElement cuts the first element off a comma-separated list. Commas in
// quoted strings and in angle brackets do not separate. more is false when
// nothing is left.
func nextElement(s string) (elem, rest string, more bool) {
	if strings.IndexByte(s, ',') < 0 {
		return trim(s), "", false
	}
	for i := 0; i < len(s); {
		switch s[i] {
		case ',':
			return trim(s[:i]), s[i+1:], true
		case '"':
			if i = skipQuoted(s, i); i < 0 {
				return trim(s), "", false
			}
		case '<':
			end := strings.IndexByte(s[i:], '>')
			if end < 0 {
				return trim(s), "", false
			}
			i += end + 1
		default:
			i++
		}
	}
	return trim(s), "", false
}
