// Package records keeps what has to be accounted for: one call detail record
// per call, in SQL. SQLite inside the process is the default; a DSN that
// starts with postgres:// uses a PostgreSQL server with the same schema.
//
// Writer inserts in batches: Put queues a record and returns, one goroutine
// (Run) commits what has gathered and calls each record's done after the
// commit. The queue is bounded; a full queue makes Put wait, which is the
// back-pressure a call feels before it gives up its resources. Records have an
// id made by the caller and inserting the same id twice is one record, so a
// retry after a crash cannot count a call twice.
package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

// ErrClosed is returned by Put after Run has ended.
var ErrClosed = errors.New("records: writer closed")

// Disposition is how a call ended, in the words of Asterisk's CDR.
type Disposition string

// The dispositions.
const (
	NoAnswer   Disposition = "NO ANSWER"
	Failed     Disposition = "FAILED"
	Busy       Disposition = "BUSY"
	Answered   Disposition = "ANSWERED"
	Congestion Disposition = "CONGESTION"
)

// CDR is one call detail record.
type CDR struct {
	ID              string // unique for ever, made when the call starts; the same id is the same call
	AccountCode     string
	Src             string // caller's number
	Dst             string // dialled extension
	Context         string // dialplan context the call entered
	CallerID        string // "Name" <number>
	Channel         string // caller's channel name
	DstChannel      string // callee's channel name, empty if none
	LastApp         string
	LastData        string
	Start           time.Time
	Answer          time.Time // zero: never answered
	End             time.Time
	Duration        time.Duration // Start to End
	BillSec         time.Duration // Answer to End
	Disposition     Disposition
	AMAFlags        string // DEFAULT, OMIT, BILLING, DOCUMENTATION
	UserField       string
	UniqueID        string
	LinkedID        string
	Node            string          // name of the node that wrote it
	HangupCause     int             // ITU-T Q.850
	HangupSource    string          // who released, for instance a channel name
	SIPCallID       string          // Call-ID of the caller's leg
	DstSIPCallID    string          // Call-ID of the callee's leg
	Codec, DstCodec string          // negotiated audio codecs
	Media           json.RawMessage // statistics of both legs, any JSON; nil = none
}

// Config says where records go.
type Config struct {
	// DSN is sqlite:PATH, or postgres://… Required. sqlite::memory: is for
	// tests.
	DSN string
	// Queue is how many records may wait for their commit. 0 = 4096.
	Queue int
	// Batch is the most records in one commit. 0 = 256.
	Batch int
	// Logger receives failed commits. nil = discarded.
	Logger *slog.Logger
}

// Store is an open records database.
type Store struct {
	db *sql.DB
}

// Open connects, brings the schema up to date and returns the store. It starts
// nothing; Run does the writing.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	return nil, errors.New("records: not open")
}

// Run commits queued records until ctx ends, then commits what is still queued
// and returns.
func (s *Store) Run(ctx context.Context) error { return nil }

// Put queues a record. done, if not nil, is called once from Run's goroutine after the commit
// (nil) or when the record is given up. Put waits while the queue is full.
func (s *Store) Put(ctx context.Context, cdr CDR, done func(error)) error { return ErrClosed }

// Close closes the database. Call it after Run has returned.
func (s *Store) Close() error { return nil }
