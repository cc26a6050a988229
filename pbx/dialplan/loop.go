package dialplan

import (
	"fmt"
	"strings"
)

// Loops and branches are lines of one extension that belong together, as
// While … EndWhile and If … ElseIf … Else … EndIf. Which do is seen from the
// order of the lines, so nothing has to be remembered between them.

// block names the applications of one kind of block.
type block struct{ begin, end string }

var (
	whileBlock = block{"while", "endwhile"}
	ifBlock    = block{"if", "endif"}
)

// lines returns the steps of the extension that the channel is in and the
// place of the present one in them.
func (i *Interpreter) lines() ([]Step, int, error) {
	m, ok := i.plan().Match(i.pos.Context, i.pos.Exten, i.pos.Priority, i.callerID(), i.now())
	if !ok {
		return nil, 0, fmt.Errorf("%s does not exist any more", i.pos)
	}
	for n := range m.Extension.steps {
		if m.Extension.steps[n].Priority == i.pos.Priority {
			return m.Extension.steps, n, nil
		}
	}
	return nil, 0, fmt.Errorf("%s has no lines of its own", i.pos)
}

// forward finds the first of the applications after line n that stands in the
// same block, and the end of the block if that comes first; -1 if neither does.
func (b block) forward(steps []Step, n int, also ...string) int {
	depth := 0
	for n++; n < len(steps); n++ {
		app := strings.ToLower(steps[n].App)
		switch {
		case app == b.begin:
			depth++
		case app == b.end && depth > 0:
			depth--
		case app == b.end:
			return n
		case depth == 0:
			for _, name := range also {
				if app == name {
					return n
				}
			}
		}
	}
	return -1
}

// backward finds the line that begins the block around line n; -1 if none does.
func (b block) backward(steps []Step, n int) int {
	depth := 0
	for n--; n >= 0; n-- {
		switch strings.ToLower(steps[n].App) {
		case b.end:
			depth++
		case b.begin:
			if depth == 0 {
				return n
			}
			depth--
		}
	}
	return -1
}

// to moves to a line, or behind it.
func (i *Interpreter) to(steps []Step, n, behind int) {
	i.moveToPosition(Position{i.pos.Context, i.pos.Exten, steps[n].Priority + behind})
}

// While is While(CONDITION): it goes on, or behind the EndWhile.
func (i *Interpreter) While(condition string) error {
	if Condition(strings.TrimSpace(condition)) {
		return nil
	}
	steps, n, err := i.lines()
	if err != nil {
		return err
	}
	end := whileBlock.forward(steps, n)
	if end < 0 {
		return fmt.Errorf("While has no EndWhile below it in %s,%s", i.pos.Context, i.pos.Exten)
	}
	i.to(steps, end, 1)
	return nil
}

// EndWhile goes back to the While above.
func (i *Interpreter) EndWhile() error { return i.again("EndWhile") }

// ContinueWhile goes back to the While around it.
func (i *Interpreter) ContinueWhile() error { return i.again("ContinueWhile") }

func (i *Interpreter) again(app string) error {
	steps, n, err := i.lines()
	if err != nil {
		return err
	}
	begin := whileBlock.backward(steps, n)
	if begin < 0 {
		return fmt.Errorf("%s has no While above it in %s,%s", app, i.pos.Context, i.pos.Exten)
	}
	i.to(steps, begin, 0)
	return nil
}

// ExitWhile goes on behind the EndWhile of the loop around it.
func (i *Interpreter) ExitWhile() error { return i.leave(whileBlock, "ExitWhile", "EndWhile") }

// leave goes behind the end of the block around the present line.
func (i *Interpreter) leave(b block, app, end string) error {
	steps, n, err := i.lines()
	if err != nil {
		return err
	}
	if n = b.forward(steps, n); n < 0 {
		return fmt.Errorf("%s has no %s below it in %s,%s", app, end, i.pos.Context, i.pos.Exten)
	}
	i.to(steps, n, 1)
	return nil
}

// If is If(CONDITION): it goes on, or to the next ElseIf or Else, or behind
// the EndIf.
func (i *Interpreter) If(condition string) error {
	if Condition(strings.TrimSpace(condition)) {
		return nil
	}
	return i.otherwise("If")
}

// otherwise goes to the next branch of the present If.
func (i *Interpreter) otherwise(app string) error {
	steps, n, err := i.lines()
	if err != nil {
		return err
	}
	next := ifBlock.forward(steps, n, "elseif", "else")
	if next < 0 {
		return fmt.Errorf("%s has no EndIf below it in %s,%s", app, i.pos.Context, i.pos.Exten)
	}
	if strings.EqualFold(steps[next].App, "elseif") {
		i.to(steps, next, 0)
		i.untaken = i.pos
		return nil
	}
	i.to(steps, next, 1)
	return nil
}

// ElseIf is ElseIf(CONDITION). Reached from a branch that was taken it goes
// behind the EndIf; reached because no condition held yet it is an If.
func (i *Interpreter) ElseIf(condition string) error {
	if i.untaken != i.pos {
		return i.leave(ifBlock, "ElseIf", "EndIf")
	}
	i.untaken = Position{}
	if Condition(strings.TrimSpace(condition)) {
		return nil
	}
	return i.otherwise("ElseIf")
}

// Else ends a branch that was taken: it goes behind the EndIf.
func (i *Interpreter) Else() error { return i.leave(ifBlock, "Else", "EndIf") }

// EndIf ends the last branch.
func (i *Interpreter) EndIf() error { return nil }

// ExitIf goes on behind the EndIf around it.
func (i *Interpreter) ExitIf() error { return i.leave(ifBlock, "ExitIf", "EndIf") }

// ChooseIf is what ExecIf(CONDITION?APP(ARGS)[:APP(ARGS)]) would run; "" is
// nothing.
func (i *Interpreter) ChooseIf(args string) (call string, err error) {
	condition, branches, ok := strings.Cut(args, "?")
	if !ok {
		return "", fmt.Errorf("ExecIf needs CONDITION?APPLICATION(…), not %q", clip(args))
	}
	return pickCall(Condition(strings.TrimSpace(condition)), branches), nil
}

// ChooseIfTime is what ExecIfTime(TIMES,WEEKDAYS,MDAYS,MONTHS[,ZONE]?APP(ARGS)[:APP(ARGS)])
// would run; "" is nothing.
func (i *Interpreter) ChooseIfTime(args string) (call string, err error) {
	spec, branches, ok := strings.Cut(args, "?")
	if !ok {
		return "", fmt.Errorf("ExecIfTime needs TIME?APPLICATION(…), not %q", clip(args))
	}
	t, err := ParseTiming(spec)
	if err != nil {
		return "", err
	}
	return pickCall(t.Includes(i.now()), branches), nil
}

// pickCall takes the first or second of CALL:CALL; colons within parentheses
// belong to a call.
func pickCall(first bool, calls string) string {
	yes, no := calls, ""
	if at := outsideParentheses(calls, ':'); at >= 0 {
		yes, no = calls[:at], calls[at+1:]
	}
	if first {
		return strings.TrimSpace(yes)
	}
	return strings.TrimSpace(no)
}
