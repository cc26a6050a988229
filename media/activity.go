package media

import (
	"sync"
	"time"
)

// Activity follows whether somebody talks. Put takes packets from one goroutine,
// State may be asked from any.
type Activity struct {
	threshold int

	mu      sync.Mutex
	decoder *Decoder
	codec   Codec
	pcm     []int16
	talking bool
	since   time.Time // since when it is so
	last    time.Time // of the latest packet
}

// activityGap is how long no packet may come before that is silence: phones that
// suppress silence send none.
const activityGap = 100 * time.Millisecond

// NewActivity begins in silence at now. threshold is the mean amplitude of a
// packet below which it is silence; 0 is 256, as Asterisk has it.
func NewActivity(threshold int, now time.Time) *Activity {
	if threshold <= 0 {
		threshold = recordQuiet
	}
	return &Activity{threshold: threshold, since: now, last: now}
}

// Put takes a packet that came at now.
func (a *Activity) Put(c Codec, payload []byte, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.decoder == nil || a.codec != c {
		a.codec, a.decoder = c, NewDecoder(c, Rate)
	}
	a.settle(now)
	a.pcm = a.decoder.Decode(a.pcm[:0], payload)
	a.last = now
	if talking := !below(a.pcm, a.threshold); talking != a.talking {
		a.talking, a.since = talking, now
	}
}

// settle takes a pause for silence. Needs mu.
func (a *Activity) settle(now time.Time) {
	if a.talking && now.Sub(a.last) > activityGap {
		a.talking, a.since = false, a.last
	}
}

// State tells whether somebody talks at now, and for how long that has been so.
func (a *Activity) State(now time.Time) (talking bool, length time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle(now)
	return a.talking, now.Sub(a.since)
}
