package edge

import (
	"hash/maphash"
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

// challenger returns the destination that has challenged the sender of a request
// with credentials, if it takes calls, and its set.
func (d *Dispatcher) challenger(b *board, req *sip.Request, now time.Time) (*dispatch.Set, *dispatch.Destination) {
	if !req.Has(sip.HeaderAuthorization) && !req.Has(sip.HeaderProxyAuthorization) {
		return nil, nil
	}
	was := d.challenges.find(req.CallID(), now)
	if was == nil {
		return nil, nil
	}
	for _, set := range b.order { // a reload may have made another one of it
		if dest, found := set.Find(was.ID); found && dest.TakesCalls() {
			return set, dest
		}
	}
	return nil, nil
}

// Challenged implements Watcher.
func (d *Dispatcher) Challenged(dest *dispatch.Destination, callID string) {
	d.challenges.note(callID, dest, time.Now())
}
