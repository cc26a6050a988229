package dialplan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hometone/hometone/config"
)

// fileName is what Load looks for in a directory.
const fileName = "extensions.conf"

// Load reads extensions.conf in a directory, or the file itself. The Plan is
// never nil; use it only if config.HasErrors(problems) is false.
func Load(path string) (*Plan, []config.Problem) { return LoadWith(path, "", "") }

// LoadWith is Load with lines that the file name stands for, such as the spaces
// of a parking lot, as if they stood behind the file's.
func LoadWith(path, name, lines string) (*Plan, []config.Problem) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		path = filepath.Join(path, fileName)
	}
	doc, problems := config.ReadAsterisk(path, config.ReadOptions{})
	if config.HasErrors(problems) {
		return emptyPlan(), problems
	}
	if lines != "" {
		added, more := config.ParseAsterisk(name, lines, config.ReadOptions{})
		doc.Sections, problems = append(doc.Sections, added.Sections...), append(problems, more...)
	}
	plan, more := Compile(doc)
	return plan, append(problems, more...)
}

func emptyPlan() *Plan { return &Plan{contexts: map[string]*Context{}, fallThrough: true} }

// Compile makes a plan of a file that has been read.
func Compile(doc *config.Document) (*Plan, []config.Problem) {
	l := &loader{plan: emptyPlan(), env: newEnv(), findings: config.Findings{Alone: aloneProblems}}
	l.plan.files = doc.Files
	for _, s := range doc.Sections {
		switch {
		case s.Template:
		case s.Name == "general":
			l.general(s)
		case s.Name == "globals":
			l.globals(s)
		}
	}
	for _, s := range doc.Sections {
		if !s.Template && s.Name != "general" && s.Name != "globals" {
			l.context(s)
		}
	}
	l.finish()
	problems := l.findings.Problems()
	config.SortProblems(problems)
	return l.plan, problems
}

// loader compiles one document.
type loader struct {
	plan     *Plan
	findings config.Findings
	env      *Env // of the globals read so far

	// state of the context being read
	current      *Context
	lastExten    string // for same =>
	lastPriority int    // for n and s; noPriority before the first
}

const (
	noPriority    = -2
	aloneProblems = 20 // findings of one kind told each by itself
)

func (l *loader) errorf(at config.Pos, hint, format string, args ...any) {
	l.findings.Add(format, "", at.Problem(config.Error, hint, format, args...))
}

func (l *loader) warnf(at config.Pos, hint, format string, args ...any) {
	l.findings.Add(format, "", at.Problem(config.Warning, hint, format, args...))
}

// general reads [general].
func (l *loader) general(s *config.Section) {
	known := []string{"static", "writeprotect", "autofallthrough", "extenpatternmatchnew", "clearglobalvars", "overrideswitch", "userscontext", "endpoint_identifier"}
	for _, e := range s.Entries {
		switch e.Name {
		case "autofallthrough":
			l.plan.fallThrough = config.True(e.Value)
		case "static", "writeprotect", "clearglobalvars", "extenpatternmatchnew":
		case "overrideswitch", "userscontext", "priorityjumping":
			l.warnf(e.Pos, "remove it", "%s is not supported and has no effect", e.Name)
		default:
			l.warnf(e.Pos, config.DidYouMean(e.Name, known), "option %s in [general] is not known", e.Name)
		}
	}
}

// globals reads [globals]. A value may use globals set above it.
func (l *loader) globals(s *config.Section) {
	for _, e := range s.Entries {
		value := l.expandGlobals(e.Value)
		if _, known := l.env.globals.Get(e.Name); known {
			i := slices.IndexFunc(l.plan.globals, func(v Variable) bool { return v.Name == e.Name })
			l.plan.globals[i].Value = value
		} else {
			l.plan.globals = append(l.plan.globals, Variable{Name: e.Name, Value: value})
		}
		l.env.globals.set(e.Name, value)
	}
}

// expandGlobals substitutes global variables in a name or value of the file.
func (l *loader) expandGlobals(text string) string {
	if !strings.Contains(text, "${") && !strings.Contains(text, "$[") {
		return text
	}
	l.env.vars = variables{} // what a text set, such as ${SET(x=1)}, is not for the next one
	return l.env.Expand(text)
}

