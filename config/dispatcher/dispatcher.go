// Package dispatcher reads Kamailio's dispatcher.list: the destinations of a
// balancer, one a line, as
//
//	SET URI [FLAGS [PRIORITY [ATTRIBUTES]]]
//
// SET is a number. FLAGS is a decimal or hexadecimal (0x) bit field.
// PRIORITY orders destinations of a set, the highest first. ATTRIBUTES are
// name=value pairs joined by semicolons, such as weight=50;duid=pbx1; a blank
// inside needs quotes around them all. Text behind # is a comment.
//
// The meaning of attributes belongs to the edge; those Kamailio defines are
// checked for their form here, so that a wrong number is found with its line.
// Load never fails half-way: it returns what it understood and what it found.
package dispatcher

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/hometone/hometone/config"
)

// Flags of a destination as Kamailio counts them.
const (
	Inactive uint32 = 1 << iota // not used
	Trying                      // failing, still used
	Disabled                    // switched off by an operator
	Probing                     // probed with OPTIONS
	NoDNS                       // the name is not looked up again
	NoPing                      // never probed
)

// Limits of a list.
const (
	maxFile         = 8 << 20 // bytes
	maxDestinations = 65_536
	maxProblems     = 1_000
)

// Destination is one line of a dispatcher.list.
type Destination struct {
	config.Pos
	Set      int
	URI      string
	Flags    uint32
	Priority int
	Attrs    []Attr
}

// Attr is one name=value of a destination's attributes, in the file's order.
type Attr struct{ Name, Value string }

// Attr returns the value of an attribute.
func (d *Destination) Attr(name string) (string, bool) {
	for _, a := range d.Attrs {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// Int returns an attribute as a number; missing is returned if the line does
// not set it.
func (d *Destination) Int(name string, missing int) int {
	text, ok := d.Attr(name)
	if !ok {
		return missing
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return missing
	}
	return n
}

// List is a whole dispatcher.list in the file's order. It is immutable.
type List struct {
	File         string
	Destinations []Destination
}

// Set returns the destinations of one set, in the file's order.
func (l *List) Set(number int) []Destination {
	var found []Destination
	for _, d := range l.Destinations {
		if d.Set == number {
			found = append(found, d)
		}
	}
	return found
}

// Load reads a dispatcher.list. The List is never nil; use it only if
// config.HasErrors(problems) is false.
func Load(path string) (*List, []config.Problem) {
	at := config.Pos{File: path}
	f, err := os.Open(path)
	if err != nil {
		return &List{File: path}, []config.Problem{at.Problem(config.Error, "", "%v", err)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return &List{File: path}, []config.Problem{at.Problem(config.Error, "", "%v", err)}
	}
	if len(data) > maxFile {
		return &List{File: path}, []config.Problem{at.Problem(config.Error, "", "larger than %d MiB", maxFile>>20)}
	}
	return Parse(path, string(data))
}

// Parse reads source as if it stood in a file called name.
func Parse(name, source string) (*List, []config.Problem) {
	p := &parser{list: &List{File: name}, ids: map[string]int{}}
	at := config.Pos{File: name}
	for line := range strings.Lines(strings.TrimPrefix(source, "\ufeff")) {
		at.Line++
		p.line(strings.TrimRight(line, "\r\n"), at)
	}
	if len(p.list.Destinations) == 0 && len(p.problems) == 0 {
		p.report(config.Pos{File: name}.Problem(config.Warning, "add lines such as: 1 sip:192.0.2.1:5060 0 1 weight=50", "no destinations"))
	}
	return p.list, p.problems
}

type parser struct {
	list     *List
	problems []config.Problem
	ids      map[string]int // duid → line
}

func (p *parser) report(x config.Problem) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, x)
	}
}

func (p *parser) errorf(at config.Pos, hint, format string, args ...any) {
	p.report(at.Problem(config.Error, hint, format, args...))
}

