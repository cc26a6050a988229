package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// blindTransfer is BlindTransfer(extension[,context]): sends whom the channel talks
// with elsewhere. It is for [applicationmap] of features.conf, whose applications run
// in the middle of a call. BLINDTRANSFERSTATUS is SUCCESS, INVALID, NOTPERMITTED or
// FAILURE, as where there is no call.
func blindTransfer(_ context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	return ch.Set("BLINDTRANSFERSTATUS", ch.Switchboard().TransferBridge(strings.TrimSpace(a[0]), strings.TrimSpace(a[1]), false))
}
