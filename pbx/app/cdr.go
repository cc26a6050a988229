package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// forkCDR is ForkCDR([options]): the call so far gets its record and what follows
// another one. Option a: the answer's time stays that of the call; r: the new record
// begins now in any case.
func forkCDR(_ context.Context, ch pbx.Channel, args string) error {
	o, _ := letters(args)
	ch.Switchboard().ForkRecord(o.has('a'))
	return nil
}

// resetCDR is ResetCDR([options]): the call's record begins anew. Option v: its
// variables stay, as they do anyway.
func resetCDR(_ context.Context, ch pbx.Channel, _ string) error {
	ch.Switchboard().ResetRecord()
	return nil
}
