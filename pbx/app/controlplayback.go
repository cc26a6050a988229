package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// controlPlayback is ControlPlayback(file[,skip[,forward[,rewind[,stop[,pause[,restart[,options]]]]]]]):
// plays a file while keys move about in it, skip milliseconds (3000) at a time:
// forward # and rewind * unless others are named. Option o(ms) begins there.
// CPLAYBACKSTATUS is SUCCESS, USERSTOPPED, REMOTESTOPPED or ERROR,
// CPLAYBACKOFFSET the place in milliseconds, CPLAYBACKSTOPKEY the key.
func controlPlayback(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 8)
	skip := milliseconds(a[1], 3*time.Second)
	k := controls{forward: "#", rewind: "*", stop: a[4], pause: a[5], restart: a[6]}
	if a[2] != "" {
		k.forward = a[2]
	}
	if a[3] != "" {
		k.rewind = a[3]
	}
	options, _ := letters(a[7])
	at := milliseconds(options['o'], 0)
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	status, stopKey := "SUCCESS", ""
	for {
		key, where, err := ch.Studio().PlayFrom(ctx, a[0], at, k.all())
		if errors.Is(err, pbx.ErrHangup) {
			return err
		}
		if err != nil {
			ch.Log().Warn("ControlPlayback: not played", "file", a[0], "error", err)
			status = "ERROR"
			break
		}
		at = where
		if key == 0 {
			break
		}
		if strings.ContainsRune(k.pause, key) {
			if key, err = k.paused(ctx, ch); err != nil {
				return err
			}
		}
		if strings.ContainsRune(k.stop, key) {
			status, stopKey = "USERSTOPPED", string(key)
			break
		}
		at = k.move(key, at, skip)
	}
	_ = ch.Set("CPLAYBACKOFFSET", strconv.FormatInt(at.Milliseconds(), 10))
	_ = ch.Set("CPLAYBACKSTOPKEY", stopKey)
	return ch.Set("CPLAYBACKSTATUS", status)
}

// controls are the keys that move about in a sound.
type controls struct{ forward, rewind, stop, pause, restart string }

func (k controls) all() string { return k.forward + k.rewind + k.stop + k.pause + k.restart }

// paused waits for the key that ends a pause: any of ours.
func (k controls) paused(ctx context.Context, ch pbx.Channel) (rune, error) {
	for {
		key, err := ch.Digit(ctx, time.Minute)
		if err != nil || key != 0 && strings.ContainsRune(k.all(), key) {
			return key, err
		}
	}
}

// move is where a key leads.
func (k controls) move(key rune, at, skip time.Duration) time.Duration {
	switch {
	case strings.ContainsRune(k.forward, key):
		return at + skip
	case strings.ContainsRune(k.rewind, key):
		return max(at-skip, 0)
	case strings.ContainsRune(k.restart, key):
		return 0
	}
	return at
}
