package edge

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
)

// challenges knows which destination has challenged whom: the credentials that
// follow are good there and nowhere else, because they answer its nonce. It
// remembers by Call-ID, which stays the same (RFC 3261 §22.1), for a life to two
// lives, and is bounded; who is forgotten is challenged once more.
type challenges struct {
	seed maphash.Seed

	mu     sync.Mutex                       // guards the following
	now    map[uint64]*dispatch.Destination // of this life
	before map[uint64]*dispatch.Destination // of the last one
	began  time.Time                        // of this life
}

const (
	challengeLife = 32 * time.Second // 64*T1: nobody waits longer for an answer
	maxChallenges = 50_000           // of a life
)

func newChallenges() *challenges { return &challenges{seed: maphash.MakeSeed()} }

// note remembers a challenge.
func (c *challenges) note(callID string, d *dispatch.Destination, at time.Time) {
	key := maphash.String(c.seed, callID)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(at)
	if len(c.now) < maxChallenges {
		c.now[key] = d
	}
}

// find returns who has challenged, nil if that is not known.
func (c *challenges) find(callID string, at time.Time) *dispatch.Destination {
	key := maphash.String(c.seed, callID)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn(at)
	if d := c.now[key]; d != nil {
		return d
	}
	return c.before[key]
}

// turn begins a new life when it is time; the caller holds mu.
func (c *challenges) turn(at time.Time) {
	switch past := at.Sub(c.began); {
	case past >= 2*challengeLife:
		c.before, c.now, c.began = nil, make(map[uint64]*dispatch.Destination), at
	case past >= challengeLife:
		c.before, c.now, c.began = c.now, make(map[uint64]*dispatch.Destination), at
	}
}

// challenger appends the destinations of the set in which one has challenged the
// sender of a request with credentials, that one first; nothing if that is not
// known or it takes no calls. It is no turn of the algorithm.
func (d *Dispatcher) challenger(dst []*dispatch.Destination, b *board, key dispatch.Key, req *sip.Request, now time.Time) []*dispatch.Destination {
	if !req.Has(sip.HeaderAuthorization) && !req.Has(sip.HeaderProxyAuthorization) {
		return dst
	}
	was := d.challenges.find(req.CallID(), now)
	if was == nil {
		return dst
	}
	alg := dispatch.Priority // all, without a turn
	switch b.settings.Algorithm {
	case dispatch.Parallel:
		return dst
	case dispatch.CallLoad, dispatch.Resources: // all that have room
		alg = b.settings.Algorithm
	}
	start := len(dst)
	for _, set := range b.order {
		list := set.Select(dst, alg, key, now)[start:]
		at := slices.IndexFunc(list, func(x *dispatch.Destination) bool { return x.ID == was.ID }) // a reload may have made another one of it
		if at >= 0 {
			first := list[at]
			copy(list[1:at+1], list[:at])
			list[0] = first
			return append(dst, list...)
		}
	}
	return dst
}

// Challenged implements Watcher.
func (d *Dispatcher) Challenged(dest *dispatch.Destination, callID string) {
	d.challenges.note(callID, dest, time.Now())
}
