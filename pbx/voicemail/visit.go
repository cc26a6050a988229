package voicemail

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/store/records"
)

// Message is one message of a Visit.
type Message struct {
	Envelope
	Path    string // of the sound, without suffix
	Heard   bool
	Deleted bool
	To      string // the folder it goes to; "" = it stays, or goes to Old once it is heard
	folder  string
	number  int    // in its folder
	stamp   string // of its files
}

// Visit is the messages of an open folder. Nothing changes on disk until Close, and
// while anybody visits a box its messages keep their numbers. One goroutine owns it.
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
	for _, f := range v.folders() {
		list, err := o.list(b, f)
		if err != nil {
			return nil, err
		}
		v.Messages = append(v.Messages, list...)
	}
	o.opened[b.ID()]++
	o.sweep(b)
	return v, nil
}

// draftTime is how old what a killed process has left among the drafts becomes.
const draftTime = 24 * time.Hour

// sweep removes drafts that nobody can be recording any more.
func (o *Office) sweep(b *voicemail.Box) {
	dir := o.folder(b, tmp)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // there are none
	}
	for _, e := range entries {
		if at, err := e.Info(); err == nil && at.Mode().IsRegular() && o.now().Sub(at.ModTime()) > draftTime {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				o.log.Warn("voicemail: an old draft is not removed", "mailbox", b.ID(), "error", err)
			}
		}
	}
}

// folders are those on disk that a visit shows as one.
func (v *Visit) folders() []string {
	if v.folder == Inbox {
		return []string{Urgent, Inbox}
	}
	return []string{v.folder}
}

// Close carries out what was decided: deleted messages go, saved and heard ones
// move, and the numbers of those that stay become contiguous.
func (v *Visit) Close() error {
	o := v.office
	o.mu.Lock()
	var errs []error
	changed := false
	for _, m := range v.Messages {
		to := m.To
		if to == "" && m.Heard && v.folder == Inbox {
			to = Old
		}
		if !m.Deleted && (to == "" || to == m.folder) || fileStamp(m.Path) != m.stamp {
			continue // it stays, or somebody else has taken it away
		}
		changed = true
		errs = append(errs, v.leave(m, to))
	}
	v.Messages = nil
	if o.opened[v.box.ID()]--; o.opened[v.box.ID()] <= 0 {
		delete(o.opened, v.box.ID())
		for _, f := range v.folders() {
			errs = append(errs, o.tidy(v.box, f))
		}
	}
	o.mu.Unlock()
	if changed {
		o.tell(v.box)
	}
	return errors.Join(errs...)
}

// leave takes a message out of its folder, into another one unless it is deleted.
// The office's mu is held.
func (v *Visit) leave(m *Message, to string) error {
	o := v.office
	here, err := o.survey(v.box, m.folder, false)
	if err != nil {
		return err
	}
	if m.Deleted {
		err = remove(m.Path)
	} else {
		err = o.move(v.box, m, to)
	}
	if err != nil {
		return err // it stays where it is
	}
	return o.dropped(v.box, m.folder, here, m.number)
}

// dropped records that a folder has one message less. o.mu is held.
func (o *Office) dropped(b *voicemail.Box, folder string, before records.Seen, n int) error {
	now := records.Seen{Count: before.Count - 1, Next: before.Next, Whole: before.Whole}
	if n == before.Next-1 { // which one is the last now?
		list, err := names(o.folder(b, folder))
		if err != nil {
			return err
		}
		now = summary("", list)
		now.Whole = before.Whole
	}
	o.recordChange(b, folder, now, []int{n}, nil)
	return nil
}

// move puts a message into another folder. o.mu is held.
func (o *Office) move(b *voicemail.Box, m *Message, to string) error {
	n, seen, err := o.room(b, to)
	if err != nil {
		return err
	}
	if err := relocate(m.Path, stem(o.folder(b, to), n)); err != nil {
		return err
	}
	o.added(b, to, seen, n, m.Envelope)
	return nil
}

// tidy closes the gaps between the messages of a folder. o.mu is held.
func (o *Office) tidy(b *voicemail.Box, folder string) error {
	seen, err := o.survey(b, folder, false)
	if err != nil || seen.Count == seen.Next {
		return err
	}
	list, err := o.list(b, folder)
	if err != nil {
		return err
	}
	var gone []int
	var come []records.Message
	for want, m := range list {
		if want == m.number {
			continue
		}
		to := stem(o.folder(b, folder), want)
		if err := relocate(m.Path, to); errors.Is(err, os.ErrNotExist) {
			return nil // another program is at work; the next survey sees what it did
		} else if err != nil {
			return err
		}
		gone, come = append(gone, m.number), append(come, row(want, fileStamp(to), m.Envelope))
	}
	o.recordChange(b, folder, records.Seen{Count: len(list), Next: len(list), Whole: true}, gone, come)
	return nil
}

// List returns the messages of a folder without a visit: it does not keep numbers.
func (o *Office) List(b *voicemail.Box, folder string) ([]*Message, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list(b, folder)
}

// Find returns a message of a box by its id, and whether there is one.
func (o *Office) Find(b *voicemail.Box, id string) (*Message, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range Folders() {
		list, err := o.list(b, f)
		if err != nil {
			continue
		}
		for _, m := range list {
			if m.ID == id && id != "" {
				return m, true
			}
		}
	}
	return nil, false
}
