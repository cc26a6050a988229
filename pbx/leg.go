package pbx

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/pbx/presence"
	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
)

// legState is how far a leg has come.
type legState uint8

const (
	legIdle    legState = iota // nothing sent yet
	legTrying                  // INVITE sent or received
	legRinging                 // 180 sent or received
	legEarly                   // 183 with SDP: sound before the answer
	legUp                      // answered
	legGone                    // ended; cause says why
)

// leg is one side of a call: a dialog and a stream. It is owned by its
// channel's goroutine, except that Deliver may be called from a shard and
// watch from a loop of the relay; both only post into the mailbox.
type leg struct {
	ch       *channel // whose goroutine has the leg
	endpoint *pjsip.Endpoint
	name     string // PJSIP/8006-0000002b
	party           // the person at this side
	dialed   string // outgoing: what Dial was told to call
	host     string // our name towards the peer, "" = not known yet
	peer     *leg   // connected by the bridge; nil = none

	outgoing   bool
	inside     bool // an end of a Local channel
	stays      bool // its peer does not take another address than ours
	calmed     bool // it has left out its first re-INVITE for direct media
	untold     bool // and so its peer does not know of detour
	progressed bool // a callee's 183 without SDP
	offering   bool // an offer of modify waits for its answer
	state      legState
	cause      Cause // when gone
	lit        presence.ChannelState
	status     uint16      // of the final answer that refused us
	waits      atomic.Bool // something waits for the ACK to our answer, or is about to; for Deliver

	session    dialogue
	invitation *dialog.Invitation // outgoing, until the final answer
	early      *dialog.Session    // outgoing: the dialog of the first provisional answer, until the final one
	callID     string
	remoteAddr netip.Addr       // where the peer's signalling is
	call       *outgoingCall    // until our INVITE has been sent
	redirect   *sip.Response    // the 3xx that refused us, until it has been followed
	request    *sip.Request     // the caller's INVITE, if the dialplan reads headers
	response   *sip.Response    // the callee's answer, likewise
	extra      []dialog.Header  // of our INVITE, from PJSIP_HEADER
	body       string           // of the caller's INVITE, until it has been read
	chosen     []string         // codecs to use in the place of the endpoint's (PJSIP_MEDIA_OFFER); nil: the endpoint's
	left       *dialplan.State  // where the channel was that Bridge took it from; nil = nowhere
	spied      int              // how many listen to it
	promised   *dialog.Notifier // of a transfer: tells the transferer when its sound has come back
	pending    func() error     // an offer that waits until another exchange has ended
	codes      []code           // what keys of this side do while it talks; nil = nothing
	typed      string           // keys that may become a code
	typeBy     time.Time        // when they do not any more

	stream

	door sync.Mutex // guards the following
	home *channel   // ch, for those that post
}

// newCallerLeg is the leg of an INVITE that came in.
func newCallerLeg(ch *channel, e *pjsip.Endpoint, tx *transaction.Server, req *sip.Request) *leg {
	l := &leg{ch: ch, home: ch, endpoint: e, state: legTrying, callID: strings.Clone(req.CallID())}
	if ch != nil {
		l.name = ch.name
	}
	l.party = callingParty(e, &req.Message).clone()
	if ch != nil && ch.set.Plan.ReadsHeaders() {
		l.request = req
	}
	l.remoteAddr = tx.Flow().Remote().Addr().Unmap()
	return l
}

// Deliver implements dialog.Sink. What the peer can repeat without end is
// dropped when the mailbox is full.
func (l *leg) Deliver(e dialog.Event) {
	droppable := false
	switch e := e.(type) {
	case dialog.Confirmed:
		// Of an ACK without an answer the channel has nothing to learn unless it
		// waits for it, to make an offer or to send REFER: every call would be woken.
		if e.SDP == "" && !l.waits.Load() {
			return
		}
	case dialog.Info, dialog.Message, dialog.Progress:
		droppable = true
	}
	l.post(e, droppable)
}

// watch takes the relay's events.
func (l *leg) watch(e relay.Event) {
	if e.Kind == relay.Played {
		l.post(e, true)
	}
}

