package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// celGenUserEvent is CELGenUserEvent(name[,extra]): writes an event to the log.
func celGenUserEvent(_ context.Context, ch pbx.Channel, args string) error {
	name, extra, _ := strings.Cut(args, ",")
	ch.Log().Info("user event", "event", strings.TrimSpace(name), "extra", extra)
	return nil
}
