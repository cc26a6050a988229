package app

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/media/prompts"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/voicemail"
)

// chooseFolder asks for a folder; "" is none, by # or silence.
func (w *browser) chooseFolder(ctx context.Context, ask string) (string, error) {
	names := []string{ask}
	for digit := '0'; digit <= '9'; digit++ {
		names = append(append(names, "vm-press"), prompts.Digits(string(digit))...)
		names = append(names, "vm-for", "vm-"+voicemail.FolderOf(digit), "vm-messages")
	}
	for range attempts {
		key, err := w.say(ctx, append(names, "vm-helpexit")...)
		if key == 0 && err == nil {
			key, err = w.ch.Digit(ctx, digitTimeout)
		}
		if err != nil || key == '#' {
			return "", err
		}
		if folder := voicemail.FolderOf(key); folder != "" {
			return folder, nil
		}
	}
	return "", nil
}

// save asks for the folder that a message goes to when the visit ends.
func (w *browser) save(ctx context.Context, m *voicemail.Message) (rune, error) {
	folder, err := w.chooseFolder(ctx, "vm-savefolder")
	if err != nil || folder == "" {
		return 0, err
	}
	m.To, m.Deleted = folder, false
	names := append([]string{"vm-message"}, prompts.Number(language(w.ch), int64(w.at+1))...)
	return w.say(ctx, append(names, "vm-savedto", "vm-"+folder, "vm-messages")...)
}

// maxForwarded bounds the mailboxes that one message is forwarded to.
const maxForwarded = 20

// forward asks for extensions and puts a copy of the message into their mailboxes, with
// words of the caller's own before it if it wants to (1; 2 is without).
func (w *browser) forward(ctx context.Context, m *voicemail.Message) (rune, error) {
	list, key, err := w.addressees(ctx)
	if err != nil || len(list) == 0 {
		return key, err
	}
	sound, envelope, err := m.Path+voicemail.Suffix, m.Envelope, error(nil)
	key, err = w.say(ctx, "vm-forwardoptions")
	if key == 0 && err == nil {
		key, err = w.ch.Digit(ctx, digitTimeout)
	}
	switch {
	case err != nil || key == '*' || key == '#':
		return 0, err
	case key == '1':
		draft := w.ch.Voicemail().Draft(w.box, "forward-"+w.ch.Get("UNIQUEID"))
		defer os.Remove(draft)
		if envelope.Length, err = w.prepend(ctx, m, draft); err != nil {
			return 0, err
		}
		sound = draft
	}
	full := false
	for _, name := range list {
		to := w.ch.Voicemail().Box(name)
		kept, unsent := w.ch.Voicemail().Deliver(to, voicemail.Inbox, sound, envelope)
		if unsent != nil {
			w.ch.Log().Error("VoiceMailMain: no e-mail tells of a message", "mailbox", to.ID(), "error", unsent)
		}
		if kept != nil && !errors.Is(kept, voicemail.ErrFull) {
			return 0, kept
		}
		full = full || kept != nil
	}
	if full {
		return w.say(ctx, "vm-mailboxfull")
	}
	return w.say(ctx, "vm-msgforwarded")
}

// addressees asks for the extensions that a message is forwarded to.
func (w *browser) addressees(ctx context.Context) (list []string, key rune, err error) {
	ask := "vm-forward"
	for len(list) < maxForwarded {
		keys, err := collect(ctx, w.ch, ask, maxPassword, digitTimeout)
		if err != nil {
			return nil, 0, err
		}
		number := strings.TrimSuffix(keys, "#")
		switch {
		case number == "" || strings.HasPrefix(number, "*"):
			return list, 0, nil
		case w.ch.Voicemail().Box(number+"@"+w.box.Context) == nil:
			if key, err := w.say(ctx, "pbx-invalid"); err != nil || key != 0 && len(list) == 0 {
				return nil, key, err
			}
			if len(list) == 0 {
				return nil, 0, nil
			}
			continue
		}
		list = append(list, number+"@"+w.box.Context)
		ask = "vm-forward-multiple"
	}
	return list, 0, nil
}

// prepend records what the caller says before a message, and the message behind it, in
// a file. It returns the length of both.
func (w *browser) prepend(ctx context.Context, m *voicemail.Message, draft string) (time.Duration, error) {
	if _, err := pbx.Speak(ctx, w.ch, "", "vm-record-prepend", "beep"); err != nil {
		return 0, err
	}
	done, err := w.ch.Studio().Record(ctx, pbx.RecordRequest{Path: draft, Max: longestGreeting, Stop: "#"})
	switch {
	case err != nil:
		return 0, err
	case done.HungUp: // who hangs up has sent nothing
		return 0, pbx.ErrHangup
	}
	original, err := media.Load(m.Path + voicemail.Suffix)
	if err != nil {
		return 0, err
	}
	file, err := media.Append(draft)
	if err != nil {
		return 0, err
	}
	return done.Length + m.Length, errors.Join(file.Write(original.Samples()), file.Close())
}
