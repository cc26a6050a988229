package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hometone/hometone/pbx"
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// mixMonitor is MixMonitor(file.format[,options[,command]]): records both sides of the
// channel beneath what follows. A name that is not absolute is below
// astspooldir/monitor. MIXMONITOR_FILENAME is the path.
//
// Options: a append, b only while connected with somebody, i(variable) gets the
// id for StopMixMonitor, r(file) and t(file) what the caller says and hears, each
// into a file of its own, p a beep when it begins. A command is not run: programs of
// the dialplan are off.
func mixMonitor(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 3)
	options, unknown := letters(a[1])
	req := pbx.MonitorRequest{Append: options.has('a'), Bridged: options.has('b')}
	for _, f := range []struct {
		name string
		path *string
	}{{a[0], &req.Mixed}, {options['r'], &req.Caller}, {options['t'], &req.Heard}} {
		if f.name == "" {
			continue
		}
		path, err := monitorPath(ch, f.name)
		if err != nil {
			return fmt.Errorf("MixMonitor: %w", err)
		}
		*f.path = path
	}
	for _, letter := range unknown {
		if !strings.ContainsRune("abirtpSdnDvVWBP", letter) {
			ch.Log().Warn("MixMonitor: no such option", "option", string(letter))
		}
	}
	for _, letter := range "BdmvVWDP" {
		if options.has(byte(letter)) {
			ch.Log().Warn("MixMonitor: option without effect", "option", string(letter))
		}
	}
	if a[2] != "" {
		ch.Log().Warn("MixMonitor: the command is not run: programs of the dialplan are off")
	}
	if req.Mixed == "" && req.Caller == "" && req.Heard == "" {
		return fmt.Errorf("MixMonitor: needs a file: file.wav")
	}
	if options.has('p') && ch.Answered() {
		if _, err := pbx.Speak(ctx, ch, "", "beep"); err != nil {
			return err
		}
	}
	id, err := ch.Studio().Monitor(req)
	if err != nil {
		return fmt.Errorf("MixMonitor: %w", err)
	}
	_ = ch.Set("MIXMONITOR_FILENAME", req.Mixed)
	if v := options['i']; v != "" {
		return ch.Set(v, id)
	}
	return nil
}

// stopMixMonitor is StopMixMonitor([id]): ends the recordings, or one of them.
func stopMixMonitor(_ context.Context, ch pbx.Channel, args string) error {
	ch.Studio().StopMonitor(strings.TrimSpace(args))
	return nil
}

// monitorPath is where a recording goes; without a format it is WAVE.
func monitorPath(ch pbx.Channel, name string) (string, error) {
	name = strings.TrimSpace(name)
	if filepath.Ext(name) == "" {
		name += ".wav"
	}
	return ch.Studio().SpoolPath("monitor", name)
}

// optionSet are letters with their arguments; a letter without has the argument "".
type optionSet map[byte]string

func (o optionSet) has(letter byte) bool {
	_, ok := o[letter]
	return ok
}

// letters reads options, each of which may have an argument in parentheses, and
// returns them with their letters in the order written.
func letters(s string) (optionSet, string) {
	o, order := optionSet{}, ""
	for s != "" {
		letter := s[0]
		s = s[1:]
		arg := ""
		if strings.HasPrefix(s, "(") {
			arg, s = closing(s[1:])
		}
		if letter == ' ' || letter == ',' {
			continue
		}
		o[letter] = arg
		order += string(letter)
	}
	return o, order
}
