package dialog

import "github.com/hometone/hometone/sip"

// Sink receives the events of a session, an invitation or a subscription. It
// is called one event at a time and in order, outside all locks, mostly on the
// shard of the call, so it must not block: post into the mailbox of the call's
// goroutine. Calling methods of the session from within Deliver is allowed.
type Sink interface{ Deliver(Event) }

// Event is the closed set of things that happen to a call:
//
//	as caller:  Progress* then Answered or Rejected
//	as callee:  Confirmed after Session.Answer
//	both:       Offer, Answer, Refer, Info, Message, Incoming, Notified
//	at the end: exactly one Ended for every session that was accepted
//	            (Layer.Accept) or answered (Answered)
type Event interface{ event() }

// Progress is a provisional response above 100 to our INVITE. A reliable one
// has been acknowledged with PRACK (RFC 3262 §4), unless Offer is set.
type Progress struct {
	Invitation *Invitation
	Session    *Session // the early dialog; nil if the response had no To tag
	Res        *sip.Response
	SDP        string // the session description in it, if any
	Offer      bool   // SDP is an offer: call Session.AnswerOffer (it goes into the PRACK)
	Reliable   bool
}

// Answered is the first 2xx to our INVITE. It has been acknowledged, unless
// Offer is set. Further 2xx of a forked INVITE are acknowledged and ended with
// BYE, unless InviteConfig.Forks asks for them.
type Answered struct {
	Invitation *Invitation
	Session    *Session
	Res        *sip.Response
	SDP        string
	Offer      bool // our INVITE had no offer: call Session.AnswerOffer (it goes into the ACK)
}

// Rejected is the end of an invitation that was not answered: a final
// response of 300 and more, or Err if none came (transaction.ErrTimeout …).
// Early sessions of the invitation are gone with it.
type Rejected struct {
	Invitation *Invitation
	Status     int           // 408 for a timeout, 503 for a transport failure (RFC 3261 §8.1.3.1)
	Res        *sip.Response // nil if none came
	Reason     Reason        // from the Reason header field, if any
	Err        error
}

// Confirmed is the ACK to our 2xx. SDP is set when our 2xx carried the offer.
type Confirmed struct {
	Session *Session
	SDP     string
}

// Offer asks for an answer: a re-INVITE or UPDATE, or the PRACK or first
// INVITE of a peer with a description. Call Session.AnswerOffer or
// Session.RejectOffer. SDP is empty when the peer's re-INVITE carried none:
// then AnswerOffer takes our offer and the peer's answer comes as Answer.
type Offer struct {
	Session *Session
	Method  sip.Method
	SDP     string
	Req     *sip.Request
}

// Answer closes an exchange that we opened with Session.ReInvite,
// Session.Update, a late or reliable offer. On failure Status is 300 and more
// and the session stays as it was (RFC 3261 §14.1).
type Answer struct {
	Session *Session
	Method  sip.Method // INVITE, UPDATE, PRACK or ACK: where the answer was found
	Status  int
	SDP     string
	Offer   bool // SDP is an offer, because our re-INVITE had none: call Session.AnswerOffer
	Res     *sip.Response
	Err     error
}

// Withdrawn tells that the peer took an Offer back with CANCEL before it was
// answered.
type Withdrawn struct{ Session *Session }

// Refer asks to contact To (RFC 3515). Call Request.Accept or Request.Reject.
type Refer struct {
	Session    *Session
	To         sip.Address // Refer-To, with method and header parameters as sent
	ReferredBy string      // raw Referred-By, or "" (RFC 3892)
	Request    *Referral
}

// Info is an INFO request (RFC 6086); it has been answered with 200.
type Info struct {
	Session     *Session
	Package     string // Info-Package, or "" for the old form (RFC 2976)
	ContentType string
	Body        string
	Req         *sip.Request
}

// Message is an instant message in the dialog (RFC 3428); it has been
// answered with 200.
type Message struct {
	Session     *Session
	ContentType string
	Body        string
	Req         *sip.Request
}

