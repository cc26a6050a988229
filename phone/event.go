package phone

import (
	"fmt"
	"time"
)

// Kind says what an Event tells.
type Kind string

// The kinds of events.
const (
	Registered   Kind = "registered"   // the registrar accepted us, or our refresh
	Unregistered Kind = "unregistered" // we took our binding back
	RegisterFail Kind = "register-failed"
	Incoming     Kind = "incoming" // somebody calls; see Call.Answer
	Calling      Kind = "calling"  // our INVITE was sent
	Ringing      Kind = "ringing"  // the callee rings; Status says how
	EarlyMedia   Kind = "early-media"
	Answered     Kind = "answered" // both can talk
	Held         Kind = "held"     // we put the peer on hold
	Resumed      Kind = "resumed"
	PeerHeld     Kind = "peer-held" // the peer put us on hold
	PeerResumed  Kind = "peer-resumed"
	Digit        Kind = "digit" // the peer pressed a key
	Ended        Kind = "ended" // the call's last event
)

// Event is one thing that happened to the phone or one of its calls.
type Event struct {
	Time   time.Time
	Kind   Kind
	Call   *Call  // nil for events of the registration
	Status int    // SIP status, if one caused it
	Text   string // reason phrase, peer's address, or error
	Digit  byte   // of a Digit event
}

// String is the event in one line.
func (e Event) String() string {
	s := string(e.Kind)
	if e.Call != nil {
		s += fmt.Sprintf(" %d", e.Call.Number())
	}
	if e.Digit != 0 {
		s += " " + string(rune(e.Digit))
	}
	if e.Status != 0 {
		s += fmt.Sprintf(" %d", e.Status)
	}
	if e.Text != "" {
		s += " " + e.Text
	}
	return s
}

// Refused is the error of a request that was answered, but not with a 2xx.
type Refused struct {
	Status int
	Reason string
}

// Error says what was answered.
func (r *Refused) Error() string { return fmt.Sprintf("%d %s", r.Status, r.Reason) }
