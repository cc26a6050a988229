// Package dialplan runs Asterisk's extensions.conf.
package dialplan

import (
	"context"
	"log/slog"
	"time"

	"github.com/hometone/hometone/config"
)

// Plan is a whole extensions.conf, compiled. It is immutable and may be read
// by any number of goroutines.
type Plan struct{}

// Load reads extensions.conf in dir, or the file itself.
func Load(path string) (*Plan, []config.Problem) { return &Plan{}, nil }

// HasContext reports whether the plan has the context.
func (p *Plan) HasContext(name string) bool { return false }

// Exists reports whether an extension with the priority can be reached from
// the context, includes followed.
func (p *Plan) Exists(contextName, exten string, priority int, callerID string, now time.Time) bool {
	return false
}

// CanMatch reports whether exten, or exten with more digits after it, matches.
func (p *Plan) CanMatch(contextName, exten, callerID string, now time.Time) bool { return false }

// MatchMore reports whether a longer extension beginning with exten matches.
func (p *Plan) MatchMore(contextName, exten, callerID string, now time.Time) bool { return false }

// Position is where a channel is in the plan.
type Position struct {
	Context  string `json:"context"`
	Exten    string `json:"exten"`
	Priority int    `json:"priority"`
}

// State is everything the interpreter knows of a channel, to be written into
// a snapshot and given back to Restore.
type State struct {
	Position
	Variables []Variable `json:"variables,omitempty"`
	Stack     []Frame    `json:"stack,omitempty"`
	Steps     int        `json:"steps,omitempty"`
}

// Variable is one channel variable with its inheritance mark (0, 1 or 2
// leading underscores).
type Variable struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Inherit uint8  `json:"inherit,omitempty"`
}

// Frame is one Gosub level.
type Frame struct {
	Return Position   `json:"return"`
	Locals []Variable `json:"locals,omitempty"`
}

// Result is what an application asks the interpreter to do next.
type Result uint8

// The results of an application.
const (
	Continue Result = iota // go on with the next priority (or where Goto pointed)
	Hangup                 // the channel is to be hung up, or already is
)

// Apps is the table of applications, of one channel. args are expanded.
type Apps interface {
	// Run executes the application. An error is logged; it does not end the call.
	Run(ctx context.Context, name, args string) (Result, error)
	// Has reports whether the application exists.
	Has(name string) bool
}

// Channel is what variables and functions ask of the channel.
type Channel interface {
	// Variable returns a computed variable, such as CHANNEL or UNIQUEID.
	Variable(name string) (string, bool)
	// ReadFunction answers a channel-bound function such as CALLERID(num).
	// ok is false if the channel does not know the function.
	ReadFunction(name, args string) (value string, ok bool, err error)
	// WriteFunction sets one.
	WriteFunction(name, args, value string) (ok bool, err error)
	// CallerID returns the number used for CID matching.
	CallerID() string
}

// Config makes an Interpreter.
type Config struct {
	Plan      func() *Plan     // the plan of the moment (reload swaps it)
	Apps      Apps             // required
	Channel   Channel          // required
	Globals   *Globals         // shared by all channels of a node
	Functions Functions        // nil: Builtin
	Now       func() time.Time // required
	Logger    *slog.Logger
	Limits    Limits // zero: defaults
}

// Limits bound what a dialplan may cost.
type Limits struct {
	Steps     int // priorities run without a wait; default 100,000
	Variable  int // bytes of one value; default 64 KiB
	Depth     int // nesting of ${ } and $[ ]; default 32
	Stack     int // Gosub levels; default 128
	Variables int // per channel; default 4,096
}

// Globals are the [globals] variables, safe for concurrent use.
type Globals struct{}

// Functions maps upper-case names to functions.
type Functions map[string]Function

// Function is one dialplan function.
type Function struct {
	Read  func(e *Env, args string) (string, error)
	Write func(e *Env, args, value string) error
}

// Env is what a function sees: variables, globals, the plan, the channel, the time.
type Env struct{}

// Interpreter walks one channel through the plan. Owned by the channel's goroutine.
type Interpreter struct{}

// New returns an interpreter; it starts nothing.
func New(c Config) *Interpreter { return &Interpreter{} }

// Outcome says why Run returned.
type Outcome uint8

// The outcomes of Run.
const (
	Ended       Outcome = iota // an application or the channel asked for hang-up
	FellThrough                // no further priority and autofallthrough: act on DIALSTATUS, then hang up
	WantDigits                 // WaitExten or no autofallthrough: collect digits, then call Digits or Timeout
	NoExtension                // the extension does not exist and there is no i
)

// Start puts the channel at a position.
func (i *Interpreter) Start(pos Position) {}

// Run executes priorities until an outcome. It does not run h: call Hangup.
func (i *Interpreter) Run(ctx context.Context) Outcome { return Ended }

// RunHangup runs the h extension if there is one.
func (i *Interpreter) RunHangup(ctx context.Context) {}

// Digits moves to the dialled extension, or to i, and reports whether there
// was either.
func (i *Interpreter) Digits(exten string) bool { return false }

// Timeout moves to t (or T for an absolute one) and reports whether there is one.
func (i *Interpreter) Timeout(absolute bool) bool { return false }

// Position returns where the channel is.
func (i *Interpreter) Position() Position { return Position{} }

// Get returns a variable's value as ${name} would.
func (i *Interpreter) Get(name string) string { return "" }

// Set sets a channel variable (or function) as the application Set would.
func (i *Interpreter) Set(name, value string) error { return nil }

// Expand substitutes ${…} and $[…] in s.
func (i *Interpreter) Expand(s string) string { return s }

// Goto parses [[context,]exten,]priority and moves there.
func (i *Interpreter) Goto(target string) error { return nil }

// GotoIf is the application GotoIf: condition?true:false.
func (i *Interpreter) GotoIf(args string) error { return nil }

// State returns a snapshot.
func (i *Interpreter) State() State { return State{} }

// Restore continues from a snapshot.
func (i *Interpreter) Restore(s State) {}

// Args splits an application's arguments as Asterisk does: at commas outside
// quotes and parentheses, quotes and escapes removed. max > 0 leaves the rest
// in the last one.
func Args(s string, max int) []string { return nil }