// context reads one section as a context; sections of one name add up.
func (l *loader) context(s *config.Section) {
	c := l.plan.contexts[s.Name]
	if c == nil {
		c = &Context{Name: s.Name, literal: map[string][]*Extension{}, named: map[string][]*Extension{}}
		l.plan.contexts[s.Name] = c
		l.plan.order = append(l.plan.order, c)
	}
	l.current, l.lastExten, l.lastPriority = c, "", noPriority
	for _, e := range s.Entries {
		switch strings.ToLower(e.Name) {
		case "exten":
			l.exten(e, false)
		case "same":
			l.exten(e, true)
		case "include":
			l.include(e)
		case "ignorepat":
			c.ignore = append(c.ignore, l.expandGlobals(e.Value))
		case "switch", "lswitch", "eswitch":
			l.readSwitch(e)
		case "autohints":
			if config.True(e.Value) {
				l.warnf(e.Pos, "write exten => NUMBER,hint,DEVICE lines", "autohints is not supported; no hints are made")
			}
		default:
			hint := config.DidYouMean(e.Name, []string{"exten", "same", "include", "ignorepat", "switch", "autohints"})
			l.warnf(e.Pos, hint, "%s is not known in a context; the line is ignored", e.Name)
		}
	}
}

// include reads include => CONTEXT[,TIMES,WEEKDAYS,MDAYS,MONTHS[,ZONE]].
func (l *loader) include(e config.Entry) {
	value := l.expandGlobals(e.Value)
	name, spec, timed := cutAny(value, ",|")
	in := include{name: strings.TrimSpace(name), pos: e.Pos}
	if timed {
		when, err := ParseTiming(spec)
		if err != nil {
			l.errorf(e.Pos, "write include => CONTEXT,9:00-17:00,mon-fri,*,*", "include => %s: %v", value, err)
			return
		}
		in.when = when
	}
	if slices.ContainsFunc(l.current.includes, func(x include) bool { return x.name == in.name && x.when == nil }) {
		l.warnf(e.Pos, "remove one", "context [%s] includes %s twice", l.current.Name, in.name)
		return
	}
	l.current.includes = append(l.current.includes, in)
}

func cutAny(s, chars string) (before, after string, found bool) {
	i := strings.IndexAny(s, chars)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// finish resolves includes and sorts what look-ups need sorted.
func (l *loader) finish() {
	for _, c := range l.plan.order {
		for i := range c.includes {
			in := &c.includes[i]
			if in.target = l.plan.contexts[in.name]; in.target == nil {
				l.warnf(in.pos, l.suggestContext(in.name), "context [%s] includes [%s], which does not exist", c.Name, in.name)
			}
		}
		l.checkSwitches(c)
		for _, x := range c.extensions {
			slices.SortFunc(x.steps, func(a, b Step) int { return a.Priority - b.Priority })
			l.checkFirst(x)
			if !strings.HasPrefix(x.Name, "_") {
				c.sorted = append(c.sorted, strings.ToLower(x.Name))
			}
		}
		slices.Sort(c.sorted)
		c.sorted = slices.Compact(c.sorted)
	}
}

// checkFirst warns of an extension that nobody can enter: it has no priority
// 1, and no other name of its context supplies one.
func (l *loader) checkFirst(x *Extension) {
	if len(x.steps) == 0 || x.steps[0].Priority == 1 {
		return
	}
	f := finder{exten: x.Name, callerID: x.CallerID, priority: 1}
	if strings.HasPrefix(x.Name, "_") || x.Context.find(&f) {
		return
	}
	l.warnf(x.Pos, "let its first line say 1 or use same => below another", "extension %s in [%s] has no priority 1, so no call can begin there", x.Name, x.Context.Name)
}

func (l *loader) suggestContext(name string) string {
	names := make([]string, 0, len(l.plan.order))
	for _, c := range l.plan.order {
		names = append(names, c.Name)
	}
	return config.DidYouMean(name, names)
}
