package sdp

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// mended is a body after the tolerant reading: strict text for the parser,
// beside what the parser would have refused or changed.
type mended struct {
	text    string
	origin  []string // the six fields of o=, as written, padded
	timing  []string // values of the t= lines
	streams []mline
}

// block collects the lines of the session or of one m-line by their type.
type block struct {
	m     mline
	one   [len(onceTypes)]string // the first line of each type, in the order of onceTypes
	has   [len(onceTypes)]bool
	bands []string
	times []string
	attrs []string
}

// onceTypes are the types of lines that may stand once.
const onceTypes = "osiuepck"

// mend reads what real phones send and writes what RFC 8866 §5 asks for: lines
// in order, the mandatory s= and t= present, unknown lines, bandwidth types and
// attributes without a name dropped, media types and profiles that the strict
// parser does not know renamed (the caller puts them back). What cannot be
// meant as SDP stays an error.
func mend(body string) (mended, error) {
	if len(body) > maxBody {
		return mended{}, fmt.Errorf("%w: more than %d bytes", ErrSyntax, maxBody)
	}
	body = strings.Map(blankControl, body)
	session := &block{}
	blocks := append(make([]*block, 0, 2), session)
	lines := 0
	for line := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if lines++; lines > maxLines {
			return mended{}, fmt.Errorf("%w: more than %d lines", ErrSyntax, maxLines)
		}
		line = strings.TrimSpace(line)
		if len(line) < 2 || line[1] != '=' {
			if line == "" {
				continue
			}
			return mended{}, fmt.Errorf("%w: line %d is not <type>=<value>", ErrSyntax, lines)
		}
		if lines == 1 && line[0] != 'v' {
			return mended{}, fmt.Errorf("%w: it does not start with v=", ErrSyntax)
		}
		if line[0] == 'm' {
			b, err := newBlock(line[2:])
			if err != nil {
				return mended{}, err
			}
			if blocks = append(blocks, b); len(blocks) > maxStreams+1 {
				return mended{}, fmt.Errorf("%w: more than %d m-lines", ErrSyntax, maxStreams)
			}
			continue
		}
		if err := blocks[len(blocks)-1].add(line[0], strings.TrimSpace(line[2:])); err != nil {
			return mended{}, err
		}
	}
	if lines == 0 {
		return mended{}, fmt.Errorf("%w: it is empty", ErrSyntax)
	}
	return assemble(session, blocks[1:], len(body))
}

// blankControl turns NUL and other control characters into blanks; RFC 8866 §9
// has no place for NUL, and nobody means the others.
func blankControl(r rune) rune {
	if r < ' ' && r != '\n' && r != '\r' {
		return ' '
	}
	return r
}

// newBlock reads the value of an m= line: <media> <port>[/<n>] <proto> <fmt> …
func newBlock(value string) (*block, error) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return nil, fmt.Errorf("%w: m-line %q is too short", ErrSyntax, value)
	}
	port, count, _ := strings.Cut(f[1], "/")
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%w: port %q of an m-line", ErrSyntax, f[1])
	}
	port = strconv.FormatUint(number, 10)
	if n, err := strconv.ParseUint(count, 10, 16); err == nil && n > 1 {
		port += "/" + strconv.FormatUint(n, 10)
	}
	if len(f)-3 > maxFormats {
		return nil, fmt.Errorf("%w: more than %d formats in an m-line", ErrSyntax, maxFormats)
	}
	f[1] = port
	return &block{m: newMline(strings.Join(f, " "))}, nil
}

// add keeps one line of a block, or drops it.
func (b *block) add(kind byte, value string) error {
	switch kind {
	case 'v':
		if value != "0" {
			return fmt.Errorf("%w: version %q", ErrSyntax, value)
		}
	case 'c':
		if !connection(value) {
			return fmt.Errorf("%w: connection %q", ErrSyntax, value)
		}
		b.once(kind, value)
	case 'o', 's', 'i', 'e', 'p', 'k':
		b.once(kind, value)
	case 'u':
		// RFC 8866 §5.5 wants a URI, and a URI has no blank: one that has is dropped.
		if u, err := url.Parse(value); err == nil && !strings.ContainsRune(u.String(), ' ') && !strings.ContainsRune(value, ' ') {
			b.once(kind, u.String())
		}
	case 'b':
		if bandwidth(value) {
			b.bands = append(b.bands, value)
		}
	case 't':
		b.times = append(b.times, value)
	case 'a':
		if value = attribute(value); value != "" {
			b.attrs = append(b.attrs, value)
		}
	}
	return nil
}

