package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	box "github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/voicemail"
)

// maxPassword is the most keys a password has.
const maxPassword = 80

// voiceMailMain is VoiceMailMain([box][@context][,options]): the owner of a box
// hears its messages. The box is asked for if it is not given, and the password
// unless option s says that who calls has been proven. Option p takes what is
// given as the beginning of the number, a(folder) opens another folder: 0 INBOX, 1 Old.
//
// Keys: 1 the first message, and the last ones again; 5 repeats, 4 and 6 go back and
// on, 3 says the envelope, 7 deletes or brings back, 9 saves, 2 opens the other
// folder, 8 forwards, 0 leads to the greetings and the password, * helps, # ends.
func voiceMailMain(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	b, err := admitOwner(ctx, ch, a[0], a[1])
	if err != nil || b == nil {
		return err
	}
	if _, temporary := ch.Voicemail().Greeting(b, "temp"); temporary && b.RemindTemp {
		if _, err := pbx.Speak(ctx, ch, "", "vm-tempgreetactive"); err != nil {
			return err
		}
	}
	folder := voicemail.Inbox
	if strings.Contains(a[1], "a(1)") {
		folder = voicemail.Old
	}
	for folder != "" && err == nil {
		folder, err = browse(ctx, ch, b, folder)
	}
	if err != nil {
		return err
	}
	_, err = pbx.Speak(ctx, ch, "", "vm-goodbye")
	return err
}

// vmAuthenticate is VMAuthenticate([box][@context][,options]): asks for a mailbox
// and its password, as VoiceMailMain does; s says no greeting. AUTH_MAILBOX and
// AUTH_CONTEXT say which it was.
func vmAuthenticate(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	b, err := admitOwner(ctx, ch, a[0], "")
	if err != nil {
		return err
	}
	if b == nil {
		return ch.Hangup(pbx.CauseCallRejected)
	}
	_ = ch.Set("AUTH_MAILBOX", b.Number)
	_ = ch.Set("AUTH_CONTEXT", b.Context)
	if strings.Contains(a[1], "s") {
		return nil
	}
	_, err = pbx.Speak(ctx, ch, "", "auth-thankyou")
	return err
}

// admitOwner finds the box and checks the password; nil means that the caller has
// tried as often as may be.
func admitOwner(ctx context.Context, ch pbx.Channel, name, options string) (*box.Box, error) {
	office := ch.Voicemail()
	number, context, _ := strings.Cut(strings.TrimSpace(name), "@")
	if err := ch.Answer(ctx); err != nil {
		return nil, err
	}
	given := number != "" && !strings.Contains(options, "p")
	if given && strings.Contains(options, "s") {
		b := office.Box(number + "@" + context)
		if b == nil {
			ch.Log().Warn("VoiceMailMain: no such mailbox in voicemail.conf", "mailbox", name)
		}
		return b, nil
	}
	ask := "vm-login"
	for range office.Logins() {
		who := number
		if !given {
			keys, err := collect(ctx, ch, ask, maxPassword, digitTimeout)
			if err != nil {
				return nil, err
			}
			who += strings.TrimSuffix(keys, "#")
		}
		// A box that does not exist is asked for its password like any other, so
		// that nobody learns which there are.
		password, err := collect(ctx, ch, "vm-password", maxPassword, digitTimeout)
		if err != nil {
			return nil, err
		}
		if b := office.Admit(who+"@"+context, strings.TrimSuffix(password, "#"), time.Now()); b != nil {
			return b, nil
		}
		ch.Log().Warn("VoiceMailMain: wrong mailbox or password", "caller", ch.Get("CALLERID(num)"))
		if ask = "vm-incorrect-mailbox"; given {
			if _, err := pbx.Speak(ctx, ch, "", "vm-incorrect"); err != nil {
				return nil, err
			}
		}
	}
	_, err := pbx.Speak(ctx, ch, "", "vm-goodbye")
	return nil, err
}

// browser is a visit of a folder by telephone.
type browser struct {
	ch     pbx.Channel
	box    *box.Box
	visit  *voicemail.Visit
	folder string
	at     int // of the message; -1: none has been heard
}

// browse lets a caller through a folder and returns the one to open next, "" at
// the end. What was decided is carried out however the call ends.
func browse(ctx context.Context, ch pbx.Channel, b *box.Box, folder string) (next string, err error) {
	visit, err := ch.Voicemail().Open(b, folder)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, visit.Close()) }()
	w := &browser{ch: ch, box: b, visit: visit, folder: folder, at: -1}
	key, err := w.say(ctx, w.inventory()...)
	for silent := 0; err == nil; {
		if key == 0 {
			key, err = ch.Digit(ctx, digitTimeout)
		}
		switch {
		case err != nil:
		case key == 0:
			if silent++; silent > attempts {
				return "", nil
			}
			key, err = w.say(ctx, w.menu()...)
		case key == '#':
			return "", nil
		case key == '2':
			return other(folder), nil
		case key == '0':
			silent = 0
			key, err = mailboxOptions(ctx, ch, b)
		default:
			silent = 0
			key, err = w.press(ctx, key)
		}
	}
	return "", err
}