// line reads one line.
func (p *parser) line(line string, at config.Pos) {
	fields, err := split(line)
	if err != nil {
		p.errorf(at, "close it", "%v", err)
		return
	}
	if len(fields) == 0 {
		return
	}
	if x, bad := config.LookAlike(strings.Join(fields, " "), line, at); bad {
		p.report(x)
		return
	}
	if len(fields) > 5 {
		p.errorf(at, "put attributes with blanks into quotes", "%d fields, at most five are known: SET URI FLAGS PRIORITY ATTRIBUTES", len(fields))
		return
	}
	d := Destination{Pos: at}
	if !p.numbers(fields, &d) || !p.uri(fields, &d) {
		return
	}
	if len(fields) == 5 && !p.attributes(fields[4], &d) {
		return
	}
	if len(p.list.Destinations) == maxDestinations {
		p.errorf(at, "", "more than %d destinations", maxDestinations)
		return
	}
	p.list.Destinations = append(p.list.Destinations, d)
}

// split cuts at blanks outside quotes and drops the comment.
func split(line string) ([]string, error) {
	var fields []string
	var field strings.Builder
	quoted, inside := false, false
	flush := func() {
		if inside {
			fields = append(fields, field.String())
			field.Reset()
			inside = false
		}
	}
	for _, c := range []byte(line) {
		switch {
		case c == '"':
			quoted, inside = !quoted, true
		case quoted:
			field.WriteByte(c)
		case c == ' ' || c == '\t':
			flush()
		case c == '#' && !inside:
			return fields, nil
		default:
			inside = true
			field.WriteByte(c)
		}
	}
	if quoted {
		return nil, fmt.Errorf("quote is never closed")
	}
	flush()
	return fields, nil
}

// numbers reads the set, the flags and the priority.
func (p *parser) numbers(fields []string, d *Destination) bool {
	set, err := strconv.ParseInt(fields[0], 10, 32)
	if err != nil || set < 0 {
		p.errorf(d.Pos, "begin the line with a number, such as 1", "set %q is not a number", fields[0])
		return false
	}
	d.Set = int(set)
	if len(fields) > 2 {
		flags, err := strconv.ParseUint(fields[2], 0, 32)
		if err != nil || strings.HasPrefix(fields[2], "0b") {
			p.errorf(d.Pos, "write 0, or for instance 8 or 0x8 to probe", "flags %q are not a number", fields[2])
			return false
		}
		d.Flags = uint32(flags)
		if unknown := d.Flags &^ (Inactive | Trying | Disabled | Probing | NoDNS | NoPing); unknown != 0 {
			p.report(d.Problem(config.Warning, "", "flags 0x%x are not known and have no effect", unknown))
		}
	}
	if len(fields) > 3 {
		priority, err := strconv.ParseInt(fields[3], 10, 32)
		if err != nil {
			p.errorf(d.Pos, "write a number; attributes come after it", "priority %q is not a number", fields[3])
			return false
		}
		d.Priority = int(priority)
	}
	return true
}

// uri looks at the form of a SIP URI; the SIP core reads the rest.
func (p *parser) uri(fields []string, d *Destination) bool {
	if len(fields) < 2 {
		p.errorf(d.Pos, "write SET URI, such as 1 sip:192.0.2.1", "no URI")
		return false
	}
	d.URI = fields[1]
	scheme, rest, ok := strings.Cut(d.URI, ":")
	if !ok || rest == "" || !strings.EqualFold(scheme, "sip") && !strings.EqualFold(scheme, "sips") {
		p.errorf(d.Pos, "write sip:HOST:PORT", "%q is not a SIP URI", d.URI)
		return false
	}
	if _, _, _, err := Socket(d.URI); err != nil {
		p.errorf(d.Pos, "write sip:HOST:PORT;transport=udp", "%q: %v", d.URI, err)
		return false
	}
	return true
}

// numeric are the attributes that Kamailio reads as numbers.
var numeric = map[string]struct{ low, high int }{
	"weight": {0, 100}, "rweight": {0, 100}, "maxload": {0, 1 << 30}, "cc": {0, 1}, "latency": {0, 1 << 30},
	"ocmin": {0, 100}, "ocmax": {0, 100}, "ocrate": {0, 100}, "ocidx": {0, 1 << 30}, "rewriteuser": {0, 1},
}

