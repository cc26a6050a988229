package pbx

// DialStatus is the channel variable DIALSTATUS after Dial.
type DialStatus string

// The values of DIALSTATUS.
const (
	StatusAnswer      DialStatus = "ANSWER"
	StatusBusy        DialStatus = "BUSY"
	StatusNoAnswer    DialStatus = "NOANSWER"
	StatusCancel      DialStatus = "CANCEL"
	StatusCongestion  DialStatus = "CONGESTION"
	StatusUnavailable DialStatus = "CHANUNAVAIL"
	StatusInvalid     DialStatus = "INVALIDARGS"
	StatusDontCall    DialStatus = "DONTCALL" // the callee, asked, wants no call of this caller
	StatusTorture     DialStatus = "TORTURE"  // … wants the caller to suffer
)

// tally counts how the branches of a Dial failed.
type tally struct{ busy, congestion, unavailable, unanswered int }

// add counts one failed branch by its cause, with app_dial's grouping: no
// answer and normal clearing leave the Dial at NOANSWER, busy and congestion
// are themselves, and everything else means that the branch was not available.
func (t *tally) add(c Cause) {
	switch c {
	case CauseUserBusy:
		t.busy++
	case CauseCongestion:
		t.congestion++
	case CauseNoAnswer, CauseNormalClearing:
		t.unanswered++
	default:
		t.unavailable++
	}
}

// status is the Dial's result when all branches have failed: the busy one
// wins over the congested one, that one over the unavailable one, but only if
// nobody was merely not answering.
func (t *tally) status() DialStatus {
	switch {
	case t.unanswered > 0:
		return StatusNoAnswer
	case t.busy > 0:
		return StatusBusy
	case t.congestion > 0:
		return StatusCongestion
	default:
		return StatusUnavailable
	}
}
