package dispatch

import "time"

// HealthConfig says how probes and traffic decide about a destination.
type HealthConfig struct {
	Interval time.Duration // between probes; 0: DefaultInterval, at least MinInterval
	Rise     int           // good answers in a row until an inactive destination is active; 0: 2
	Fall     int           // failures in a row until an active destination is inactive; 0: 3
}

// Times of probing.
const (
	DefaultInterval = time.Second
	MinInterval     = 100 * time.Millisecond
)

func (c HealthConfig) withDefaults() HealthConfig {
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	c.Interval = max(c.Interval, MinInterval)
	if c.Rise <= 0 {
		c.Rise = 2
	}
	if c.Fall <= 0 {
		c.Fall = 3
	}
	return c
}

// Health counts the good and bad signs of one destination. It is pure: events
// and the time come in, the new state and the next probe's time go out. It is
// owned by whoever probes the destination.
type Health struct {
	cfg       HealthConfig
	good, bad int // in a row
	next      time.Time
}

// NewHealth returns the machine of a destination whose first probe is due at first.
func NewHealth(cfg HealthConfig, first time.Time) Health {
	return Health{cfg: cfg.withDefaults(), next: first}
}

// Next returns when the next probe is due.
func (h *Health) Next() time.Time { return h.next }

// Probing notes that a probe leaves now and returns when the next one is due.
func (h *Health) Probing(now time.Time) time.Time {
	h.next = now.Add(h.cfg.Interval)
	return h.next
}

// Good takes a probe's good answer, or a good answer to real traffic, and
// returns the state that follows.
func (h *Health) Good(state State) State {
	h.bad = 0
	switch state {
	case Trying:
		h.good = 0
		return Active
	case Inactive:
		if h.good++; h.good >= h.cfg.Rise {
			h.good = 0
			return Active
		}
	}
	return state
}

// Bad takes a probe without a good answer, or a failure of real traffic (no
// answer, no connection), and returns the state that follows.
func (h *Health) Bad(state State) State {
	h.good = 0
	if !state.takesCalls() {
		return state
	}
	if h.bad++; h.bad >= h.cfg.Fall {
		h.bad = 0
		return Inactive
	}
	return Trying
}

// Configure changes how signs are counted; what was counted stays.
func (h *Health) Configure(cfg HealthConfig) {
	cfg = cfg.withDefaults()
	if cfg.Interval < h.cfg.Interval {
		h.next = h.next.Add(cfg.Interval - h.cfg.Interval)
	}
	h.cfg = cfg
}
