package dialplan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hometone/hometone/config"
)

// exten reads exten => NAME[/CALLERID],PRIORITY[+N][(LABEL)],APP(ARGS), and
// same => PRIORITY…, which repeats the name above.
func (l *loader) exten(e config.Entry, same bool) {
	value := e.Value
	name := l.lastExten
	if !same {
		name, value = cutArgument(value)
		name = l.expandGlobals(strings.TrimSpace(name))
		l.lastExten = name
	}
	if name == "" {
		if same {
			l.errorf(e.Pos, "begin with exten => NAME,1,…", "same => has no extension above it in [%s]", l.current.Name)
		} else {
			l.errorf(e.Pos, "write exten => NAME,PRIORITY,APPLICATION(…)", "extension without a name")
		}
		return
	}
	prio, call := cutArgument(value)
	x := l.extension(name, e.Pos)
	if x == nil {
		return
	}
	if strings.EqualFold(strings.TrimSpace(prio), "hint") {
		l.hint(x, call, e.Pos)
		return
	}
	step := Step{Pos: e.Pos}
	if !l.priority(x, prio, &step) {
		return
	}
	l.application(&step, call)
	l.add(x, step)
}

// cutArgument cuts at the first comma outside quotes, brackets and
// parentheses.
func cutArgument(s string) (before, after string) {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		case c == ',' && depth <= 0:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// extension finds or makes the extension of that name and caller id.
func (l *loader) extension(name string, at config.Pos) *Extension {
	name, callerID, hasCallerID := strings.Cut(name, "/")
	name, callerID = plainName(strings.TrimSpace(name)), plainName(strings.TrimSpace(callerID))
	c := l.current
	for _, x := range c.named[strings.ToLower(name)] {
		if x.Name == name && x.matchCallerID == hasCallerID && x.CallerID == callerID {
			return x
		}
	}
	x := &Extension{Pos: at, Name: name, CallerID: callerID, Context: c, matchCallerID: hasCallerID, labels: map[string]int{}}
	var list *[]*Extension
	if text, isPattern := strings.CutPrefix(name, "_"); isPattern {
		p, ok := l.pattern(text, name, at)
		if !ok {
			return nil
		}
		list = c.patterns.leaf(p)
	}
	if text, isPattern := strings.CutPrefix(callerID, "_"); isPattern {
		p, ok := l.pattern(text, callerID, at)
		if !ok {
			return nil
		}
		x.callerPattern = &p
	}
	if list != nil {
		*list = insertByCallerID(*list, x)
	} else {
		c.literal[name] = insertByCallerID(c.literal[name], x)
	}
	lower := strings.ToLower(name)
	c.named[lower] = insertByCallerID(c.named[lower], x)
	c.extensions = append(c.extensions, x)
	return x
}

func (l *loader) pattern(text, name string, at config.Pos) (pattern, bool) {
	p, trailing, err := compilePattern(text)
	if err != nil {
		l.errorf(at, "write for instance _[2-4]XX", "pattern %s: %v", name, err)
		return p, false
	}
	if trailing != "" {
		l.warnf(at, "end the pattern there", "pattern %s: %q after . or ! has no meaning", name, trailing)
	}
	if len(p.sets) == 0 && p.tail == rest {
		l.warnf(at, "write _X. for numbers", "pattern %s also matches i, t, h and the other special extensions", name)
	}
	return p, true
}

// insertByCallerID keeps extensions with a caller id, the specific ones
// first, before those without.
func insertByCallerID(list []*Extension, x *Extension) []*Extension {
	i := 0
	for i < len(list) && !callerIDBefore(x, list[i]) {
		i++
	}
	return slices.Insert(list, i, x)
}

func callerIDBefore(a, b *Extension) bool {
	if a.matchCallerID != b.matchCallerID {
		return a.matchCallerID
	}
	switch {
	case a.callerPattern == nil && b.callerPattern == nil:
		return a.CallerID < b.CallerID
	case a.callerPattern == nil || b.callerPattern == nil:
		return a.callerPattern == nil
	default:
		return a.callerPattern.compare(*b.callerPattern) < 0
	}
}

// priority reads NUMBER, n, s, n+2, with (LABEL) and after a label's number.
func (l *loader) priority(x *Extension, text string, step *Step) bool {
	text = strings.TrimSpace(text)
	text, label, labelled := strings.Cut(text, "(")
	if labelled {
		var closed bool
		label, _, closed = strings.Cut(label, ")")
		if !closed {
			l.warnf(step.Pos, "write n("+label+")", "label %s has no closing parenthesis", label)
		}
		step.Label = strings.TrimSpace(label)
	}
	base, plus, added := strings.Cut(text, "+")
	offset := 0
	if added {
		var err error
		if offset, err = strconv.Atoi(strings.TrimSpace(plus)); err != nil || offset > maxPriority {
			l.errorf(step.Pos, "write n+2", "priority %s: %q is not a number", text, plus)
			return false
		}
	}
	number, ok := l.basePriority(x, strings.TrimSpace(base), step.Pos)
	if !ok {
		return false
	}
	step.Priority = number + offset
	if step.Priority < 1 || step.Priority > maxPriority {
		l.errorf(step.Pos, "count from 1", "priority %d is out of range", step.Priority)
		return false
	}
	l.lastPriority = step.Priority
	return true
}

// maxPriority is far above what people or programs write.
const maxPriority = 1 << 20

func (l *loader) basePriority(x *Extension, base string, at config.Pos) (int, bool) {
	switch strings.ToLower(base) {
	case "n", "next", "s", "same":
		if l.lastPriority == noPriority {
			l.errorf(at, "write 1", "priority %s has no line before it to count from", base)
			return 0, false
		}
		if strings.HasPrefix(strings.ToLower(base), "n") {
			return l.lastPriority + 1, true
		}
		return l.lastPriority, true
	}
	if n, err := strconv.Atoi(base); err == nil {
		return n, true
	}
	if n := x.labels[base]; n > 0 {
		return n, true
	}
	l.errorf(at, "write a number, n, n(label) or hint", "priority %q of extension %s is neither a number nor a label above it", base, x.Name)
	return 0, false
}

// application splits APP(ARGS) at the first ( and the last ).
func (l *loader) application(step *Step, call string) {
	call = strings.TrimSpace(call)
	name, args, hasArgs := strings.Cut(call, "(")
	if hasArgs {
		end := strings.LastIndexByte(args, ')')
		if end < 0 {
			l.warnf(step.Pos, "end it with )", "%s has no closing parenthesis", call)
		} else {
			args = args[:end]
		}
	}
	step.App, step.Args = strings.TrimSpace(name), args
	step.args = compile(args)
	l.plan.headers = l.plan.headers || strings.Contains(args, "PJSIP_HEADER") || strings.Contains(args, "PJSIP_RESPONSE_HEADER")
	l.plan.pickups = l.plan.pickups || strings.HasPrefix(strings.ToLower(step.App), "pickup") || strings.Contains(strings.ToLower(args), "pickup")
	if step.App == "" {
		l.errorf(step.Pos, "write an application, such as NoOp()", "priority %d has no application", step.Priority)
	}
	if step.args.unclosed != "" {
		l.warnf(step.Pos, "close it", "%s in the arguments of %s is never closed", step.args.unclosed, step.App)
	}
}

// add puts a step into its extension. The first of two equal priorities stays.
func (l *loader) add(x *Extension, step Step) {
	if n := len(x.steps); n > 0 && x.steps[n-1].Priority < step.Priority {
		// the ordinary case: lines in order
	} else if i := slices.IndexFunc(x.steps, func(s Step) bool { return s.Priority == step.Priority }); i >= 0 {
		l.warnf(step.Pos, "renumber one, or use n", "priority %d of extension %s is already set in line %d; this line is ignored", step.Priority, x.Name, x.steps[i].Line)
		return
	}
	if step.Label != "" {
		if _, taken := x.labels[step.Label]; taken {
			l.warnf(step.Pos, "rename one", "label %s is given twice in extension %s", step.Label, x.Name)
		} else {
			x.labels[step.Label] = step.Priority
		}
	}
	x.steps = append(x.steps, step)
	x.messages = x.messages || strings.EqualFold(step.App, "MessageSend") || strings.Contains(step.Args, "MESSAGE(") || strings.Contains(step.Args, "MESSAGE_DATA(")
}

func (l *loader) hint(x *Extension, devices string, at config.Pos) {
	if x.hint != nil {
		l.warnf(at, "keep one", "extension %s has two hints; this one is ignored", x.Name)
		return
	}
	x.Hint = strings.TrimSpace(devices)
	if before, name, named := strings.Cut(strings.TrimSuffix(x.Hint, ")"), "("); named {
		x.Hint, x.hintName = before, name
	}
	x.hint = &Step{Pos: at, Priority: hintPriority, App: x.Hint}
}
