package records

import (
	"context"
	"database/sql"
	"time"
)

// attempts is how often a healthy database may refuse a record.
const attempts = 5

// drainTime is how long Run tries to commit what is queued when its context
// has ended.
const drainTime = 5 * time.Second

// The pause between attempts doubles from the first to the last.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

type item struct {
	cdr   CDR
	done  func(error)
	tried int
}

func (i *item) finish(err error) {
	if i.done != nil {
		i.done(err)
	}
}

// Put queues a record. done, if not nil, is called once from Run's goroutine:
// with nil after the commit, or with an error when the record is given up. Put
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
	for batch := s.gather(ctx, nil); len(batch) > 0; batch = s.gather(ctx, batch[:0]) {
		s.commit(ctx, batch)
	}
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

// gather waits for a record and takes what comes within the linger. It returns
// nothing when ctx has ended and the queue is empty.
func (s *Store) gather(ctx context.Context, batch []item) []item {
	select {
	case i := <-s.queue:
		batch = append(batch, i)
	case <-ctx.Done():
		return s.drain(batch)
	}
	if s.cfg.Linger < 0 {
		return s.drain(batch)
	}
	linger := time.NewTimer(s.cfg.Linger)
	defer linger.Stop()
	for len(batch) < s.cfg.Batch {
		select {
		case i := <-s.queue:
			batch = append(batch, i)
		case <-linger.C:
			return batch
		case <-ctx.Done():
			return s.drain(batch)
		}
	}
	return batch
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

// commit writes a batch, again and again until each record is in or given up.
func (s *Store) commit(ctx context.Context, batch []item) {
	pause := firstPause
	var deadline <-chan time.Time
	stopping := ctx.Done()
	// The commit itself is not cut short by the end of ctx.
	work := context.WithoutCancel(ctx)
	for {
		err := s.write(work, batch)
		if err == nil {
			for i := range batch {
				batch[i].finish(nil)
			}
			return
		}
		s.log.Error("records: commit failed", "records", len(batch), "err", err)
		if batch = s.writeEach(work, batch); len(batch) == 0 {
			return
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
			return
		}
	}
}

// write commits all records or none.
func (s *Store) write(ctx context.Context, batch []item) error {
	if s.pg {
		// SQLite has its busy_timeout; a context that can end would cost it a
		// goroutine for every statement.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	statement, err := tx.PrepareContext(ctx, s.insert)
	if err != nil {
		return err
	}
	for i := range batch {
		if _, err := statement.ExecContext(ctx, batch[i].cdr.values()...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// writeEach commits the records one by one, gives up those that a healthy
// database has refused too often, and returns the others.
func (s *Store) writeEach(ctx context.Context, batch []item) (rest []item) {
	healthy := s.healthy(ctx)
	for _, i := range batch {
		err := error(nil)
		if healthy {
			err = s.write(ctx, []item{i})
		}
		switch {
		case healthy && err == nil:
			i.finish(nil)
		case healthy && i.tried+1 >= attempts:
			s.log.Error("records: record given up", "id", i.cdr.ID, "err", err)
			i.finish(err)
		default:
			if healthy {
				i.tried++
			}
			rest = append(rest, i)
		}
	}
	return rest
}

// healthy reports whether the database takes writes at all.
func (s *Store) healthy(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{})
	if err != nil {
		return false
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM cdr WHERE id = ''")
	return err == nil && tx.Commit() == nil
}
