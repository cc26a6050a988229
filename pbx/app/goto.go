package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// goTo is Goto([[context,]extension,]priority).
func goTo(_ context.Context, ch pbx.Channel, args string) error {
	return moved(ch, ch.Script().Goto(args))
}

// gotoIf is GotoIf(condition?[place]:[place]).
func gotoIf(_ context.Context, ch pbx.Channel, args string) error {
	return moved(ch, ch.Script().GotoIf(args))
}

// gotoIfTime is GotoIfTime(times,weekdays,mdays,months[,zone]?[place]:[place]).
func gotoIfTime(_ context.Context, ch pbx.Channel, args string) error {
	return moved(ch, ch.Script().GotoIfTime(args))
}

// moved ends a call that was sent to a place that does not exist: going on with
// the next line would be a guess.
func moved(ch pbx.Channel, err error) error {
	if err == nil {
		return nil
	}
	ch.Log().Error("dialplan: no way to go on", "error", err)
	return ch.Hangup(pbx.CauseNone)
}
