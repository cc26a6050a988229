// Package records keeps what has to be accounted for: one call detail record
// per call, in SQL. SQLite inside the process is the default; a DSN that
// starts with postgres:// uses a PostgreSQL server with the same schema.
//
// Put queues a record and returns; Run commits what has gathered and calls each
// record's done after the commit, so a burst of calls shares one fsync. Records
// have an id made by the caller, and inserting the same id twice is one
// record: a retry after a crash, or by another node, cannot count a call
// twice. A record that a healthy database refuses is given up after a few
// attempts, so that it does not hold up the others.
//
// A database that stands still must not hold up calls. What it has not taken
// within a second goes to the spill, a small SQLite file beside the node's other
// data: as durable, so done is called, and idempotent, so it does not matter
// what became of the late commit. From there records move into the database when it is
// back, also after a restart. Only when there is no spill, or it is full or takes
// nothing either, do records wait in memory; then the queue fills, and a full
// queue makes Put wait, which is the back-pressure calls feel last of all.
package records

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrClosed is returned by Put after Run has ended, and given to records that
// could not be committed by then.
var ErrClosed = errors.New("records: writer closed")

// ErrNotFound is returned by Get for an id that does not exist.
var ErrNotFound = errors.New("records: no such record")

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

// CDR is one call detail record. Times are kept to the microsecond, durations
// to the millisecond.
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

// The defaults of Config.
const (
	DefaultQueue  = 4096
	DefaultBatch  = 256
	DefaultLinger = 100 * time.Millisecond
)

// Config says where records go.
type Config struct {
	// DSN is sqlite:PATH, or postgres://… Required. sqlite::memory: lives as
	// long as the process.
	DSN string
	// Queue is how many records may wait for their commit. 0 = DefaultQueue.
	Queue int
	// Batch is the most records in one commit. 0 = DefaultBatch.
	Batch int
	// Linger is how long a record may wait for others to be committed with it.
	// 0 = DefaultLinger; negative = not at all.
	Linger time.Duration
	// Spill is the path of a file for records that the database does not take in
	// time. "" = they wait in memory, and Put waits when the queue is full.
	Spill string
	// Logger receives failed commits. nil = discarded.
	Logger *slog.Logger
}

// Store is an open records database. Its methods are safe for concurrent use.
type Store struct {
	*database
	cfg   Config
	log   *slog.Logger
	queue chan item
	jobs  chan *job     // for the carrier, which alone writes to the database
	spill *spill        // nil: none was asked for
	ended chan struct{} // closed when Run has returned
}

// Open connects, brings the schema up to date and returns the store. It starts
// no goroutine; Run does the writing.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Queue <= 0 {
		cfg.Queue = DefaultQueue
	}
	if cfg.Batch <= 0 {
		cfg.Batch = DefaultBatch
	}
	if cfg.Linger == 0 {
		cfg.Linger = DefaultLinger
	}
	s := &Store{
		cfg: cfg, log: cfg.Logger,
		queue: make(chan item, cfg.Queue), jobs: make(chan *job), ended: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.database, err = open(ctx, cfg.DSN); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	if cfg.Spill != "" {
		if s.spill, err = openSpill(ctx, cfg.Spill); err != nil {
			_ = s.db.Close()
			return nil, fmt.Errorf("records: %w", err)
		}
	}
	return s, nil
}

// Close closes the database. Call it after Run has returned.
func (s *Store) Close() error {
	if s.spill != nil {
		return errors.Join(s.spill.close(), s.db.Close())
	}
	return s.db.Close()
}