// attributes reads name=value;….
func (p *parser) attributes(text string, d *Destination) bool {
	good := true
	for item := range strings.SplitSeq(text, ";") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, value, ok := strings.Cut(item, "=")
		if !ok || name == "" {
			p.errorf(d.Pos, "write name=value;name=value", "attribute %q is not name=value", item)
			good = false
			continue
		}
		a := Attr{strings.TrimSpace(name), strings.TrimSpace(value)}
		if limits, known := numeric[a.Name]; known {
			if n, err := strconv.Atoi(a.Value); err != nil || n < limits.low || n > limits.high {
				p.errorf(d.Pos, "", "attribute %s=%s is not between %d and %d", a.Name, a.Value, limits.low, limits.high)
				good = false
			}
		}
		d.Attrs = append(d.Attrs, a)
	}
	if id, ok := d.Attr("duid"); ok {
		if line, taken := p.ids[id]; taken {
			p.errorf(d.Pos, "give each its own", "duid=%s is already used in line %d", id, line)
			return false
		}
		p.ids[id] = d.Line
	}
	return good
}

// Socket returns the transport, host and port a URI leads to, with the
// defaults of RFC 3261 §19.1.2; port 0 means that the name has to be looked up.
func Socket(uri string) (proto, host string, port uint16, err error) {
	scheme, rest, _ := strings.Cut(uri, ":")
	rest, _, _ = strings.Cut(rest, "?")
	rest, params, _ := strings.Cut(rest, ";")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	proto = "udp"
	if strings.EqualFold(scheme, "sips") {
		proto = "tls"
	}
	for param := range strings.SplitSeq(strings.ToLower(params), ";") {
		if value, ok := strings.CutPrefix(param, "transport="); ok {
			proto = value
		}
	}
	if addr, err := config.ParseHostPort(rest, config.DefaultPort(proto)); err == nil && rest != "" {
		return proto, addr.Addr().String(), addr.Port(), nil
	}
	host, text, hasPort := strings.Cut(rest, ":")
	if host == "" || strings.ContainsAny(host, " <>\"[]") {
		return "", "", 0, fmt.Errorf("no host")
	}
	if !hasPort {
		return proto, host, 0, nil
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return "", "", 0, fmt.Errorf("%q is not a port", text)
	}
	return proto, host, uint16(number), nil
}

// CheckListeners names trap T1: destinations whose port no listener of the
// PBX has. listeners are those of the PBX that the destinations are meant to
// be; where says which file they come from.
func CheckListeners(l *List, listeners []config.Address, where string) []config.Problem {
	var problems []config.Problem
	for _, d := range l.Destinations {
		proto, _, port, err := Socket(d.URI)
		if err != nil || port == 0 || reached(listeners, proto, port) {
			continue
		}
		p := d.Problem(config.Warning, portHint(d.URI, proto, listeners),
			"destination %s means %s port %d, where the PBX of %s does not listen (it has %s)", d.URI, proto, port, where, describe(listeners))
		p.Trap = "T1"
		problems = append(problems, p)
	}
	return problems
}

func reached(listeners []config.Address, proto string, port uint16) bool {
	for _, a := range listeners {
		if a.Proto == proto && a.Addr.Port() == port {
			return true
		}
	}
	return false
}

func portHint(uri, proto string, listeners []config.Address) string {
	for _, a := range listeners {
		if a.Proto == proto {
			return fmt.Sprintf("write %s:%d, or let the PBX listen on the port above", strings.TrimSuffix(uri, ":"), a.Addr.Port())
		}
	}
	return "add a listener for " + proto
}

func describe(listeners []config.Address) string {
	list := make([]string, 0, len(listeners))
	for _, a := range listeners {
		list = append(list, fmt.Sprintf("%s %d", a.Proto, a.Addr.Port()))
	}
	return cmp.Or(strings.Join(list, ", "), "no listener")
}
