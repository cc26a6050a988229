package dialplan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Goto moves to [[CONTEXT,]EXTEN,]PRIORITY. The priority is a number, +N or
// -N from here, or a label. An error means the channel cannot go on: the
// application answers Hangup.
func (i *Interpreter) Goto(target string) error {
	pos, err := i.Target(target)
	if err != nil {
		return err
	}
	i.moveToPosition(pos)
	return nil
}

// Target reads [[CONTEXT,]EXTEN,]PRIORITY as seen from the present position.
func (e *Env) Target(target string) (Position, error) {
	parts := Args(target, 3)
	pos := e.pos
	switch len(parts) {
	case 0:
		return pos, fmt.Errorf("target is empty; write [[context,]extension,]priority")
	case 2:
		pos.Exten = strings.TrimSpace(parts[0])
	case 3:
		if c := strings.TrimSpace(parts[0]); c != "" {
			pos.Context = c
		}
		if x := strings.TrimSpace(parts[1]); x != "" {
			pos.Exten = x
		}
	}
	priority := strings.TrimSpace(parts[len(parts)-1])
	if sign := strings.IndexAny(priority, "+-"); sign == 0 && digits(priority[1:]) {
		n, err := strconv.Atoi(priority)
		if err != nil {
			return pos, fmt.Errorf("priority %q is out of range", priority)
		}
		pos.Priority = e.pos.Priority + n
		return pos, nil
	}
	if n, err := strconv.Atoi(priority); err == nil {
		pos.Priority = n
		return pos, nil
	}
	if pos.Priority = e.plan().FindLabel(pos.Context, pos.Exten, priority, e.callerID(), e.now()); pos.Priority == 0 {
		return pos, fmt.Errorf("%s,%s has no priority or label %q", pos.Context, pos.Exten, priority)
	}
	return pos, nil
}

// GotoIf is CONDITION?[TRUE][:FALSE]; a branch left out goes on.
func (i *Interpreter) GotoIf(args string) error {
	condition, branches, _ := strings.Cut(args, "?")
	return i.branch(Condition(strings.TrimSpace(condition)), branches)
}

// GotoIfTime is TIMES,WEEKDAYS,MDAYS,MONTHS[,ZONE]?[TRUE][:FALSE].
func (i *Interpreter) GotoIfTime(args string) error {
	spec, branches, ok := strings.Cut(args, "?")
	if !ok {
		return fmt.Errorf("GotoIfTime needs TIME?TARGET, not %q", clip(args))
	}
	t, err := ParseTiming(spec)
	if err != nil {
		return err
	}
	return i.branch(t.Includes(i.now()), branches)
}

// branch goes to the first or second of TRUE:FALSE.
func (i *Interpreter) branch(holds bool, branches string) error {
	yes, no, _ := strings.Cut(branches, ":")
	target := yes
	if !holds {
		target = no
	}
	if target = strings.TrimSpace(target); target == "" {
		return nil
	}
	return i.Goto(target)
}

// SetArgs is the application Set: NAME=VALUE.
func (i *Interpreter) SetArgs(args string) error {
	name, value, ok := strings.Cut(args, "=")
	if !ok {
		return fmt.Errorf("Set needs NAME=VALUE, not %q", clip(args))
	}
	return i.Set(name, value)
}

// MSet is the application MSet: NAME=VALUE,… with quotes removed.
func (i *Interpreter) MSet(args string) error {
	for _, assignment := range Args(args, 0) {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return fmt.Errorf("MSet needs NAME=VALUE, not %q", clip(assignment))
		}
		if err := i.Set(strings.TrimSpace(name), value); err != nil {
			return err
		}
	}
	return nil
}

// Frame is one Gosub level: where to return to, and what the variables that
// it hides were before.
type Frame struct {
	Return Position `json:"return"`
	Args   int      `json:"args"`
	Hidden []Hidden `json:"hidden,omitempty"`
}

// Hidden is a variable as it was before LOCAL() or an argument hid it.
type Hidden struct {
	Variable
	Existed bool `json:"existed"`
}

func cloneStack(stack []Frame) []Frame {
	if len(stack) == 0 {
		return nil
	}
	stack = slices.Clone(stack)
	for i := range stack {
		stack[i].Hidden = slices.Clone(stack[i].Hidden)
	}
	return stack
}

