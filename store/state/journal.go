package state

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrNotLoaded says that a Journal is written to before Load has read it.
var ErrNotLoaded = errors.New("state: journal not loaded")

// groupBytes ends a journal's group before its linger does.
const groupBytes = 256 << 10

// The waste a journal carries: records that newer ones have replaced. Cleaning
// begins when there are more than the live ones and wasteMost besides, and
// ends with half of that.
const wasteMost = 4096

// A Journal is a set of keys with one value each, for one owner who knows the
// values himself and writes often. What a Bucket stores as a message for each
// write, a Journal stores as one for all that gathered within Linger: on 2 cores
// a tenth of the price, and no subject to be remembered for each key. In return
// single keys cannot be read, watched or swapped, and a write that fails fails
// for its whole group.
//
// Cleaning goes from the oldest message on: what in it still counts is written
// again, then it goes. So nothing older than a deletion remains when that goes.
type Journal struct {
	store *Store
	cfg   BucketConfig

	mu       sync.Mutex // guards the following
	loaded   bool
	cleaning bool
	flushing bool
	gather   *group   // nil: nothing gathers
	ready    []*group // full ones, to go out before
	spare    []byte   // the last group's memory, used again
	pace     pace
	inFlight int               // writes without an outcome
	busy     map[string]int    // keys of these
	where    map[string]uint64 // revision of the message with the key's value
	messages []message         // by revision
	records  int               // in all messages
}

// message is what is known of a message in the store.
type message struct {
	revision uint64
	records  int
	live     int // those that count
}

// group is a message under way.
type group struct {
	number uint64 // in acks
	data   []byte
	writes []groupWrite
}

type groupWrite struct {
	key     string
	deleted bool
	done    Done
}

// Journal opens a journal, creating it if it does not exist. Load is to be
// called before the first write.
func (s *Store) Journal(ctx context.Context, cfg BucketConfig) (*Journal, error) {
	cfg, err := s.stream(ctx, cfg, nats.StreamConfig{})
	if err != nil {
		return nil, fmt.Errorf("state: journal %s: %w", cfg.Name, err)
	}
	j := &Journal{store: s, cfg: cfg, busy: map[string]int{}, where: map[string]uint64{}}
	j.pace = pace{linger: cfg.Linger, flush: j.flush}
	return j, nil
}

// Put sets the value of key and calls done, if not nil, when that is durable.
// An error means that nothing was queued and done will not be called. value is
// copied.
func (j *Journal) Put(key string, value []byte, done Done) error {
	if len(value) > j.cfg.MaxValue || len(value) == 0 {
		return ErrValue
	}
	return j.enqueue(key, value, done)
}

// Delete removes key and calls done when that is durable. Deleting what does
// not exist succeeds.
func (j *Journal) Delete(key string, done Done) error { return j.enqueue(key, nil, done) }

func (j *Journal) enqueue(key string, value []byte, done Done) error {
	if key == "" || len(key) > maxKey {
		return ErrKey
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case !j.loaded:
		return ErrNotLoaded
	case j.inFlight >= j.store.cfg.MaxPending:
		return ErrBusy
	}
	return j.append(key, value, done)
}

// append adds a write to the group that gathers. j.mu is held.
func (j *Journal) append(key string, value []byte, done Done) error {
	g := j.gather
	if g == nil {
		g = &group{data: j.spare[:0]}
		n, err := j.store.acks.add(func(revision uint64, err error) { j.finish(g, revision, err) }, time.Now())
		if err != nil {
			return err
		}
		g.number, j.gather, j.spare = n, g, nil
		if len(j.ready) == 0 {
			j.pace.begin()
		}
	}
	g.data = appendRecord(g.data, key, value)
	g.writes = append(g.writes, groupWrite{key, value == nil, done})
	j.inFlight++
	j.busy[key]++
	if len(g.data) >= groupBytes || len(g.writes) == maxGroup {
		j.ready, j.gather = append(j.ready, g), nil
		j.pace.arm(0)
	}
	return nil
}

// flush hands the groups to the connection, in order. It runs on the timer's
// goroutine, one at a time.
func (j *Journal) flush() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.flushing {
		return
	}
	j.flushing = true
	for {
		if j.gather != nil {
			j.ready, j.gather = append(j.ready, j.gather), nil
		}
		groups := j.ready
		j.ready = nil
		if len(groups) == 0 {
			j.flushing = false
			return
		}
		j.mu.Unlock()
		for _, g := range groups {
			j.publish(g)
		}
		j.mu.Lock()
		if len(j.ready) == 0 { // what gathers waits its time
			j.flushing = false
			if j.gather != nil {
				j.pace.begin()
			}
			return
		}
	}
}

// publish sends a group to the store, which takes a copy.
func (j *Journal) publish(g *group) {
	acks := j.store.acks
	if err := j.store.conn.PublishRequest(j.cfg.Name+"."+groupKey, acks.reply(g.number), g.data); err != nil {
		acks.finish(g.number, 0, fmt.Errorf("state: %w", err))
	}
	j.mu.Lock()
	j.spare, g.data = g.data, nil
	j.mu.Unlock()
}

// finish takes over what has become durable and tells who wrote it.
func (j *Journal) finish(g *group, revision uint64, err error) {
	j.mu.Lock()
	j.inFlight -= len(g.writes)
	for i := range g.writes {
		key := g.writes[i].key
		if j.busy[key]--; j.busy[key] == 0 {
			delete(j.busy, key)
		}
	}
	if err == nil {
		j.messages = append(j.messages, message{revision: revision})
		for i := range g.writes {
			j.note(g.writes[i].key, revision, g.writes[i].deleted)
		}
	}
	clean := j.startCleaning()
	j.mu.Unlock()
	for i := range g.writes {
		if done := g.writes[i].done; done != nil {
			done(revision, err)
		}
	}
	if clean {
		j.store.cleaners.Go(func() { j.clean(j.store.life) }) // ends with the waste, or with the store
	}
}

