package records

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// spillLimit is how many records may wait in the spill: some 700 MB, nearly
// three hours of 100 calls a second.
const spillLimit = 1_000_000

// errSpillFull is the spill's refusal.
var errSpillFull = errors.New("records: the spill is full")

// spill is a file of records on their way to the database. Run puts records
// in, the carrier takes them out.
type spill struct {
	*database
	waiting atomic.Int64  // records in it
	filled  chan struct{} // holds one token when records have been put in

	mu    sync.Mutex     // keeps waiting true: held over what changes the file
	tries map[string]int // by id: how often a healthy database has refused a record
}

func openSpill(ctx context.Context, path string) (*spill, error) {
	d, err := open(ctx, "sqlite:"+path)
	if err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	d.db.SetMaxIdleConns(1)
	p := &spill{database: d, filled: make(chan struct{}, 1), tries: map[string]int{}}
	var n int64
	if err := d.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM cdr").Scan(&n); err != nil {
		return nil, errors.Join(fmt.Errorf("spill: %w", err), d.db.Close())
	}
	p.waiting.Store(n)
	return p, nil
}

func (p *spill) close() error { return p.db.Close() }

// keep makes a batch durable.
func (p *spill) keep(ctx context.Context, batch []item) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting.Load()+int64(len(batch)) > spillLimit {
		return errSpillFull
	}
	if err := p.write(ctx, batch); err != nil {
		return err
	}
	p.waiting.Add(int64(len(batch)))
	select {
	case p.filled <- struct{}{}:
	default:
	}
	return nil
}

// oldest returns up to limit records in the order in which they came.
func (p *spill) oldest(ctx context.Context, limit int) ([]item, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rows, err := p.db.QueryContext(ctx, "SELECT "+columns+" FROM cdr ORDER BY rowid LIMIT ?", limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var batch []item
	for rows.Next() {
		c, err := scan(rows)
		if err != nil {
			return nil, err
		}
		batch = append(batch, item{cdr: c, tried: p.tries[c.ID]})
	}
	if len(batch) == 0 {
		p.waiting.Store(0)
	}
	return batch, rows.Err()
}

// forget takes out those of a batch that the database has taken or refused for good.
func (p *spill) forget(ctx context.Context, batch []item) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	gone := int64(0)
	for i := range batch {
		if batch[i].verdict == pending {
			continue
		}
		gone++
		if _, err := tx.ExecContext(ctx, "DELETE FROM cdr WHERE id = ?", clean(batch[i].cdr.ID)); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	p.waiting.Add(-gone)
	clear(p.tries)
	for i := range batch {
		if batch[i].verdict == pending && batch[i].tried > 0 {
			p.tries[batch[i].cdr.ID] = batch[i].tried
		}
	}
	return nil
}
