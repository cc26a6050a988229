package transaction

import (
	"context"
	"sync/atomic"
	"time"
)

// A clock wakes the shards dealt to it when their wheels are due, and runs what
// other goroutines had to leave in their mailboxes. It has one goroutine.
type clock struct {
	shards []*shard
	asleep atomic.Int64 // until when it sleeps, as time.Duration since the layer's start
	kicked chan struct{}
}

const shardsPerClock = 32

func newClock() *clock {
	c := &clock{kicked: make(chan struct{}, 1)}
	c.asleep.Store(int64(never))
	return c
}

// kick makes the clock look at its shards now.
func (c *clock) kick() {
	select {
	case c.kicked <- struct{}{}:
	default:
	}
}

// before makes sure that the clock wakes up at at or earlier.
func (c *clock) before(at time.Duration) {
	if at < time.Duration(c.asleep.Load()) {
		c.kick()
	}
}

// run turns the wheels until ctx ends.
func (c *clock) run(ctx context.Context, l *Layer) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		next := c.turn(l)
		c.asleep.Store(int64(next))
		if c.earliest() < next { // set between our look and our falling asleep
			continue
		}
		t.Reset(max(next-l.now(), 0))
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-c.kicked:
		}
		c.asleep.Store(0)
	}
}

// turn runs what is due and returns when the next thing is.
func (c *clock) turn(l *Layer) time.Duration {
	now := l.now()
	for _, s := range c.shards {
		if s.waiting.Load() > 0 || now >= time.Duration(s.wake.Load()) {
			s.run(true)
		}
	}
	return c.earliest()
}

// earliest returns when the next wheel is due. A shard that somebody holds does
// not count: its wheel may be moving, and who lets go of it calls before.
func (c *clock) earliest() time.Duration {
	next := never
	for _, s := range c.shards {
		if !s.busy.Load() {
			next = min(next, time.Duration(s.wake.Load()))
		}
	}
	return next
}
