// Package state is the durable shared state of a node: small values under
// keys, kept by NATS JetStream. The server runs inside the process, listens on
// no port and writes to the node's data directory.
//
// A Bucket is a set of keys with one value each. Writes are asynchronous: Put,
// Delete and Swap return at once and call done when the store has
// acknowledged that very write, so a caller keeps thousands of writes in
// flight and still answers its peer only after its own write is safe. Writes
// to one key are applied in the order of the calls. What an acknowledgement is
// worth: the bytes have been handed to the kernel, so they outlive the
// process (kill -9); they reach the disk within Config.Sync, so a power cut
// can cost that much (docs/adr/0060).
//
// The store owns the embedded server and one connection. done functions and
// watch functions run on the connection's reader goroutine: they must not
// block and may call Put, Delete and Swap.
package state

import (
	"context"
	"errors"
	"log/slog"
	"time"
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
	// ErrKey: the key is empty, too long or has a character a key cannot have.
	ErrKey = errors.New("state: bad key")
	// ErrTooLarge: the value is larger than the bucket allows.
	ErrTooLarge = errors.New("state: value too large")
	// ErrTimeout: the store did not answer in time; the write may or may not
	// have happened.
	ErrTimeout = errors.New("state: no answer from the store")
)

// Config says where and how a Store keeps its data.
type Config struct {
	// Dir is the directory of the store, created if missing. Required.
	Dir string
	// Sync is the longest time between a write and its fsync. 0 = 1 s.
	Sync time.Duration
	// MaxPending is the number of writes in flight before Put answers
	// ErrBusy. 0 = 65536.
	MaxPending int
	// Timeout is how long an acknowledgement may take. 0 = 5 s.
	Timeout time.Duration
	// Logger receives the server's warnings and errors. nil = discarded.
	Logger *slog.Logger
}

// BucketConfig describes one bucket.
type BucketConfig struct {
	// Name is one word of letters, digits, '-' and '_'. Required.
	Name string
	// MaxValue is the largest value in bytes. 0 = 64 KiB.
	MaxValue int
	// MaxBytes bounds the bucket on disk; writes beyond it fail. 0 = 4 GiB.
	MaxBytes int64
	// BlockSize is the unit of files on disk in bytes; a dead write costs
	// disk until its block is compacted. 0 = chosen by the store.
	BlockSize int
}

// Entry is the last value of a key.
type Entry struct {
	Key      string
	Value    []byte    // owned by the receiver
	Revision uint64    // grows with every write of the bucket
	Time     time.Time // when the store took it
	Deleted  bool      // in Watch only: the key was deleted; Value is nil
}

// Done is told the outcome of one write: the revision it got, or why it
// failed.
type Done func(revision uint64, err error)

var _ context.Context

// Store is the embedded JetStream server and the connection to it.
type Store struct{}

// Open starts the server on cfg.Dir and recovers what is there.
func Open(ctx context.Context, cfg Config) (*Store, error) { return nil, ErrClosed }

// Close waits for the writes in flight, stops the server and syncs.
func (s *Store) Close() error { return nil }

// Bucket opens a bucket, creating it if it does not exist.
func (s *Store) Bucket(ctx context.Context, cfg BucketConfig) (*Bucket, error) { return nil, ErrClosed }

// Bucket is a set of keys with one value each.
type Bucket struct{}

// Put sets the value of key and calls done when that is durable.
func (b *Bucket) Put(key string, value []byte, done Done) {}

// Delete removes key and calls done when that is durable.
func (b *Bucket) Delete(key string, done Done) {}

// Swap sets the value only if the key's last revision is the given one (0 =
// the key must not exist), or fails with ErrConflict.
func (b *Bucket) Swap(key string, value []byte, revision uint64, done Done) {}

// Get reads one key from the store.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) { return Entry{}, ErrNotFound }

// Load calls fn with every key's value, in no particular order.
func (b *Bucket) Load(ctx context.Context, fn func(Entry) error) error { return nil }

// Watch calls fn with every change from the given revision on (0 = all
// present values first) until stop is called.
func (b *Bucket) Watch(from uint64, fn func(Entry)) (stop func(), err error) { return nil, ErrClosed }
