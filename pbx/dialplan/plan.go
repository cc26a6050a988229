package dialplan

import (
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

// Plan is a whole extensions.conf, compiled. It is immutable and may be read
// by any number of goroutines.
type Plan struct {
	contexts    map[string]*Context
	order       []*Context
	globals     []Variable
	fallThrough bool
	headers     bool // PJSIP_HEADER or a relative stands somewhere in it
	pickups     bool // Pickup or a relative stands somewhere in it
	files       []string
}

// ReadsHeaders reports whether the plan reads SIP headers, so that messages
// must be kept for it.
func (p *Plan) ReadsHeaders() bool { return p.headers }

// PicksUp reports whether the plan takes calls that ring elsewhere, so that
// these must be told.
func (p *Plan) PicksUp() bool { return p.pickups }

// Context is one [context] of the plan.
type Context struct {
	Name string

	extensions []*Extension            // in the file's order
	literal    map[string][]*Extension // by exact name
	named      map[string][]*Extension // patterns by lower-case name, for Goto(_X.)
	sorted     literals
	patterns   trie
	includes   []include
	ignore     []string // ignorepat
	switches   []loopback
}

type include struct {
	name   string
	target *Context // nil: there is no such context
	when   *Timing  // nil: always
	pos    config.Pos
}

// Extension is one extension of a context: a name or pattern, perhaps with a
// caller id, and its priorities.
type Extension struct {
	config.Pos
	Name     string // as written, for instance _80XX
	CallerID string // pattern after the slash
	Hint     string // devices of the priority "hint"
	Context  *Context

	matchCallerID bool
	callerPattern *pattern // CallerID began with _
	steps         []Step   // by priority
	hint          *Step    // the priority "hint", or nil
	hintName      string
	messages      bool // a step reads or sends a message
	labels        map[string]int
}

// Step is one priority.
type Step struct {
	config.Pos
	Priority int
	Label    string
	App      string // application, as written
	Args     string // its arguments, as written

	args *template
}

// Steps returns the priorities in order.
func (x *Extension) Steps() iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for i := range x.steps {
			if !yield(&x.steps[i]) {
				return
			}
		}
	}
}

// HintPos is the line of the priority "hint"; the extension's own if it has none.
func (x *Extension) HintPos() config.Pos {
	if x.hint == nil {
		return x.Pos
	}
	return x.hint.Pos
}

// callerIDMatches reports whether the caller may use this extension. An empty
// pattern fits callers without a number.
func (x *Extension) callerIDMatches(number string) bool {
	if x.callerPattern != nil {
		return x.callerPattern.match(number)
	}
	return x.CallerID == number
}

// lookup finds a priority, or the priority that carries the label.
func (x *Extension) lookup(priority int, label string) *Step {
	if label != "" {
		if priority = x.labels[label]; priority == 0 {
			return nil
		}
	}
	if priority == hintPriority {
		return x.hint
	}
	if i := priority - 1; i >= 0 && i < len(x.steps) && x.steps[i].Priority == priority {
		return &x.steps[i]
	}
	i := sort.Search(len(x.steps), func(i int) bool { return x.steps[i].Priority >= priority })
	if i < len(x.steps) && x.steps[i].Priority == priority {
		return &x.steps[i]
	}
	return nil
}

// Contexts returns the contexts in the order of the file.
func (p *Plan) Contexts() iter.Seq[*Context] { return slices.Values(p.order) }

// Context returns a context by name, or nil.
func (p *Plan) Context(name string) *Context { return p.contexts[name] }

// Extensions returns the extensions of a context in the order of the file.
func (c *Context) Extensions() iter.Seq[*Extension] { return slices.Values(c.extensions) }

// Includes returns the names of the included contexts.
func (c *Context) Includes() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, in := range c.includes {
			if !yield(in.name) {
				return
			}
		}
	}
}

// HasContext reports whether the plan has the context.
func (p *Plan) HasContext(name string) bool { return p.contexts[name] != nil }

// Files returns the files the plan was read from.
func (p *Plan) Files() []string { return slices.Clone(p.files) }

// maxIncluded bounds the contexts visited in one look-up, as in Asterisk.
const maxIncluded = 128

// search is one look-up over a context and what it includes. Each context is
// visited once.
type search struct {
	finder
	plan     *Plan
	now      time.Time
	switches int // followed so far
	visited  [maxIncluded]*Context
	count    int
}

// enter reports whether the context has not been visited yet.
func (s *search) enter(c *Context) bool {
	if c == nil || s.count == len(s.visited) || slices.Contains(s.visited[:s.count], c) {
		return false
	}
	s.visited[s.count] = c
	s.count++
	return true
}

// in looks in a context, then where its switches lead, then, in order, in what
// it includes.
func (s *search) in(c *Context) bool {
	return c.find(&s.finder) || s.switched(c) || s.included(c)
}

// included looks in what a context includes.
func (s *search) included(c *Context) bool {
	if len(c.includes) == 0 || !s.enter(c) {
		return false
	}
	for i := range c.includes {
		in := &c.includes[i]
		if in.target != nil && (in.when == nil || in.when.Includes(s.now)) &&
			!slices.Contains(s.visited[:s.count], in.target) && s.in(in.target) {
			return true
		}
	}
	return false
}

