package transaction

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A step of a table: at the given time an event comes; the machine must be in
// the state afterwards and ask for the action; then its deadline is checked.
type step struct {
	at       time.Duration
	event    string
	status   int
	want     action
	state    state
	deadline time.Duration
	must     string
}

const (
	s  = time.Second
	ms = time.Millisecond
)

func defaults() *Timers {
	t := Timers{}.withDefaults()
	return &t
}

// machine is what all four have in common, for the tables.
type machine struct {
	do       func(step) action
	deadline func() time.Duration
	state    func() state
}

func run(t *testing.T, name string, m machine, steps []step) {
	t.Helper()
	for i, st := range steps {
		got := m.do(st)
		if got != st.want || m.state() != st.state || m.deadline() != st.deadline {
			t.Errorf("%s, step %d, at %v %s %d: action %b state %v deadline %v; want %b %v %v (%s)",
				name, i, st.at, st.event, st.status, got, m.state(), m.deadline(), st.want, st.state, st.deadline, st.must)
		}
	}
}

func clientInviteMachine(reliable bool, t *Timers) machine {
	m := new(clientInvite)
	return machine{func(st step) action {
		switch st.event {
		case "start":
			return m.start(st.at, t, reliable)
		case "timer":
			return m.timeout(st.at, t)
		case "response":
			return m.response(st.at, t, st.status)
		case "cancel":
			m.cancel(st.at, t)
			return 0
		}
		return m.failed()
	}, m.deadline, func() state { return m.state }}
}

func TestClientInviteMachine(t *testing.T) {
	run(t, "Figure 5, nobody answers", clientInviteMachine(false, defaults()), []step{
		{0, "start", 0, actSend, stateCalling, 500 * ms, "If an unreliable transport is being used, the client transaction MUST start timer A with a value of T1"},
		{499 * ms, "timer", 0, 0, stateCalling, 500 * ms, "not early"},
		{500 * ms, "timer", 0, actSend, stateCalling, 1500 * ms, "When timer A fires, the client transaction MUST retransmit the request"},
		{1500 * ms, "timer", 0, actSend, stateCalling, 3500 * ms, "and MUST reset the timer with a value of 2*T1"},
		{3500 * ms, "timer", 0, actSend, stateCalling, 7500 * ms, "When timer A fires 2*T1 seconds later, the request MUST be retransmitted again"},
		{7500 * ms, "timer", 0, actSend, stateCalling, 15500 * ms, "doubling, not bounded by T2"},
		{15500 * ms, "timer", 0, actSend, stateCalling, 31500 * ms, ""},
		{31500 * ms, "timer", 0, actSend, stateCalling, 32 * s, ""},
		{32 * s, "timer", 0, actTimeout | actDone, stateTerminated, never, "If the client transaction is still in the Calling state when timer B fires, the client transaction SHOULD inform the TU that a timeout has occurred"},
	})
	run(t, "Figure 5, rejected", clientInviteMachine(false, defaults()), []step{
		{0, "start", 0, actSend, stateCalling, 500 * ms, ""},
		{100 * ms, "response", 180, actDeliver, stateProceeding, never, "In the Proceeding state, the client transaction SHOULD NOT retransmit the request any longer"},
		{200 * ms, "response", 183, actDeliver, stateProceeding, never, "Any further provisional responses MUST be passed up to the TU"},
		{300 * ms, "response", 486, actDeliver | actACK, stateCompleted, 32300 * ms, "the response MUST be passed up to the TU, and the client transaction MUST generate an ACK request"},
		{400 * ms, "response", 486, actACK, stateCompleted, 32300 * ms, "Any retransmissions ... MUST cause the ACK to be re-passed ... but the newly received response MUST NOT be passed up to the TU"},
		{500 * ms, "response", 180, 0, stateCompleted, 32300 * ms, "late provisional"},
		{32300 * ms, "timer", 0, actDone, stateTerminated, never, "If timer D fires ... MUST move to the terminated state"},
	})
	run(t, "Figure 5, reliable", clientInviteMachine(true, defaults()), []step{
		{0, "start", 0, actSend, stateCalling, 32 * s, "If a reliable transport is being used, the client transaction SHOULD NOT start timer A"},
		{100 * ms, "response", 404, actDeliver | actACK | actDone, stateTerminated, never, "a value of zero seconds for reliable transports"},
	})
	run(t, "RFC 6026 §7.2, Accepted", clientInviteMachine(false, defaults()), []step{
		{0, "start", 0, actSend, stateCalling, 500 * ms, ""},
		{100 * ms, "response", 200, actDeliver, stateAccepted, 32100 * ms, "enter the Accepted state ... set Timer M to 64*T1"},
		{600 * ms, "response", 200, actDeliver, stateAccepted, 32100 * ms, "A 2xx response received while in the Accepted state MUST be passed to the TU"},
		{700 * ms, "response", 486, 0, stateAccepted, 32100 * ms, "only 2xx"},
		{800 * ms, "failed", 0, 0, stateAccepted, 32100 * ms, ""},
		{32100 * ms, "timer", 0, actDone, stateTerminated, never, "Timer M: MUST transition to the Terminated state"},
	})
	run(t, "§17.1.4, transport error", clientInviteMachine(false, defaults()), []step{
		{0, "start", 0, actSend, stateCalling, 500 * ms, ""},
		{0, "failed", 0, actFail | actDone, stateTerminated, never, "the client transaction SHOULD inform the TU ... and SHOULD transition directly to the terminated state"},
	})
	run(t, "§9.1, cancelled", clientInviteMachine(false, defaults()), []step{
		{0, "start", 0, actSend, stateCalling, 500 * ms, ""},
		{0, "cancel", 0, 0, stateCalling, 500 * ms, "MUST NOT be sent before a provisional response"},
		{100 * ms, "response", 100, actDeliver, stateProceeding, never, ""},
		{1 * s, "cancel", 0, 0, stateProceeding, 33 * s, "If there is no final response for the original request in 64*T1 seconds"},
		{2 * s, "response", 180, actDeliver, stateProceeding, 33 * s, "a provisional response does not prolong it"},
		{33 * s, "timer", 0, actTimeout | actDone, stateTerminated, never, "SHOULD then consider the original transaction cancelled and SHOULD destroy the client transaction"},
	})
	c := defaults()
	c.C = 180 * s
	run(t, "§16.7, Timer C", clientInviteMachine(false, c), []step{
		{0, "start", 0, actSend, stateCalling, 500 * ms, ""},
		{10 * s, "response", 180, actDeliver, stateProceeding, 190 * s, ""},
		{20 * s, "response", 180, actDeliver, stateProceeding, 200 * s, "the proxy MUST reset timer C for that client transaction"},
		{200 * s, "timer", 0, actCancel, stateProceeding, 232 * s, "§16.8: it MUST generate a CANCEL"},
	})
}

