package transaction

import "time"

// serverOther is the server transaction of all methods but INVITE: RFC 3261
// §17.2.2 (Figure 8) with RFC 4320.
//
//	Trying ──1xx──> Proceeding ──200-699──> Completed ──Timer J──> Terminated
//	   └────────200-699────────────────────────┘
type serverOther struct {
	state    state
	reliable bool
	answered bool          // a provisional response has been sent
	resend   time.Duration // the automatic 100
	expires  time.Duration // Timer J, or the end of the client's patience
}

// start: the request has come. RFC 4320 §4.1: "an element MUST respond to a
// non-INVITE request with a 100 if it has not otherwise responded after the
// amount of time it takes a client transaction's Timer E to be reset to T2",
// and not earlier over UDP. After Timer F nobody listens any more.
func (m *serverOther) start(now time.Duration, t *Timers, reliable bool) action {
	*m = serverOther{state: stateTrying, reliable: reliable, resend: now + t.untilT2(), expires: now + 64*t.T1}
	return 0
}

// deadline is when timeout wants to be called.
func (m *serverOther) deadline() time.Duration { return min(m.resend, m.expires) }

// timeout: a deadline may have passed.
func (m *serverOther) timeout(now time.Duration, _ *Timers) action {
	switch {
	case now >= m.expires && m.state == stateCompleted: // Timer J
		m.end()
		return actDone
	case now >= m.expires:
		m.end()
		return actTimeout | actDone
	case now >= m.resend:
		m.state, m.resend, m.answered = stateProceeding, never, true
		return actTrying
	}
	return 0
}

// request: the request has come again. "Trying" absorbs it; "Proceeding" and
// "Completed" send the last response again.
func (m *serverOther) request() action {
	if m.state == stateProceeding && m.answered || m.state == stateCompleted {
		return actSend
	}
	return 0
}

// respond: the TU sends a response. RFC 4320 §4.2: "A transaction-stateful SIP
// element MUST NOT send a response with a status-code of 408 to a non-INVITE
// request"; §4.1: no provisional but 100, and that not early over UDP.
func (m *serverOther) respond(now time.Duration, t *Timers, status int) action {
	switch {
	case m.state != stateTrying && m.state != stateProceeding:
		return 0 // "Any other final responses passed by the TU ... MUST be discarded"
	case status < 200:
		return 0 // the layer sends the 100 when it is due
	case status == 408:
		m.end()
		return actDone
	}
	m.resend = never
	if m.reliable {
		m.end() // Timer J is zero for reliable transports
		return actSend | actDone
	}
	m.state, m.expires = stateCompleted, now+64*t.T1
	return actSend
}

// failed: the transport could not send.
func (m *serverOther) failed() action { return actFail }

func (m *serverOther) end() { m.state, m.resend, m.expires = stateTerminated, never, never }
