package edge

import (
	"context"
	"sync"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
)

// phase is what a branch of a request waits for, and which of its times runs.
type phase uint8

const (
	idle    phase = iota // nothing: it has ended, or the transaction layer watches alone
	calling              // INVITE without any response: Config.Patience
	trying               // other request without any response: otherPatience times as long
	early                // INVITE that has had nothing above 100: Timer C
	ringing              // INVITE that has: Timer C
	phases  = int(ringing) + 1
)

// otherPatience is how much longer than for an INVITE the proxy waits for a
// destination's answer to another request: 100 must not come early (RFC 4320
// §4.1), and what the request does may be done twice.
const otherPatience = 3

// A deadline is the entry of a branch in the list of its phase.
type deadline struct {
	at         time.Time
	phase      phase // guarded by deadlines.mu
	prev, next *deadline
	leg        *leg
}

// deadlines holds the branches that wait, one list for each phase. All of a
// list wait equally long, so that each is ordered by time without sorting, and
// a timer costs two pointer changes.
type deadlines struct {
	length [phases]time.Duration
	wake   chan struct{} // something is due before planned

	mu      sync.Mutex // guards the following
	heads   [phases]deadline
	planned time.Time // when run looks next
}

func newDeadlines(patience, timerC time.Duration) *deadlines {
	d := &deadlines{length: [phases]time.Duration{calling: patience, trying: otherPatience * patience, early: timerC, ringing: timerC}, wake: make(chan struct{}, 1)}
	for i := range d.heads {
		head := &d.heads[i]
		head.prev, head.next = head, head
	}
	return d
}

// set lets e wait in a phase from now on; idle takes it off.
func (d *deadlines) set(e *deadline, p phase, now time.Time) {
	d.mu.Lock()
	sooner := d.enter(e, p, now)
	d.mu.Unlock()
	d.start(sooner)
}

// heard lets e wait for what follows a response: "Timer C MUST be reset" by each
// provisional response above 100 (RFC 3261 §16.7 step 2).
func (d *deadlines) heard(e *deadline, status int, now time.Time) {
	d.mu.Lock()
	p := e.phase
	switch {
	case status >= 200, p == trying:
		p = idle
	case p == calling && status == 100:
		p = early
	case p != idle && status > 100:
		p = ringing
	default:
		d.mu.Unlock()
		return
	}
	sooner := d.enter(e, p, now)
	d.mu.Unlock()
	d.start(sooner)
}

// enter moves e to the list of a phase; the caller holds mu. It reports whether
// run would look too late, which is rare: entries come in the order of their
// times, and run sleeps until the first.
func (d *deadlines) enter(e *deadline, p phase, now time.Time) (sooner bool) {
	if e.next != nil {
		e.prev.next, e.next.prev = e.next, e.prev
		e.next, e.prev = nil, nil
	}
	e.phase = p
	if p != idle {
		head := &d.heads[p]
		e.at = now.Add(d.length[p])
		e.prev, e.next = head.prev, head
		head.prev.next, head.prev = e, e
		if e.at.Before(d.planned) {
			d.planned, sooner = e.at, true
		}
	}
	return sooner
}

func (d *deadlines) start(sooner bool) {
	if sooner {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// due takes off those whose time has come and returns them, with the time of
// the next one.
func (d *deadlines) due(now time.Time) (over []overdue, next time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next = now.Add(time.Hour)
	for p := range d.heads {
		head := &d.heads[p]
		for e := head.next; e != head && !e.at.After(now); e = head.next {
			over = append(over, overdue{e.leg, e.phase})
			head.next, e.next.prev = e.next, head
			e.next, e.prev, e.phase = nil, nil, idle
		}
		if e := head.next; e != head && e.at.Before(next) {
			next = e.at
		}
	}
	d.planned = next
	return over, next
}

// at takes off the branches to a destination that have had nothing above 100.
func (d *deadlines) at(dest *dispatch.Destination) (waiting []overdue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range []phase{calling, trying, early} {
		head := &d.heads[p]
		for e := head.next; e != head; {
			next := e.next
			if d := e.leg.branch.Dest; d != nil && d.ID == dest.ID {
				waiting = append(waiting, overdue{e.leg, calling})
				e.prev.next, next.prev = next, e.prev
				e.next, e.prev, e.phase = nil, nil, idle
			}
			e = next
		}
	}
	return waiting
}

// overdue is a branch whose time in a phase is over.
type overdue struct {
	leg   *leg
	phase phase
}

// run tells branches that their time is over, until ctx ends.
func (d *deadlines) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		over, next := d.due(time.Now())
		for _, o := range over {
			o.leg.overdue(o.phase)
		}
		timer.Reset(max(time.Until(next), time.Millisecond))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.wake:
		}
	}
}

// Abandon lets every request that still waits for a sign of a destination go to
// the next one: it has been found dead.
func (p *Proxy) Abandon(dest *dispatch.Destination) {
	for _, o := range p.deadlines.at(dest) {
		o.leg.overdue(o.phase)
	}
}