func clientOtherMachine(reliable bool) machine {
	m, t := new(clientOther), defaults()
	return machine{func(st step) action {
		switch st.event {
		case "start":
			return m.start(st.at, t, reliable)
		case "timer":
			return m.timeout(st.at, t)
		case "response":
			return m.response(st.at, t, st.status)
		}
		return m.failed()
	}, m.deadline, func() state { return m.state }}
}

func TestClientOtherMachine(t *testing.T) {
	run(t, "Figure 6", clientOtherMachine(false), []step{
		{0, "start", 0, actSend, stateTrying, 500 * ms, "it MUST set timer E to fire in T1 seconds"},
		{500 * ms, "timer", 0, actSend, stateTrying, 1500 * ms, "the timer is reset, but this time with a value of MIN(2*T1, T2)"},
		{1500 * ms, "timer", 0, actSend, stateTrying, 3500 * ms, "MIN(4*T1, T2)"},
		{3500 * ms, "timer", 0, actSend, stateTrying, 7500 * ms, ""},
		{7500 * ms, "timer", 0, actSend, stateTrying, 11500 * ms, "T2 at most"},
		{8 * s, "response", 100, actDeliver, stateProceeding, 11500 * ms, "the response MUST be passed to the TU, and then the client transaction SHOULD move to the Proceeding state"},
		{11500 * ms, "timer", 0, actSend, stateProceeding, 15500 * ms, "If Timer E fires while in the Proceeding state ... Timer E MUST be reset with a value of T2 seconds"},
		{12 * s, "response", 200, actDeliver, stateCompleted, 17 * s, "MUST be passed to the TU, and ... MUST transition to the Completed state; it MUST set Timer K to fire in T4 seconds"},
		{13 * s, "response", 200, 0, stateCompleted, 17 * s, "buffers retransmissions"},
		{17 * s, "timer", 0, actDone, stateTerminated, never, "If Timer K fires while in this state, the client transaction MUST transition to the Terminated state"},
	})
	run(t, "Figure 6, Timer F in Proceeding", clientOtherMachine(true), []step{
		{0, "start", 0, actSend, stateTrying, 32 * s, "reliable: no Timer E"},
		{1 * s, "response", 100, actDeliver, stateProceeding, 32 * s, ""},
		{32 * s, "timer", 0, actTimeout | actDone, stateTerminated, never, "If timer F fires while in the Proceeding state, the TU MUST be informed of a timeout, and ... MUST transition to the terminated state"},
	})
	run(t, "Figure 6, reliable", clientOtherMachine(true), []step{
		{0, "start", 0, actSend, stateTrying, 32 * s, ""},
		{1 * s, "response", 501, actDeliver | actDone, stateTerminated, never, "Timer K: zero seconds for reliable transports"},
		{1 * s, "failed", 0, 0, stateTerminated, never, ""},
	})
	run(t, "Figure 6, transport error", clientOtherMachine(false), []step{
		{0, "start", 0, actSend, stateTrying, 500 * ms, ""},
		{0, "failed", 0, actFail | actDone, stateTerminated, never, "§17.1.4"},
	})
}

