package dialplan

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Position is where a channel is in the plan.
type Position struct {
	Context  string `json:"context"`
	Exten    string `json:"exten"`
	Priority int    `json:"priority"`
}

// String prints the position as CONTEXT,EXTEN,PRIORITY.
func (p Position) String() string { return fmt.Sprintf("%s,%s,%d", p.Context, p.Exten, p.Priority) }

// Result is what an application asks the interpreter to do next.
type Result uint8

// The results of an application.
const (
	Continue Result = iota // go on with the next priority, or where Goto pointed
	Hangup                 // the channel is to be hung up, or already is
	Failed                 // the application broke; extension e may take over, else as Hangup
	Resting                // the application goes on later: Run returns Rests, and Resume brings the application's result
)

// Apps is the table of applications as one channel sees it.
type Apps interface {
	// Run executes an application with its substituted arguments, on the
	// channel's goroutine, for as long as it takes. An error is logged; what
	// happens next is the Result's business.
	Run(ctx context.Context, name, args string) (Result, error)
	// Has reports whether the application exists, in any case of letters.
	Has(name string) bool
}

// Config makes an Interpreter.
type Config struct {
	Plan      func() *Plan                  // required: the plan of the moment; a reload swaps it between two steps
	Apps      Apps                          // required
	Channel   Channel                       // required
	Globals   *Globals                      // shared by all channels of a node; nil: none
	Functions Functions                     // nil: Builtin()
	Now       func() time.Time              // required
	Logger    *slog.Logger                  // nil: nothing is logged
	Trace     func(Position, *Step, string) // called before each step with the substituted arguments; nil: not
	Limits    Limits
	Services  Services
}

// Interpreter walks one channel through the plan, one priority after the
// other. It belongs to the channel's goroutine and starts none. Everything it
// knows is in State, so that a snapshot can be continued elsewhere.
type Interpreter struct {
	Env

	apps    Apps
	trace   func(Position, *Step, string)
	steps   int      // run since the last wait
	jumped  bool     // the application moved the position itself
	pressed string   // digits an application collected for WantDigits
	waiting bool     // an application asked for more digits
	ended   bool     // in h
	untaken Position // an ElseIf reached because no condition held before it
}

// New returns an interpreter. It starts nothing.
func New(c Config) *Interpreter {
	i := &Interpreter{apps: c.Apps, trace: c.Trace, Env: Env{
		globals: c.Globals, channel: c.Channel, functions: c.Functions, plan: c.Plan,
		now: c.Now, logger: c.Logger, limits: c.Limits.withDefaults(),
	}}
	i.serve(c.Services)
	if i.globals == nil {
		i.globals = &Globals{}
	}
	if i.functions == nil {
		i.functions = Builtin()
	}
	if i.logger == nil {
		i.logger = slog.New(slog.DiscardHandler)
	}
	return i
}

// Outcome says why Run returned.
type Outcome uint8

// The outcomes of Run.
const (
	Ended       Outcome = iota // an application or the channel asked for hang-up, or a limit was passed
	FellThrough                // no further priority: act on DIALSTATUS, then hang up
	WantDigits                 // collect digits (Pending has those that came), then call Digits or Timeout
	NoExtension                // the extension does not exist and the context has no i or e
	Rests                      // an application waits without a goroutine: call Resume when it has ended
)

// String names the outcome.
func (o Outcome) String() string {
	return [...]string{"ended", "fell through", "wants digits", "no extension", "rests"}[o]
}

// Start puts the channel at a position.
func (i *Interpreter) Start(pos Position) { i.pos, i.jumped = pos, false }

// Run executes priorities until something else is needed. It does not run the
// extension h: call RunHangup when the call is over.
func (i *Interpreter) Run(ctx context.Context) Outcome {
	for {
		if ctx.Err() != nil {
			return Ended
		}
		if o, goOn := i.after(i.Step(ctx)); !goOn {
			return o
		}
	}
}

