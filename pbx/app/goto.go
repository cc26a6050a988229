package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// goTo is Goto([[context,]extension,]priority).
func goTo(_ context.Context, ch pbx.Channel, args string) error { return ch.Goto(args) }

// gotoIf is GotoIf(condition?[place]:[place]).
func gotoIf(_ context.Context, ch pbx.Channel, args string) error {
	place, err := choose(args)
	if err != nil || place == "" {
		return err
	}
	return ch.Goto(place)
}
