package app

import (
	"context"

	"github.com/hometone/hometone/pbx"
)

// gosub is Gosub([[context,]extension,]priority[(arguments)]).
func gosub(_ context.Context, ch pbx.Channel, args string) error {
	return moved(ch, ch.Script().Gosub(args))
}

// gosubIf is GosubIf(condition?[place]:[place]).
func gosubIf(_ context.Context, ch pbx.Channel, args string) error {
	return moved(ch, ch.Script().GosubIf(args))
}

// goBack is Return([value]), the value for GOSUB_RETVAL.
func goBack(_ context.Context, ch pbx.Channel, args string) error {
	return moved(ch, ch.Script().Return(args))
}

// stackPop is StackPop(): forgets the innermost Gosub and stays here.
func stackPop(_ context.Context, ch pbx.Channel, _ string) error {
	return moved(ch, ch.Script().StackPop())
}
