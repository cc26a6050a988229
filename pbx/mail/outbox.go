// Package mail sends e-mail that must not be lost: an [Outbox] keeps each letter
// in a directory until an SMTP server (RFC 5321) has taken it.
//
// Post writes a letter durably and returns; it speaks to nobody, so that no call
// waits for a mail server. Run sends, one letter at a time, and tries again at
// growing intervals while the server is away or says 4xx (§4.5.4.1). A letter that
// the server refuses for good (5xx), or that nobody took for maxAge, goes to the
// folder failed and into the log. After a restart what waits is sent. A letter
// may arrive twice if the node dies between the server's 250 and the letter's end;
// both have the same Message-ID.
//
// The text is composed when it is sent, from the [Letter] and the sound beside it.
// Passwords go to the server only over TLS.
package mail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/config"
)

// Limits of an Outbox.
const (
	maxLetters = 10_000 // that wait
	maxAge     = 5 * 24 * time.Hour
	firstRetry = 10 * time.Second
	lastRetry  = time.Hour
	sendTime   = 5 * time.Minute
)

// ErrFull says that as many letters wait as may.
var ErrFull = errors.New("mail: too many letters wait")

// Letter is one e-mail.
type Letter struct {
	ID       string    `json:"id"` // unique; names its files and is its Message-ID
	Made     time.Time `json:"made"`
	FromName string    `json:"from_name,omitempty"`
	From     string    `json:"from"` // address
	ToName   string    `json:"to_name,omitempty"`
	To       []string  `json:"to"` // addresses
	Subject  string    `json:"subject"`
	Body     string    `json:"body"`
	Sound    string    `json:"sound,omitempty"` // name of the attached WAV file; "" = none
}

// Config says where letters wait and who takes them.
type Config struct {
	Dir    string       // of the letters
	Logger *slog.Logger // nil = discarded
	// FirstRetry is how long after a failure it is tried again; it doubles up to
	// lastRetry. 0 = 10 s.
	FirstRetry time.Duration
}

// Outbox keeps and sends letters. It is safe for concurrent use.
type Outbox struct {
	cfg    Config
	log    *slog.Logger
	server atomic.Pointer[config.Mail]
	wake   chan struct{}
	seq    atomic.Uint64
}

// New returns an Outbox; nothing is sent before Run.
func New(c Config) *Outbox {
	o := &Outbox{cfg: c, log: c.Logger, wake: make(chan struct{}, 1)}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	o.cfg.FirstRetry = cmp.Or(c.FirstRetry, firstRetry)
	return o
}

// Use puts a server into force; nil: letters wait until there is one.
func (o *Outbox) Use(m *config.Mail) {
	o.server.Store(m)
	o.rouse()
}

// Open reports whether there is a server for letters.
func (o *Outbox) Open() bool { return o != nil && o.server.Load() != nil }

func (o *Outbox) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *Outbox) path(id, suffix string) string { return filepath.Join(o.cfg.Dir, id+suffix) }

// Post keeps a letter; sound is the path of what is attached, "" for nothing. When
// it returns nil the letter outlives the process.
func (o *Outbox) Post(l Letter, sound string) error {
	if err := os.MkdirAll(o.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	waiting, err := o.waiting()
	if err != nil {
		return err
	}
	if len(waiting) >= maxLetters {
		return ErrFull
	}
	l.Made = time.Now()
	l.ID = fmt.Sprintf("%016x-%d-%d", l.Made.UnixNano(), os.Getpid(), o.seq.Add(1))
	if sound != "" {
		// A link: the owner of the mailbox may delete the message meanwhile.
		if err := os.Link(sound, o.path(l.ID, ".wav")); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
	}
	text, err := json.Marshal(l)
	if err == nil {
		err = o.keep(o.path(l.ID, ".json"), text)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("mail: %w", err), o.drop(l.ID))
	}
	o.rouse()
	return nil
}

// keep writes a file so that it is there whole or not at all.
func (o *Outbox) keep(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(o.cfg.Dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// drop takes a letter's files away.
func (o *Outbox) drop(id string) error {
	var errs []error
	for _, suffix := range []string{".json", ".json.new", ".wav"} {
		if err := os.Remove(o.path(id, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// waiting are the letters that wait, the oldest first.
func (o *Outbox) waiting() (ids []string, err error) {
	entries, err := os.ReadDir(o.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, err
}

// Run sends what waits until ctx ends.
func (o *Outbox) Run(ctx context.Context) error {
	pause := time.Duration(0)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-o.wake:
			if pause > 0 {
				continue // the server was away: the timer says when it is asked again
			}
		}
		switch err := o.sendAll(ctx); {
		case err == nil:
			pause = 0
		case ctx.Err() != nil:
			return nil
		default:
			pause = min(max(2*pause, o.cfg.FirstRetry), lastRetry)
			o.log.Warn("mail: not sent, it is tried again", "in", pause, "error", err)
			timer.Reset(pause)
		}
	}
}

// sendAll sends all that waits; the error is one that may pass.
func (o *Outbox) sendAll(ctx context.Context) error {
	server := o.server.Load()
	if server == nil {
		return nil
	}
	ids, err := o.waiting()
	if err != nil {
		return err
	}
	var last error
	for _, id := range ids {
		if err := o.sendOne(ctx, server, id); err != nil {
			last = err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(last, errAway) {
			return last // the others would fare no better
		}
	}
	return last
}

// sendOne sends one letter and ends it; the error is one that may pass.
func (o *Outbox) sendOne(ctx context.Context, server *config.Mail, id string) error {
	text, err := os.ReadFile(o.path(id, ".json"))
	if err != nil {
		return err
	}
	var l Letter
	if err := json.Unmarshal(text, &l); err != nil || l.ID != id {
		return o.fail(id, fmt.Errorf("not a letter (%w)", err))
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err = send(ctx, server, &l, o.path(id, ".wav"))
	var refused *textproto.Error
	switch {
	case err == nil:
		o.log.Info("mail: sent", "id", id, "letters_to", len(l.To))
		return o.drop(id)
	case errors.As(err, &refused) && refused.Code >= 500 && !errors.Is(err, errAway):
		return o.fail(id, err)
	case time.Since(l.Made) > maxAge:
		return o.fail(id, err)
	}
	return err
}

// fail puts a letter where a person can look at it.
func (o *Outbox) fail(id string, why error) error {
	o.log.Error("mail: given up; the letter is in the folder failed", "id", id, "error", why)
	dir := filepath.Join(o.cfg.Dir, "failed")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	err := os.Rename(o.path(id, ".wav"), filepath.Join(dir, id+".wav"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.Rename(o.path(id, ".json"), filepath.Join(dir, id+".json")))
}
