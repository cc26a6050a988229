// Package report turns events of a hot path into at most one log line a
// second: count where it happens, tell later.
//
// A [Reporter] owns named [Counter] values. Adding to a counter is one atomic
// operation and never allocates, so a flood of bad packets costs no log line
// per packet. [Reporter.Run] logs, once per interval, the counters that moved,
// with how far they moved and one sample of the cause. The totals stay
// readable for metrics.
package report

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A Counter counts one kind of event. Its methods may be called from any
// goroutine.
type Counter struct {
	name   string
	total  atomic.Uint64
	sample atomic.Pointer[string]

	told uint64 // owned by Reporter.Tell under its mutex
}

// Add counts n events.
func (c *Counter) Add(n uint64) { c.total.Add(n) }

// Note counts one event and keeps the text of the first one of an interval.
// text is called only if it is kept.
func (c *Counter) Note(text func() string) {
	c.total.Add(1)
	if c.sample.Load() == nil {
		s := text()
		c.sample.CompareAndSwap(nil, &s)
	}
}

// Total returns the number of events since the start.
func (c *Counter) Total() uint64 { return c.total.Load() }

// Name returns the name the counter was made with.
func (c *Counter) Name() string { return c.name }

// A Reporter owns counters. The zero value is ready to use.
type Reporter struct {
	mu       sync.Mutex // guards the following
	counters []*Counter
}

// Counter returns a new counter; name is its key in logs.
func (r *Reporter) Counter(name string) *Counter {
	c := &Counter{name: name}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counters = append(r.counters, c)
	return c
}

// Totals calls yield with each counter's name and total, in the order they
// were made.
func (r *Reporter) Totals(yield func(name string, total uint64) bool) {
	r.mu.Lock()
	counters := r.counters[:len(r.counters):len(r.counters)]
	r.mu.Unlock()
	for _, c := range counters {
		if !yield(c.name, c.Total()) {
			return
		}
	}
}

// Run tells every interval until ctx ends, and once more at the end. An
// interval of 0 means one second.
func (r *Reporter) Run(ctx context.Context, logger *slog.Logger, msg string, interval time.Duration) {
	if interval <= 0 {
		interval = time.Second
	}
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			r.Tell(context.WithoutCancel(ctx), logger, msg)
			return
		case <-t.C:
			r.Tell(ctx, logger, msg)
		}
	}
}

// Tell logs the counters that have moved since the last call, as one line, and
// returns whether there were any.
func (r *Reporter) Tell(ctx context.Context, logger *slog.Logger, msg string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var attrs []slog.Attr
	for _, c := range r.counters {
		total := c.Total()
		if total == c.told {
			continue
		}
		attrs = append(attrs, slog.Uint64(c.name, total-c.told))
		c.told = total
		if s := c.sample.Swap(nil); s != nil {
			attrs = append(attrs, slog.String(c.name+"_sample", *s))
		}
	}
	if len(attrs) == 0 {
		return false
	}
	logger.LogAttrs(ctx, slog.LevelWarn, msg, attrs...)
	return true
}
