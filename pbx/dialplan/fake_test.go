package dialplan

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
)

// fakeChannel is a channel with a few applications that act on the
// interpreter and otherwise write down that they ran.
type fakeChannel struct {
	interp *Interpreter
	ran    []string
	number string
	quiet  bool
	hidden bool // what acts on the interpreter is not written down
	values map[string]string
}

func (c *fakeChannel) log() string { return strings.Join(c.ran, " ") }

func (c *fakeChannel) Has(name string) bool { return true }

func (c *fakeChannel) Run(_ context.Context, name, args string) (Result, error) {
	act := map[string]func(string) error{}
	if c.interp != nil {
		i := c.interp
		act = map[string]func(string) error{"goto": i.Goto, "gotoif": i.GotoIf, "set": i.SetArgs, "gosub": i.Gosub,
			"gosubif": i.GosubIf, "return": i.Return, "gotoiftime": i.GotoIfTime, "mset": i.MSet,
			"while": i.While, "raiseexception": i.RaiseException, "if": i.If, "elseif": i.ElseIf,
			"endwhile": func(string) error { return i.EndWhile() }, "continuewhile": func(string) error { return i.ContinueWhile() }, "exitwhile": func(string) error { return i.ExitWhile() },
			"else": func(string) error { return i.Else() }, "endif": func(string) error { return i.EndIf() }, "exitif": func(string) error { return i.ExitIf() }}
	}
	if _, acts := act[strings.ToLower(name)]; !c.quiet && !(c.hidden && acts) {
		c.ran = append(c.ran, fmt.Sprintf("%s(%s)", name, args))
	}
	name = strings.ToLower(name)
	switch f := act[name]; {
	case f != nil:
		if err := f(args); err != nil {
			return Hangup, err
		}
	case name == "hangup":
		return Hangup, nil
	case name == "break":
		return Failed, nil
	case name == "background":
		c.interp.Press(args)
	}
	return Continue, nil
}

func (c *fakeChannel) CallerID() string { return c.number }

func (c *fakeChannel) Variable(name string) (string, bool) {
	v, ok := c.values[name]
	return v, ok
}

func (c *fakeChannel) ReadFunction(name, args string) (string, bool, error) {
	v, ok := c.values[name+"("+args+")"]
	return v, ok, nil
}

func (c *fakeChannel) WriteFunction(name, args, value string) (bool, error) {
	if name != "CALLERID" {
		return false, nil
	}
	if c.values == nil {
		c.values = map[string]string{}
	}
	c.values[name+"("+args+")"] = value
	return true, nil
}

// planOf compiles a plan from text; problems of any kind fail the test.
func planOf(t testing.TB, source string) *Plan {
	t.Helper()
	plan, problems := planAndProblems(t, source)
	for _, p := range problems {
		t.Fatalf("plan: %v", p)
	}
	return plan
}

func planAndProblems(t testing.TB, source string) (*Plan, []config.Problem) {
	t.Helper()
	doc, problems := config.ParseAsterisk("extensions.conf", source, config.ReadOptions{Dir: t.TempDir()})
	plan, more := Compile(doc)
	return plan, append(problems, more...)
}

// noon is a Wednesday.
func noon() time.Time { return time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC) }

// channelOn returns an interpreter with a fake channel on a plan.
func channelOn(plan *Plan) (*Interpreter, *fakeChannel) {
	ch := &fakeChannel{}
	ch.interp = New(Config{Plan: func() *Plan { return plan }, Apps: ch, Channel: ch, Now: noon, Globals: NewGlobals(plan)})
	return ch.interp, ch
}
