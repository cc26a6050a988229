package dialplan

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// loopback is switch => Loopback/[NUMBER][@CONTEXT][:PRIORITY][/PATTERN], also
// written Local/: extensions that are looked up elsewhere, perhaps under
// another number, but run where they were asked for.
type loopback struct {
	config.Pos
	written string
	target  *template // NUMBER@CONTEXT:PRIORITY/PATTERN with ${EXTEN}, ${CONTEXT}, ${PRIORITY}
}

// maxSwitches bounds the switches followed in one look-up, however they lead
// to each other.
const maxSwitches = 32

// readSwitch reads switch, lswitch and eswitch.
func (l *loader) readSwitch(e config.Entry) {
	technology, target, _ := strings.Cut(e.Value, "/")
	switch strings.ToLower(strings.TrimSpace(technology)) {
	case "loopback", "local":
	default:
		hint := config.DidYouMean(technology, []string{"Loopback", "Local"})
		if hint == "" {
			hint = "Loopback/NUMBER@CONTEXT looks up in this file"
		}
		l.warnf(e.Pos, hint, "%s => %s is not supported; nothing is looked up there", e.Name, e.Value)
		return
	}
	t := compile(target)
	for i := range t.parts {
		p := &t.parts[i]
		if p.kind == text || p.kind == reference && slices.Contains([]string{"EXTEN", "CONTEXT", "PRIORITY"}, p.ref.name) {
			continue
		}
		value, known := l.env.globals.Get(p.ref.name)
		if p.kind != reference || !known {
			l.warnf(e.Pos, "use EXTEN, CONTEXT, PRIORITY or a global variable", "%s => %s: only these can be used in a switch", e.Name, e.Value)
			return
		}
		*p = part{kind: text, text: value}
	}
	l.current.switches = append(l.current.switches, loopback{e.Pos, e.Value, t})
}

// expandPosition substitutes EXTEN, CONTEXT and PRIORITY.
func expandPosition(t *template, pos Position) string {
	if t.static {
		return t.raw
	}
	var b strings.Builder
	for i := range t.parts {
		p := &t.parts[i]
		switch p.kind {
		case text:
			b.WriteString(p.text)
		case reference:
			value := map[string]string{"EXTEN": pos.Exten, "CONTEXT": pos.Context, "PRIORITY": strconv.Itoa(pos.Priority)}[p.ref.name]
			if p.ref.sliced {
				value = substring(value, p.ref.offset, p.ref.length)
			}
			b.WriteString(value)
		}
	}
	return b.String()
}

// resolve returns where a switch leads from a position; ok is false if the
// extension does not fit its pattern.
func (s *loopback) resolve(pos Position) (target Position, ok bool) {
	place, pattern, _ := strings.Cut(expandPosition(s.target, pos), "/")
	if pattern = strings.TrimSpace(pattern); pattern != "" && !fits(pattern, pos.Exten) {
		return pos, false
	}
	place, priority, _ := strings.Cut(place, ":")
	number, name, _ := strings.Cut(place, "@")
	if number = strings.TrimSpace(number); number != "" {
		pos.Exten = number
	}
	if name = strings.TrimSpace(name); name != "" {
		pos.Context = name
	}
	if n, err := strconv.Atoi(strings.TrimSpace(priority)); err == nil && pos.Priority > 0 {
		pos.Priority = n
	}
	return pos, true
}

// fits reports whether an extension is the name, or fits the pattern after _.
func fits(pattern, exten string) bool {
	text, isPattern := strings.CutPrefix(pattern, "_")
	if !isPattern {
		return pattern == exten
	}
	p, _, err := compilePattern(text)
	return err == nil && p.match(exten)
}

// switched looks up where the switches of a context lead. Labels are not
// looked up there, as in Asterisk.
func (s *search) switched(c *Context) bool {
	if len(c.switches) == 0 || s.label != "" {
		return false
	}
	for i := range c.switches {
		sub, target, ok := s.follow(c, &c.switches[i])
		if ok && sub.in(target) {
			s.found, s.step, s.switches = sub.found, sub.step, sub.switches
			return true
		}
		if ok {
			s.switches = sub.switches
		}
	}
	return false
}

// follow begins the look-up that a switch asks for.
func (s *search) follow(c *Context, via *loopback) (sub search, target *Context, ok bool) {
	if s.switches >= maxSwitches {
		return search{}, nil, false
	}
	pos, ok := via.resolve(Position{c.Name, s.exten, s.priority})
	if target = s.plan.contexts[pos.Context]; !ok || target == nil {
		return search{}, nil, false
	}
	f := finder{exten: pos.Exten, callerID: s.callerID, priority: pos.Priority}
	return search{finder: f, plan: s.plan, now: s.now, switches: s.switches + 1}, target, true
}

// partialSwitched is switched for numbers that are not complete.
func (s *search) partialSwitched(c *Context, longer bool) verdict {
	for i := range c.switches {
		sub, target, ok := s.follow(c, &c.switches[i])
		if !ok {
			continue
		}
		v := sub.partialIn(target, longer)
		if s.switches = sub.switches; v != none {
			return v
		}
	}
	return none
}

// Switches returns the switches of a context as written.
func (c *Context) Switches() []string {
	list := make([]string, len(c.switches))
	for i, s := range c.switches {
		list[i] = s.written
	}
	return list
}

// hintDevices returns an extension's hint with ${EXTEN} filled in, which
// patterns use.
func hintDevices(x *Extension, exten string) string {
	if nextSubstitution(x.Hint) < 0 {
		return x.Hint
	}
	return expandPosition(compile(x.Hint), Position{x.Context.Name, exten, hintPriority})
}

// HintName is the name in parentheses behind a hint's devices.
func (p *Plan) HintName(contextName, exten string, now time.Time) string {
	m, ok := p.Match(contextName, exten, hintPriority, "", now)
	if !ok {
		return ""
	}
	return m.Extension.hintName
}

// checkSwitches names switches to contexts that do not exist.
func (l *loader) checkSwitches(c *Context) {
	for i := range c.switches {
		s := &c.switches[i]
		if !s.target.static {
			continue
		}
		pos, _ := s.resolve(Position{c.Name, "s", 1})
		place, _, _ := strings.Cut(s.target.raw, "/")
		if strings.Contains(place, "@") && l.plan.contexts[pos.Context] == nil {
			l.warnf(s.Pos, l.suggestContext(pos.Context), "switch in [%s] leads to [%s], which does not exist", c.Name, pos.Context)
		}
	}
}
