package transaction

import "time"

// clientInvite is the INVITE client transaction: RFC 3261 §17.1.1 (Figure 5)
// as corrected by RFC 6026 §7.2.
//
//	Calling ──1xx──> Proceeding ──300-699──> Completed ──Timer D──> Terminated
//	   └──2xx──────────┴────2xx──> Accepted ──Timer M──> Terminated
//
// The method names are the events; each returns what is to be done.
type clientInvite struct {
	state    state
	reliable bool
	interval time.Duration // Timer A's
	resend   time.Duration // Timer A, or never
	expires  time.Duration // Timer B, C, D or M, or the end of a cancelled INVITE
	cancelAt bool          // Timer C is running: expiry cancels
}

// start: the request goes out; Timers A and B are set.
func (m *clientInvite) start(now time.Duration, t *Timers, reliable bool) action {
	*m = clientInvite{state: stateCalling, reliable: reliable, interval: t.T1, resend: never, expires: now + t.B}
	if !reliable {
		m.resend = now + m.interval // "MUST start timer A with a value of T1"
	}
	return actSend
}

// deadline is when timeout wants to be called.
func (m *clientInvite) deadline() time.Duration { return min(m.resend, m.expires) }

// timeout: a deadline may have passed.
func (m *clientInvite) timeout(now time.Duration, t *Timers) action {
	switch {
	case now >= m.expires:
		return m.expired(now, t)
	case now >= m.resend:
		// "When timer A fires, the client transaction MUST retransmit the request
		// ... and MUST reset the timer with a value of 2*T1": doubling, unbounded.
		m.interval *= 2
		m.resend = now + m.interval
		return actSend
	}
	return 0
}

func (m *clientInvite) expired(now time.Duration, t *Timers) action {
	state := m.state
	if state == stateProceeding && m.cancelAt {
		m.cancel(now, t)
		return actCancel
	}
	m.end()
	if state == stateCalling || state == stateProceeding {
		return actTimeout | actDone // Timer B
	}
	return actDone // Timers D and M
}

// response: a response with the given status has come.
func (m *clientInvite) response(now time.Duration, t *Timers, status int) action {
	switch m.state {
	case stateCalling, stateProceeding:
		return m.firstResponses(now, t, status)
	case stateCompleted:
		if status >= 300 {
			// "Any retransmissions of the final response that are received while in
			// the "Completed" state MUST cause the ACK to be re-passed".
			return actACK
		}
	case stateAccepted:
		if status/100 == 2 {
			return actDeliver // RFC 6026 §7.2: each 2xx goes to the TU
		}
	}
	return 0
}

func (m *clientInvite) firstResponses(now time.Duration, t *Timers, status int) action {
	m.resend = never
	switch {
	case status < 200:
		if m.state == stateCalling {
			m.state, m.expires = stateProceeding, never
		}
		if t.C > 0 && (m.expires == never || m.cancelAt) {
			m.cancelAt, m.expires = true, now+t.C // §16.7 step 2: each 1xx resets Timer C
		}
		return actDeliver
	case status < 300:
		m.state, m.expires, m.cancelAt = stateAccepted, now+t.B, false // Timer M
		return actDeliver
	}
	m.cancelAt = false
	if m.reliable {
		m.end() // Timer D is zero for reliable transports
		return actDeliver | actACK | actDone
	}
	m.state, m.expires = stateCompleted, now+t.D
	return actDeliver | actACK
}

// cancel: a CANCEL goes out. "If there is no final response for the original
// request in 64*T1 seconds, the client SHOULD then consider the original
// transaction cancelled" (§9.1).
func (m *clientInvite) cancel(now time.Duration, t *Timers) {
	if m.state == stateProceeding {
		m.cancelAt, m.expires = false, now+64*t.T1
	}
}

// failed: the transport could not send.
func (m *clientInvite) failed() action {
	state := m.state
	switch state {
	case stateCalling, stateProceeding:
		m.end()
		return actFail | actDone
	case stateCompleted: // the ACK could not be sent: the TU has its response
		m.end()
		return actDone
	}
	return 0
}

func (m *clientInvite) end() { m.state, m.resend, m.expires = stateTerminated, never, never }
