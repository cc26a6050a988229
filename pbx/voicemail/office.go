// Package voicemail keeps messages on disk, in Asterisk's layout below the
// spool directory:
//
//	voicemail/CONTEXT/BOX/INBOX/msg0000.wav   what was said
//	voicemail/CONTEXT/BOX/INBOX/msg0000.txt   who called, when, how long
//	voicemail/CONTEXT/BOX/unavail.wav         a greeting
//
// A message is written elsewhere first and linked into its folder under the
// first number behind the last, so that nobody hears half of one. Numbers are
// made contiguous again when a box is closed. All changes of one node go through
// its Office, one at a time; they are renames and take no time to speak of.
package voicemail

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/pbx/mail"
)

// The folders of a box that are counted and opened.
const (
	Inbox  = "INBOX"
	Old    = "Old"
	Urgent = "Urgent"
	tmp    = "tmp"
)

// Suffix is the format of all messages and greetings.
const Suffix = ".wav"

// ErrFull says that a folder has as many messages as the box may have.
var ErrFull = errors.New("voicemail: the mailbox is full")

// Counts are the messages of a box; urgent ones are among the new.
type Counts struct{ New, Old, Urgent int }

// Office is the mailboxes of a node. It is safe for concurrent use; a nil Office
// has no boxes.
type Office struct {
	changed func(mailbox string)
	letters *mail.Outbox // nil: no e-mail
	rules   atomic.Pointer[rules]
	guesses guesses

	mu     sync.Mutex // serializes changes of folders and guards the following
	counts map[string]counted
}

// rules are one configuration.
type rules struct {
	conf  *voicemail.Config
	spool string
	from  string // address of letters
}

// counted is what a box had when it was looked at.
type counted struct {
	counts Counts
	at     time.Time
}

// countsFresh is how long counts are believed when nobody tells of a change:
// other programs may change the folders too.
const countsFresh = 10 * time.Second

// New makes an office; changed is told the name of a mailbox whose counts are
// others now, NUMBER@CONTEXT, and NUMBER too if the context is the default one.
// Letters about new messages go to an outbox; nil: there are none.
func New(changed func(mailbox string), letters *mail.Outbox) *Office {
	o := &Office{changed: changed, letters: letters, counts: map[string]counted{}}
	o.rules.Store(&rules{})
	return o
}

// Use puts a configuration into force. conf may be nil: there are no boxes. from is
// the address of letters that voicemail.conf has none for.
func (o *Office) Use(conf *voicemail.Config, spool, from string) {
	o.rules.Store(&rules{conf, spool, from})
}

// Box returns a box by NUMBER or NUMBER@CONTEXT, nil if there is none.
func (o *Office) Box(name string) *voicemail.Box {
	if o == nil {
		return nil
	}
	return o.rules.Load().conf.Box(name)
}

// Logins is how often a password is asked for.
func (o *Office) Logins() int {
	if o == nil || o.rules.Load().conf == nil {
		return 1
	}
	return o.rules.Load().conf.Logins
}

// Admit returns the box of a name if the password opens it, in a time that does not
// tell how much of it is right; nil otherwise. Nobody opens a box that does not exist,
// has no password, or has been tried in vain too often lately, from whatever call.
func (o *Office) Admit(name, password string, now time.Time) *voicemail.Box {
	b := o.Box(name)
	if b != nil {
		name = b.ID() // however it was written
	}
	if !o.guesses.allowed(name, now) {
		return nil
	}
	if !right(b, o.password(b), password) {
		o.guesses.wrong(name, now)
		return nil
	}
	o.guesses.forget(name)
	return b
}

// right compares in constant time.
func right(b *voicemail.Box, want, password string) bool {
	there := 0
	if b != nil && want != "" {
		there = 1
	}
	return subtle.ConstantTimeCompare([]byte(want), []byte(password))&there == 1
}

// folder is the path of a folder of a box; "" is the box itself.
func (o *Office) folder(b *voicemail.Box, name string) string {
	return filepath.Join(o.rules.Load().spool, "voicemail", b.Context, b.Number, name)
}

