package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// userEvent is UserEvent(name[,key: value…]): an event for whoever watches the
// exchange; it goes to the log.
func userEvent(_ context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	ch.Log().Info("user event", "event", a[0], "body", a[1])
	return nil
}
