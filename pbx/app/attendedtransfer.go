package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// attendedTransfer is AttendedTransfer(extension): begins an attended transfer by the
// channel, as the keys atxfer would. It is for [applicationmap] of features.conf.
// ATTENDEDTRANSFERSTATUS is SUCCESS, INVALID, NOTPERMITTED or FAILURE.
func attendedTransfer(_ context.Context, ch pbx.Channel, args string) error {
	return ch.Set("ATTENDEDTRANSFERSTATUS", ch.Switchboard().TransferBridge(strings.TrimSpace(args), "", true))
}
