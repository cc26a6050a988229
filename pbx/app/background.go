package app

import (
	"context"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// background is Background(file[&file2…][,options]): plays files while the
// caller may already dial an extension; a key ends the playing. Options: s skips
// an unanswered call, n plays without answering.
func background(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4)
	if !ch.Answered() {
		if strings.Contains(a[1], "s") {
			return nil
		}
		if err := open(ctx, ch, strings.Contains(a[1], "n")); err != nil {
			return err
		}
	}
	key, err := playAll(ctx, ch, a[0], anyKey)
	if key != 0 {
		ch.Script().Press(string(key))
	}
	return err
}

// extenTime is how long WaitExten waits when neither it nor TIMEOUT(response) is told.
const extenTime = 10 * time.Second

// waitExten is WaitExten([seconds]): waits for an extension to be dialled, then
// goes to it; after the time to the extension t.
func waitExten(ctx context.Context, ch pbx.Channel, args string) error {
	d := extenTime
	if t, err := seconds(ch.Get("TIMEOUT(response)")); err == nil && t > 0 {
		d = t
	}
	if t, err := seconds(split(args, 2)[0]); err == nil && t > 0 {
		d = t
	}
	key, err := ch.Digit(ctx, d)
	if err != nil {
		return err
	}
	if key != 0 {
		ch.Script().Press(string(key))
		return nil
	}
	ch.Script().Timeout(false) // without an extension t the next priority follows
	return nil
}
