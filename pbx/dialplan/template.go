package dialplan

import (
	"strconv"
	"strings"
)

// template is a text with ${…} and $[…], taken apart once. The rules are
// Asterisk's: the inside of ${…} is substituted first, then read as a
// variable name or function call, perhaps with :OFFSET:LENGTH; the inside of
// $[…] is substituted first, then evaluated. Results are never substituted
// again.
type template struct {
	raw      string
	parts    []part
	static   bool   // nothing to substitute
	unclosed string // "${" or "$[" if one is never closed
}

type kind uint8

const (
	text       kind = iota // as written
	reference              // ${…} whose inside is fixed
	nested                 // ${…} whose inside must be substituted first
	expression             // $[…]
)

// part is one piece of a template.
type part struct {
	kind  kind
	text  string    // text
	ref   refer     // reference, taken apart
	inner *template // nested and expression
}

// refer is the inside of a ${…} taken apart.
type refer struct {
	name           string // variable, or function name
	args           string // between the parentheses of a function
	call           bool
	sliced         bool
	offset, length int // of :OFFSET:LENGTH
}

// maxNesting bounds how deep ${ } and $[ ] are taken apart.
const maxNesting = 64

func compile(raw string) *template { return compileNested(raw, maxNesting) }

func compileNested(raw string, depth int) *template {
	t := &template{raw: raw, static: true}
	rest := raw
	for depth > 0 {
		i := nextSubstitution(rest)
		if i < 0 {
			break
		}
		if i > 0 {
			t.parts = append(t.parts, part{kind: text, text: rest[:i]})
		}
		open := rest[i+1]
		inside, after, closed := enclosed(rest[i+2:], open)
		if !closed && t.unclosed == "" {
			t.unclosed = rest[i : i+2]
		}
		t.static = false
		t.parts = append(t.parts, compilePart(open, inside, depth-1))
		rest = after
	}
	if rest != "" {
		t.parts = append(t.parts, part{kind: text, text: rest})
	}
	return t
}

func nextSubstitution(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '$' && (s[i+1] == '{' || s[i+1] == '[') {
			return i
		}
	}
	return -1
}

// enclosed returns the text up to the bracket that closes the one before s.
func enclosed(s string, open byte) (inside, after string, closed bool) {
	shut := byte('}')
	if open == '[' {
		shut = ']'
	}
	depth := 1
	for i := range len(s) {
		switch s[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return s, "", false
}

func compilePart(open byte, inside string, depth int) part {
	if open == '[' {
		return part{kind: expression, inner: compileNested(inside, depth)}
	}
	if nextSubstitution(inside) < 0 {
		return part{kind: reference, ref: parseReference(inside)}
	}
	return part{kind: nested, inner: compileNested(inside, depth)}
}

// parseReference takes the inside of ${…} apart: NAME, FUNC(ARGS), each
// perhaps with :OFFSET or :OFFSET:LENGTH. A colon inside parentheses belongs
// to the arguments.
func parseReference(s string) refer {
	r := refer{name: s}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
			r.call = true
		case ')':
			depth--
		case ':':
			if depth == 0 {
				r.name = s[:i]
				r.slice(s[i+1:])
				i = len(s)
			}
		}
	}
	if r.call {
		r.name, r.args = splitCall(r.name)
	}
	return r
}

// slice reads OFFSET or OFFSET:LENGTH. What is no number has no effect.
func (r *refer) slice(s string) {
	first, second, two := strings.Cut(s, ":")
	offset, ok := leadingInt(first)
	if !ok {
		return
	}
	r.sliced, r.offset, r.length = true, offset, maxInt
	if length, ok := leadingInt(second); two && ok {
		r.length = length
	}
}

const maxInt = int(^uint32(0) >> 1)

// leadingInt reads the number a text begins with, as scanf's %d.
func leadingInt(s string) (int, bool) {
	s = strings.TrimLeft(s, " \t\r\n")
	end := 0
	if end < len(s) && (s[end] == '-' || s[end] == '+') {
		end++
	}
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(s[:end])
	if err != nil {
		return 0, false
	}
	return max(-maxInt, min(n, maxInt)), true
}

// splitCall takes NAME(ARGS) apart: at the first ( and the last ).
func splitCall(s string) (name, args string) {
	name, args, _ = strings.Cut(s, "(")
	if i := strings.LastIndexByte(args, ')'); i >= 0 {
		args = args[:i]
	}
	return name, args
}

// substring applies :OFFSET:LENGTH. A negative offset counts from the end, a
// negative length leaves that many characters away at the end.
func substring(value string, offset, length int) string {
	size := len(value)
	if offset < 0 {
		offset = max(0, size+offset)
	}
	if offset >= size {
		return ""
	}
	value = value[offset:]
	switch {
	case length >= 0:
		return value[:min(length, len(value))]
	case len(value)+length > 0:
		return value[:len(value)+length]
	default:
		return ""
	}
}
