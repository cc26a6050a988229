package voicemail

import (
	"errors"
	"io/fs"
	"os"

	"github.com/hometone/hometone/config/voicemail"
)

// Message is one message of a Visit.
type Message struct {
	Envelope
	Path    string // of the sound, without suffix
	Heard   bool
	Deleted bool
	To      string // the folder it goes to; "" = it stays, or goes to Old once it is heard
	folder  string
}

// Visit is the messages of an open folder. Nothing changes on disk until Close.
// One goroutine owns it.
type Visit struct {
	office   *Office
	box      *voicemail.Box
	folder   string
	Messages []*Message
}

// Open looks into a folder of a box; urgent messages come first in the INBOX.
func (o *Office) Open(b *voicemail.Box, folder string) (*Visit, error) {
	v := &Visit{office: o, box: b, folder: folder}
	o.mu.Lock()
	defer o.mu.Unlock()
	if folder == Inbox {
		if err := v.look(Urgent); err != nil {
			return nil, err
		}
	}
	return v, v.look(folder)
}

func (v *Visit) look(folder string) error {
	dir := v.office.folder(v.box, folder)
	list, err := names(dir)
	for _, n := range list {
		path := stem(dir, n)
		v.Messages = append(v.Messages, &Message{Envelope: readEnvelope(path + ".txt"), Path: path, folder: folder})
	}
	return err
}

// Close carries out what was decided: deleted messages go, saved and heard ones
// move, and the numbers of those that stay become contiguous.
func (v *Visit) Close() error {
	var errs []error
	changed := false
	v.office.mu.Lock()
	for _, m := range v.Messages {
		to := m.To
		if to == "" && m.Heard && v.folder == Inbox {
			to = Old
		}
		if !m.Deleted && (to == "" || to == m.folder) {
			continue
		}
		changed = true
		errs = append(errs, v.leave(m, to))
	}
	if changed {
		errs = append(errs, renumber(v.office.folder(v.box, v.folder)))
		if v.folder == Inbox {
			errs = append(errs, renumber(v.office.folder(v.box, Urgent)))
		}
	}
	v.office.mu.Unlock()
	v.Messages = nil
	if changed {
		v.office.tell(v.box)
	}
	return errors.Join(errs...)
}

// leave takes a message out of its folder, into another one unless it is deleted.
func (v *Visit) leave(m *Message, to string) error {
	if !m.Deleted {
		text, err := os.ReadFile(m.Path + ".txt")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, err := v.office.file(v.box, to, m.Path+Suffix, text); err != nil {
			return err // it stays where it is
		}
	}
	err := os.Remove(m.Path + Suffix)
	if e := os.Remove(m.Path + ".txt"); !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// renumber closes the gaps between messages.
func renumber(folder string) error {
	list, err := names(folder)
	for want, n := range list {
		if want == n {
			continue
		}
		from, to := stem(folder, n), stem(folder, want)
		if e := os.Rename(from+".txt", to+".txt"); e != nil && !errors.Is(e, fs.ErrNotExist) {
			return e
		}
		if e := os.Rename(from+Suffix, to+Suffix); e != nil {
			return e
		}
	}
	return err
}
