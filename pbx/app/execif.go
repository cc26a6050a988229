package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// execIf is ExecIf(condition?app(args):app(args)).
func execIf(ctx context.Context, ch pbx.Channel, args string) error {
	return executeChosen(ctx, ch, ch.Script().ChooseIf, args)
}

// execIfTime is ExecIfTime(times,weekdays,mdays,months[,zone]?app(args):app(args)).
func execIfTime(ctx context.Context, ch pbx.Channel, args string) error {
	return executeChosen(ctx, ch, ch.Script().ChooseIfTime, args)
}

func executeChosen(ctx context.Context, ch pbx.Channel, choose func(string) (string, error), args string) error {
	call, err := choose(args)
	if err != nil || call == "" {
		return err
	}
	return execute(ctx, ch, call)
}

// exec is Exec(app(args)).
func exec(ctx context.Context, ch pbx.Channel, args string) error { return execute(ctx, ch, args) }

// execute runs "name(args)".
func execute(ctx context.Context, ch pbx.Channel, call string) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(call), "(")
	args, ok := strings.CutSuffix(strings.TrimSpace(rest), ")")
	if rest != "" && !ok {
		return fmt.Errorf("%q has no closing parenthesis", call)
	}
	return ch.Exec(ctx, strings.TrimSpace(name), args)
}
