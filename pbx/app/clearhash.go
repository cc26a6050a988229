package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// clearHash is ClearHash(name): forgets all keys of a HASH().
func clearHash(_ context.Context, ch pbx.Channel, args string) error {
	return ch.Set("CLEARHASH("+strings.TrimSpace(args)+")", "")
}
