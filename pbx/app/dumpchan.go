package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// dumpChan is DumpChan([level]): writes what is known of the channel to the log.
func dumpChan(_ context.Context, ch pbx.Channel, _ string) error {
	ch.Log().Info("channel", "name", ch.Name(), "uniqueid", ch.Get("UNIQUEID"), "linkedid", ch.Get("LINKEDID"),
		"state", ch.Get("CHANNEL(state)"), "callerid", ch.Get("CALLERID(all)"), "context", ch.Get("CONTEXT"),
		"exten", ch.Get("EXTEN"), "priority", ch.Get("PRIORITY"), "codec", ch.Get("CHANNEL(audioreadformat)"))
	return nil
}
