package transaction

import "time"

// clientOther is the client transaction of all methods but INVITE: RFC 3261
// §17.1.2 (Figure 6).
//
//	Trying ──1xx──> Proceeding ──200-699──> Completed ──Timer K──> Terminated
//	   └────────200-699────────────────────────┘
type clientOther struct {
	state    state
	reliable bool
	interval time.Duration // Timer E's
	resend   time.Duration // Timer E, or never
	expires  time.Duration // Timer F or K
}

// start: the request goes out; Timers E and F are set.
func (m *clientOther) start(now time.Duration, t *Timers, reliable bool) action {
	*m = clientOther{state: stateTrying, reliable: reliable, interval: t.T1, resend: never, expires: now + t.B}
	if !reliable {
		m.resend = now + m.interval
	}
	return actSend
}

// deadline is when timeout wants to be called.
func (m *clientOther) deadline() time.Duration { return min(m.resend, m.expires) }

// timeout: a deadline may have passed.
func (m *clientOther) timeout(now time.Duration, t *Timers) action {
	switch {
	case now >= m.expires && m.state == stateCompleted: // Timer K
		m.end()
		return actDone
	case now >= m.expires: // Timer F
		m.end()
		return actTimeout | actDone
	case now >= m.resend:
		// "the timer is reset, but this time with a value of MIN(2*T1, T2)"; in
		// "Proceeding" it "MUST be reset with a value of T2 seconds".
		m.interval = min(2*m.interval, t.T2)
		if m.state == stateProceeding {
			m.interval = t.T2
		}
		m.resend = now + m.interval
		return actSend
	}
	return 0
}

// response: a response with the given status has come.
func (m *clientOther) response(now time.Duration, t *Timers, status int) action {
	switch {
	case m.state != stateTrying && m.state != stateProceeding:
		return 0 // "MUST be discarded" is not said, but the TU has had its answer
	case status < 200:
		m.state = stateProceeding
		return actDeliver
	}
	m.resend = never
	if m.reliable {
		m.end() // Timer K is zero for reliable transports
		return actDeliver | actDone
	}
	m.state, m.expires = stateCompleted, now+t.T4
	return actDeliver
}

// failed: the transport could not send.
func (m *clientOther) failed() action {
	if m.state == stateTrying || m.state == stateProceeding {
		m.end()
		return actFail | actDone
	}
	return 0
}

func (m *clientOther) end() { m.state, m.resend, m.expires = stateTerminated, never, never }
