// Package voicemail keeps messages on disk, in Asterisk's layout below the
// spool directory:
//
//	voicemail/CONTEXT/BOX/INBOX/msg0000.wav   what was said
//	voicemail/CONTEXT/BOX/INBOX/msg0000.txt   who called, when, how long
//	voicemail/CONTEXT/BOX/unavail.wav         a greeting
//
// A message is written elsewhere first and linked into its folder under the
// first number behind the last, so that nobody hears half of one. Numbers are
// made contiguous again when nobody has the box open any more. All changes of one node
// go through its Office, one at a time; they are renames, in an order in which a
// process that is killed between two of them neither loses a message nor has it twice.
//
// An index in SQL (store/records.Messages) saves reading a folder of thousands for
// its count or its envelopes. The files are the truth: see shelf.go.
package voicemail

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
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
	"github.com/hometone/hometone/store/records"
)

// The folders of a box that telephones show.
const (
	Inbox  = "INBOX"
	Old    = "Old"
	Urgent = "Urgent"
	tmp    = "tmp"
)

// folders are those that a caller opens, by their digits.
var folders = [...]string{Inbox, Old, "Work", "Family", "Friends", "Cust1", "Cust2", "Cust3", "Cust4", "Cust5"}

// FolderOf returns the folder of a digit from 0 to 9, "" for any other key.
func FolderOf(digit rune) string {
	if digit < '0' || digit > '9' {
		return ""
	}
	return folders[digit-'0']
}

// Folders are all that a box can have; urgent messages first.
func Folders() []string { return append([]string{Urgent}, folders[:]...) }

// IsFolder reports whether a box can have a folder of this name, and returns it as it is
// written.
func IsFolder(name string) (string, bool) {
	for _, f := range Folders() {
		if strings.EqualFold(f, name) {
			return f, true
		}
	}
	return "", false
}

// Suffix is the format of all messages and greetings.
const Suffix = ".wav"

// ErrFull says that a folder has as many messages as the box may have.
var ErrFull = errors.New("voicemail: the mailbox is full")

// Counts are the messages of a box; urgent ones are among the new.
type Counts struct{ New, Old, Urgent int }

// Config makes an Office.
type Config struct {
	// Changed is told the name of a mailbox whose counts are others now,
	// NUMBER@CONTEXT, and NUMBER too if the context is the default one. Required.
	Changed func(mailbox string)
	// Letters takes the letters about new messages. nil: there are none.
	Letters *mail.Outbox
	// Index knows what the folders hold. nil: they are read each time.
	Index *records.Messages
	// Logger receives failures of the index. nil: nothing is logged.
	Logger *slog.Logger
}

// Office is the mailboxes of a node. It is safe for concurrent use; a nil Office
// has no boxes.
type Office struct {
	changed func(mailbox string)
	letters *mail.Outbox // nil: no e-mail
	index   *records.Messages
	log     *slog.Logger
	now     func() time.Time
	rules   atomic.Pointer[rules]
	guesses guesses

	mu     sync.Mutex // serializes changes of folders and guards the following
	counts map[string]counted
	opened map[string]int // visits by box
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

// New makes an office without boxes.
func New(c Config) *Office {
	o := &Office{changed: c.Changed, letters: c.Letters, index: c.Index, log: c.Logger, now: time.Now, counts: map[string]counted{}, opened: map[string]int{}}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
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
	n, err := o.Count(b, Inbox)
	return err == nil && n >= b.MaxMessages
}

// Count returns how many messages a folder of a box has.
func (o *Office) Count(b *voicemail.Box, folder string) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen, err := o.survey(b, folder, false)
	return seen.Count, err
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
	if c, ok := o.counts[b.ID()]; ok && o.now().Sub(c.at) < countsFresh {
		return c.counts, true
	}
	var c Counts
	for folder, n := range map[string]*int{Inbox: &c.New, Old: &c.Old, Urgent: &c.Urgent} {
		if seen, err := o.survey(b, folder, false); err == nil {
			*n = seen.Count
		}
	}
	c.New += c.Urgent
	o.counts[b.ID()] = counted{c, o.now()}
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
	envelope, err := o.prepare(b, draft, e)
	if err != nil {
		return err, nil
	}
	defer os.Remove(envelope) // gone if it was filed
	o.mu.Lock()
	n, err := o.file(b, folder, draft, envelope, e)
	o.mu.Unlock()
	if err == nil {
		err = syncFile(o.folder(b, folder))
	}
	if err != nil {
		return err, nil
	}
	path := stem(o.folder(b, folder), n)
	holds, unsent := o.announce(&Notice{Box: b, Envelope: e, Number: n + 1, Sound: path + Suffix})
	if holds && b.Delete {
		o.mu.Lock()
		var here records.Seen
		if here, err = o.survey(b, folder, false); err == nil {
			err = errors.Join(remove(path), o.dropped(b, folder, here, n))
		}
		o.mu.Unlock()
	}
	o.tell(b)
	return err, unsent
}

// prepare makes a draft outlive a power cut and writes its envelope beside the box's
// drafts, both while nobody waits for the office.
func (o *Office) prepare(b *voicemail.Box, draft string, e Envelope) (envelope string, err error) {
	if err := os.MkdirAll(o.folder(b, tmp), 0o750); err != nil {
		return "", err
	}
	envelope = filepath.Join(o.folder(b, tmp), fmt.Sprintf("envelope-%016x.txt", rand.Uint64()))
	return envelope, errors.Join(syncFile(draft), replace(envelope, e.text()))
}

// file puts a sound and its envelope into a folder and returns its number there.
// o.mu is held.
func (o *Office) file(b *voicemail.Box, name, sound, envelope string, e Envelope) (n int, err error) {
	n, seen, err := o.room(b, name)
	if err != nil {
		return 0, err
	}
	path := stem(o.folder(b, name), n)
	if err := os.Rename(envelope, path+".txt"); err != nil {
		return 0, err
	}
	// The sound comes last: it is what makes a message.
	if err := os.Link(sound, path+Suffix); err != nil {
		return 0, errors.Join(err, os.Remove(path+".txt"))
	}
	o.added(b, name, seen, n, e)
	return n, nil
}

// added records that a folder has one message more. o.mu is held.
func (o *Office) added(b *voicemail.Box, folder string, before records.Seen, n int, e Envelope) {
	now := records.Seen{Count: before.Count + 1, Next: n + 1, Whole: before.Whole}
	o.recordChange(b, folder, now, nil, []records.Message{row(n, fileStamp(stem(o.folder(b, folder), n)), e)})
}

// maxTaken bounds the numbers that are tried because another program has them.
const maxTaken = 100

// room makes a folder, and returns the number of the next message in it and what there is
// now. o.mu is held.
func (o *Office) room(b *voicemail.Box, name string) (n int, seen records.Seen, err error) {
	folder := o.folder(b, name)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return 0, seen, err
	}
	if seen, err = o.survey(b, name, false); err != nil {
		return 0, seen, err
	}
	if seen.Count >= b.MaxMessages {
		return 0, seen, ErrFull
	}
	for n = seen.Next; n < seen.Next+maxTaken; n++ {
		if _, err := os.Lstat(stem(folder, n) + Suffix); errors.Is(err, fs.ErrNotExist) {
			return n, seen, nil
		}
	}
	return 0, seen, fmt.Errorf("voicemail: no number is free in %s", folder)
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
