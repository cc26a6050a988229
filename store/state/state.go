// Package state is the durable shared state of a node: small values under
// keys, kept by NATS JetStream. The server runs inside the process, listens on
// no port and writes to the node's data directory.
//
// A Bucket is a set of keys with one value each. Writes are asynchronous: Put,
// Delete and Swap queue and return, and call done when the store has
// acknowledged that very write. So a caller keeps thousands of writes in
// flight and still answers its peer only after its own write is safe. Writes
// to one bucket are applied in the order of the calls. A bucket gathers writes
// for Linger and hands them over together, because what a lone write costs is
// mostly the waking of goroutines on its way. A Journal goes further, for owners
// that know their values: what it gathered becomes one message.
//
// What an acknowledgement is worth: the bytes have been handed to the kernel
// with write(2), so they outlive the process (kill -9). They reach the disk
// within Config.Sync, so a power cut can cost the writes of that time
// (docs/adr/0060).
//
// Ownership: the Store owns the embedded server, one connection to it and the
// goroutine that reads acknowledgements, on which the done functions run; a
// watch has a goroutine of its own for its function. Such functions must not
// block; they may call Put, Delete and Swap. A directory belongs to one
// process at a time; a lock file holds that.
package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"
)

// The kinds of failure a caller can tell apart with errors.Is.
var (
	// ErrNotFound: the key has no value.
	ErrNotFound = errors.New("state: no such key")
	// ErrConflict: Swap found another revision than the expected one.
	ErrConflict = errors.New("state: revision conflict")
	// ErrClosed: the store is closed or closing.
	ErrClosed = errors.New("state: store closed")
	// ErrBusy: more writes are in flight than Config.MaxPending.
	ErrBusy = errors.New("state: too many writes in flight")
	// ErrKey: the key is empty or too long.
	ErrKey = errors.New("state: bad key")
	// ErrValue: the value is empty or larger than the bucket allows.
	ErrValue = errors.New("state: bad value size")
	// ErrTimeout: the store did not answer in time; the write may or may not
	// have happened.
	ErrTimeout = errors.New("state: no answer from the store")
	// ErrInUse: another process has the directory.
	ErrInUse = errors.New("state: directory in use by another process")
)

// The defaults of Config.
const (
	DefaultSync       = time.Second
	DefaultMaxPending = 65536
	DefaultTimeout    = 5 * time.Second
)

// Config says where and how a Store keeps its data.
type Config struct {
	// Dir is the directory of the store, created if missing. Required.
	Dir string
	// Sync is the longest time between a write and its fsync.
	// 0 = DefaultSync.
	Sync time.Duration
	// MaxPending is the number of unacknowledged writes before Put answers
	// ErrBusy. 0 = DefaultMaxPending.
	MaxPending int
	// Timeout is how long an acknowledgement may take. 0 = DefaultTimeout.
	Timeout time.Duration
	// Logger receives the server's warnings and errors. nil = discarded.
	Logger *slog.Logger
}

// Store is the embedded JetStream server and the connection to it.
type Store struct {
	cfg    Config
	lock   *os.File // holds the flock on Dir
	server *server.Server
	conn   *nats.Conn
	js     nats.JetStreamContext
	acks   *acks

	life     context.Context //nolint:containedctx // ends with the store
	end      context.CancelFunc
	cleaners sync.WaitGroup // of the journals
}

// Open starts the server on cfg.Dir and recovers what is there.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = withDefaults(cfg)
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, lock: lock}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.start(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("state: open %s: %w", cfg.Dir, err)
	}
	return s, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Sync <= 0 {
		cfg.Sync = DefaultSync
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = DefaultMaxPending
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// lockDir creates dir and takes the lock that keeps a second process out. The
// kernel gives it back when the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	if dir == "" {
		return nil, errors.New("state: no directory")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	return f, nil
}

func (s *Store) start(ctx context.Context) error {
	srv, err := server.NewServer(&server.Options{
		ServerName:   "hometone",
		DontListen:   true,
		JetStream:    true,
		StoreDir:     s.cfg.Dir,
		SyncInterval: s.cfg.Sync,
		NoSigs:       true,
		NoLog:        true,
	})
	if err != nil {
		return err
	}
	s.server = srv
	srv.SetLogger(serverLog{s.cfg.Logger}, false, false)
	srv.Start()
	wait := 30 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		wait = time.Until(deadline)
	}
	if !srv.ReadyForConnections(wait) || !srv.JetStreamEnabled() {
		return errors.New("the embedded server did not start")
	}
	return s.connect()
}

func (s *Store) connect() error {
	conn, err := nats.Connect("", nats.InProcessServer(s.server), nats.Name("hometone"),
		nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			s.cfg.Logger.Warn("state: connection to the store", "err", err)
		}))
	if err != nil {
		return err
	}
	s.conn = conn
	if s.js, err = conn.JetStream(nats.MaxWait(s.cfg.Timeout)); err != nil {
		return err
	}
	s.acks, err = newAcks(conn, s.cfg.MaxPending, s.cfg.Timeout)
	return err
}

// Close waits for the writes in flight (at most Config.Timeout), stops the
// server and gives the directory back. Writes that were not acknowledged get
// ErrClosed.
func (s *Store) Close() error {
	s.acks.drain(s.cfg.Timeout)
	s.stop()
	return nil
}

func (s *Store) stop() {
	s.end()
	s.cleaners.Wait()
	if s.acks != nil {
		s.acks.close()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}
	_ = s.lock.Close()
}
