package records

import (
	"context"
	"sync"
	"time"
)

const (
	// attempts is how often a healthy database may refuse a record.
	attempts = 5
	// patience is how long the database may take for a batch before that goes to
	// the spill.
	patience = time.Second
	// drainTime is how long Run tries to commit what is queued when its context
	// has ended.
	drainTime = 5 * time.Second
)

// The pause between attempts doubles from the first to the last.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// verdict is what became of a record.
type verdict uint8

const (
	pending verdict = iota // not written
	written
	refused // for good
)

type item struct {
	cdr  CDR
	done func(error)

	// The carrier's.
	tried   int // how often a healthy database has refused it
	verdict verdict
	err     error // why it was refused
}

func (i *item) finish(err error) {
	if i.done != nil {
		i.done(err)
	}
}

// job is a batch for the carrier. Whoever gives it up lets go of the batch.
type job struct {
	batch []item
	done  chan struct{} // gets one token when each record has its verdict; never blocks
}

// Put queues a record. done, if not nil, is called once from Run's goroutine:
// with nil when the record is durable, or with an error when it is given up. Put
// waits while the queue is full; an error means that done will not be called.
func (s *Store) Put(ctx context.Context, cdr CDR, done func(error)) error {
	select {
	case <-s.ended:
		return ErrClosed
	default:
	}
	select {
	case s.queue <- item{cdr: cdr, done: done}:
		return nil
	case <-s.ended:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run commits queued records until ctx ends, then commits what is still queued
// and returns. It may run once.
func (s *Store) Run(ctx context.Context) error {
	// The carrier is not cut short by the end of ctx, but when nobody waits for
	// it any more.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var carrier sync.WaitGroup
	carrier.Go(func() { s.carry(work) }) // ends when jobs is closed
	for batch := s.gather(ctx, nil); len(batch) > 0; {
		batch = s.gather(ctx, s.commit(ctx, batch)[:0])
	}
	close(s.jobs)
	cancel()
	carrier.Wait()
	close(s.ended)
	// A Put that chose the queue while it was closing.
	for {
		select {
		case i := <-s.queue:
			i.finish(ErrClosed)
		default:
			return nil
		}
	}
}

// gather waits for a record and takes what has come by the end of the linger. It
// does not wake up for each: what waits is taken at once. It returns nothing when
// ctx has ended and the queue is empty.
func (s *Store) gather(ctx context.Context, batch []item) []item {
	select {
	case i := <-s.queue:
		batch = append(batch, i)
	case <-ctx.Done():
		return s.drain(batch)
	}
	if s.cfg.Linger > 0 && len(s.queue) < s.cfg.Batch-1 {
		linger := time.NewTimer(s.cfg.Linger)
		defer linger.Stop()
		select {
		case <-linger.C:
		case <-ctx.Done():
		}
	}
	return s.drain(batch)
}

// drain takes what is queued without waiting.
func (s *Store) drain(batch []item) []item {
	for len(batch) < s.cfg.Batch {
		select {
		case i := <-s.queue:
			batch = append(batch, i)
		default:
			return batch
		}
	}
	return batch
}

// commit makes a batch durable, in the database or in the spill, or waits until
// that is possible. It returns a slice that the next batch may use.
func (s *Store) commit(ctx context.Context, batch []item) []item {
	pause := firstPause
	var deadline <-chan time.Time
	stopping := ctx.Done()
	for {
		late := false
		if s.spill == nil || s.spill.waiting.Load() == 0 {
			if batch, late = s.attempt(batch); len(batch) == 0 {
				return batch
			}
		}
		if s.spilled(ctx, batch) {
			if late {
				return nil
			}
			return batch
		}
		if late {
			batch = copied(batch)
		}
		if ctx.Err() != nil && deadline == nil {
			stopping, deadline = nil, time.After(drainTime)
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, lastPause)
		case <-stopping:
		case <-deadline:
			for i := range batch {
				batch[i].finish(ErrClosed)
			}
			return nil
		}
	}
}

// copied is a batch beside one that the carrier still has.
func copied(batch []item) []item {
	out := make([]item, len(batch))
	for i := range batch {
		out[i] = item{cdr: batch[i].cdr, done: batch[i].done}
	}
	return out
}

// attempt has the carrier write a batch and returns what is not done with. late:
// all of it, and the carrier may still be writing it.
func (s *Store) attempt(batch []item) (rest []item, late bool) {
	var impatient <-chan time.Time
	if s.spill != nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		impatient = timer.C
	}
	j := &job{batch, make(chan struct{}, 1)}
	select {
	case s.jobs <- j:
	case <-impatient:
		return batch, false
	}
	select {
	case <-j.done:
	case <-impatient:
		return batch, true
	}
	rest = batch[:0]
	for i := range batch {
		if batch[i].verdict == pending {
			rest = append(rest, batch[i])
			continue
		}
		batch[i].finish(batch[i].err)
	}
	return rest, false
}

// spilled puts a batch into the spill; false if there is none or it takes nothing.
func (s *Store) spilled(ctx context.Context, batch []item) bool {
	if s.spill == nil {
		return false
	}
	first := s.spill.waiting.Load() == 0
	if err := s.spill.keep(context.WithoutCancel(ctx), batch); err != nil {
		s.log.Error("records: the spill takes no records", "records", len(batch), "err", err)
		return false
	}
	if first {
		s.log.Warn("records: the database is late, records go to the spill", "path", s.cfg.Spill)
	}
	for i := range batch {
		batch[i].finish(nil)
	}
	return true
}