// other is the folder that key 2 leads to.
func other(folder string) string {
	if folder == voicemail.Inbox {
		return voicemail.Old
	}
	return voicemail.Inbox
}

// say speaks until any key is pressed.
func (w *browser) say(ctx context.Context, names ...string) (rune, error) {
	return pbx.Speak(ctx, w.ch, anyKey, names...)
}

// inventory says how many messages there are, and what to do.
func (w *browser) inventory() []string {
	n := len(w.visit.Messages)
	names := append([]string{"vm-youhave"}, prompts.Number(language(w.ch), int64(n))...)
	if n == 0 {
		names = []string{"vm-youhave", "vm-no"}
	}
	names = append(names, "vm-"+w.folder)
	if n == 1 {
		names = append(names, "vm-message")
	} else {
		names = append(names, "vm-messages")
	}
	return append(names, w.menu()...)
}

// menu says which keys there are.
func (w *browser) menu() []string {
	switch {
	case len(w.visit.Messages) == 0:
		return []string{"vm-opts", "vm-helpexit"}
	case w.at < 0:
		return []string{"vm-onefor-full", "vm-opts", "vm-helpexit"}
	case w.visit.Messages[w.at].Deleted:
		return []string{"vm-tohearenv", "vm-repeat", "vm-undelete", "vm-helpexit"}
	}
	return []string{"vm-tohearenv", "vm-msginstruct", "vm-helpexit"}
}

// press does what a key stands for and returns the key that ended it.
func (w *browser) press(ctx context.Context, key rune) (rune, error) {
	last := len(w.visit.Messages) - 1
	switch {
	case key == '*' || last < 0:
		return w.say(ctx, w.menu()...)
	case key == '1':
		return w.play(ctx, 0)
	case key == '4' && w.at > 0:
		return w.play(ctx, w.at-1)
	case key == '4':
		return w.say(ctx, "vm-nomore")
	case key == '6' && w.at < last:
		return w.play(ctx, w.at+1)
	case key == '6':
		return w.say(ctx, "vm-nomore")
	case w.at < 0:
		return w.say(ctx, w.menu()...)
	}
	m := w.visit.Messages[w.at]
	switch key {
	case '3':
		return w.say(ctx, w.envelope(m, true)...)
	case '5':
		return w.play(ctx, w.at)
	case '7':
		if m.Deleted = !m.Deleted; m.Deleted {
			return w.say(ctx, "vm-deleted")
		}
		return w.say(ctx, "vm-undeleted")
	case '8':
		return w.forward(ctx, m)
	case '9':
		m.To, m.Deleted = voicemail.Old, false
		return w.say(ctx, "vm-message", "vm-savedto", "vm-Old")
	}
	return w.say(ctx, w.menu()...)
}

// play says which message it is, and plays it.
func (w *browser) play(ctx context.Context, n int) (rune, error) {
	w.at = n
	m := w.visit.Messages[n]
	names := w.title(n)
	names = append(names, w.envelope(m, false)...)
	if key, err := w.say(ctx, names...); key != 0 || err != nil {
		return key, err
	}
	m.Heard = true
	if key, err := w.say(ctx, m.Path); key != 0 || err != nil {
		return key, err
	}
	return w.say(ctx, w.menu()...)
}

// title is first message, message two, last message.
func (w *browser) title(n int) []string {
	switch n {
	case 0:
		return []string{"vm-first", "vm-message"}
	case len(w.visit.Messages) - 1:
		return []string{"vm-last", "vm-message"}
	}
	return append([]string{"vm-message"}, prompts.Number(language(w.ch), int64(n+1))...)
}

// envelope says when a message came, from whom, and how long it is; all of it, or
// what the box has asked for.
func (w *browser) envelope(m *voicemail.Message, all bool) (names []string) {
	if (all || w.box.Envelope) && !m.At.IsZero() {
		names = append(names, w.received(m.At)...)
	}
	if all || w.box.SayCaller {
		names = append(names, caller(m.Number)...)
	}
	if minutes := int64(m.Length / time.Minute); minutes > 0 && (all || w.box.SayDuration && m.Length >= w.box.SayFrom) {
		names = append(append(names, "vm-duration"), prompts.Number(language(w.ch), minutes)...)
		names = append(names, "vm-minutes")
	}
	return names
}

// received says when a message came.
func (w *browser) received(at time.Time) []string {
	format, zone := w.box.Format, w.box.Zone
	if format == "" {
		format = "'vm-received' Q" + strings.TrimPrefix(prompts.DefaultFormat(language(w.ch)), "ABdY")
	}
	names, err := prompts.Moment(language(w.ch), at.In(zone), time.Now().In(zone), format)
	if err != nil {
		w.ch.Log().Warn("VoiceMailMain: the time is not said", "format", strconv.Quote(format), "error", err)
	}
	return names
}

// caller says who left a message.
func caller(number string) []string {
	if number == "" || strings.Trim(number, "0123456789") != "" {
		return []string{"vm-from", "vm-unknown-caller"}
	}
	return append([]string{"vm-from"}, prompts.Digits(number)...)
}
