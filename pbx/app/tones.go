package app

import (
	"context"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// playTones is PlayTones(name): a call progress tone beneath what follows.
func playTones(_ context.Context, ch pbx.Channel, args string) error {
	return ch.StartTone(strings.TrimSpace(args))
}

// stopPlayTones is StopPlayTones().
func stopPlayTones(_ context.Context, ch pbx.Channel, _ string) error {
	ch.StopTone()
	return nil
}

// milliwatt is Milliwatt(): 1004 Hz at 0 dBm until the caller hangs up.
func milliwatt(ctx context.Context, ch pbx.Channel, _ string) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	if err := ch.StartTone("milliwatt"); err != nil {
		return err
	}
	return ch.Wait(ctx, time.Duration(-1))
}
