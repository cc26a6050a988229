package app

import (
	"context"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx"
)

// readExten is ReadExten(variable[,file[,context[,options[,timeout]]]]): plays a file
// and reads an extension of a context: keys until no longer one can follow. Options: s
// skips a call that is not answered, i plays the file as a tone of the country (dial),
// n does not answer. READEXTENSTATUS is OK, INVALID (the variable is then i with the keys in
// INVALID_EXTEN), TIMEOUT (t), SKIP, ERROR or HANGUP.
func readExten(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 5)
	name, where := strings.TrimSpace(a[0]), strings.TrimSpace(a[2])
	if name == "" {
		return ch.Set("READEXTENSTATUS", "ERROR")
	}
	if where == "" {
		where = ch.Get("CONTEXT")
	}
	o, _ := letters(a[3])
	if !ch.Answered() && o.has('s') {
		_ = ch.Set(name, "")
		return ch.Set("READEXTENSTATUS", "SKIP")
	}
	if !ch.Answered() && !o.has('n') {
		if err := ch.Answer(ctx); err != nil {
			return err
		}
	}
	patience := 10 * time.Second
	if d, err := seconds(a[4]); err == nil && d > 0 {
		patience = d
	}
	exten, err := readExtension(ctx, ch, a[1], where, o.has('i'), patience)
	if err != nil {
		_ = ch.Set(name, "")
		_ = ch.Set("READEXTENSTATUS", "HANGUP")
		return err
	}
	status := "OK"
	switch {
	case exten == "":
		exten, status = "t", "TIMEOUT"
	case ch.Get("VALID_EXTEN("+where+","+exten+",1)") != "1":
		_ = ch.Set("INVALID_EXTEN", exten)
		exten, status = "i", "INVALID"
	}
	_ = ch.Set(name, exten)
	return ch.Set("READEXTENSTATUS", status)
}

// readExtension plays and collects.
func readExtension(ctx context.Context, ch pbx.Channel, file, where string, tone bool, patience time.Duration) (string, error) {
	var key rune
	var err error
	if tone {
		if e := ch.StartTone(file); e != nil {
			ch.Log().Warn("ReadExten: no such tone", "tone", file, "error", e)
		}
		defer ch.StopTone()
	} else if key, err = playAll(ctx, ch, file, anyKey); err != nil {
		return "", err
	}
	exten := ""
	if key != 0 {
		exten = string(key)
	}
	for len(exten) < maxRead && (exten == "" || ch.Script().MatchMore(where, exten)) {
		if key, err = ch.Digit(ctx, patience); err != nil || key == 0 || key == '#' {
			break
		}
		ch.StopTone()
		exten += string(key)
	}
	return exten, err
}
