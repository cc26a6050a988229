package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Entry is the last value of a key.
type Entry struct {
	Key      string
	Value    []byte    // owned by the receiver
	Revision uint64    // grows with every write of the bucket
	Time     time.Time // when the store took it
	Deleted  bool      // in Watch only: the key was deleted; Value is empty
}

// Get reads one key from the store.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	subj, err := subject(b.prefix, key)
	if err != nil {
		return Entry{}, err
	}
	m, err := b.store.js.GetLastMsg(b.cfg.Name, subj, nats.DirectGet(), nats.Context(ctx))
	if errors.Is(err, nats.ErrMsgNotFound) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("state: get %s: %w", key, err)
	}
	if len(m.Data) == 0 {
		return Entry{Key: key, Revision: m.Sequence, Time: m.Time, Deleted: true}, ErrNotFound
	}
	return Entry{Key: key, Value: m.Data, Revision: m.Sequence, Time: m.Time}, nil
}

// Load calls fn with every key's value, in the order of their last writes, and
// returns the revision up to which it saw everything: Watch from the next one
// misses nothing. An error of fn ends it.
func (b *Bucket) Load(ctx context.Context, fn func(Entry) error) (revision uint64, err error) {
	return b.store.replay(ctx, b.cfg.Name, fn)
}

// replay is Load of any stream.
func (s *Store) replay(ctx context.Context, name string, fn func(Entry) error) (revision uint64, err error) {
	info, err := s.js.StreamInfo(name, nats.Context(ctx))
	if err != nil {
		return 0, fmt.Errorf("state: load %s: %w", name, err)
	}
	if info.State.Msgs == 0 {
		return info.State.LastSeq, nil
	}
	l := loader{fn: fn, last: info.State.LastSeq, finished: make(chan struct{})}
	sub, err := s.consume(name, 1, l.take)
	if err != nil {
		return 0, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := l.wait(ctx, s, name); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.seen, l.last), l.err
}

// loader is one Load under way.
type loader struct {
	fn       func(Entry) error
	last     uint64 // the revision to reach
	finished chan struct{}

	mu   sync.Mutex // guards the following
	seen uint64
	err  error
	done bool
}

func (l *loader) take(e Entry, pending uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return
	}
	l.seen = e.Revision
	if !e.Deleted {
		l.err = l.fn(e)
	}
	if l.err != nil || pending == 0 || e.Revision >= l.last {
		l.finish()
	}
}

// finish ends the load. l.mu is held.
func (l *loader) finish() {
	l.done = true
	close(l.finished)
}

// wait returns when everything has been delivered. Deletion markers can lapse
// while they are being read, so when nothing comes it looks whether anything is
// still to come. What the consumer has sent is no answer to that: it may be on
// its way to us.
func (l *loader) wait(ctx context.Context, s *Store, name string) error {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.finished:
			return nil
		case <-ctx.Done():
			l.mu.Lock()
			l.done = true
			l.mu.Unlock()
			return ctx.Err()
		case <-tick.C:
		}
		l.mu.Lock()
		from := l.seen + 1
		l.mu.Unlock()
		if s.holds(ctx, name, from, l.last) {
			continue
		}
		l.mu.Lock()
		if !l.done {
			l.finish()
		}
		l.mu.Unlock()
	}
}

// holds reports whether the store holds a write with a revision of from to to,
// or cannot say.
func (s *Store) holds(ctx context.Context, name string, from, to uint64) bool {
	m, err := s.js.GetMsg(name, from, nats.DirectGetNext(name+".>"), nats.Context(ctx))
	if err != nil {
		return !errors.Is(err, nats.ErrMsgNotFound)
	}
	return m.Sequence <= to
}

// Watch calls fn, on a goroutine of its own, with every write from the given
// revision on, in order, until stop is called. fn may still be running when
// stop returns.
func (b *Bucket) Watch(from uint64, fn func(Entry)) (stop func(), err error) {
	sub, err := b.store.consume(b.cfg.Name, from, func(e Entry, _ uint64) { fn(e) })
	if err != nil {
		return nil, err
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

func (s *Store) consume(name string, from uint64, fn func(e Entry, pending uint64)) (*nats.Subscription, error) {
	sub, err := s.js.Subscribe(name+".>", func(m *nats.Msg) {
		meta, err := m.Metadata()
		if err != nil {
			return
		}
		fn(Entry{
			Key: keyOf(m.Subject[len(name)+1:]), Value: m.Data,
			Revision: meta.Sequence.Stream, Time: meta.Timestamp, Deleted: len(m.Data) == 0,
		}, meta.NumPending)
	}, nats.OrderedConsumer(), nats.StartSequence(max(from, 1)), nats.BindStream(name))
	if err != nil {
		return nil, fmt.Errorf("state: read %s: %w", name, err)
	}
	return sub, sub.SetPendingLimits(-1, -1)
}