// handle changes the leg by one event.
func (l *leg) handle(what any) {
	switch e := what.(type) {
	case dialog.Progress:
		l.progress(e)
	case dialog.Answered:
		l.answered(e)
	case dialog.Rejected:
		l.rejected(e)
	case dialog.Confirmed:
		l.confirmed(e)
	case dialog.Offer:
		l.reoffered(e)
	case dialog.Answer:
		l.reanswered(e)
	case dialog.Info:
		l.info(e)
	case dialog.Refer:
		l.refer(e)
	case dialog.Ended:
		l.ended(e)
	case relay.Event:
		l.played(e)
	case resolved:
		l.invite(e.targets, e.err)
	case farProgress, farAnswer, farEnd, farKey:
		l.far(what)
	case takeover:
		l.ch.take(e)
	case surrender:
		l.ch.surrender(e)
	case declined:
		l.declined(e.request)
	case pickedUp:
		l.ch.takePicked(e)
	case spied:
		l.spied += e.by
		l.settleMedia()
	case depart:
		l.ch.leaving = append(l.ch.leaving, leaving{l, e.until})
	case dialog.Message:
		l.message(e)
	case dialog.Notified, dialog.Subscribed, dialog.SubscriptionEnded:
		// Answered by the dialog layer; nothing in a call depends on them.
	}
}

// progress is a provisional answer of a callee.
func (l *leg) progress(e dialog.Progress) {
	if l.state >= legUp {
		return
	}
	if l.early == nil {
		l.early = e.Session
	}
	l.identified(&e.Res.Message)
	if e.Res.Status() == 181 {
		l.ch.divertedBy(l, &e.Res.Message, "")
	}
	body := e.SDP
	if e.Offer {
		body = ""
	}
	l.progressedTo(e.Res.Status(), body)
}

// progressedTo takes a provisional answer's status and description.
func (l *leg) progressedTo(status int, body string) {
	if l.state >= legUp {
		return
	}
	if body != "" {
		if err := l.accept(body); err == nil {
			l.state = legEarly
			return
		}
	}
	if status == 180 && l.state < legRinging {
		l.state = legRinging
	}
	if status == 183 && !l.endpoint.Ignore183WithoutSDP {
		l.progressed = true
	}
}

// answered is a callee's 200.
func (l *leg) answered(e dialog.Answered) {
	l.session, l.invitation, l.early = e.Session, nil, nil
	if l.ch.set.Plan.ReadsHeaders() {
		l.response = e.Res
	}
	if l.state == legGone { // it crossed our CANCEL
		_ = e.Session.Bye(dialog.NormalClearing)
		return
	}
	l.identified(&e.Res.Message)
	l.answeredWith(e.SDP)
}

// answeredWith takes the description of a callee's answer.
func (l *leg) answeredWith(body string) {
	var err error
	if body != "" || !l.agreed {
		err = l.accept(body)
	}
	if err != nil {
		l.ch.log().Info("answer refused", "peer", l.name, "error", err)
		l.drop(CauseBearerNotAvailable)
		return
	}
	l.talk.Settle()
	l.state = legUp
}

// rejected is the end of an INVITE of ours that nobody answered.
func (l *leg) rejected(e dialog.Rejected) {
	l.invitation = nil
	if l.state == legGone {
		return
	}
	l.state = legGone
	l.cause = CauseOfStatus(e.Status)
	if e.Reason.Protocol == "Q.850" && e.Reason.Cause > 0 && e.Reason.Cause < 128 {
		l.cause = Cause(e.Reason.Cause)
	}
	l.status = uint16(e.Status)
	if e.Status/100 == 3 {
		l.redirect = e.Res
	}
}

// ended is the last event of a dialog.
func (l *leg) ended(e dialog.Ended) {
	if l.state == legGone {
		return
	}
	l.state = legGone
	l.cause = endCause(e)
	if l == l.ch.caller {
		l.ch.callerEnded()
		return
	}
	if l.ch.hungUp == "" && l.ch.owns(l) {
		l.ch.hungUp = l.name
	}
}

// endCause is the hang-up cause of a dialog's end: what the peer's Reason
// says in Q.850, else what its end stands for.
func endCause(e dialog.Ended) Cause {
	if e.Reason.Protocol == "Q.850" && e.Reason.Cause > 0 && e.Reason.Cause < 128 {
		return Cause(e.Reason.Cause)
	}
	switch e.Cause {
	case dialog.CauseNoAck, dialog.CauseNoPrack, dialog.CauseTimeout, dialog.CauseExpired:
		return CauseRecoveryOnTimer
	case dialog.CauseGone, dialog.CauseTransport:
		return CauseDestinationOutOfOrd
	case dialog.CauseStopped:
		return CauseTemporaryFailure
	case dialog.CauseNoAnswer:
		return CauseBearerNotAvailable
	case dialog.CauseCancelled:
		return CauseNone
	}
	return CauseNormalClearing
}

// InfoTypes are the media types of INFO bodies that leg.info understands, for
// dialog.Config.InfoTypes.
func InfoTypes() []string {
	return []string{"application/dtmf-relay", "application/dtmf", "application/media_control+xml"}
}

