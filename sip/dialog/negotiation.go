package dialog

import "strings"

// negotiation follows the offer/answer model of RFC 3264 over the messages of
// RFC 3261 §13, RFC 3262 §5 and RFC 3311 §5: at any time at most one offer
// waits for its answer (RFC 3264 §4). It is pure. The peer's descriptions are
// copied, because they are views of its messages; ours are kept as they are.
type negotiation struct {
	state  offerState
	local  string // our description in force
	remote string // the peer's description in force
	offer  string // the offer that waits, if it is ours
	asked  string // the offer that waits, if it is the peer's
}

type offerState uint8

const (
	offerNone   offerState = iota // nothing waits
	offerLocal                    // our offer waits for the peer's answer
	offerRemote                   // the peer's offer waits for our answer
)

// sendOffer notes an offer of ours; it fails if another offer waits.
func (n *negotiation) sendOffer(sdp string) bool {
	if n.state != offerNone {
		return false
	}
	n.state, n.offer = offerLocal, sdp
	return true
}

// takeOffer notes an offer of the peer; it fails if another offer waits.
func (n *negotiation) takeOffer(sdp string) bool {
	if n.state != offerNone {
		return false
	}
	n.state, n.asked = offerRemote, strings.Clone(sdp)
	return true
}

// sendAnswer closes the peer's offer.
func (n *negotiation) sendAnswer(sdp string) {
	if n.state == offerRemote {
		n.state, n.local, n.remote, n.asked = offerNone, sdp, n.asked, ""
	}
}

// takeAnswer closes our offer.
func (n *negotiation) takeAnswer(sdp string) bool {
	if n.state != offerLocal {
		return false
	}
	n.state, n.local, n.remote, n.offer = offerNone, n.offer, strings.Clone(sdp), ""
	return true
}

// abandon forgets the offer that waits; the descriptions in force stay
// (RFC 3261 §14.1, RFC 3311 §5.2).
func (n *negotiation) abandon() { n.state, n.offer, n.asked = offerNone, "", "" }