// find looks in one context: exact names before patterns. A name that begins
// with _ may also name a pattern itself.
func (c *Context) find(f *finder) bool {
	if f.try(c.literal[f.exten]) {
		return true
	}
	if strings.HasPrefix(f.exten, "_") && f.try(c.named[strings.ToLower(f.exten)]) {
		return true
	}
	return f.descend(&c.patterns, 0)
}

// Match is the answer to a look-up.
type Match struct {
	Extension *Extension // its Context is where it was found
	Step      *Step
}

// Match finds what a caller reaches who dials exten in a context at a
// priority, includes followed: exact names, then patterns from the most to
// the least specific, then each included context in turn. As in Asterisk, an
// extension that matches but lacks the priority is passed over.
func (p *Plan) Match(contextName, exten string, priority int, callerID string, now time.Time) (Match, bool) {
	return p.match(contextName, finder{exten: exten, callerID: callerID, priority: priority}, now)
}

// FindLabel returns the priority that carries the label, or 0.
func (p *Plan) FindLabel(contextName, exten, label, callerID string, now time.Time) int {
	m, ok := p.match(contextName, finder{exten: exten, callerID: callerID, label: label}, now)
	if !ok {
		return 0
	}
	return m.Step.Priority
}

func (p *Plan) match(contextName string, f finder, now time.Time) (Match, bool) {
	c := p.contexts[contextName]
	if c == nil {
		return Match{}, false
	}
	if c.find(&f) {
		return Match{f.found, f.step}, true
	}
	if len(c.includes) == 0 && len(c.switches) == 0 {
		return Match{}, false
	}
	s := search{finder: f, plan: p, now: now}
	if !s.switched(c) && !s.included(c) {
		return Match{}, false
	}
	return Match{s.found, s.step}, true
}

// Exists reports whether an extension with the priority can be reached from
// the context, includes followed.
func (p *Plan) Exists(contextName, exten string, priority int, callerID string, now time.Time) bool {
	_, ok := p.Match(contextName, exten, priority, callerID, now)
	return ok
}

// TakesMessages reports whether an extension is there for messages: one of its
// steps is MessageSend, or reads MESSAGE() or MESSAGE_DATA().
func (p *Plan) TakesMessages(contextName, exten, callerID string, now time.Time) bool {
	m, ok := p.Match(contextName, exten, 1, callerID, now)
	return ok && m.Extension.messages
}

// CanMatch reports whether exten, or exten with more digits after it, matches.
func (p *Plan) CanMatch(contextName, exten, callerID string, now time.Time) bool {
	return p.partial(contextName, exten, callerID, now, false) == yes
}

// MatchMore reports whether a longer extension that begins with exten matches,
// so that waiting for another digit makes sense.
func (p *Plan) MatchMore(contextName, exten, callerID string, now time.Time) bool {
	return p.partial(contextName, exten, callerID, now, true) == yes
}

func (p *Plan) partial(contextName, exten, callerID string, now time.Time, longer bool) verdict {
	c := p.contexts[contextName]
	if c == nil {
		return none
	}
	s := search{finder: finder{exten: exten, callerID: callerID, priority: 1}, plan: p, now: now}
	return s.partialIn(c, longer)
}

func (s *search) partialIn(c *Context, longer bool) verdict {
	if !s.enter(c) {
		return none
	}
	for _, name := range c.sorted.withPrefix(s.exten) {
		if longer && len(name) == len(s.exten) {
			continue
		}
		for _, x := range c.named[name] {
			if !x.matchCallerID || x.callerIDMatches(s.callerID) {
				return yes
			}
		}
	}
	if v := s.partial(&c.patterns, 0, longer); v != none {
		return v
	}
	if v := s.partialSwitched(c, longer); v != none {
		return v
	}
	for i := range c.includes {
		if in := &c.includes[i]; in.target != nil && (in.when == nil || in.when.Includes(s.now)) {
			if v := s.partialIn(in.target, longer); v != none {
				return v
			}
		}
	}
	return none
}

// Hint returns the devices watched for an extension, and whether it has a hint.
func (p *Plan) Hint(contextName, exten string, now time.Time) (string, bool) {
	m, ok := p.Match(contextName, exten, hintPriority, "", now)
	if !ok {
		return "", false
	}
	return hintDevices(m.Extension, exten), true
}

// hintPriority is the number kept for the priority "hint".
const hintPriority = -1

// IgnorePattern reports whether the dial tone goes on after these digits.
func (p *Plan) IgnorePattern(contextName, exten string) bool {
	c := p.contexts[contextName]
	if c == nil {
		return false
	}
	return slices.ContainsFunc(c.ignore, func(pat string) bool {
		name, isPattern := strings.CutPrefix(pat, "_")
		if !isPattern {
			return pat == exten
		}
		compiled, _, err := compilePattern(name)
		return err == nil && compiled.match(exten)
	})
}