func serverInviteMachine(reliable bool, t *Timers) machine {
	m := new(serverInvite)
	return machine{func(st step) action {
		switch st.event {
		case "start":
			return m.start(st.at, t, reliable)
		case "timer":
			return m.timeout(st.at, t)
		case "request":
			return m.request()
		case "respond":
			return m.respond(st.at, t, st.status, true)
		case "forward":
			return m.respond(st.at, t, st.status, false)
		case "ack":
			return m.ack(st.at, t)
		}
		return m.failed()
	}, m.deadline, func() state { return m.state }}
}

func TestServerInviteMachine(t *testing.T) {
	run(t, "Figure 7, rejected", serverInviteMachine(false, defaults()), []step{
		{0, "start", 0, 0, stateProceeding, 200 * ms, ""},
		{100 * ms, "request", 0, 0, stateProceeding, 200 * ms, "nothing sent yet: nothing to repeat"},
		{200 * ms, "timer", 0, actTrying, stateProceeding, never, "MUST generate a 100 (Trying) response unless ... within 200 ms"},
		{250 * ms, "request", 0, actSend, stateProceeding, never, "the most recent provisional response that was received from the TU MUST be passed to the transport layer"},
		{300 * ms, "respond", 180, actSend, stateProceeding, never, ""},
		{1 * s, "respond", 486, actSend, stateCompleted, 1500 * ms, "the state machine MUST enter the Completed state; timer G is set to fire in T1 seconds"},
		{1200 * ms, "request", 0, actSend, stateCompleted, 1500 * ms, "while in the Completed state, if a request retransmission is received, the server SHOULD pass the response to the transport"},
		{1500 * ms, "timer", 0, actSend, stateCompleted, 2500 * ms, "the response is passed to the transport layer once more, and timer G is set to fire in MIN(2*T1, T2)"},
		{2500 * ms, "timer", 0, actSend, stateCompleted, 4500 * ms, "from then on, the value of timer G is doubled"},
		{4500 * ms, "timer", 0, actSend, stateCompleted, 8500 * ms, "T2"},
		{8500 * ms, "timer", 0, actSend, stateCompleted, 12500 * ms, "unless that value exceeds T2"},
		{9 * s, "ack", 0, actAcked, stateConfirmed, 14 * s, "If an ACK is received while in the Completed state, the server transaction MUST transition to the Confirmed state; timer G is ignored; Timer I is T4"},
		{9 * s, "ack", 0, 0, stateConfirmed, 14 * s, "absorb any additional ACK"},
		{10 * s, "request", 0, 0, stateConfirmed, 14 * s, ""},
		{14 * s, "timer", 0, actDone, stateTerminated, never, "Once timer I fires, the server MUST transition to the Terminated state"},
	})
	run(t, "Figure 7, no ACK", serverInviteMachine(true, defaults()), []step{
		{0, "start", 0, 0, stateProceeding, 200 * ms, ""},
		{0, "respond", 600, actSend, stateCompleted, 32 * s, "reliable: no timer G; timer H MUST be set to fire in 64*T1 seconds for all transports"},
		{1 * s, "failed", 0, actFail, stateCompleted, 32 * s, "RFC 6026 §8.9: SHOULD remain in the current state"},
		{32 * s, "timer", 0, actNoACK | actDone, stateTerminated, never, "If timer H fires ... MUST transition to the Terminated state"},
	})
	run(t, "Figure 7, ACK over a reliable transport", serverInviteMachine(true, defaults()), []step{
		{0, "start", 0, 0, stateProceeding, 200 * ms, ""},
		{0, "respond", 486, actSend, stateCompleted, 32 * s, ""},
		{1 * s, "ack", 0, actAcked | actDone, stateTerminated, never, "Timer I: zero seconds for reliable transports"},
	})
	run(t, "RFC 6026 §7.1 and §13.3.1.4, 2xx of a UAS", serverInviteMachine(true, defaults()), []step{
		{0, "start", 0, 0, stateProceeding, 200 * ms, ""},
		{0, "respond", 200, actSend, stateAccepted, 500 * ms, "an interval that starts at T1 ... independent of the transport"},
		{500 * ms, "timer", 0, actSend, stateAccepted, 1500 * ms, "doubles"},
		{600 * ms, "request", 0, 0, stateAccepted, 1500 * ms, "any retransmissions of the INVITE ... absorbed; MUST NOT pass on"},
		{700 * ms, "respond", 200, 0, stateAccepted, 1500 * ms, "once is enough"},
		{1 * s, "ack", 0, actAcked, stateAccepted, 32 * s, ""},
		{2 * s, "ack", 0, 0, stateAccepted, 32 * s, "told once"},
		{32 * s, "timer", 0, actDone, stateTerminated, never, "When Timer L fires and the state is Accepted, the machine MUST transition to the Terminated state"},
	})
	run(t, "§13.3.1.4, 2xx without ACK", serverInviteMachine(false, defaults()), []step{
		{0, "start", 0, 0, stateProceeding, 200 * ms, ""},
		{0, "respond", 200, actSend, stateAccepted, 500 * ms, ""},
		{32 * s, "timer", 0, actNoACK | actDone, stateTerminated, never, "If the server retransmits the 2xx response for 64*T1 seconds without receiving an ACK"},
	})
	run(t, "RFC 6026 §7.1, 2xx of a proxy", serverInviteMachine(false, defaults()), []step{
		{0, "start", 0, 0, stateProceeding, 200 * ms, ""},
		{0, "forward", 200, actSend, stateAccepted, 32 * s, ""},
		{1 * s, "forward", 200, actSend, stateAccepted, 32 * s, "if the TU passes another 2xx while in the Accepted state, it MUST be passed to the transport layer"},
		{1 * s, "ack", 0, 0, stateAccepted, 32 * s, "ACKs to a 2xx pass by the transaction"},
		{1 * s, "forward", 486, 0, stateAccepted, 32 * s, ""},
		{32 * s, "timer", 0, actDone, stateTerminated, never, ""},
	})
	now := defaults()
	now.Trying = -1
	run(t, "100 at once", serverInviteMachine(false, now), []step{
		{0, "start", 0, actTrying, stateProceeding, never, ""},
		{0, "request", 0, actSend, stateProceeding, never, ""},
	})
}

