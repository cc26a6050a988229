package dispatch

import (
	"math"
	"sync/atomic"
	"time"
)

// Governor is the overload control of one destination: it sheds new calls before
// those in progress suffer. Its sign of overload is what hurts them: first answers
// that take longer than T1, after which every message is sent again and the load
// grows by itself. It does not matter whether the destination, what lies behind it
// or this host is slow; in the last case all destinations' governors find out.
//
// While answers are that slow, calls wait somewhere, so answers come as fast as
// they can be made: their rate is the capacity. Then the governor lets in a
// quarter of it until the waiting calls are done, which costs nothing as long as
// some wait; then nearly all of it, and from there on a little more each time,
// until either calls wait again or nothing needs to be shed.
type Governor struct {
	quick, middling, slow atomic.Int64 // first answers since the last Turn
	offered               atomic.Int64 // calls since the last Turn
	budget                atomic.Int64 // calls that may come in until the next Turn; unlimited: everything may

	// The following are owned by Turn.
	seen     window
	slowFor  time.Duration // windows in a row with slow answers
	limit    float64       // calls a second; 0: no limit
	capacity float64       // answers a second when calls waited
	draining bool
}

// window is what was seen until there was enough to judge by.
type window struct {
	quick, all, offered int64
	slow                int64
	length              time.Duration
}

// GovernTime is the interval in which Turn has to be called.
const GovernTime = 100 * time.Millisecond

// Constants of the control.
const (
	slowAnswer  = 500 * time.Millisecond // T1 of RFC 3261 §17.1.1.1
	quickAnswer = slowAnswer / 2
	patienceFor = 300 * time.Millisecond // of slow answers; a burst is for the buffers
	enough      = 10                     // answers to judge by
	longest     = time.Second            // that a window waits for them
	few         = 3                      // answers that say nothing, however long it took
	drainShare  = 0.25
	steadyShare = 0.98
	resumeShare = 0.95
	growEach    = 0.02 // in an interval
	unlimited   = math.MaxInt64 / 2
)

// NewGovernor returns a Governor that lets everything in.
func NewGovernor() *Governor {
	g := new(Governor)
	g.budget.Store(unlimited)
	return g
}

// Answered takes the time from a request to its first answer.
func (g *Governor) Answered(after time.Duration) {
	switch {
	case after > slowAnswer:
		g.slow.Add(1)
	case after > quickAnswer:
		g.middling.Add(1)
	default:
		g.quick.Add(1)
	}
}

// Turn ends an interval of GovernTime, in which refused calls more than Admit knows
// of were offered. It returns how many new calls a second may come in from now on, 0
// if there is no limit.
func (g *Governor) Turn(refused int64) float64 {
	w := &g.seen
	quick, slow := g.quick.Swap(0), g.slow.Swap(0)
	w.quick += quick
	w.slow += slow
	w.all += quick + slow + g.middling.Swap(0)
	w.offered += g.offered.Swap(0) + refused
	if w.length += GovernTime; w.all >= enough || w.length >= longest {
		g.judge(*w)
		*w = window{}
	}
	g.allow()
	return g.limit
}

// judge decides by a window.
func (g *Governor) judge(w window) {
	seconds := w.length.Seconds()
	switch {
	case w.all <= few:
		g.slowFor = 0
		if !g.draining || w.offered <= few {
			g.grow(w) // hardly anybody calls
		}
	case 2*w.slow > w.all:
		if g.slowFor += w.length; g.slowFor < patienceFor && g.limit == 0 {
			return
		}
		rate := float64(w.all) / seconds
		if g.draining { // what is repeated by now takes its part of the capacity
			rate = max(rate, g.capacity)
		}
		g.capacity, g.draining = rate, true
		g.limit = max(drainShare*g.capacity, 1)
	case 2*w.quick > w.all:
		g.slowFor = 0
		g.grow(w)
	default: // some wait, not for long: as many may come as are answered
		g.slowFor = 0
		if g.limit != 0 {
			g.capacity, g.draining = float64(w.all)/seconds, false
			g.limit = steadyShare * g.capacity
		}
	}
}

// grow lets more calls in when answers are quick.
func (g *Governor) grow(w window) {
	switch {
	case g.limit == 0:
	case g.draining:
		g.draining = false
		g.limit = max(g.limit, resumeShare*g.capacity)
	case g.limit > 1.2*float64(w.offered)/w.length.Seconds():
		g.limit = 0 // there is nothing to shed any more
	default:
		g.limit *= 1 + growEach*float64(w.length)/float64(GovernTime)
	}
}

// allow gives out what the limit grants for an interval; what is left of the last
// one is lost, but for a part of a call.
func (g *Governor) allow() {
	if g.limit == 0 {
		g.budget.Store(unlimited)
		return
	}
	const unit = 1000 // parts of a call
	left := min(max(g.budget.Load(), 0), unit-1)
	g.budget.Store(left + int64(g.limit*GovernTime.Seconds()*unit))
}

// Admit reports whether a new call may come in.
func (g *Governor) Admit() bool {
	if g.budget.Load() >= unlimited {
		return true
	}
	g.offered.Add(1)
	return g.budget.Add(-1000) >= 0
}
