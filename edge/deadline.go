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

// deadlines holds the legs that wait, one list for each phase. All of a list
// wait equally long, so that each is ordered by time without sorting, and a
// timer costs two pointer changes.
type deadlines struct {
	began  time.Time
	length [phases]time.Duration
	wake   chan struct{} // something is due before planned

	mu      sync.Mutex  // guards the following
	heads   [phases]leg // of rings
	planned time.Duration
}

func newDeadlines(patience, timerC time.Duration) *deadlines {
	d := &deadlines{
		began: time.Now(), wake: make(chan struct{}, 1),
		length: [phases]time.Duration{calling: patience, trying: otherPatience * patience, early: timerC, ringing: timerC},
	}
	for i := range d.heads {
		head := &d.heads[i]
		head.prev, head.next = head, head
	}
	return d
}

// set lets l wait in a phase from now on; idle takes it off.
func (d *deadlines) set(l *leg, p phase) {
	d.mu.Lock()
	sooner := d.enter(l, p)
	d.mu.Unlock()
	d.start(sooner)
}

// heard lets l wait for what follows a response: "Timer C MUST be reset" by each
// provisional response above 100 (RFC 3261 §16.7 step 2). For the first response
// it returns how long that took, else 0.
func (d *deadlines) heard(l *leg, status int) (after time.Duration) {
	d.mu.Lock()
	p := l.phase
	if !l.heard && l.waits != idle {
		after = time.Since(d.began) - (l.at - d.length[l.waits])
	}
	l.heard = true
	switch {
	case status >= 200, p == trying:
		p = idle
	case p == calling && status == 100:
		p = early
	case p != idle && status > 100:
		p = ringing
	default:
		d.mu.Unlock()
		return after
	}
	sooner := d.enter(l, p)
	d.mu.Unlock()
	d.start(sooner)
	return after
}

// enter moves l to the list of a phase; the caller holds mu. It reports whether
// run would look too late, which is rare: entries come in the order of their
// times, and run sleeps until the first.
func (d *deadlines) enter(l *leg, p phase) (sooner bool) {
	l.leave()
	l.phase = p
	if p == idle {
		return false
	}
	l.waits = p
	head := &d.heads[p]
	l.at = time.Since(d.began) + d.length[p]
	l.prev, l.next = head.prev, head
	head.prev.next, head.prev = l, l
	if l.at < d.planned {
		d.planned, sooner = l.at, true
	}
	return sooner
}

// leave takes l off its list; the caller holds mu.
func (l *leg) leave() {
	if l.next != nil {
		l.prev.next, l.next.prev = l.next, l.prev
		l.next, l.prev = nil, nil
	}
	l.phase = idle
}

func (d *deadlines) start(sooner bool) {
	if sooner {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// due takes off those whose time has come and returns them, with the time until
// the next one.
func (d *deadlines) due() (over []overdue, wait time.Duration) {
	now := time.Since(d.began)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.planned = now + time.Hour
	for p := range d.heads {
		head := &d.heads[p]
		for l := head.next; l != head && l.at <= now; l = head.next {
			over = append(over, overdue{l, l.phase})
			l.leave()
		}
		if l := head.next; l != head {
			d.planned = min(d.planned, l.at)
		}
	}
	return over, d.planned - now
}

// at takes off the branches to a destination that have had nothing above 100.
func (d *deadlines) at(dest *dispatch.Destination) (waiting []overdue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range []phase{calling, trying, early} {
		head := &d.heads[p]
		for l := head.next; l != head; {
			next := l.next
			if l.dest != nil && l.dest.ID == dest.ID {
				waiting = append(waiting, overdue{l, calling})
				l.leave()
			}
			l = next
		}
	}
	return waiting
}

// overdue is a leg whose time in a phase is over.
type overdue struct {
	leg   *leg
	phase phase
}

// run tells legs that their time is over, until ctx ends.
func (d *deadlines) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.wake:
		}
		over, wait := d.due()
		for _, o := range over {
			o.leg.overdue(o.phase)
		}
		timer.Reset(max(wait, time.Millisecond))
	}
}

// Abandon lets every request that still waits for a sign of a destination go to
// the next one: it has been found dead.
func (p *Proxy) Abandon(dest *dispatch.Destination) {
	for _, o := range p.deadlines.at(dest) {
		o.leg.overdue(o.phase)
	}
}
