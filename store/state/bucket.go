package state

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// The defaults of BucketConfig.
const (
	DefaultLinger   = 40 * time.Millisecond
	DefaultMaxValue = 64 << 10
)

// maxGroup is the number of writes that end a group before its linger does.
const maxGroup = 256

// markerTTL is how long a deleted key's marker stays, so that watchers that
// were away see the deletion.
const markerTTL = "10m"

// BucketConfig describes one bucket.
type BucketConfig struct {
	// Name is one word of letters, digits, '-' and '_'. Required.
	Name string
	// Linger is how long a write may wait for others to go with it.
	// 0 = DefaultLinger; negative = not at all.
	Linger time.Duration
	// MaxValue is the largest value in bytes. 0 = DefaultMaxValue.
	MaxValue int
	// MaxBytes bounds the bucket on disk; writes beyond it fail.
	// 0 = not bounded.
	MaxBytes int64
}

// Bucket is a set of keys with one value each.
type Bucket struct {
	store  *Store
	cfg    BucketConfig
	prefix string // subject prefix with the final '.'

	mu       sync.Mutex // guards the following
	queue    []write
	spare    []write // last group's slice, used again
	pace     pace
	flushing bool
}

type write struct {
	subject string
	value   []byte // nil: delete
	expect  uint64 // expected last revision of the key, if check
	check   bool
	number  uint64 // in acks
}

// Bucket opens a bucket, creating it if it does not exist.
func (s *Store) Bucket(ctx context.Context, cfg BucketConfig) (*Bucket, error) {
	cfg, err := s.stream(ctx, cfg, nats.StreamConfig{MaxMsgsPerSubject: 1, AllowMsgTTL: true})
	if err != nil {
		return nil, fmt.Errorf("state: bucket %s: %w", cfg.Name, err)
	}
	b := &Bucket{store: s, cfg: cfg, prefix: cfg.Name + "."}
	b.pace = pace{linger: cfg.Linger, flush: b.flush}
	return b, nil
}

// stream opens the stream that cfg names, and returns cfg with its defaults.
func (s *Store) stream(ctx context.Context, cfg BucketConfig, stream nats.StreamConfig) (BucketConfig, error) {
	if cfg.Linger == 0 {
		cfg.Linger = DefaultLinger
	}
	if cfg.MaxValue <= 0 {
		cfg.MaxValue = DefaultMaxValue
	}
	for _, c := range cfg.Name {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_') {
			return cfg, errors.New("bad name")
		}
	}
	stream.Name, stream.Subjects = cfg.Name, []string{cfg.Name + ".>"}
	stream.MaxMsgSize, stream.MaxBytes = int32(cfg.MaxValue)+256, -1
	if stream.MaxMsgsPerSubject == 0 { // a journal's messages
		stream.MaxMsgSize = int32(groupBytes + cfg.MaxValue + 2*maxKey)
	}
	stream.Storage, stream.Discard, stream.AllowDirect = nats.FileStorage, nats.DiscardNew, true
	if cfg.MaxBytes > 0 {
		stream.MaxBytes = cfg.MaxBytes
	}
	_, err := s.js.AddStream(&stream, nats.Context(ctx))
	if errors.Is(err, nats.ErrStreamNameAlreadyInUse) {
		if was, err := s.js.StreamInfo(cfg.Name, nats.Context(ctx)); err == nil {
			stream.AllowMsgTTL = stream.AllowMsgTTL || was.Config.AllowMsgTTL // it cannot be taken back
		}
		_, err = s.js.UpdateStream(&stream, nats.Context(ctx))
	}
	return cfg, err
}

// Put sets the value of key and calls done, if not nil, when that is durable.
// An error means that nothing was queued and done will not be called. value
// must not be changed after the call.
func (b *Bucket) Put(key string, value []byte, done Done) error {
	return b.enqueue(key, write{value: value}, done)
}

// Delete removes key and calls done when that is durable. Deleting what does
// not exist succeeds.
func (b *Bucket) Delete(key string, done Done) error {
	return b.enqueue(key, write{}, done)
}

// Swap is Put on the condition that the key's last revision is the given one
// (0 = the key was never written, or its deletion is forgotten); otherwise
// done gets ErrConflict.
func (b *Bucket) Swap(key string, value []byte, revision uint64, done Done) error {
	return b.enqueue(key, write{value: value, expect: revision, check: true}, done)
}

func (b *Bucket) enqueue(key string, w write, done Done) error {
	if len(w.value) > b.cfg.MaxValue || w.value != nil && len(w.value) == 0 {
		return ErrValue
	}
	var err error
	if w.subject, err = subject(b.prefix, key); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.number, err = b.store.acks.add(done, time.Now()); err != nil {
		return err
	}
	b.queue = append(b.queue, w)
	if b.flushing {
		return nil
	}
	switch len(b.queue) {
	case 1:
		b.pace.begin()
	case maxGroup:
		b.pace.arm(0)
	}
	return nil
}

// flush hands the queued writes to the connection, in order. It runs on the
// timer's goroutine, one at a time.
func (b *Bucket) flush() {
	b.mu.Lock()
	if b.flushing {
		b.mu.Unlock()
		return
	}
	b.flushing = true
	for {
		group := b.queue
		b.queue = b.spare[:0]
		b.mu.Unlock()
		b.publish(group)
		clear(group)
		b.mu.Lock()
		b.spare = group
		if n := len(b.queue); n < maxGroup {
			b.flushing = false
			if n > 0 {
				b.pace.begin()
			}
			b.mu.Unlock()
			return
		}
	}
}

func (b *Bucket) publish(group []write) {
	for i := range group {
		w := &group[i]
		var err error
		if w.value != nil && !w.check {
			err = b.store.conn.PublishRequest(w.subject, b.store.acks.reply(w.number), w.value)
		} else {
			err = b.store.conn.PublishMsg(b.message(w))
		}
		if err != nil {
			b.store.acks.finish(w.number, 0, fmt.Errorf("state: %w", err))
		}
	}
}

func (b *Bucket) message(w *write) *nats.Msg {
	m := &nats.Msg{Subject: w.subject, Reply: b.store.acks.reply(w.number), Data: w.value, Header: nats.Header{}}
	if w.value == nil {
		m.Header[nats.MsgTTLHdr] = []string{markerTTL}
	}
	if w.check {
		m.Header[nats.ExpectedLastSubjSeqHdr] = []string{strconv.FormatUint(w.expect, 10)}
	}
	return m
}