// attribute writes an attribute without blanks around its name; one without a
// name ("a=:x") says nothing and becomes "".
func attribute(value string) string {
	name, rest, valued := strings.Cut(value, ":")
	trimmed := strings.TrimSpace(name)
	switch {
	case trimmed == "":
		return ""
	case trimmed == name || !valued:
		return value // as written, the usual case
	}
	return trimmed + ":" + rest
}

func (b *block) once(kind byte, value string) {
	if i := strings.IndexByte(onceTypes, kind); !b.has[i] {
		b.one[i], b.has[i] = value, true
	}
}

// line returns the line of a type that may stand once, and whether it stands.
func (b *block) line(kind byte) (string, bool) {
	i := strings.IndexByte(onceTypes, kind)
	return b.one[i], b.has[i]
}

// connection checks c=<nettype> <addrtype> <address> (RFC 8866 §5.7).
func connection(value string) bool {
	var f [3]string
	n := 0
	for field := range strings.FieldsSeq(value) {
		if n == len(f) {
			return false
		}
		f[n] = field
		n++
	}
	return n == len(f) && f[0] == "IN" && (f[1] == "IP4" || f[1] == "IP6")
}

// bandwidth says whether b=<bwtype>:<bandwidth> is one the parser knows; a
// receiver ignores the others (RFC 8866 §5.8).
func bandwidth(value string) bool {
	kind, n, ok := strings.Cut(value, ":")
	if _, err := strconv.ParseUint(n, 10, 64); err != nil || !ok {
		return false
	}
	return slices.Contains([]string{"CT", "AS", "TIAS", "RS", "RR"}, kind) || (strings.HasPrefix(kind, "X-") && len(kind) > 2)
}

// assemble writes the strict text; about size bytes of it.
func assemble(session *block, media []*block, size int) (mended, error) {
	var w strings.Builder
	w.Grow(size + size/4 + 64)
	o, _ := session.line('o')
	out := mended{origin: origin(o)}
	put := func(kind byte, value string) {
		w.WriteByte(kind)
		w.WriteByte('=')
		w.WriteString(value)
		w.WriteString("\r\n")
	}
	put('v', "0")
	put('o', strictOrigin(out.origin))
	name, _ := session.line('s')
	if name == "" {
		name = "-" // "If there is no meaningful name, 's=-' is recommended": RFC 8866 §5.3
	}
	put('s', name)
	for _, kind := range []byte("iuepc") {
		if value, ok := session.line(kind); ok {
			put(kind, value)
		}
	}
	for _, value := range session.bands {
		put('b', value)
	}
	for _, value := range session.times {
		if value = timing(value); value != "" {
			out.timing = append(out.timing, value)
		}
	}
	if out.timing == nil {
		out.timing = []string{"0 0"} // RFC 3264 §5: a unicast session says t=0 0
	}
	for _, value := range out.timing {
		put('t', value)
	}
	if value, ok := session.line('k'); ok {
		put('k', value)
	}
	for _, value := range session.attrs {
		put('a', value)
	}
	for _, b := range media {
		out.streams = append(out.streams, b.m)
		put('m', "application "+b.m.port+" UDP "+b.m.rest)
		for _, kind := range []byte("ic") {
			if value, ok := b.line(kind); ok {
				put(kind, value)
			}
		}
		for _, value := range b.bands {
			put('b', value)
		}
		if value, ok := b.line('k'); ok {
			put('k', value)
		}
		for _, value := range b.attrs {
			put('a', value)
		}
	}
	out.text = w.String()
	return out, nil
}

// origin splits o= into its six fields and fills what is missing.
func origin(value string) []string {
	f := strings.Fields(value)
	for i, fill := range []string{"-", "0", "0", "IN", "IP4", "0.0.0.0"} {
		if len(f) <= i {
			f = append(f, fill)
		}
	}
	return f[:6]
}

// strictOrigin makes the ids numbers, as the grammar has them; they are
// compared as written.
func strictOrigin(f []string) string {
	g := slices.Clone(f)
	for i := 1; i <= 2; i++ {
		if _, err := strconv.ParseUint(g[i], 10, 64); err != nil {
			g[i] = "0"
		}
	}
	if g[3] = "IN"; g[4] != "IP4" && g[4] != "IP6" {
		g[4] = "IP4"
	}
	return strings.Join(g, " ")
}

// timing normalises t=<start> <stop>; "" if it is none.
func timing(value string) string {
	f := strings.Fields(value)
	if len(f) != 2 {
		return ""
	}
	for _, n := range f {
		if _, err := strconv.ParseUint(n, 10, 64); err != nil {
			return ""
		}
	}
	return f[0] + " " + f[1]
}