// Gosub calls [[CONTEXT,]EXTEN,]PRIORITY[(ARG,…)]: ARG1, ARG2 … and ARGC are
// its own until Return. An error means the channel cannot go on.
func (i *Interpreter) Gosub(target string) error {
	place, list := target, ""
	if open := strings.IndexByte(target, '('); open >= 0 {
		place, list = target[:open], strings.TrimSuffix(strings.TrimSpace(target[open+1:]), ")")
	}
	pos, err := i.Target(place)
	if err != nil {
		return err
	}
	if len(i.stack) >= i.limits.Stack {
		return fmt.Errorf("Gosub is nested more than %d deep", i.limits.Stack)
	}
	if !i.plan().Exists(pos.Context, pos.Exten, pos.Priority, i.callerID(), i.now()) {
		return fmt.Errorf("Gosub: %s does not exist", pos)
	}
	back := i.pos
	back.Priority++
	args := Args(list, 0)
	before := 0
	if n := len(i.stack); n > 0 {
		before = i.stack[n-1].Args
	}
	i.stack = append(i.stack, Frame{Return: back, Args: len(args)})
	for n := range max(len(args), before) {
		value := ""
		if n < len(args) {
			value = args[n]
		}
		if err := i.setLocal("ARG"+strconv.Itoa(n+1), value); err != nil {
			i.warn("Gosub: %v", err)
		}
	}
	if err := i.setLocal("ARGC", strconv.Itoa(len(args))); err != nil {
		i.warn("Gosub: %v", err)
	}
	i.moveToPosition(pos)
	return nil
}

// GosubIf is CONDITION?[TRUE][:FALSE], where the branches are as for Gosub.
func (i *Interpreter) GosubIf(args string) error {
	condition, branches, _ := strings.Cut(args, "?")
	yes, no := branches, ""
	if at := outsideParentheses(branches, ':'); at >= 0 {
		yes, no = branches[:at], branches[at+1:]
	}
	target := yes
	if !Condition(strings.TrimSpace(condition)) {
		target = no
	}
	if strings.TrimSpace(target) == "" {
		return nil
	}
	return i.Gosub(target)
}

func outsideParentheses(s string, c byte) int {
	depth := 0
	for i := range len(s) {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth--
		case s[i] == c && depth <= 0:
			return i
		}
	}
	return -1
}

// Return ends the innermost Gosub and goes back behind it. value becomes
// GOSUB_RETVAL.
func (i *Interpreter) Return(value string) error {
	f, err := i.pop()
	if err != nil {
		return fmt.Errorf("Return without Gosub")
	}
	i.moveToPosition(f.Return)
	return i.Set("GOSUB_RETVAL", value)
}

// StackPop forgets the innermost Gosub without going back.
func (i *Interpreter) StackPop() error {
	_, err := i.pop()
	return err
}

// StackDepth returns the number of Gosub levels.
func (i *Interpreter) StackDepth() int { return len(i.stack) }

func (i *Interpreter) pop() (Frame, error) {
	n := len(i.stack)
	if n == 0 {
		return Frame{}, fmt.Errorf("the stack is empty")
	}
	f := i.stack[n-1]
	i.stack = i.stack[:n-1]
	for _, h := range slices.Backward(f.Hidden) {
		if !h.Existed {
			i.vars.unset(h.Name)
			continue
		}
		i.vars.put(h.Name, h.Value, h.Inherit)
	}
	return f, nil
}

// setLocal sets a variable that Return takes back.
func (e *Env) setLocal(name, value string) error {
	n := len(e.stack)
	if n == 0 {
		return fmt.Errorf("LOCAL(%s) outside Gosub", name)
	}
	f := &e.stack[n-1]
	plain, _ := inheritance(name)
	if !slices.ContainsFunc(f.Hidden, func(h Hidden) bool { return h.Name == plain }) {
		h := Hidden{Variable: Variable{Name: plain}}
		if x := e.vars.find(plain); x != nil {
			h.Value, h.Inherit, h.Existed = x.value, x.inherit, true
		}
		f.Hidden = append(f.Hidden, h)
	}
	return e.vars.set(name, value, &e.limits)
}