func serverOtherMachine(reliable bool) machine {
	m, t := new(serverOther), defaults()
	return machine{func(st step) action {
		switch st.event {
		case "start":
			return m.start(st.at, t, reliable)
		case "timer":
			return m.timeout(st.at, t)
		case "request":
			return m.request()
		case "respond":
			return m.respond(st.at, t, st.status)
		}
		return m.failed()
	}, m.deadline, func() state { return m.state }}
}

func TestServerOtherMachine(t *testing.T) {
	run(t, "Figure 8", serverOtherMachine(false), []step{
		{0, "start", 0, 0, stateTrying, 3500 * ms, ""},
		{500 * ms, "request", 0, 0, stateTrying, 3500 * ms, "Once in the Trying state, any further request retransmissions are discarded"},
		{600 * ms, "respond", 180, 0, stateTrying, 3500 * ms, "RFC 4320 §4.1: MUST NOT send a provisional response with a status-code other than 100"},
		{3500 * ms, "timer", 0, actTrying, stateProceeding, 32 * s, "RFC 4320 §4.1: an element MUST respond with a 100 ... after the amount of time it takes a client transaction's Timer E to be reset to T2"},
		{3600 * ms, "request", 0, actSend, stateProceeding, 32 * s, "the most recently sent provisional response MUST be passed to the transport layer for retransmission"},
		{4 * s, "respond", 200, actSend, stateCompleted, 36 * s, "MUST enter the Completed state, and the response MUST be passed to the transport layer; Timer J: 64*T1"},
		{5 * s, "request", 0, actSend, stateCompleted, 36 * s, "MUST pass the final response to the transport layer for retransmission"},
		{6 * s, "respond", 500, 0, stateCompleted, 36 * s, "Any other final responses passed by the TU ... MUST be discarded while in the Completed state"},
		{7 * s, "failed", 0, actFail, stateCompleted, 36 * s, "RFC 6026 §8.9"},
		{36 * s, "timer", 0, actDone, stateTerminated, never, "until Timer J fires, at which point it MUST transition to the Terminated state"},
	})
	run(t, "Figure 8, reliable", serverOtherMachine(true), []step{
		{0, "start", 0, 0, stateTrying, 3500 * ms, ""},
		{1 * s, "respond", 200, actSend | actDone, stateTerminated, never, "Timer J: zero seconds for reliable transports"},
	})
	run(t, "RFC 4320 §4.2", serverOtherMachine(false), []step{
		{0, "start", 0, 0, stateTrying, 3500 * ms, ""},
		{1 * s, "respond", 408, actDone, stateTerminated, never, "MUST NOT send a response with a status-code of 408 to a non-INVITE request"},
	})
	run(t, "nobody answers", serverOtherMachine(false), []step{
		{0, "start", 0, 0, stateTrying, 3500 * ms, ""},
		{32 * s, "timer", 0, actTimeout | actDone, stateTerminated, never, "after Timer F of the client a response is of no use"},
	})
}

