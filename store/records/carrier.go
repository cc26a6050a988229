package records

import (
	"context"
	"time"
)

// carry is the goroutine that writes to the database: the batches it is given,
// and in between what waits in the spill. It ends when jobs is closed.
func (s *Store) carry(ctx context.Context) {
	var filled <-chan struct{}
	if s.spill != nil {
		filled = s.spill.filled
	}
	timer := time.NewTimer(0) // what a former run has left
	defer timer.Stop()
	pause, armed := time.Duration(0), true
	for {
		select {
		case j, more := <-s.jobs:
			if !more {
				return
			}
			s.settle(ctx, j.batch)
			j.done <- struct{}{}
		case <-filled:
			if !armed {
				pause, armed = firstPause, true
				timer.Reset(pause)
			}
		case <-timer.C:
			if armed = s.spill != nil && s.spill.waiting.Load() > 0; armed {
				pause = s.restore(ctx, pause)
				timer.Reset(pause)
			}
		}
	}
}

// restore moves the oldest records of the spill into the database, and returns
// when to go on: at once, or a longer pause than the last if nothing moved.
func (s *Store) restore(ctx context.Context, pause time.Duration) time.Duration {
	slower := max(firstPause, min(2*pause, lastPause))
	batch, err := s.spill.oldest(ctx, s.cfg.Batch)
	if err != nil {
		s.log.Error("records: the spill cannot be read", "err", err)
		return slower
	}
	s.settle(ctx, batch)
	if err := s.spill.forget(ctx, batch); err != nil {
		s.log.Error("records: the spill forgets nothing", "err", err)
		return slower
	}
	if s.spill.waiting.Load() == 0 {
		s.log.Info("records: the database has all records again")
	}
	for i := range batch {
		if batch[i].verdict == pending {
			return slower
		}
	}
	return 0
}

// settle writes a batch; afterwards each record has its verdict.
func (s *Store) settle(ctx context.Context, batch []item) {
	if len(batch) == 0 {
		return
	}
	err := s.write(ctx, batch)
	if err == nil {
		for i := range batch {
			batch[i].verdict = written
		}
		return
	}
	if ctx.Err() != nil {
		return // Run has ended; what is in the spill stays there
	}
	s.log.Error("records: commit failed", "records", len(batch), "err", err)
	if !s.healthy(ctx) {
		return
	}
	for i := range batch {
		s.settleOne(ctx, &batch[i])
	}
}

// settleOne writes one record to a healthy database, or gives it up when that has
// refused it too often.
func (s *Store) settleOne(ctx context.Context, i *item) {
	err := s.write(ctx, []item{*i})
	if err == nil {
		i.verdict = written
		return
	}
	i.tried++
	if i.tried >= attempts {
		i.verdict, i.err = refused, err
		s.log.Error("records: record given up", "id", i.cdr.ID, "err", err)
	}
}
