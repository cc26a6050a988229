package edge

import (
	"math"
	"sync/atomic"
	"time"
)

// governor is the overload control: it sheds new calls before those in progress
// suffer. Its sign of overload is what hurts them: destinations' first answers
// that take longer than T1, after which every message is sent again and the
// load doubles by itself. It does not matter whether this host or what lies
// behind it is slow. Each interval with too many of them lets fewer new calls
// in, each one without them more (additive increase, multiplicative decrease).
type governor struct {
	fast, slow atomic.Int64  // first answers of this interval
	share      atomic.Uint64 // float64 bits: of new calls that are let in
	offered    atomic.Uint64
	bad        int // intervals in a row with too many slow answers; owned by turn
}

// Constants of the control.
const (
	governTime  = 100 * time.Millisecond // interval
	slowAnswer  = 500 * time.Millisecond // T1 of RFC 3261 §17.1.1.1
	slowShare   = 0.5                    // of the answers: more is overload
	badTurns    = 10                     // intervals in a row; a burst is for the buffers
	fewAnswers  = 20                     // of an interval say nothing
	shedFactor  = 0.7
	growStep    = 0.05
	leastShare  = 0.05
	overloadFor = "1" // Retry-After of what is shed, in seconds
)

func newGovernor() *governor {
	g := new(governor)
	g.share.Store(math.Float64bits(1))
	return g
}

// answered takes the time from a request to its first answer.
func (g *governor) answered(after time.Duration) {
	if after > slowAnswer {
		g.slow.Add(1)
	} else {
		g.fast.Add(1)
	}
}

// turn ends an interval and returns the share of new calls that follows.
func (g *governor) turn() float64 {
	slow, fast := float64(g.slow.Swap(0)), float64(g.fast.Swap(0))
	share := math.Float64frombits(g.share.Load())
	switch all := slow + fast; {
	case all >= fewAnswers && slow > slowShare*all:
		if g.bad++; g.bad >= badTurns {
			share = max(share*shedFactor, leastShare)
		}
	default:
		if slow+fast >= fewAnswers {
			g.bad = 0
		}
		share = min(share+growStep, 1)
	}
	g.share.Store(math.Float64bits(share))
	return share
}

// admit reports whether a new call may come in: of n offered, share times n may,
// evenly spread.
func (g *governor) admit() bool {
	share := math.Float64frombits(g.share.Load())
	if share >= 1 {
		return true
	}
	n := float64(g.offered.Add(1))
	return math.Floor(n*share) != math.Floor((n-1)*share)
}
