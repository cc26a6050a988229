package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// transfer is Transfer([tech/]destination): sends the caller elsewhere, by 302
// if it has not been answered, else by REFER. TRANSFERSTATUS is SUCCESS,
// FAILURE or UNSUPPORTED.
func transfer(ctx context.Context, ch pbx.Channel, args string) error {
	destination := strings.TrimSpace(args)
	if tech, rest, ok := strings.Cut(destination, "/"); ok {
		if !strings.EqualFold(tech, "PJSIP") {
			return ch.Set("TRANSFERSTATUS", "UNSUPPORTED")
		}
		destination = rest
	}
	status, err := "SUCCESS", ch.Redirect(ctx, destination)
	if err != nil {
		status = "FAILURE"
		ch.Log().Info("Transfer: not possible", "destination", destination, "error", err)
	}
	return ch.Set("TRANSFERSTATUS", status)
}
