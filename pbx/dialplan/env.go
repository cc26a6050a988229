package dialplan

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Channel is what variables and functions ask of the channel.
type Channel interface {
	// Variable returns a computed variable, such as CHANNEL or UNIQUEID.
	Variable(name string) (string, bool)
	// ReadFunction answers a function bound to the channel, such as
	// CALLERID(num). ok is false if the channel does not know the function.
	ReadFunction(name, args string) (value string, ok bool, err error)
	// WriteFunction sets one.
	WriteFunction(name, args, value string) (ok bool, err error)
	// CallerID returns the caller's number, for extensions with a caller id.
	CallerID() string
}

// Limits bound what a dialplan may cost. Zero fields mean the defaults.
type Limits struct {
	Steps     int // priorities run without a wait; default 100,000
	Variable  int // bytes of one value or one substituted text; default 64 KiB
	Depth     int // nesting of evaluations, as by EVAL and IF; default 32
	Stack     int // Gosub levels; default 128
	Variables int // of one channel; default 4,096
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.Steps, 100_000)
	set(&l.Variable, 64<<10)
	set(&l.Depth, 32)
	set(&l.Stack, 128)
	set(&l.Variables, 4096)
	return l
}

// Env is what expressions and functions see: the channel and its variables,
// the global ones, the plan, the time. Owned by the channel's goroutine.
type Env struct {
	vars      variables
	stack     []Frame
	globals   *Globals
	channel   Channel // nil while a file is loaded
	functions Functions
	plan      func() *Plan
	now       func() time.Time
	logger    *slog.Logger
	limits    Limits
	pos       Position
	step      *Step // the line that runs, or ran last; nil: none
	warned    int   // warnings since the channel rested
	depth     int
	exception exception

	database Database // nil: none
	states   States   // nil: none
	shared   *Shared
	groups   *Groups
}

// Services are what the channels of a node have in common. Fields left nil
// are missing: functions that need them say so.
type Services struct {
	Database Database
	States   States
	Shared   *Shared // nil: the channel's own
	Groups   *Groups // nil: the channel's own
}

func (e *Env) serve(s Services) {
	e.database, e.states, e.shared, e.groups = s.Database, s.States, s.Shared, s.Groups
	if e.shared == nil {
		e.shared = &Shared{}
	}
	if e.groups == nil {
		e.groups = &Groups{}
	}
}

// newEnv returns an environment without a channel, for loading and tests.
func newEnv() *Env {
	e := &Env{globals: &Globals{}, limits: Limits{}.withDefaults(), functions: Builtin(),
		plan: emptyPlan, now: time.Now, logger: slog.New(slog.DiscardHandler)}
	e.serve(Services{})
	return e
}

// Now returns the time by the clock the environment was given.
func (e *Env) Now() time.Time { return e.now() }

// Plan returns the plan of the moment.
func (e *Env) Plan() *Plan { return e.plan() }

// Channel returns the channel, or nil while a file is loaded.
func (e *Env) Channel() Channel { return e.channel }

// Position returns where the channel is.
func (e *Env) Position() Position { return e.pos }

// Globals returns the global variables.
func (e *Env) Globals() *Globals { return e.globals }

// callerID returns the number used to match extensions.
func (e *Env) callerID() string {
	if e.channel == nil {
		return ""
	}
	return e.channel.CallerID()
}

// maxWarnings bounds what a loop writes to the log.
const maxWarnings = 100

// warn logs what a person who wrote the dialplan should know.
func (e *Env) warn(format string, args ...any) {
	e.warned++
	switch {
	case e.warned == maxWarnings:
		format, args = "%d warnings; those that follow at once are left out", []any{maxWarnings}
	case e.warned > maxWarnings:
		return
	}
	where := []any{"context", e.pos.Context, "exten", e.pos.Exten, "priority", e.pos.Priority}
	if e.step != nil && e.step.Line > 0 {
		where = append(where, "line", e.step.File+":"+strconv.Itoa(e.step.Line))
	}
	e.logger.Warn("dialplan: "+fmt.Sprintf(format, args...), where...)
}

// Get returns what ${name} would: a computed variable, a channel variable or
// a global one, or a function's value if name ends in ); "" if there is none.
func (e *Env) Get(name string) string {
	if strings.HasSuffix(name, ")") && strings.Contains(name, "(") {
		r := parseReference(name)
		return e.refer(&r)
	}
	value, _ := e.Lookup(name)
	return value
}

