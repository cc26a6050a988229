package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	box "github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/voicemail"
)

// longestMessage bounds a message where voicemail.conf has no maxsecs.
const longestMessage = time.Hour

// maxRecipients bounds the mailboxes that VoiceMail names.
const maxRecipients = 100

// leaveMessage is VoiceMail(box[@context][&box…][,options]): takes a message.
// The first box greets; the others get a copy. VMSTATUS is SUCCESS, USEREXIT or
// FAILED. If none of the boxes exists the call ends.
//
// Options: u the unavailable greeting, b the busy one, s without instructions, S
// without instructions if the box has its own greeting, e the greeting is early media
// and the call answered before the tone only, t(sound) another tone or none, U the message
// is urgent, P has priority, d(context) a digit pressed during the greeting is the
// beginning of an extension of that context, of the call's own without; g(decibels) has no
// effect, as with Asterisk on SIP.
// The key * goes to the extension a, and 0 to o if the box has operator=yes; both are
// looked for in the box's exitcontext, else in the context of the call, and a key whose
// extension is not there does nothing.
func leaveMessage(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	_ = ch.Set("VMSTATUS", "FAILED")
	boxes, err := recipients(ch, a[0])
	if err != nil {
		ch.Log().Warn("VoiceMail: the call ends", "error", err)
		return ch.Hangup(pbx.CauseNone)
	}
	o, _ := letters(a[1])
	office, first := ch.Voicemail(), boxes[0]
	if o.has('e') && !ch.Answered() {
		err = ch.Indicate(ctx, pbx.Progress)
	} else {
		err = ch.Answer(ctx)
	}
	if err != nil {
		return err
	}
	key, err := greet(ctx, ch, first, o)
	if err != nil {
		return err
	}
	if key != 0 && key != '#' {
		return leaveBy(ctx, ch, first, key, o)
	}
	if office.Full(first) {
		ch.Log().Warn("VoiceMail: the mailbox is full", "mailbox", first.ID())
		_, err := pbx.Speak(ctx, ch, "", "vm-mailboxfull")
		return err
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	if tone := beep(o); tone != "" {
		if _, err := pbx.Speak(ctx, ch, "", tone); err != nil {
			return err
		}
	}
	return takeMessage(ctx, ch, boxes, o)
}

// beep is the sound before a recording.
func beep(o optionSet) string {
	if o.has('t') {
		return o['t']
	}
	return "beep"
}

// recipients are the boxes of a list joined by &; those that do not exist are
// left out with a warning.
func recipients(ch pbx.Channel, list string) ([]*box.Box, error) {
	office := ch.Voicemail()
	var boxes []*box.Box
	for name := range strings.SplitSeq(list, "&") {
		b := office.Box(name)
		switch {
		case b == nil:
			ch.Log().Warn("VoiceMail: no such mailbox in voicemail.conf", "mailbox", strings.TrimSpace(name))
		case len(boxes) >= maxRecipients:
			return nil, fmt.Errorf("more than %d mailboxes", maxRecipients)
		default:
			boxes = append(boxes, b)
		}
	}
	if len(boxes) == 0 {
		return nil, fmt.Errorf("none of the mailboxes %q is in voicemail.conf", list)
	}
	return boxes, nil
}

// exits are those of the keys 0 and * that lead out of VoiceMail.
func exits(ch pbx.Channel, b *box.Box) (keys string) {
	for _, key := range "0*" {
		if (key != '0' || b.Operator) && ch.Get("VALID_EXTEN("+way(ch, b, key)+")") == "1" {
			keys += string(key)
		}
	}
	return keys
}

// way is where a key leads: context, extension and priority.
func way(ch pbx.Channel, b *box.Box, key rune) string {
	exten := map[rune]string{'0': "o", '*': "a"}[key]
	return cmp.Or(b.Exit, ch.Get("CONTEXT")) + "," + exten + ",1"
}

// leaveFor goes where a key leads.
func leaveFor(ch pbx.Channel, b *box.Box, key rune) error {
	_ = ch.Set("VMSTATUS", "USEREXIT")
	return ch.Script().Goto(way(ch, b, key))
}

// leaveBy goes where a key pressed during the greeting leads: out of VoiceMail, or
// with option d to an extension that begins with it.
func leaveBy(ctx context.Context, ch pbx.Channel, b *box.Box, key rune, o optionSet) error {
	if strings.ContainsRune(exits(ch, b), key) {
		return leaveFor(ch, b, key)
	}
	_ = ch.Set("VMSTATUS", "USEREXIT")
	where, exten := cmp.Or(o['d'], ch.Get("CONTEXT")), string(key)
	for ch.Script().MatchMore(where, exten) && len(exten) < maxRead {
		key, err := ch.Digit(ctx, digitTimeout)
		if err != nil {
			return err
		}
		if key == 0 || key == '#' {
			break
		}
		exten += string(key)
	}
	if ch.Get("VALID_EXTEN("+where+","+exten+",1)") != "1" {
		exten = "i"
	}
	return ch.Script().Goto(where + "," + exten + ",1")
}

// greet says that nobody is there, and what to do.
func greet(ctx context.Context, ch pbx.Channel, b *box.Box, o optionSet) (rune, error) {
	names, own := greeting(ch.Voicemail(), b, o)
	if !o.has('s') && (!own || !o.has('S')) {
		names = append(names, "vm-intro")
	}
	keys := "#" + exits(ch, b) // # goes to the tone
	if o.has('d') {
		keys += digitsThatLead(ch, cmp.Or(o['d'], ch.Get("CONTEXT")))
	}
	return pbx.Speak(ctx, ch, keys, names...)
}

// digitsThatLead are the digits with which an extension of a context begins.
func digitsThatLead(ch pbx.Channel, where string) (keys string) {
	for _, key := range "0123456789" {
		if ch.Get("VALID_EXTEN("+where+","+string(key)+",1)") == "1" || ch.Script().MatchMore(where, string(key)) {
			keys += string(key)
		}
	}
	return keys
}

// greeting is what is said before the instructions, and whether the owner of the
// box has spoken it: the temporary greeting, that of the option, or the words of
// the program.
func greeting(office *voicemail.Office, b *box.Box, o optionSet) (names []string, own bool) {
	if path, ok := office.Greeting(b, "temp"); ok {
		return []string{path}, true
	}
	file, words := "unavail", "vm-isunavail"
	switch {
	case o.has('b'):
		file, words = "busy", "vm-isonphone"
	case !o.has('u'):
		return nil, false
	}
	if path, ok := office.Greeting(b, file); ok {
		return []string{path}, true
	}
	if path, ok := office.Greeting(b, "greet"); ok {
		return []string{path, words}, false
	}
	return append(append([]string{"vm-theperson"}, prompts.Digits(b.Number)...), words), false
}

// takeMessage records and delivers. What a caller said before hanging up is a
// message like any other.
func takeMessage(ctx context.Context, ch pbx.Channel, boxes []*box.Box, o optionSet) error {
	office, b := ch.Voicemail(), boxes[0]
	draft := office.Draft(b, ch.Get("UNIQUEID"))
	defer os.Remove(draft)
	most := b.Max
	if most == 0 {
		most = longestMessage
	}
	keys := "#" + strings.Trim(exits(ch, b), "*")
	began := time.Now()
	done, err := recordReviewed(ctx, ch, b, pbx.RecordRequest{Path: draft, Silence: b.Silence, Max: most, Stop: keys}, beep(o))
	if err != nil {
		return fmt.Errorf("VoiceMail: %w", err)
	}
	length := done.Length
	if done.Silent {
		length -= b.Silence // a message of silence is none
	}
	if length < b.Min || length <= 0 {
		return tooShort(ctx, ch, b, done)
	}
	envelope := voicemail.Envelope{
		Box: b.Number, Context: ch.Get("CONTEXT"), Exten: ch.Get("EXTEN"), Channel: ch.Name(), CallerID: ch.Get("CALLERID(all)"),
		Number: ch.Get("CALLERID(num)"), At: began, Length: done.Length, ID: fmt.Sprintf("%s-%08x", ch.Get("UNIQUEID"), rand.Uint32()),
	}
	switch {
	case o.has('U'):
		envelope.Flag = voicemail.FlagUrgent
	case o.has('P'):
		envelope.Flag = voicemail.FlagPriority
	}
	if !deliver(ch, boxes, draft, envelope) {
		return errors.New("VoiceMail: the message is in no mailbox")
	}
	_ = ch.Set("VMSTATUS", "SUCCESS")
	switch {
	case done.HungUp:
		return pbx.ErrHangup
	case done.Key == '0':
		return leaveFor(ch, b, '0')
	}
	_, err = pbx.Speak(ctx, ch, "", "auth-thankyou")
	return err
}

// recordReviewed records; if the box has review=yes the caller may hear the message
// (2) and record it again (3) until it agrees (1) or hangs up.
func recordReviewed(ctx context.Context, ch pbx.Channel, b *box.Box, req pbx.RecordRequest, tone string) (pbx.Recorded, error) {
	for try := 0; ; try++ {
		done, err := ch.Studio().Record(ctx, req)
		if err != nil || !b.Review || done.HungUp || done.Key == '0' || done.Length < b.Min || try == attempts {
			return done, err
		}
		again, err := review(ctx, ch, strings.TrimSuffix(req.Path, voicemail.Suffix))
		switch {
		case errors.Is(err, pbx.ErrHangup):
			done.HungUp = true // what has been said stays
			return done, nil
		case err != nil || !again:
			return done, err
		}
		if tone == "" {
			continue
		}
		if _, err := pbx.Speak(ctx, ch, "", tone); err != nil {
			return done, err
		}
	}
}

// review asks what to do with a recording and reports whether to record again.
func review(ctx context.Context, ch pbx.Channel, name string) (again bool, err error) {
	for range attempts {
		key, err := pbx.Speak(ctx, ch, "123", "vm-review")
		if key == 0 && err == nil {
			key, err = ch.Digit(ctx, digitTimeout)
		}
		if key == '2' && err == nil {
			_, err = pbx.Speak(ctx, ch, "", name)
		}
		if err != nil || key == '1' || key == '3' {
			return key == '3', err
		}
	}
	return false, nil
}

// tooShort tells a caller who is still there that nothing has been kept.
func tooShort(ctx context.Context, ch pbx.Channel, b *box.Box, done pbx.Recorded) error {
	switch {
	case done.HungUp:
		return pbx.ErrHangup
	case done.Key == '0':
		return leaveFor(ch, b, '0')
	}
	_, err := pbx.Speak(ctx, ch, "", "vm-tooshort")
	return err
}

// deliver puts a message into all boxes and reports whether the first has it.
func deliver(ch pbx.Channel, boxes []*box.Box, draft string, e voicemail.Envelope) bool {
	folder := voicemail.Inbox
	if e.Flag == voicemail.FlagUrgent {
		folder = voicemail.Urgent
	}
	kept := false
	for _, b := range boxes {
		err, unsent := ch.Voicemail().Deliver(b, folder, draft, e)
		if unsent != nil {
			ch.Log().Error("VoiceMail: no e-mail tells of a message", "mailbox", b.ID(), "error", unsent)
		}
		if err != nil {
			ch.Log().Error("VoiceMail: a message is lost", "mailbox", b.ID(), "error", err)
		} else {
			ch.Log().Info("VoiceMail: a new message", "mailbox", b.ID(), "length", e.Length)
		}
		kept = kept || err == nil
	}
	return kept
}
