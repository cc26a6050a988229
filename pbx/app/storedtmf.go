package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// storeDTMF is StoreDTMF(direction[,variable[,most]]): adds the keys that the telephone
// sends (RX), or that are sent to it (TX), to a variable beneath what follows, at most so
// many; remove ends that.
func storeDTMF(_ context.Context, ch pbx.Channel, args string) error {
	a := split(args, 3)
	direction := strings.ToUpper(strings.TrimSpace(a[0]))
	switch direction {
	case "RX", "TX":
	case "REMOVE":
		direction = ""
	default:
		return fmt.Errorf("StoreDTMF: %q is not RX, TX or remove", a[0])
	}
	if err := ch.Switchboard().StoreKeys(direction, strings.TrimSpace(a[1]), wholeNumber(a[2], 0)); err != nil {
		return fmt.Errorf("StoreDTMF: %w", err)
	}
	return nil
}
