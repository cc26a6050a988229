package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// hangupCauseClear is HangupCauseClear(): HANGUPCAUSE() forgets the called channels.
func hangupCauseClear(_ context.Context, ch pbx.Channel, _ string) error {
	ch.Switchboard().ForgetCauses()
	return nil
}