// TestWheel compares the wheel with what a timer must do: fire once, not early,
// and at the latest one turn of the loop after its tick.
func TestWheel(t *testing.T) {
	src := rand.New(rand.NewPCG(3, 4))
	for round := range 50 {
		var w wheel
		w.init()
		var now time.Duration
		live := make(map[*alarm]bool)
		for range 2000 {
			switch src.IntN(4) {
			case 0, 1:
				a := &alarm{t: t, live: live}
				a.owner = a
				reach := []time.Duration{100 * ms, 40 * s, time.Hour, 50 * time.Hour}[src.IntN(4)]
				a.due = now + time.Duration(src.Int64N(int64(reach)))
				w.add(&a.timer, a.due, now)
				live[a] = true
			case 2:
				for a := range live {
					w.remove(&a.timer)
					delete(live, a)
					break
				}
			case 3:
				if src.IntN(2) == 0 && w.next() != never {
					now = max(now, w.next())
				} else {
					now += time.Duration(src.Int64N(int64([]time.Duration{10 * ms, s, time.Hour}[src.IntN(3)])))
				}
				w.advance(now)
				for a := range live {
					if a.due+1<<tickShift <= now {
						t.Fatalf("round %d: a timer for %v has not fired at %v", round, a.due, now)
					}
				}
			}
		}
		for w.next() != never {
			now = max(now+1, w.next())
			w.advance(now)
		}
		if len(live) != 0 {
			t.Fatalf("round %d: %d timers never fired", round, len(live))
		}
	}
}

type alarm struct {
	timer
	t    *testing.T
	due  time.Duration
	live map[*alarm]bool
}

func (a *alarm) expire(now time.Duration) {
	if now < a.due {
		a.t.Errorf("a timer for %v fired at %v", a.due, now)
	}
	if !a.live[a] {
		a.t.Error("a timer fired twice, or after it was removed")
	}
	delete(a.live, a)
}
