package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// noop does nothing; its arguments are evaluated and logged, which is what it
// is used for.
func noop(context.Context, pbx.Channel, string) error { return nil }
