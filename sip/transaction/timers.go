package transaction

import (
	"cmp"
	"math"
	"time"
)

// Timers are the base values of RFC 3261 Table 4. Zero fields take the default.
type Timers struct {
	T1 time.Duration // round-trip estimate; default 500 ms
	T2 time.Duration // longest retransmission interval; default 4 s
	T4 time.Duration // life of a message in the network; default 5 s
	// B is how long a client waits for a response: Timers B and F, and for the
	// ACK and 2xx Timers H, L and M; default 64*T1.
	B time.Duration
	// C is how long an INVITE waits for a final response after a provisional
	// one before it is cancelled (§16.6, more than 3 min for proxies); default
	// 0: for ever, the TU decides.
	C time.Duration
	D time.Duration // wait for retransmitted responses; default 32 s
	// Trying is how long an INVITE waits for the TU before the layer answers
	// 100 (§17.2.1); default 200 ms; negative: at once.
	Trying time.Duration
}

func (t Timers) withDefaults() Timers {
	t.T1 = cmp.Or(t.T1, 500*time.Millisecond)
	t.T2 = max(cmp.Or(t.T2, 4*time.Second), t.T1)
	t.T4 = cmp.Or(t.T4, 5*time.Second)
	t.B = cmp.Or(t.B, 64*t.T1)
	t.D = cmp.Or(t.D, 32*time.Second)
	t.Trying = cmp.Or(t.Trying, 200*time.Millisecond)
	return t
}

// untilT2 is the time a client's Timer E needs to reach T2 (RFC 4320 §4.1).
func (t *Timers) untilT2() time.Duration {
	var sum time.Duration
	for i := t.T1; i < t.T2; i *= 2 {
		sum += i
	}
	return sum
}

// Time in this package is the time since the layer was made.
const never = time.Duration(math.MaxInt64)

// An action is what a state machine asks for; several can come together and
// are carried out in the order of the constants.
type action uint16

const (
	actDeliver action = 1 << iota // hand the message to the TU
	actSend                       // send the request, or the last response
	actTrying                     // answer 100 on behalf of the TU
	actACK                        // send the ACK to a final response that is no 2xx
	actCancel                     // send a CANCEL
	actAcked                      // tell the TU of the ACK
	actTimeout                    // tell the TU: no answer came
	actNoACK                      // tell the TU: no ACK came
	actFail                       // tell the TU: the transport failed
	actDone                       // the transaction is over
)

func (a action) has(b action) bool { return a&b != 0 }

// A state is a state of one of the four machines.
type state uint8

const (
	stateCalling    state = iota // INVITE client: sent, nothing heard
	stateTrying                  // other: sent or received, nothing heard
	stateProceeding              // a provisional response passed, or (INVITE server) the TU is at work
	stateCompleted               // a final response passed (INVITE: not a 2xx)
	stateConfirmed               // INVITE server: its ACK has come
	stateAccepted                // INVITE: a 2xx passed (RFC 6026)
	stateTerminated              // over
)

var stateNames = [...]string{"Calling", "Trying", "Proceeding", "Completed", "Confirmed", "Accepted", "Terminated"}

// String returns the name of the state in the RFC's figures.
func (s state) String() string { return stateNames[s] }
