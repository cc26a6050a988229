package presence

import "time"

// The pace of one subscription: a burst passes at once, so that a lamp
// follows a call, and then one NOTIFY a second with the state of that moment.
// RFC 4235 §3.9 asks for no more than one a second; RFC 3856 §6.10 for one in
// five, which would leave a busy lamp dark for most of a ring.
const (
	paceBurst    = 8
	paceInterval = time.Second
)

// A pace is a bucket of tokens that fills with time. The zero value is full.
type pace struct {
	spent int       // tokens that are missing
	since time.Time // when the last one came back
}

// take spends a token and returns 0, or says how long to wait for one.
func (p *pace) take(now time.Time) time.Duration {
	if back := int(now.Sub(p.since) / paceInterval); p.spent == 0 || back >= p.spent {
		p.spent, p.since = 0, now
	} else if back > 0 {
		p.spent -= back
		p.since = p.since.Add(time.Duration(back) * paceInterval)
	}
	if p.spent < paceBurst {
		p.spent++
		return 0
	}
	return p.since.Add(paceInterval).Sub(now)
}
