package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// step makes an application of what moves about in the dialplan and takes no
// arguments.
func step(move func(pbx.Script) error) func(context.Context, pbx.Channel, string) error {
	return func(_ context.Context, ch pbx.Channel, _ string) error { return moved(ch, move(ch.Script())) }
}

// stepIf makes one of what takes a condition.
func stepIf(move func(pbx.Script, string) error) func(context.Context, pbx.Channel, string) error {
	return func(_ context.Context, ch pbx.Channel, args string) error { return moved(ch, move(ch.Script(), args)) }
}
