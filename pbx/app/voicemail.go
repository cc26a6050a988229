package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
// FAILED.
//
// Options: u the unavailable greeting, b the busy one, s without instructions, S
// without instructions if the box has its own greeting, U the message is urgent.
// The key * goes to the extension a, and 0 to o if the box has operator=yes; both are
// looked for in the box's exitcontext, else in the context of the call, and a key whose
// extension is not there does nothing.
func leaveMessage(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 2)
	_ = ch.Set("VMSTATUS", "FAILED")
	boxes, err := recipients(ch, a[0])
	if err != nil {
		return fmt.Errorf("VoiceMail: %w", err)
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	office, first := ch.Voicemail(), boxes[0]
	key, err := greet(ctx, ch, first, a[1])
	if err != nil {
		return err
	}
	if key != 0 && key != '#' {
		return leaveFor(ch, first, key)
	}
	if office.Full(first) {
		ch.Log().Warn("VoiceMail: the mailbox is full", "mailbox", first.ID())
		_, err := pbx.Speak(ctx, ch, "", "vm-mailboxfull")
		return err
	}
	if _, err := pbx.Speak(ctx, ch, "", "beep"); err != nil {
		return err
	}
	return takeMessage(ctx, ch, boxes, a[1])
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

// greet says that nobody is there, and what to do.
func greet(ctx context.Context, ch pbx.Channel, b *box.Box, options string) (rune, error) {
	names, own := greeting(ch.Voicemail(), b, options)
	if !strings.Contains(options, "s") && (!own || !strings.Contains(options, "S")) {
		names = append(names, "vm-intro")
	}
	return pbx.Speak(ctx, ch, "#"+exits(ch, b), names...) // # goes to the tone
}

// greeting is what is said before the instructions, and whether the owner of the
// box has spoken it: the temporary greeting, that of the option, or the words of
// the program.
func greeting(office *voicemail.Office, b *box.Box, options string) (names []string, own bool) {
	if path, ok := office.Greeting(b, "temp"); ok {
		return []string{path}, true
	}
	file, words := "unavail", "vm-isunavail"
	switch {
	case strings.Contains(options, "b"):
		file, words = "busy", "vm-isonphone"
	case !strings.Contains(options, "u"):
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
func takeMessage(ctx context.Context, ch pbx.Channel, boxes []*box.Box, options string) error {
	office, b := ch.Voicemail(), boxes[0]
	draft := office.Draft(b, ch.Get("UNIQUEID"))
	defer os.Remove(draft)
	most := b.Max
	if most == 0 {
		most = longestMessage
	}
	keys := "#" + strings.Trim(exits(ch, b), "*")
	began := time.Now()
	done, err := recordReviewed(ctx, ch, b, pbx.RecordRequest{Path: draft, Silence: b.Silence, Max: most, Stop: keys})
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
		Number: ch.Get("CALLERID(num)"), At: began, Length: done.Length, ID: ch.Get("UNIQUEID"), Important: strings.Contains(options, "U"),
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
func recordReviewed(ctx context.Context, ch pbx.Channel, b *box.Box, req pbx.RecordRequest) (pbx.Recorded, error) {
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
		if _, err := pbx.Speak(ctx, ch, "", "beep"); err != nil {
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
	if e.Important {
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