// note enters a record of the newest message into the tables. j.mu is held.
func (j *Journal) note(key string, revision uint64, deleted bool) {
	newest := &j.messages[len(j.messages)-1]
	newest.records++
	j.records++
	old, known := j.where[key]
	if known {
		j.messages[j.find(old)].live--
	}
	switch {
	case !deleted:
		newest.live++
		j.where[key] = revision
	case known:
		delete(j.where, key)
	}
}

// find returns the place of a message that is there.
func (j *Journal) find(revision uint64) int {
	return sort.Search(len(j.messages), func(i int) bool { return j.messages[i].revision >= revision })
}

// Load calls fn with every record, in the order of their writes: a key may come
// again, and what comes last counts, be it that it was Deleted. Values are valid
// only during the call. An error of fn ends it. To be called once, before the
// first write.
func (j *Journal) Load(ctx context.Context, fn func(Entry) error) (revision uint64, err error) {
	former := 0
	revision, err = j.store.replay(ctx, j.cfg.Name, func(e Entry) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.messages = append(j.messages, message{revision: e.Revision})
		if e.Key != groupKey {
			former++
		}
		damaged := records(e.Key, e.Value, func(key string, value []byte) error {
			if _, known := j.where[key]; !known {
				key = strings.Clone(key)
			}
			j.note(key, e.Revision, value == nil)
			return fn(Entry{Key: key, Value: value, Revision: e.Revision, Time: e.Time, Deleted: value == nil})
		})
		if errors.Is(damaged, errDamaged) {
			j.store.cfg.Logger.Error("state: a stored message is damaged and left out", "journal", j.cfg.Name, "revision", e.Revision)
			return nil
		}
		return damaged
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.loaded = err == nil; j.loaded && former > 0 {
		j.store.cfg.Logger.Info("state: values in the form of an earlier version were taken over", "journal", j.cfg.Name, "keys", former)
	}
	return revision, err
}

// groupKey is where a journal's messages are. Any other key is a value that a Bucket
// of the same name has stored, before it became a journal.
const groupKey = "group"

// records calls fn with the values in a message.
func records(from string, data []byte, fn func(key string, value []byte) error) error {
	if from != groupKey {
		return fn(from, data)
	}
	return eachRecord(data, fn)
}

// startCleaning reports whether there is more waste than is wanted and nobody
// cleans, and notes that the caller will. j.mu is held.
func (j *Journal) startCleaning() bool {
	if j.cleaning || j.records <= 2*len(j.where)+wasteMost {
		return false
	}
	j.cleaning = true
	return true
}

// cleanPause is how long cleaning waits after a failure, and for writes of the
// keys it would have to move.
const cleanPause = 200 * time.Millisecond

// clean removes the oldest messages until little waste is left.
func (j *Journal) clean(ctx context.Context) {
	for {
		j.mu.Lock()
		dead, records := 0, j.records
		for dead < len(j.messages) && j.messages[dead].live == 0 && records > j.target() {
			records -= j.messages[dead].records
			dead++
		}
		enough := records <= j.target() || dead == len(j.messages)
		var through, next uint64
		if dead > 0 {
			through = j.messages[dead-1].revision
		}
		if !enough {
			next = j.messages[dead].revision
		}
		j.mu.Unlock()
		err := j.remove(ctx, dead, through)
		if err == nil && enough {
			j.mu.Lock()
			j.cleaning = false
			j.mu.Unlock()
			return
		}
		if err == nil {
			err = j.move(ctx, next)
		}
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			j.store.cfg.Logger.Warn("state: cleaning", "journal", j.cfg.Name, "err", err)
			sleep(ctx, cleanPause)
		}
	}
}

// target is the number of records at which cleaning ends. j.mu is held.
func (j *Journal) target() int { return (3*len(j.where) + wasteMost) / 2 }

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// remove takes the n oldest messages, up to revision through, out of the store.
func (j *Journal) remove(ctx context.Context, n int, through uint64) error {
	if n == 0 {
		return nil
	}
	if err := j.store.js.PurgeStream(j.cfg.Name, &nats.StreamPurgeRequest{Sequence: through + 1}, nats.Context(ctx)); err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, m := range j.messages[:n] {
		j.records -= m.records
	}
	j.messages = append([]message(nil), j.messages[n:]...)
	return nil
}

// move writes the records of a message that still count again, and returns when
// that is durable. Keys that somebody writes just now are left to him.
func (j *Journal) move(ctx context.Context, revision uint64) error {
	m, err := j.store.js.GetMsg(j.cfg.Name, revision, nats.DirectGet(), nats.Context(ctx))
	if err != nil {
		return fmt.Errorf("read %d: %w", revision, err)
	}
	outcomes := make(chan error, maxGroup)
	moved := 0
	j.mu.Lock()
	err = records(keyOf(strings.TrimPrefix(m.Subject, j.cfg.Name+".")), m.Data, func(key string, value []byte) error {
		if value == nil || j.where[key] != revision || j.busy[key] > 0 {
			return nil
		}
		moved++
		return j.append(strings.Clone(key), value, func(_ uint64, err error) { outcomes <- err })
	})
	j.mu.Unlock()
	if err != nil && !errors.Is(err, errDamaged) {
		return err
	}
	err = nil // what of a damaged message could be read was said by Load
	if moved == 0 {
		sleep(ctx, cleanPause) // all that counts is being written by others
	}
	for range moved {
		select {
		case e := <-outcomes:
			err = errors.Join(err, e)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}
