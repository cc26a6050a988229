package app

import (
	"context"
	"errors"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// tryExec is TryExec(application(arguments)): like Exec, but a failure only
// sets TRYSTATUS: SUCCESS, FAILED or NOAPP.
func tryExec(ctx context.Context, ch pbx.Channel, args string) error {
	name, rest, ok := strings.Cut(strings.TrimSpace(args), "(")
	if !ok || !strings.HasSuffix(rest, ")") {
		return ch.Set("TRYSTATUS", "NOAPP")
	}
	err := ch.Exec(ctx, strings.TrimSpace(name), strings.TrimSuffix(rest, ")"))
	status := "SUCCESS"
	switch {
	case errors.Is(err, pbx.ErrHangup):
		return err
	case errors.Is(err, pbx.ErrNoApp):
		status = "NOAPP"
	case err != nil:
		status = "FAILED"
	}
	return ch.Set("TRYSTATUS", status)
}
