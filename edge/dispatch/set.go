package dispatch

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Set is made from.
type Config struct {
	ID           int
	Destinations []Spec
	// SlowStart is how long a destination that came back needs until it gets
	// its whole share; 0: it gets it at once.
	SlowStart time.Duration
}

// Set is a group of destinations. Its methods may be called from any goroutine.
type Set struct {
	ID        int
	slowStart time.Duration
	all       []*Destination // by priority, then as configured

	mu   sync.Mutex // serialises changes of states and of view
	view atomic.Pointer[view]

	turn, weightTurn, relativeTurn, latencyTurn, tierTurn atomic.Uint64
}

// view is what Select works on: the destinations that take calls.
type view struct {
	usable   []*Destination
	weights  []*Destination // one entry per percent
	relative []*Destination
	top      int            // how many of usable have the highest priority
	tier     []*Destination // these by rweight
	tie      bool           // all have the same priority above 0
}

// New makes a set. The errors name attributes that were ignored; the set is
// usable all the same.
func New(cfg Config) (*Set, []error) {
	s := &Set{ID: cfg.ID, slowStart: cfg.SlowStart}
	var faults []error
	for _, spec := range cfg.Destinations {
		d, bad := newDestination(spec)
		s.all = append(s.all, d)
		faults = append(faults, bad...)
	}
	slices.SortStableFunc(s.all, byPriority)
	faults = append(faults, s.capWeights()...)
	s.refresh()
	return s, faults
}

// Destinations returns all, in the order of their priority.
func (s *Set) Destinations() []*Destination { return slices.Clone(s.all) }

// Usable returns how many destinations take calls.
func (s *Set) Usable() int { return len(s.view.Load().usable) }

// Find returns the destination with that duid or URI.
func (s *Set) Find(id string) (*Destination, bool) {
	for _, d := range s.all {
		if d.ID == id || d.URI == id {
			return d, true
		}
	}
	return nil, false
}

// Inherit takes over loads, latencies and states of the destinations that old
// had too, so that a reload forgets nothing. A destination whose flags the new
// configuration has changed gets the state they say.
func (s *Set) Inherit(old *Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.all {
		if was, found := old.Find(d.ID); found {
			d.inherit(was)
		}
	}
	s.refresh()
}

// SetState changes a destination's state and reports whether it was another.
func (s *Set) SetState(d *Destination, to State, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := State(d.state.Swap(uint32(to)))
	if from == to {
		return false
	}
	if to == Active && !from.takesCalls() {
		d.live.upSince.Store(now.UnixNano())
		d.live.warming.Store(0)
	}
	s.refresh()
	return true
}

// refresh makes the view anew; the caller holds mu or is the constructor.
func (s *Set) refresh() {
	v := new(view)
	for _, d := range s.all {
		if d.State().takesCalls() {
			v.usable = append(v.usable, d)
		}
	}
	v.weights = interleave(v.usable, func(d *Destination) int { return d.weight })
	v.relative = interleave(v.usable, func(d *Destination) int { return d.rweight })
	for v.top < len(v.usable) && v.usable[v.top].Priority == v.usable[0].Priority {
		v.top++
	}
	v.tier = interleave(v.usable[:v.top], func(d *Destination) int { return max(d.rweight, 1) })
	v.tie = len(v.usable) > 0 && v.usable[0].Priority > 0 && v.usable[0].Priority == v.usable[len(v.usable)-1].Priority
	s.view.Store(v)
}
