package state

import "time"

// moment is what the end of a longer linger is rounded to on the wall clock, so
// that it shares a wake-up with other timers of the process that are rounded
// likewise (sip/transport's readers).
const moment = 8 * time.Millisecond

// A pace says when what has been gathered is handed over. Its owner's mutex
// guards it.
type pace struct {
	linger time.Duration
	flush  func() // called on the timer's goroutine
	timer  *time.Timer
}

// begin arms the timer for a group that begins now: it waits until the last
// moment within linger.
func (p *pace) begin() {
	d := p.linger
	if d >= 2*moment {
		d -= time.Duration(time.Now().Add(d).UnixNano()) % moment
	}
	p.arm(d)
}

// arm makes flush run after d.
func (p *pace) arm(d time.Duration) {
	if p.timer == nil {
		p.timer = time.AfterFunc(max(d, 0), p.flush)
		return
	}
	p.timer.Reset(max(d, 0))
}
