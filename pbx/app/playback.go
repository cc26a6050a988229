package app

import (
	"context"
	"errors"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// playback is Playback(file[&file2…][,skip][,noanswer]): plays sound files to
// the end. It answers the call first unless noanswer is given; with skip it does
// nothing on a call that is not answered. PLAYBACKSTATUS is SUCCESS or FAILED.
func playback(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	skip, early := false, false
	for option := range strings.FieldsFuncSeq(a[1], func(r rune) bool { return r == ',' || r == '&' }) {
		skip = skip || strings.EqualFold(option, "skip")
		early = early || strings.EqualFold(option, "noanswer")
	}
	status := "SUCCESS"
	defer func() { _ = ch.Set("PLAYBACKSTATUS", status) }()
	if !ch.Answered() {
		if skip {
			return nil
		}
		if err := open(ctx, ch, early); err != nil {
			return err
		}
	}
	for name := range strings.SplitSeq(a[0], "&") {
		_, err := ch.Play(ctx, strings.TrimSpace(name), "")
		if errors.Is(err, pbx.ErrHangup) {
			return err
		}
		if err != nil {
			ch.Log().Warn("Playback: not played", "file", name, "error", err)
			status = "FAILED"
		}
	}
	return nil
}

// open makes the caller hear us: by an answer, or before one by 183.
func open(ctx context.Context, ch pbx.Channel, early bool) error {
	if early {
		return ch.Indicate(ctx, pbx.Progress)
	}
	return ch.Answer(ctx)
}