// Lookup is Get that also reports whether the variable exists.
func (e *Env) Lookup(name string) (string, bool) {
	switch name {
	case "EXTEN":
		return e.pos.Exten, true
	case "CONTEXT":
		return e.pos.Context, true
	case "PRIORITY":
		return strconv.Itoa(e.pos.Priority), true
	case "EPOCH":
		return strconv.FormatInt(e.now().Unix(), 10), true
	case "HINT":
		return e.plan().Hint(e.pos.Context, e.pos.Exten, e.now())
	case "CHANNEL", "UNIQUEID", "HANGUPCAUSE", "CALLINGPRES", "CALLINGANI2", "CALLINGTON", "CALLINGTNS":
		if e.channel != nil {
			if value, ok := e.channel.Variable(name); ok {
				return value, true
			}
		}
	}
	if value, ok := e.vars.get(name); ok {
		return value, true
	}
	if e.channel != nil {
		if value, ok := e.channel.Variable(name); ok {
			return value, true
		}
	}
	return e.globals.Get(name)
}

// Set sets a channel variable, or writes a function if name ends in ).
// Underscores before the name mark inheritance.
func (e *Env) Set(name, value string) error {
	if strings.HasSuffix(name, ")") && strings.Contains(name, "(") {
		return e.write(name, value)
	}
	return e.vars.set(name, value, &e.limits)
}

// Unset removes a channel variable.
func (e *Env) Unset(name string) { e.vars.unset(name) }

// write writes a function: NAME(ARGS).
func (e *Env) write(call, value string) error {
	name, args := splitCall(call)
	if f, known := e.functions[name]; known {
		if f.Write == nil {
			return fmt.Errorf("function %s cannot be set", name)
		}
		return f.Write(e, args, value)
	}
	if e.channel != nil {
		if ok, err := e.channel.WriteFunction(name, args, value); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("function %s is not known", name)
}

// Call reads a function.
func (e *Env) Call(name, args string) (string, error) {
	if e.depth >= e.limits.Depth {
		return "", fmt.Errorf("function %s: nested more than %d deep", name, e.limits.Depth)
	}
	e.depth++
	defer func() { e.depth-- }()
	if f, known := e.functions[name]; known {
		if f.Read == nil {
			return "", fmt.Errorf("function %s cannot be read", name)
		}
		return f.Read(e, args)
	}
	if e.channel != nil {
		if value, ok, err := e.channel.ReadFunction(name, args); ok || err != nil {
			return value, err
		}
	}
	return "", fmt.Errorf("function %s is not known", name)
}

// Expand substitutes ${…} and $[…] in a text.
func (e *Env) Expand(s string) string {
	if nextSubstitution(s) < 0 {
		return s
	}
	return e.expand(compile(s))
}

func (e *Env) expand(t *template) string {
	if t.static {
		return t.raw
	}
	if len(t.parts) == 1 {
		return e.clamp(e.part(&t.parts[0]))
	}
	var b strings.Builder
	for i := range t.parts {
		if p := &t.parts[i]; p.kind == text {
			b.WriteString(p.text)
		} else {
			b.WriteString(e.part(p))
		}
		if b.Len() > e.limits.Variable {
			break
		}
	}
	return e.clamp(b.String())
}

// clamp cuts a text that is over the limit.
func (e *Env) clamp(s string) string {
	if len(s) <= e.limits.Variable {
		return s
	}
	e.warn("text of %d bytes is cut to the limit of %d", len(s), e.limits.Variable)
	return s[:e.limits.Variable]
}

func (e *Env) part(p *part) string {
	switch p.kind {
	case reference:
		return e.refer(&p.ref)
	case nested:
		r := parseReference(e.expand(p.inner))
		return e.refer(&r)
	case expression:
		return e.evaluate(e.expand(p.inner))
	default:
		return p.text
	}
}

func (e *Env) refer(r *refer) string {
	var value string
	if r.call {
		var err error
		if value, err = e.Call(r.name, r.args); err != nil {
			e.warn("%v", err)
			return ""
		}
	} else {
		value = e.Get(r.name)
	}
	if r.sliced {
		value = substring(value, r.offset, r.length)
	}
	return value
}

// evaluate computes the inside of $[…]. What cannot be read counts as 0.
func (e *Env) evaluate(source string) string {
	value, err := e.Expression(source)
	if err != nil {
		e.warn("expression %s: %v", clip(source), err)
	}
	return value
}

func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
