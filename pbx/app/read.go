package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// digitTimeout is how long Read waits for a key when it is not told.
const digitTimeout = 5 * time.Second

// maxRead is the most keys Read collects, whatever it is told.
const maxRead = 255

// read is Read(variable[,file&file…][,maxdigits][,options][,attempts][,timeout]):
// plays the files and collects keys until # or maxdigits. The option s skips an
// unanswered call, n reads without answering. READSTATUS is OK, TIMEOUT,
// HANGUP or SKIPPED.
func read(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 6)
	most := maxRead
	if n, err := strconv.Atoi(a[2]); err == nil && n > 0 {
		most = min(n, maxRead)
	}
	timeout := digitTimeout
	if d, err := seconds(a[5]); err == nil && d > 0 {
		timeout = d
	}
	attempts, err := strconv.Atoi(a[4])
	if err != nil || attempts < 1 {
		attempts = 1
	}
	if !ch.Answered() {
		if strings.Contains(a[3], "s") {
			return ch.Set("READSTATUS", "SKIPPED")
		}
		if !strings.Contains(a[3], "n") {
			if err := ch.Answer(ctx); err != nil {
				return err
			}
		}
	}
	status, digits := "TIMEOUT", ""
	for range attempts {
		digits, err = collect(ctx, ch, a[1], most, timeout)
		if err != nil || digits != "" {
			break
		}
	}
	if errors.Is(err, pbx.ErrHangup) {
		status = "HANGUP"
	} else if digits != "" {
		status = "OK"
	}
	_ = ch.Set(a[0], strings.TrimSuffix(digits, "#"))
	_ = ch.Set("READSTATUS", status)
	return err
}

// collect plays files and gathers keys; the first key ends the playing. A
// lone # is kept so that the caller can tell it from silence.
func collect(ctx context.Context, ch pbx.Channel, files string, most int, timeout time.Duration) (string, error) {
	var got strings.Builder
	key, err := playAll(ctx, ch, files, anyKey)
	for ; err == nil; key, err = ch.Digit(ctx, timeout) {
		if key == 0 && got.Len() == 0 && timeout > 0 {
			if key, err = ch.Digit(ctx, timeout); key == 0 || err != nil {
				break
			}
		}
		if key == 0 {
			break
		}
		if key == '#' {
			if got.Len() == 0 {
				got.WriteByte('#')
			}
			break
		}
		got.WriteRune(key)
		if got.Len() >= most {
			break
		}
	}
	return got.String(), err
}

// anyKey are all keys of a telephone.
const anyKey = "0123456789*#ABCD"

// playAll plays files joined by & until a key of stop is pressed.
func playAll(ctx context.Context, ch pbx.Channel, files, stop string) (rune, error) {
	return pbx.Speak(ctx, ch, stop, fileNames(files)...)
}

// fileNames are the names in a list joined by &.
func fileNames(files string) (names []string) {
	for name := range strings.SplitSeq(files, "&") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
