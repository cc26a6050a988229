package transaction

import "time"

// serverInvite is the INVITE server transaction: RFC 3261 §17.2.1 (Figure 7)
// as corrected by RFC 6026 §7.1, with the retransmission of 2xx responses that
// §13.3.1.4 asks of the UAS core.
//
//	Proceeding ──300-699──> Completed ──ACK──> Confirmed ──Timer I──> Terminated
//	     │                      └──Timer H──> Terminated
//	     └──2xx──> Accepted ──Timer L──> Terminated
type serverInvite struct {
	state    state
	reliable bool
	answered bool          // a provisional response has been sent
	acked    bool          // Accepted: nothing to wait for any more
	interval time.Duration // Timer G's, or that of the 2xx
	resend   time.Duration // Timer G, the next 2xx, or the automatic 100
	expires  time.Duration // Timer H, I or L
}

// start: the request has come.
func (m *serverInvite) start(now time.Duration, t *Timers, reliable bool) action {
	*m = serverInvite{state: stateProceeding, reliable: reliable, resend: now + t.Trying, expires: never}
	if t.Trying < 0 {
		m.resend, m.answered = never, true
		return actTrying
	}
	return 0
}

// deadline is when timeout wants to be called.
func (m *serverInvite) deadline() time.Duration { return min(m.resend, m.expires) }

// timeout: a deadline may have passed.
func (m *serverInvite) timeout(now time.Duration, t *Timers) action {
	switch {
	case now >= m.expires:
		lost := m.state == stateCompleted || m.state == stateAccepted && !m.acked
		m.end()
		if lost {
			return actNoACK | actDone // Timer H, or 64*T1 after the 2xx
		}
		return actDone
	case now < m.resend:
		return 0
	case m.state == stateProceeding:
		// "MUST generate a 100 (Trying) response unless it knows that the TU will
		// generate a provisional or final response within 200 ms".
		m.resend, m.answered = never, true
		return actTrying
	}
	// Timer G, and the 2xx: doubling up to T2.
	m.interval = min(2*m.interval, t.T2)
	m.resend = now + m.interval
	return actSend
}

// request: the INVITE has come again. "If, while in the "Proceeding" state, a
// request retransmission is received, the most recent provisional response
// ... MUST be passed to the transport layer"; "Completed": the final one;
// Accepted and Confirmed absorb it (RFC 6026 §7.1).
func (m *serverInvite) request() action {
	if m.state == stateProceeding && m.answered || m.state == stateCompleted {
		return actSend
	}
	return 0
}

// respond: the TU sends a response. retransmit says that a 2xx is to be sent
// again until its ACK comes; a proxy does not want that.
func (m *serverInvite) respond(now time.Duration, t *Timers, status int, retransmit bool) action {
	switch {
	case m.state == stateAccepted && status/100 == 2 && m.acked:
		return actSend // a further 2xx of a proxy: RFC 6026 §7.1
	case m.state != stateProceeding:
		return 0
	case status < 200:
		m.answered, m.resend = true, never
		return actSend
	}
	m.interval, m.resend, m.expires = t.T1, never, now+t.B // Timers H and L
	if status < 300 {
		m.state, m.acked = stateAccepted, !retransmit
		if retransmit {
			m.resend = now + m.interval // over every transport
		}
		return actSend
	}
	m.state = stateCompleted
	if !m.reliable {
		m.resend = now + m.interval // Timer G
	}
	return actSend
}

// ack: an ACK has come that belongs to the last response.
func (m *serverInvite) ack(now time.Duration, t *Timers) action {
	switch {
	case m.state == stateAccepted && !m.acked:
		m.acked, m.resend = true, never
		return actAcked
	case m.state != stateCompleted:
		return 0
	case m.reliable: // Timer I is zero
		m.end()
		return actAcked | actDone
	}
	m.state, m.resend, m.expires = stateConfirmed, never, now+t.T4
	return actAcked
}

// failed: the transport could not send. The transaction "SHOULD inform the TU
// that a failure has occurred, and SHOULD remain in the current state" (RFC
// 6026 §8.9): the TU learns it when the transaction ends.
func (m *serverInvite) failed() action { return actFail }

func (m *serverInvite) end() { m.state, m.resend, m.expires = stateTerminated, never, never }