// info is an INFO in the dialog: a key, in the two forms phones use.
func (l *leg) info(e dialog.Info) {
	if l.state != legUp && l.state != legEarly && l.state != legTrying {
		return
	}
	if record := e.Req.GetName("Record"); record != "" {
		l.oneTouch(record)
		return
	}
	body := strings.TrimSpace(e.Body)
	kind, _, _ := strings.Cut(e.ContentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/dtmf-relay":
		body = field(body, "signal")
	case "application/dtmf":
	case "application/media_control+xml": // RFC 5168: a new picture is asked of whoever sends it
		if p := l.peer; p != nil && p.session != nil && p.state == legUp {
			_ = p.session.Send(sip.INFO, e.ContentType, e.Body, nil)
		}
		return
	default:
		return
	}
	if r, ok := keyOf(body); ok {
		l.ch.press(l, r)
	}
}

// field returns a value of "name=value" lines.
func field(body, name string) string {
	for line := range strings.Lines(body) {
		n, v, ok := strings.Cut(line, "=")
		if ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// keyOf reads a key: its character, or 10 and 11 for * and #.
func keyOf(s string) (rune, bool) {
	switch s {
	case "10":
		return '*', true
	case "11":
		return '#', true
	}
	if len(s) == 1 && strings.Contains(keypad, strings.ToUpper(s)) {
		return rune(strings.ToUpper(s)[0]), true
	}
	return 0, false
}

// keypad are the keys of a telephone in the order of RFC 4733's event codes.
const keypad = "0123456789*#ABCD"

// hangUp ends the leg's dialog in the way its state asks for.
func (l *leg) hangUp(cause Cause) {
	if l.state == legGone {
		return
	}
	was := l.state
	l.state = legGone
	if l.cause == CauseNone {
		l.cause = cause
	}
	switch {
	case l.invitation != nil:
		_ = l.invitation.Cancel(l.reasonOf(cause))
	case l.session == nil:
	case l.outgoing || was == legUp:
		_ = l.bye(l.reasonOf(cause))
	default:
		_ = l.session.Reject(l.refusal(cause), "", l.reasonHeader(cause)...)
	}
}

// refusal is the status an unanswered caller gets.
func (l *leg) refusal(cause Cause) int {
	if l.status != 0 {
		return int(l.status)
	}
	return cause.Status()
}

// cancelElsewhere gives up a callee because another one has answered
// (RFC 3326 §2: SIP;cause=200).
func (l *leg) cancelElsewhere() {
	switch {
	case l.invitation != nil:
		_ = l.invitation.Cancel(dialog.AnsweredElsewhere)
	case l.session != nil:
		_ = l.session.Bye(dialog.Reason{Protocol: "Q.850", Cause: int(CauseAnsweredElsewhere)})
	}
	l.state = legGone
	l.cause = CauseAnsweredElsewhere
}

// drop ends a leg for a cause of ours.
func (l *leg) drop(cause Cause) {
	l.hangUp(cause)
	l.cause = cause
}

// tooLate looks at an event that came when the channel had ended: a 200 that
// crossed our CANCEL still needs its BYE.
func (l *leg) tooLate(what any) {
	switch e := what.(type) {
	case dialog.Answered:
		_ = e.Session.Bye(dialog.NormalClearing)
	case takeover:
		l.drop(CauseNormalClearing)
		l.closeMedia()
		tellReferrer(e.referred, 481, "")
	case pickedUp, settled:
		l.drop(CauseNormalClearing)
		l.closeMedia()
	case depart:
		l.drop(CauseNormalClearing)
		l.closeMedia()
	case surrender:
		e.to.post(declined{e}, false)
	}
}

// reasonOf writes a cause for a BYE or CANCEL (RFC 3326), unless the endpoint
// does not want to know (suppress_q850_reason_headers).
func (l *leg) reasonOf(c Cause) dialog.Reason {
	if l.endpoint.SuppressQ850Reason {
		return dialog.Reason{}
	}
	if c == CauseNone {
		c = CauseNormalClearing
	}
	return dialog.Reason{Protocol: "Q.850", Cause: int(c)}
}

// reasonHeader is reasonOf as a header field for a final response.
func (l *leg) reasonHeader(c Cause) []dialog.Header {
	if c == CauseNone || l.endpoint.SuppressQ850Reason {
		return nil
	}
	return []dialog.Header{{Name: "Reason", Value: l.reasonOf(c).String()}}
}

// since is the time from one moment to another, zero if it never began.
func since(from, to time.Time) time.Duration {
	if from.IsZero() || to.Before(from) {
		return 0
	}
	return to.Sub(from)
}
