package app

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// parkedCall is ParkedCall([lot[,space]]): connects the caller with a call that is
// parked, without a space with the first one.
func parkedCall(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	space, err := 0, error(nil)
	if at := strings.TrimSpace(a[1]); at != "" {
		space, err = strconv.Atoi(at)
	}
	if err == nil {
		err = ch.Switchboard().Unpark(ctx, strings.TrimSpace(a[0]), space)
	}
	if err == nil || errors.Is(err, pbx.ErrHangup) {
		return err
	}
	ch.Log().Info("ParkedCall: nothing is parked there", "space", a[1], "error", err)
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	if _, err := playAll(ctx, ch, "pbx-invalidpark", ""); err != nil {
		return err
	}
	return ch.Hangup(pbx.CauseNormalClearing)
}
