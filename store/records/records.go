// Package records keeps what has to be accounted for: one call detail record
// per call, in SQL. SQLite inside the process is the default; a DSN that
// starts with postgres:// uses a PostgreSQL server with the same schema.
//
// Put queues a record and returns; one goroutine, Run, commits what has
// gathered and calls each record's done after the commit, so a burst of calls
// shares one fsync. The queue is bounded; a full queue makes Put wait, which is
// the back-pressure a call feels before it gives up its resources. Records
// have an id made by the caller, and inserting the same id twice is one
// record: a retry after a crash, or by another node, cannot count a call
// twice. A database that is away is tried again until Run's context ends; a
// record that a healthy database refuses is given up after a few attempts, so
// that it does not hold up the others.
package records

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

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
	// Logger receives failed commits. nil = discarded.
	Logger *slog.Logger
}

// Store is an open records database. Its methods are safe for concurrent use.
type Store struct {
	cfg    Config
	log    *slog.Logger
	db     *sql.DB
	pg     bool
	insert string
	queue  chan item
	ended  chan struct{} // closed when Run has returned
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
	s := &Store{cfg: cfg, log: cfg.Logger, queue: make(chan item, cfg.Queue), ended: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.connect(); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	if err := s.migrate(ctx); err != nil {
		_ = s.db.Close()
		return nil, fmt.Errorf("records: migrate: %w", err)
	}
	s.insert = s.placeholders("INSERT INTO cdr (" + columns + ") VALUES (?" +
		strings.Repeat(", ?", strings.Count(columns, ",")) + ") ON CONFLICT (id) DO NOTHING")
	return s, nil
}

func (s *Store) connect() (err error) {
	scheme, rest, _ := strings.Cut(s.cfg.DSN, ":")
	switch scheme {
	case "postgres", "postgresql":
		s.pg = true
		if s.db, err = sql.Open("pgx", s.cfg.DSN); err == nil {
			s.db.SetMaxOpenConns(8)
		}
		return err
	case "sqlite":
		return s.openSQLite(rest)
	}
	return fmt.Errorf("DSN starts with %q, want sqlite: or postgres://", scheme)
}

// openSQLite opens the file in write-ahead mode: readers do not wait for the
// writer, and a commit is one fsync of the log. synchronous=FULL makes that
// fsync happen, so a committed record outlives a power cut.
func (s *Store) openSQLite(path string) (err error) {
	connections := 4
	if path == ":memory:" {
		connections = 1 // every connection would be a database of its own
	} else if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)"}, "_txlock": {"immediate"}}
	s.db, err = sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: pragmas.Encode()}).String())
	if err == nil {
		s.db.SetMaxOpenConns(connections)
	}
	return err
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.pg { // several nodes may start at once
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, s.db, files, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// placeholders writes the ? of a statement as the database wants them.
func (s *Store) placeholders(query string) string {
	if !s.pg {
		return query
	}
	var b strings.Builder
	n := 0
	for _, c := range query {
		if c == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Close closes the database. Call it after Run has returned.
func (s *Store) Close() error { return s.db.Close() }
