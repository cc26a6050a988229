package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// dbDel is DBdel(family/key).
func dbDel(_ context.Context, ch pbx.Channel, args string) error { return ch.Script().DBDel(args) }

// dbDelTree is DBdeltree(family[/keytree]).
func dbDelTree(_ context.Context, ch pbx.Channel, args string) error {
	return ch.Script().DBDelTree(args)
}
