package app

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// record is Record(file.format[,silence[,seconds[,options]]]): writes what the
// caller says until # (or what the options say), silence seconds of silence, or
// so many seconds. %d in the name is a number not used yet. RECORD_STATUS is
// DTMF, SILENCE, TIMEOUT, HANGUP, SKIP, OPERATOR or ERROR; RECORDED_FILE the
// name without format.
//
// Options: a append, n do not answer, q no beep, s skip an unanswered call, t
// the key * ends in the place of #, x neither, y any key, 0 the key 0 ends as
// OPERATOR, k keep the file of a caller who hung up.
func record(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 4)
	options := a[3]
	has := func(letter string) bool { return strings.Contains(options, letter) }
	req := pbx.RecordRequest{Append: has("a"), Stop: stopKeys(options)}
	if d, err := seconds(a[1]); err == nil {
		req.Silence = d
	}
	if d, err := seconds(a[2]); err == nil {
		req.Max = d
	}
	if !ch.Answered() && has("s") {
		return ch.Set("RECORD_STATUS", "SKIP")
	}
	if !ch.Answered() && !has("n") {
		if err := ch.Answer(ctx); err != nil {
			return err
		}
	}
	stem, path, err := recordPath(ch, a[0])
	if err != nil {
		_ = ch.Set("RECORD_STATUS", "ERROR")
		return fmt.Errorf("Record: %w", err)
	}
	req.Path = path
	_ = ch.Set("RECORDED_FILE", stem)
	if !has("q") {
		if _, err := pbx.Speak(ctx, ch, "", "beep"); err != nil {
			return err
		}
	}
	done, err := ch.Studio().Record(ctx, req)
	_ = ch.Set("RECORD_STATUS", recordStatus(done, err))
	_ = ch.Set("RECORD_TIME", strconv.FormatInt(done.Length.Milliseconds(), 10))
	switch {
	case err != nil:
		return fmt.Errorf("Record: %w", err)
	case done.HungUp:
		return pbx.ErrHangup
	}
	return nil
}

// stopKeys are the keys that end Record.
func stopKeys(options string) string {
	keys := "#"
	switch {
	case strings.Contains(options, "y"):
		return anyKey
	case strings.Contains(options, "x"):
		keys = ""
	case strings.Contains(options, "t"):
		keys = "*"
	}
	if strings.Contains(options, "0") {
		keys += "0"
	}
	return keys
}

func recordStatus(r pbx.Recorded, err error) string {
	switch {
	case err != nil:
		return "ERROR"
	case r.HungUp:
		return "HANGUP"
	case r.Key == '0':
		return "OPERATOR"
	case r.Key != 0:
		return "DTMF"
	case r.Silent:
		return "SILENCE"
	}
	return "TIMEOUT"
}

// recordPath finds the file of file.format, or file:format as older plans have it.
func recordPath(ch pbx.Channel, name string) (stem, path string, err error) {
	name = strings.TrimSpace(name)
	suffix := filepath.Ext(name)
	if at := strings.LastIndexByte(name, ':'); at >= 0 {
		name, suffix = name[:at]+"."+name[at+1:], "."+name[at+1:]
	}
	if suffix == "" || suffix == "." || suffix == name {
		return "", "", fmt.Errorf("%q does not say the format: file.wav", name)
	}
	stem = strings.TrimSuffix(name, suffix)
	if strings.Contains(stem, "%d") {
		if stem, err = numbered(ch, stem, suffix); err != nil {
			return "", "", err
		}
	}
	path, err = ch.Studio().SoundPath(stem)
	return stem, path + suffix, err
}

// maxNumbered is how many names with %d are tried.
const maxNumbered = 100_000

// numbered puts the first free number in the place of %d.
func numbered(ch pbx.Channel, stem, suffix string) (string, error) {
	for n := range maxNumbered {
		s := strings.Replace(stem, "%d", strconv.Itoa(n), 1)
		path, err := ch.Studio().SoundPath(s)
		if err != nil {
			return "", err
		}
		if !exists(path + suffix) {
			return s, nil
		}
	}
	return "", fmt.Errorf("no number is left for %q", stem)
}

// waitForSilence is WaitForSilence(milliseconds[,times[,seconds]]): waits until
// the caller has been silent for so long, so many times; at most for seconds.
// WAITSTATUS is SILENCE or TIMEOUT.
func waitForSilence(ctx context.Context, ch pbx.Channel, args string) error {
	return waitFor(ctx, ch, args, false, "SILENCE")
}

// waitForNoise is WaitForNoise, the same for talk: NOISE or TIMEOUT.
func waitForNoise(ctx context.Context, ch pbx.Channel, args string) error {
	return waitFor(ctx, ch, args, true, "NOISE")
}

func waitFor(ctx context.Context, ch pbx.Channel, args string, noise bool, status string) error {
	a := split(args, 3)
	need := milliseconds(a[0], time.Second)
	times, err := strconv.Atoi(strings.TrimSpace(a[1]))
	if err != nil || times < 1 {
		times = 1
	}
	limit, err := seconds(a[2])
	if err != nil {
		limit = 0
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	until := time.Now().Add(limit)
	for range times {
		met, begun := false, time.Now()
		req := pbx.AttendRequest{Heard: func(talking bool, length time.Duration) bool {
			// Each time has a stretch of its own.
			met = talking == noise && min(length, time.Since(begun)) >= need
			return met
		}}
		if limit > 0 {
			req.Limit = max(time.Until(until), time.Millisecond)
		}
		if _, err := ch.Studio().Attend(ctx, req); err != nil {
			return err
		}
		if !met {
			return ch.Set("WAITSTATUS", "TIMEOUT")
		}
	}
	return ch.Set("WAITSTATUS", status)
}

// backgroundDetect is BackgroundDetect(file[,silence[,min[,max[,analysis]]]]),
// times in milliseconds: plays a file; who talks for min to max and then is
// silent goes to the extension talk with TALK_DETECTED, who presses a key to
// that extension.
func backgroundDetect(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 5)
	silence, least := milliseconds(a[1], time.Second), milliseconds(a[2], 100*time.Millisecond)
	most, analysis := milliseconds(a[3], 24*time.Hour), milliseconds(a[4], 24*time.Hour)
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	began := time.Now()
	var talked, detected time.Duration
	key, err := ch.Studio().Attend(ctx, pbx.AttendRequest{Play: a[0], Stop: anyKey, Heard: func(talking bool, length time.Duration) bool {
		switch {
		case time.Since(began) > analysis:
		case talking:
			talked = max(talked, length)
		case talked > 0 && length >= silence:
			if talked >= least && talked <= most {
				detected = talked
			}
			talked = 0
		}
		return detected > 0
	}})
	switch {
	case err != nil:
		return err
	case key != 0:
		ch.Script().Press(string(key))
	case detected > 0:
		_ = ch.Set("TALK_DETECTED", strconv.FormatInt(detected.Milliseconds(), 10))
		return ch.Script().Goto("talk,1")
	}
	return nil
}
