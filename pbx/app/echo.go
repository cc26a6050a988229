package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// echo is Echo(): the caller hears itself until it hangs up or presses #.
func echo(ctx context.Context, ch pbx.Channel, _ string) error { return ch.Echo(ctx) }
