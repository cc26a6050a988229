package auth

import (
	"sync"
	"time"
)

// replay remembers which counts were used on which nonce (RFC 7616 §3.4 nc).
// Two generations of nonces are kept, each for one lifetime of a nonce or until
// half of the bound is used up; then the older one goes. A nonce issued before
// the oldest forgotten one may have been used, so it counts as stale.
type replay struct {
	bound    int
	lifetime time.Duration

	mu      sync.Mutex // guards the following
	young   map[nonceID]window
	old     map[nonceID]window
	rotated time.Time // when the generations last moved
	floor   time.Time // unknown nonces issued before are stale
}

// window holds the highest count seen and the 64 below it.
type window struct {
	top  uint32
	seen uint64 // bit i: top-i was seen
}

func newReplay(bound int, lifetime time.Duration) *replay {
	return &replay{bound: bound, lifetime: lifetime, young: map[nonceID]window{}}
}

// use records a count on a nonce, or reports false if it was used before or may
// have been. An unqualified response (RFC 2069) comes with count 0, which makes
// its nonce good for one request.
func (r *replay) use(id nonceID, issued time.Time, nc uint32, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.rotated) >= r.lifetime || 2*len(r.young) >= r.bound {
		r.rotate(now)
	}
	w, known := r.young[id]
	if !known {
		if w, known = r.old[id]; known {
			delete(r.old, id)
		} else if !issued.After(r.floor) {
			return false
		}
	}
	fresh := w.use(nc)
	r.young[id] = w
	return fresh
}

// rotate drops the older generation, none of which was used since the last
// rotation, so all of it was issued before that. Mostly it is then too old to
// be taken anyway; if not, because the bound was hit, the floor refuses it.
func (r *replay) rotate(now time.Time) {
	r.floor = r.rotated
	r.old, r.young, r.rotated = r.young, make(map[nonceID]window, len(r.young)), now
}

// use marks a count and reports whether it is new. Counts more than 63 below
// the highest count as used.
func (w *window) use(nc uint32) bool {
	switch {
	case w.seen == 0:
		w.top, w.seen = nc, 1
		return true
	case nc > w.top:
		w.seen = w.seen<<min(nc-w.top, 64) | 1
		w.top = nc
		return true
	case w.top-nc > 63:
		return false
	}
	bit := uint64(1) << (w.top - nc)
	fresh := w.seen&bit == 0
	w.seen |= bit
	return fresh
}