// Resume is Run from an application on that returned Resting and has ended with a
// result now.
func (i *Interpreter) Resume(ctx context.Context, result Result) Outcome {
	i.next()
	if o, goOn := i.after(true, result); !goOn {
		return o
	}
	return i.Run(ctx)
}

// after decides whether Run goes on after a step; if not, with which outcome it
// ends.
func (i *Interpreter) after(found bool, result Result) (o Outcome, goOn bool) {
	switch {
	case !found && i.invalid():
		return NoExtension, i.special("i", "INVALID")
	case !found && i.plan().fallThrough:
		return FellThrough, false
	case !found:
		return WantDigits, false
	case result == Failed && i.pos.Exten != "e" && i.special("e", "ERROR"):
	case result == Resting:
		return Rests, false
	case result != Continue:
		return Ended, false
	case i.waiting:
		i.waiting = false
		return WantDigits, false
	}
	return Ended, true
}

// Step executes the priority at the position and moves on. found is false if
// the plan has no such priority; then nothing happened.
func (i *Interpreter) Step(ctx context.Context) (found bool, result Result) {
	m, ok := i.plan().Match(i.pos.Context, i.pos.Exten, i.pos.Priority, i.callerID(), i.now())
	if !ok {
		return false, Continue
	}
	if i.steps++; i.steps > i.limits.Steps {
		i.step, i.warned = m.Step, 0 // it is told in any case
		i.warn("%d priorities without a wait; the call ends", i.limits.Steps)
		return true, Hangup
	}
	args := i.expand(m.Step.args)
	if i.trace != nil {
		i.trace(i.pos, m.Step, args)
	}
	i.jumped, i.step = false, m.Step
	result, err := i.apps.Run(ctx, m.Step.App, args)
	if err != nil {
		i.warn("%s: %v", m.Step.App, err)
	}
	if result != Resting {
		i.next()
	}
	return true, result
}

// next moves to the next priority, unless the application has moved the position.
func (i *Interpreter) next() {
	if !i.jumped {
		i.pos.Priority++
	}
}

// Waited tells the interpreter that the channel has stood still for a time, so that its
// count of steps begins anew. What is too short to spare a processor does not count.
func (i *Interpreter) Waited(d time.Duration) {
	if d >= LeastWait {
		i.steps = 0
	}
	if d >= time.Second {
		i.warned = 0
	}
}

// LeastWait is what counts as a wait: a loop with one in each round takes little of a
// processor.
const LeastWait = time.Millisecond

// Press hands over a digit that an application such as Background heard. Run
// returns WantDigits, and Pending has the digit.
func (i *Interpreter) Press(digit string) {
	i.pressed += digit
	i.waiting = true
}

// Pending returns and forgets the digits handed over by Press.
func (i *Interpreter) Pending() string {
	digits := i.pressed
	i.pressed = ""
	return digits
}

// invalid reports whether the position lies in an extension that does not
// exist at all, rather than behind its last priority.
func (i *Interpreter) invalid() bool {
	return !i.exists(i.pos.Exten)
}

func (i *Interpreter) exists(exten string) bool {
	return i.plan().Exists(i.pos.Context, exten, 1, i.callerID(), i.now())
}

// MatchMore reports whether an extension of a context, with more digits, could match.
func (i *Interpreter) MatchMore(context, exten string) bool {
	return i.plan().MatchMore(context, exten, i.callerID(), i.now())
}

// Digits moves to the extension that was dialled, else to i, else to e. It
// reports whether there was one of them.
func (i *Interpreter) Digits(exten string) bool {
	if i.exists(exten) {
		i.moveTo(exten)
		return true
	}
	return i.invalidExtension(exten)
}

func (i *Interpreter) invalidExtension(exten string) bool {
	if i.exists("i") {
		if err := i.Set("INVALID_EXTEN", exten); err != nil {
			i.warn("%v", err)
		}
		i.moveTo("i")
		return true
	}
	return i.raise("INVALID")
}

