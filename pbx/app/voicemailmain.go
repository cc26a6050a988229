package app

import (
	"cmp"
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
// given as the beginning of the number, a(folder) opens a folder, 0 (INBOX) without, and
// plays its first message at once, r deletes nothing; g(decibels) has no effect, as
// with Asterisk on SIP. The key * in the place of a box or a password goes to the
// extension a, if there is one.
//
// Keys: 1 the first message, and the last ones again; 5 repeats, 4 and 6 go back and
// on, 3 says the envelope, 7 deletes or brings back, 9 saves to a folder, 2 opens
// another folder, 8 forwards, 0 leads to the greetings and the password, * helps, #
// ends. Folders: 0 INBOX, 1 Old, 2 Work, 3 Family, 4 Friends, 5 to 9 Cust1 to Cust5.
func voiceMailMain(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	o, _ := letters(a[1])
	b, err := admitOwner(ctx, ch, a[0], o)
	if err != nil || b == nil {
		return err
	}
	if _, temporary := ch.Voicemail().Greeting(b, "temp"); temporary && b.RemindTemp {
		if _, err := pbx.Speak(ctx, ch, "", "vm-tempgreetactive"); err != nil {
			return err
		}
	}
	folder, first := voicemail.Inbox, rune(0)
	if o.has('a') {
		first = '1'
		for _, digit := range o['a'] {
			folder = cmp.Or(voicemail.FolderOf(digit), folder)
			break
		}
	}
	for folder != "" && err == nil {
		folder, err = browse(ctx, ch, b, folder, first, o.has('r'))
		first = 0
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
	b, err := admitOwner(ctx, ch, a[0], nil)
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
// tried as often as may be, or has gone to the extension a.
func admitOwner(ctx context.Context, ch pbx.Channel, name string, o optionSet) (*box.Box, error) {
	office := ch.Voicemail()
	number, where, _ := strings.Cut(strings.TrimSpace(name), "@")
	if err := ch.Answer(ctx); err != nil {
		return nil, err
	}
	given := number != "" && !o.has('p')
	if given && o.has('s') {
		b := office.Box(number + "@" + where)
		if b == nil {
			ch.Log().Warn("VoiceMailMain: no such mailbox in voicemail.conf", "mailbox", name)
		}
		return b, nil
	}
	ask := "vm-login"
	for range office.Logins() {
		who, password, out, err := credentials(ctx, ch, number, given, ask, o.has('s'))
		switch {
		case err != nil:
			return nil, err
		case out:
			return nil, ch.Script().Goto("a,1")
		case o.has('s'):
			if b := office.Box(who + "@" + where); b != nil {
				return b, nil
			}
		default:
			b, wait := office.Admit(who+"@"+where, password, endpointOf(ch), time.Now())
			if wait > 0 {
				if err := ch.Wait(ctx, wait); err != nil {
					return nil, err
				}
			}
			if b != nil {
				return b, nil
			}
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

// credentials asks for a box, unless it is given, and its password, unless that is not
// needed. A box that does not exist is asked for its password like any other, so that
// nobody learns which there are. out: the caller has pressed * and there is an extension a.
func credentials(ctx context.Context, ch pbx.Channel, number string, given bool, ask string, proven bool) (who, password string, out bool, err error) {
	leads := func(keys string) bool {
		return strings.HasPrefix(keys, "*") && ch.Get("VALID_EXTEN("+ch.Get("CONTEXT")+",a,1)") == "1"
	}
	who = number
	if !given {
		keys, err := collect(ctx, ch, ask, maxPassword, digitTimeout)
		if err != nil || leads(keys) {
			return "", "", err == nil, err
		}
		who += strings.TrimSuffix(keys, "#")
	}
	if proven {
		return who, "", false, nil
	}
	keys, err := collect(ctx, ch, "vm-password", maxPassword, digitTimeout)
	return who, strings.TrimSuffix(keys, "#"), err == nil && leads(keys), err
}

// endpointOf is who is on a channel as far as that is proven: its name without the
// number of the call.
func endpointOf(ch pbx.Channel) string {
	name := ch.Name()
	if at := strings.LastIndexByte(name, '-'); at > 0 {
		return name[:at]
	}
	return name
}

// browser is a visit of a folder by telephone.
type browser struct {
	ch       pbx.Channel
	box      *box.Box
	visit    *voicemail.Visit
	folder   string
	at       int // of the message; -1: none has been heard
	readOnly bool
}

// browse lets a caller through a folder, as if it had pressed the key first if that is not
// 0, and returns the folder to open next, "" at the end. What was decided is carried
// out however the call ends.
func browse(ctx context.Context, ch pbx.Channel, b *box.Box, folder string, first rune, readOnly bool) (next string, err error) {
	visit, err := ch.Voicemail().Open(b, folder)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, visit.Close()) }()
	w := &browser{ch: ch, box: b, visit: visit, folder: folder, at: -1, readOnly: readOnly}
	key := first
	if key == 0 || len(visit.Messages) == 0 {
		key, err = w.say(ctx, w.inventory()...)
	}
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
			silent = 0
			if next, err = w.chooseFolder(ctx, "vm-changeto"); next != "" || err != nil {
				return next, err
			}
			key, err = w.say(ctx, w.menu()...)
		case key == '0':
			silent = 0
			key, err = 0, mailboxOptions(ctx, ch, b)
		default:
			silent = 0
			key, err = w.press(ctx, key)
		}
	}
	return "", err
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
		if w.readOnly {
			return w.say(ctx, w.menu()...)
		}
		if m.Deleted = !m.Deleted; m.Deleted {
			return w.say(ctx, "vm-deleted")
		}
		return w.say(ctx, "vm-undeleted")
	case '8':
		return w.forward(ctx, m)
	case '9':
		return w.save(ctx, m)
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
