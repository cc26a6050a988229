package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// raiseException is RaiseException(reason): goes to the extension e.
func raiseException(_ context.Context, ch pbx.Channel, args string) error {
	return moved(ch, ch.Script().RaiseException(args))
}