// Notified is a NOTIFY of a subscription of ours (RFC 6665 §4.1.3); it has
// been answered with 200.
type Notified struct {
	Subscription *Subscription
	State        string // "active", "pending", "terminated"
	Reason       string // event-reason of a terminated subscription
	ContentType  string
	Body         string
	// Status is the status line of a message/sipfrag body, as NOTIFY of a
	// REFER carries it (RFC 3515 §2.4.4), else 0.
	Status int
	Req    *sip.Request
}

// Subscribed is a SUBSCRIBE that refreshed or ended a subscription of which we
// are the notifier (Expires 0 ends it), after it has been answered with 200, or
// the end of its time. With NotifierOptions.OwnState the application sends the
// state with Notifier.Notify; otherwise the layer has repeated it.
type Subscribed struct {
	Notifier *Notifier
	Expires  int          // seconds
	Req      *sip.Request // nil: the time is over
}

// SubscriptionEnded is the last event of a Subscription or Notifier.
type SubscriptionEnded struct {
	Subscription *Subscription // one of the two is set
	Notifier     *Notifier
	Status       int    // of the SUBSCRIBE or NOTIFY that failed, or 0
	Reason       string // event-reason, "timeout" when it ran out
	Err          error
}

// Ended is the last event of a session.
type Ended struct {
	Session *Session
	Cause   Cause
	Reason  Reason       // of the peer's BYE or CANCEL, if it gave one (RFC 3326)
	Req     *sip.Request // that BYE or CANCEL, if there was one
	Status  int          // status that ended it, or 0
	Err     error
}

func (Progress) event()          {}
func (Answered) event()          {}
func (Rejected) event()          {}
func (Confirmed) event()         {}
func (Offer) event()             {}
func (Answer) event()            {}
func (Withdrawn) event()         {}
func (Refer) event()             {}
func (Info) event()              {}
func (Message) event()           {}
func (Notified) event()          {}
func (Subscribed) event()        {}
func (SubscriptionEnded) event() {}
func (Ended) event()             {}

// Reason is one value of the Reason header field (RFC 3326); the zero value
// means none was given.
type Reason = sip.Reason

// Reasons that users of this package send often.
var (
	// AnsweredElsewhere goes with the CANCEL of the forks that lost.
	AnsweredElsewhere = Reason{Protocol: "SIP", Cause: 200, Text: "Call completed elsewhere"}
	// NormalClearing is the ordinary end of a call (Q.850 cause 16).
	NormalClearing = Reason{Protocol: "Q.850", Cause: 16, Text: "Normal call clearing"}
)

// Cause says why a session ended.
type Cause uint8

// The causes.
const (
	CauseNone      Cause = iota
	CauseBye             // the peer sent BYE
	CauseLocalBye        // Session.Bye
	CauseCancelled       // the peer cancelled its INVITE (§9.2)
	CauseRejected        // Session.Reject
	CauseNoAck           // no ACK to our 2xx came within 64*T1 (§13.3.1.4)
	CauseNoPrack         // no PRACK to our reliable provisional came (RFC 3262 §3)
	CauseExpired         // nobody refreshed the session (RFC 4028 §10)
	CauseGone            // the peer answered 404, 408, 410, 416, 480, 481… in the dialog (RFC 5057)
	CauseTimeout         // the peer did not answer a request in the dialog (§12.2.1.2)
	CauseTransport       // a request in the dialog could not be sent
	CauseNoAnswer        // an offer in a final response or an ACK was never answered
	CauseReplaced        // an INVITE with Replaces took its place (RFC 3891)
	CauseStopped         // Layer.Run ended
)

var causes = [...]string{"none", "bye", "local bye", "cancelled", "rejected", "no ACK", "no PRACK", "session expired",
	"dialog gone", "timeout", "transport failed", "no answer", "replaced", "stopped"}

// String returns the cause in a few words.
func (c Cause) String() string {
	if int(c) < len(causes) {
		return causes[c]
	}
	return "unknown"
}