// special moves to an extension that handles what went wrong.
func (i *Interpreter) special(exten, reason string) bool {
	if exten == "i" {
		return i.pos.Exten != "i" && i.invalidExtension(i.pos.Exten)
	}
	return i.raise(reason)
}

// Timeout moves to t because no digit came, or to T because the call lasted
// its absolute time; without t, to e. It reports whether there was one.
func (i *Interpreter) Timeout(absolute bool) bool {
	exten, reason := "t", "RESPONSETIMEOUT"
	if absolute {
		exten, reason = "T", "ABSOLUTETIMEOUT"
	}
	if i.exists(exten) {
		i.moveTo(exten)
		return true
	}
	return i.raise(reason)
}

// exception is what EXCEPTION() tells in the extension e.
type exception struct {
	Reason   string   `json:"reason,omitempty"`
	Position Position `json:"position,omitzero"`
}

// RaiseException is the application RaiseException: it moves to e, where
// EXCEPTION(reason) tells the reason. Without e the channel cannot go on.
func (i *Interpreter) RaiseException(reason string) error {
	if !i.raise(strings.TrimSpace(reason)) {
		return fmt.Errorf("RaiseException(%s): there is no extension e in %s", reason, i.pos.Context)
	}
	return nil
}

// raise moves to e, if the context has it.
func (i *Interpreter) raise(reason string) bool {
	if i.pos.Exten == "e" || !i.exists("e") {
		return false
	}
	i.exception = exception{reason, i.pos}
	i.moveTo("e")
	return true
}

func (i *Interpreter) moveTo(exten string) { i.moveToPosition(Position{i.pos.Context, exten, 1}) }

func (i *Interpreter) moveToPosition(pos Position) {
	i.pos = pos
	i.jumped = true
}

// RunHangup runs the extension h of the present context, if there is one. The
// channel should be hung up already; ctx bounds how long h may take.
func (i *Interpreter) RunHangup(ctx context.Context) {
	if i.ended || !i.exists("h") {
		return
	}
	i.ended = true
	i.steps = 0
	i.Start(Position{i.pos.Context, "h", 1})
	for ctx.Err() == nil {
		if found, result := i.Step(ctx); !found || result != Continue {
			return
		}
	}
}

// State is everything an interpreter knows, for a snapshot.
type State struct {
	Position
	Variables []Variable `json:"variables,omitempty"`
	Stack     []Frame    `json:"stack,omitempty"`
	Steps     int        `json:"steps,omitempty"`
	Pressed   string     `json:"pressed,omitempty"`
	Exception exception  `json:"exception,omitzero"`
	Ended     bool       `json:"ended,omitempty"`
	Untaken   Position   `json:"untaken,omitzero"`
}

// State returns a snapshot. It shares nothing with the interpreter.
func (i *Interpreter) State() State {
	return State{
		Position: i.pos, Variables: i.vars.all(), Stack: cloneStack(i.stack), Steps: i.steps,
		Pressed: i.pressed, Exception: i.exception, Ended: i.ended, Untaken: i.untaken,
	}
}

// Restore continues from a snapshot.
func (i *Interpreter) Restore(s State) {
	i.pos, i.stack, i.steps, i.pressed = s.Position, cloneStack(s.Stack), s.Steps, s.Pressed
	i.exception, i.ended, i.untaken = s.Exception, s.Ended, s.Untaken
	i.vars = variables{}
	for _, v := range s.Variables {
		i.vars.put(v.Name, v.Value, v.Inherit)
	}
}

// Variables returns the channel's variables, the oldest first.
func (i *Interpreter) Variables() []Variable { return i.vars.all() }

// Inherited returns the variables a dialled channel receives.
func (i *Interpreter) Inherited() []Variable { return i.vars.inherited() }
