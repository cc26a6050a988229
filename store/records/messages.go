package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Message is what the index knows of a voice message on disk: its envelope.
type Message struct {
	Number   int    // in its folder, from 0
	Stamp    string // tells one state of its files from another
	ID       string
	Box      string // it was left in
	Context  string // of the dialplan
	Exten    string
	Channel  string
	CallerID string
	Caller   string // number
	At       time.Time
	Length   time.Duration
	Flag     string // Urgent, PRIORITY or nothing
}

// Folder names a folder of a mailbox.
type Folder struct{ Context, Mailbox, Name string }

// Seen is what a folder was when it was indexed.
type Seen struct {
	Stamp string // of its directory; "" = never
	Count int    // messages
	Next  int    // the number behind the last one
	Whole bool   // all messages are indexed, not only counted
}

// Messages is an index of voice messages in SQLite. The files are the truth: the
// index may be deleted at any time and is made again from them, so a commit may
// be lost in a power cut, and a file of another version is thrown away. Its
// methods are safe for concurrent use.
type Messages struct{ db *sql.DB }

// messagesVersion is the version of messagesSchema.
const messagesVersion = 2

// messagesSchema has the columns of Message; times are microseconds since 1970 UTC,
// lengths milliseconds, as those of the call records.
const messagesSchema = `
CREATE TABLE folder (
    context TEXT NOT NULL, mailbox TEXT NOT NULL, folder TEXT NOT NULL,
    stamp TEXT NOT NULL, messages INTEGER NOT NULL, next INTEGER NOT NULL, whole INTEGER NOT NULL,
    PRIMARY KEY (context, mailbox, folder)
) WITHOUT ROWID;
CREATE TABLE message (
    context TEXT NOT NULL, mailbox TEXT NOT NULL, folder TEXT NOT NULL, number INTEGER NOT NULL,
    stamp TEXT NOT NULL, msg_id TEXT NOT NULL, orig_mailbox TEXT NOT NULL, orig_context TEXT NOT NULL, exten TEXT NOT NULL,
    channel TEXT NOT NULL, caller_id TEXT NOT NULL, caller_num TEXT NOT NULL,
    received_us BIGINT NOT NULL, length_ms BIGINT NOT NULL, flag TEXT NOT NULL,
    PRIMARY KEY (context, mailbox, folder, number)
) WITHOUT ROWID;
CREATE INDEX message_id ON message (msg_id);`

const messageColumns = "number, stamp, msg_id, orig_mailbox, orig_context, exten, channel, caller_id, caller_num, received_us, length_ms, flag"

// OpenMessages opens the index in a file, which is made anew if it is damaged or of
// another version.
func OpenMessages(ctx context.Context, path string) (*Messages, error) {
	m, err := openMessages(ctx, path)
	if err == nil {
		return m, nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if e := os.Remove(path + suffix); e != nil && !errors.Is(e, fs.ErrNotExist) {
			return nil, fmt.Errorf("records: index of messages: %w", errors.Join(err, e))
		}
	}
	if m, err = openMessages(ctx, path); err != nil {
		return nil, fmt.Errorf("records: index of messages: %w", err)
	}
	return m, nil
}

// errOtherVersion leads to a new file.
var errOtherVersion = errors.New("the file is of another version")

func openMessages(ctx context.Context, path string) (_ *Messages, err error) {
	d := &database{}
	if err := d.openSQLite(path, "NORMAL"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.db.Close()
		}
	}()
	var version int
	if err := d.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return nil, err
	}
	switch version {
	case messagesVersion:
		var verdict string
		if err := d.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil || verdict != "ok" {
			return nil, errors.Join(errors.New("damaged: "+verdict), err)
		}
		return &Messages{d.db}, nil
	case 0:
		_, err := d.db.ExecContext(ctx, fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT", messagesSchema, messagesVersion))
		return &Messages{d.db}, err
	}
	return nil, errOtherVersion
}

// Close closes the index.
func (m *Messages) Close() error { return m.db.Close() }

// Seen returns what a folder was when it was indexed.
func (m *Messages) Seen(ctx context.Context, f Folder) (s Seen, err error) {
	row := m.db.QueryRowContext(ctx, "SELECT stamp, messages, next, whole FROM folder WHERE context = ? AND mailbox = ? AND folder = ?", f.Context, f.Mailbox, f.Name)
	if err = row.Scan(&s.Stamp, &s.Count, &s.Next, &s.Whole); errors.Is(err, sql.ErrNoRows) {
		return Seen{}, nil
	}
	return s, err
}

// List returns the messages of a folder in the order of their numbers.
func (m *Messages) List(ctx context.Context, f Folder) (list []Message, err error) {
	rows, err := m.db.QueryContext(ctx, "SELECT "+messageColumns+" FROM message WHERE context = ? AND mailbox = ? AND folder = ? ORDER BY number", f.Context, f.Mailbox, f.Name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var x Message
		var received, length int64
		if err := rows.Scan(&x.Number, &x.Stamp, &x.ID, &x.Box, &x.Context, &x.Exten, &x.Channel, &x.CallerID, &x.Caller, &received, &length, &x.Flag); err != nil {
			return nil, err
		}
		x.At, x.Length = instant(received), time.Duration(length)*time.Millisecond
		list = append(list, x)
	}
	return list, rows.Err()
}

// Change records that a folder is in another state: messages of some numbers have
// gone, others have come or are others now. All of it is recorded, or nothing.
func (m *Messages) Change(ctx context.Context, f Folder, now Seen, gone []int, come []Message) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	where := []any{f.Context, f.Mailbox, f.Name}
	remove, err := tx.PrepareContext(ctx, "DELETE FROM message WHERE context = ? AND mailbox = ? AND folder = ? AND number = ?")
	if err != nil {
		return err
	}
	for _, n := range gone {
		if _, err := remove.ExecContext(ctx, append(where[:3:3], n)...); err != nil {
			return err
		}
	}
	put, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO message (context, mailbox, folder, "+messageColumns+") VALUES (?, ?, ?"+strings.Repeat(", ?", 12)+")")
	if err != nil {
		return err
	}
	for _, x := range come {
		values := append(where[:3:3], x.Number, x.Stamp, clean(x.ID), clean(x.Box), clean(x.Context), clean(x.Exten), clean(x.Channel), clean(x.CallerID), clean(x.Caller),
			micros(x.At), x.Length.Milliseconds(), clean(x.Flag))
		if _, err := put.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO folder (context, mailbox, folder, stamp, messages, next, whole) VALUES (?, ?, ?, ?, ?, ?, ?)", append(where, now.Stamp, now.Count, now.Next, now.Whole)...); err != nil {
		return err
	}
	return tx.Commit()
}
