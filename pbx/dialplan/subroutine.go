package dialplan

import (
	"context"
	"errors"
	"fmt"
)

// errNoReturn says that a subroutine ended in another way.
var errNoReturn = errors.New("the subroutine ended without Return")

// Subroutine runs [[CONTEXT,]EXTEN,]PRIORITY[(ARGUMENTS)] as a Gosub until its
// Return, from within an application or after the call, and leaves the position
// as it was. GOSUB_RETVAL is what it returned.
func (i *Interpreter) Subroutine(ctx context.Context, target string) error {
	at, jumped, base := i.pos, i.jumped, len(i.stack)
	defer func() {
		for len(i.stack) > base {
			_ = i.StackPop()
		}
		i.pos, i.jumped = at, jumped
	}()
	if err := i.Gosub(target); err != nil {
		return err
	}
	for len(i.stack) > base {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, result := i.Step(ctx)
		if !found || result != Continue {
			return fmt.Errorf("%s: %w", target, errNoReturn)
		}
	}
	return nil
}
