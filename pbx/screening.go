package pbx

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Screening (Dial's p) asks the caller for a name and the callee whether it takes the
// call. With privacy (P) the callee's answer is kept in the database of the dialplan
// and holds for later calls of this caller.

// privacyFamily is where the answers are kept, as Asterisk keeps them.
const privacyFamily = "privacy"

// The sounds of screening and how long a name may be.
const (
	introLength  = 4 * time.Second
	introSilence = 2 * time.Second
	screenTries  = 3
	screenWait   = 10 * time.Second
)

// privacyKey is where the answer of the callee about this caller is.
func (d *dialing) privacyKey() string {
	family := d.req.Options.More.Screening.Family
	if family == "" {
		family = d.ch.interp.Position().Exten
	}
	return privacyFamily + "/" + strings.ReplaceAll(family, "/", "_") + "/" + d.screenedID()
}

// screenedID is the caller's number as a name of files and keys.
func (d *dialing) screenedID() string {
	number := strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+_", r) {
			return r
		}
		return -1
	}, d.ch.caller.number)
	if number == "" {
		return "NOCALLERID_" + strings.ReplaceAll(d.ch.interp.Position().Exten, "/", "_")
	}
	return number
}

// introPath is the caller's recorded name, with its suffix.
func (d *dialing) introPath() (string, error) {
	p, err := d.ch.SpoolPath("priv-callerintros", d.screenedID())
	return p + ".wav", err
}

// introduce is done before anybody is called: what the callee has decided already, or
// the caller says its name. A status ends the Dial.
func (d *dialing) introduce(ctx context.Context) DialStatus {
	ch, s := d.ch, &d.req.Options.More.Screening
	if s.SkipKnown && ch.caller.number != "" {
		s.On = false
		return ""
	}
	if s.Remember {
		switch strings.ToUpper(ch.Get("DB(" + d.privacyKey() + ")")) {
		case "ALLOW":
			s.On = false
			return ""
		case "DENY":
			return StatusNoAnswer
		case "KILL":
			return StatusDontCall
		case "TORTURE":
			return StatusTorture
		}
	}
	path, err := d.introPath()
	if err != nil {
		ch.log().Warn("Dial: no name recorded", "error", err)
		return ""
	}
	if _, err := os.Stat(path); err == nil && !s.Delete {
		return "" // it has said its name before
	}
	if err := ch.Answer(ctx); err != nil {
		return StatusCancel
	}
	if _, err := Speak(ctx, ch, "", "priv-recordintro"); err != nil {
		return StatusCancel
	}
	if _, err := ch.Record(ctx, RecordRequest{Path: path, Silence: introSilence, Max: introLength, Stop: "#"}); err != nil {
		ch.log().Warn("Dial: no name recorded", "error", err)
	}
	_, _ = Speak(ctx, ch, "", "vm-dialout") // a hang-up is seen by who asks next
	ch.StartMusic(d.req.Options.MusicClass)
	return ""
}

// screen asks the callee that has answered. Nil: it takes the call.
func (d *dialing) screen(ctx context.Context, winner *leg) *verdict {
	ch, s := d.ch, &d.req.Options.More.Screening
	path, err := d.introPath()
	if s.Delete && err == nil {
		defer func() { _ = os.Remove(path) }() // it may not be there
	}
	menu := "screen-callee-options"
	if s.Remember {
		menu = "priv-callee-options"
	}
	c, leave := d.booth(winner)
	defer leave()
	var key rune
	for range screenTries {
		names := []string{"priv-callpending"}
		if err == nil {
			names = append(names, strings.TrimSuffix(path, filepath.Ext(path)))
		}
		k, wrong := Speak(ctx, c, "12345", append(names, menu)...)
		if k == 0 && wrong == nil {
			k, wrong = c.Digit(ctx, screenWait)
		}
		if wrong != nil {
			return &verdict{StatusNoAnswer, !ch.gone(), ""}
		}
		if key = k; key >= '1' && (key <= '4' || key == '5' && s.Remember) {
			break
		}
		key = 0
	}
	status, keep := StatusNoAnswer, ""
	switch key {
	case '1':
		status, keep = "", "ALLOW"
	case '2':
		keep = "DENY"
	case '3':
		status, keep = StatusTorture, "TORTURE"
	case '4':
		status, keep = StatusDontCall, "KILL"
	case '5':
		status = ""
	}
	if s.Remember && keep != "" {
		if err := ch.Set("DB("+d.privacyKey()+")", keep); err != nil {
			ch.log().Warn("Dial: the callee's answer is not kept", "error", err)
		}
	}
	if status == "" {
		return nil
	}
	return &verdict{status, true, ""}
}
