package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// softHangup is SoftHangup(channel[,a]): ends a channel, with a all those of a device.
func softHangup(_ context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	name := strings.TrimSpace(a[0])
	if name == "" {
		ch.Log().Warn("SoftHangup: no channel is named")
		return nil
	}
	if ch.Switchboard().HangupOther(name, strings.Contains(a[1], "a")) == 0 {
		ch.Log().Info("SoftHangup: there is no such channel", "channel", name)
	}
	return nil
}