// Greeting returns the path without suffix of a greeting (unavail, busy, temp,
// greet), and whether there is one.
func (o *Office) Greeting(b *voicemail.Box, name string) (path string, ok bool) {
	path = filepath.Join(o.folder(b, ""), name)
	_, err := os.Stat(path + Suffix)
	return path, err == nil
}

// Draft is the path of a recording that is not yet a message of a box; id must
// be one that nobody else has at this time.
func (o *Office) Draft(b *voicemail.Box, id string) string {
	return filepath.Join(o.folder(b, tmp), filepath.Base(id)+Suffix)
}

// names are the numbers of the messages in a folder, in order.
func names(folder string) ([]int, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var list []int
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), Suffix)
		text, msg := strings.CutPrefix(text, "msg")
		if n, err := strconv.Atoi(text); ok && msg && err == nil && stem(folder, n)+Suffix == filepath.Join(folder, e.Name()) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, err
}

// stem is the path of a message without suffix.
func stem(folder string, n int) string { return filepath.Join(folder, fmt.Sprintf("msg%04d", n)) }

// Full reports whether a box takes no more messages.
func (o *Office) Full(b *voicemail.Box) bool {
	list, err := names(o.folder(b, Inbox))
	return err == nil && len(list) >= b.MaxMessages
}

// Counts returns how many messages a box has, by NUMBER or NUMBER@CONTEXT, and
// whether there is such a box.
func (o *Office) Counts(mailbox string) (Counts, bool) {
	b := o.Box(mailbox)
	if b == nil {
		return Counts{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, ok := o.counts[b.ID()]; ok && time.Since(c.at) < countsFresh {
		return c.counts, true
	}
	var c Counts
	for folder, n := range map[string]*int{Inbox: &c.New, Old: &c.Old, Urgent: &c.Urgent} {
		list, err := names(o.folder(b, folder))
		if err == nil {
			*n = len(list)
		}
	}
	c.New += c.Urgent
	o.counts[b.ID()] = counted{c, time.Now()}
	return c, true
}

// tell forgets the counts of a box and says that they are others.
func (o *Office) tell(b *voicemail.Box) {
	o.mu.Lock()
	delete(o.counts, b.ID())
	o.mu.Unlock()
	o.changed(b.ID())
	if b.Context == voicemail.DefaultContext {
		o.changed(b.Number)
	}
}

// Deliver makes a message of a draft, which stays where it is, and puts it into a
// folder of a box. Its owner is told by e-mail, if the box has an address; a letter
// that cannot be written is the second error, and the message is there all the same.
func (o *Office) Deliver(b *voicemail.Box, folder, draft string, e Envelope) (err, unsent error) {
	o.mu.Lock()
	n, err := o.file(b, folder, draft, e.text())
	o.mu.Unlock()
	if err != nil {
		return err, nil
	}
	path := stem(o.folder(b, folder), n)
	holds, unsent := o.announce(&Notice{Box: b, Envelope: e, Number: n + 1, Sound: path + Suffix})
	if holds && b.Delete {
		o.mu.Lock()
		err = errors.Join(os.Remove(path+Suffix), os.Remove(path+".txt"))
		o.mu.Unlock()
	}
	o.tell(b)
	return err, unsent
}

// file puts a sound and its envelope into a folder and returns its number there.
// o.mu is held.
func (o *Office) file(b *voicemail.Box, name, sound string, envelope []byte) (next int, err error) {
	folder := o.folder(b, name)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return 0, err
	}
	list, err := names(folder)
	if err != nil {
		return 0, err
	}
	if len(list) >= b.MaxMessages {
		return 0, ErrFull
	}
	if len(list) > 0 {
		next = list[len(list)-1] + 1
	}
	path := stem(folder, next)
	if err := os.WriteFile(path+".txt", envelope, 0o640); err != nil {
		return 0, err
	}
	// The sound comes last: it is what makes a message.
	if err := os.Link(sound, path+Suffix); err != nil {
		return 0, errors.Join(err, os.Remove(path+".txt"))
	}
	return next, nil
}

// Boxes returns the boxes of a context.
func (o *Office) Boxes(context string) (list []*voicemail.Box) {
	if o == nil || o.rules.Load().conf == nil {
		return nil
	}
	for _, b := range o.rules.Load().conf.Boxes {
		if b.Context == context {
			list = append(list, b)
		}
	}
	return list
}
