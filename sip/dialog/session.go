package dialog

import (
	"errors"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// A Session is the INVITE usage of a dialog, on either side.
//
// Early sessions of an invitation live and die with it. A session that was
// accepted or answered ends with exactly one Ended event. All methods are safe
// for concurrent use; none blocks.
type Session struct {
	Dialog
	sink  Sink
	sched schedule

	state   sessionState
	deal    negotiation
	timer   sessionTimer
	ended   bool      // Ended has been delivered
	goBye   *farewell // BYE to be sent as soon as §15 allows
	parting *farewell // BYE that waits for the end of change
	gotSeq  uint32    // RSeq of the last reliable provisional that we acknowledged
	late    sip.RAck  // our reliable provisional whose PRACK the ACK has overtaken; zero: none

	callee   *callee       // until the ACK to our 2xx: the INVITE that we have to answer
	caller   *Invitation   // until our ACK: the INVITE that we sent
	incoming *incoming     // the INVITE of the peer that was answered last, until its ACK
	change   *change       // our re-INVITE or UPDATE that is under way
	asked    *pendingOffer // the peer's offer that the application has to answer
}

type sessionState uint8

const (
	stateEarly     sessionState = iota // no final response yet
	stateAnswered                      // callee: 2xx sent, waiting for ACK
	stateAcking                        // caller: 2xx with an offer came, the ACK waits for our answer
	stateConfirmed                     // ACK sent or received
	stateEnded                         // BYE sent or received, or given up
)

// farewell is a BYE that waits for the ACK.
type farewell struct {
	reason  Reason
	headers []Header
}

// pendingOffer is an offer of the peer and the message our answer goes into.
type pendingOffer struct {
	method   sip.Method          // INVITE, UPDATE, PRACK: the response to it; ACK: the ACK to our INVITE;
	tx       *transaction.Server // INVITE, UPDATE, PRACK
	req      *sip.Request        // of tx
	res      *sip.Response       // the response that carried the offer, if we answer in PRACK or ACK
	viaPrack bool                // the answer goes into our PRACK for res
	change   *change             // the re-INVITE of ours whose 2xx carried the offer
	bare     bool                // the re-INVITE had no offer: we make one
}

// answerPatience is how long the application may think about an offer; then
// it is refused (UPDATE: RFC 3311 §5.2 asks for an answer without a person).
const answerPatience = 20 * time.Second

func (s *Session) init(sink Sink) {
	s.session, s.sink = s, sink
	s.sched.alarm.owner = s
}

func (s *Session) layer() *Layer { return s.strand.layer }

func (s *Session) tell(ev Event) { s.strand.deliver(s.sink, ev) }

// Confirmed reports whether the session has been answered and acknowledged.
func (s *Session) Confirmed() bool {
	s.strand.mu.Lock()
	defer s.strand.mu.Unlock()
	return s.state == stateConfirmed
}

// Ended reports whether the session is over.
func (s *Session) Ended() bool {
	s.strand.mu.Lock()
	defer s.strand.mu.Unlock()
	return s.state == stateEnded
}

// LocalSDP returns our session description in force, or our offer that waits.
func (s *Session) LocalSDP() string {
	s.strand.mu.Lock()
	defer s.strand.mu.Unlock()
	if s.deal.state == offerLocal {
		return s.deal.offer
	}
	return s.deal.local
}

// RemoteSDP returns the peer's session description in force, or the peer's
// offer that waits.
func (s *Session) RemoteSDP() string {
	s.strand.mu.Lock()
	defer s.strand.mu.Unlock()
	if s.deal.state == offerRemote {
		return s.deal.asked
	}
	return s.deal.remote
}

// end closes the session with its last event. What still waits for an answer
// from us gets 487 (RFC 3261 §15.1.2). The dialog stays in the registry until
// the caller calls gone.
func (s *Session) end(e Ended) {
	s.state = stateEnded
	s.sched.clear(&s.layer().clock)
	s.releaseWaiting()
	if c := s.change; c != nil {
		c.over = true
		if c.method == sip.INVITE {
			c.x.cancel(Reason{}) // a peer that only rings would hold it for ever
		}
	}
	s.change, s.asked, s.parting = nil, nil, nil
	s.deal.abandon()
	if s.ended {
		return
	}
	s.ended = true
	e.Session = s
	s.tell(e)
}

// releaseWaiting answers every request of the peer that still waits.
func (s *Session) releaseWaiting() {
	if c := s.callee; c != nil && !c.final {
		c.final = true
		s.answerWith(c.tx, c.req, refusal{status: 487})
	}
	if in := s.incoming; in != nil && !in.final {
		in.final = true
		s.answerWith(in.tx, in.req, refusal{status: 487})
	}
	if p := s.asked; p != nil && (p.method == sip.UPDATE || p.method == sip.PRACK) {
		s.answerWith(p.tx, p.req, refusal{status: 487})
	}
}

// gone takes the session out of its dialog.
func (s *Session) gone() {
	s.session = nil
	s.callee, s.caller, s.incoming = nil, nil, nil
	s.unlist()
}

// answerWith queues a refusal to a request in the dialog.
func (s *Session) answerWith(tx *transaction.Server, req *sip.Request, r refusal) {
	s.strand.respond(tx, s.layer().refusal(tx, req, r))
}

// Bye ends the session, whatever its state: with BYE when it is confirmed,
// after the ACK when it is answered, with 480 as callee before that, with CANCEL
// of the whole invitation as caller before that. Ended (Rejected for the
// invitation) follows in any case.
func (s *Session) Bye(reason Reason, h ...Header) error {
	now := s.strand.enter()
	defer s.strand.leave()
	return s.hangUp(now, CauseLocalBye, reason, h)
}

func (s *Session) hangUp(_ time.Time, cause Cause, reason Reason, h []Header) error {
	switch s.state {
	case stateEarly:
		if s.callee != nil && s.callee.waiting != nil {
			s.callee.waiting.goBye = &farewell{reason, h} // it has been answered: the 2xx waits for a PRACK
			return nil
		}
		if s.callee != nil {
			return s.reject(480, "", withReason(h, reason))
		}
		if s.caller != nil {
			s.caller.giveUp(reason)
			return nil
		}
		return ErrState
	case stateAnswered:
		// "The callee's UA MUST NOT send a BYE on a confirmed dialog until it has
		// received an ACK for its 2xx response or until the server transaction
		// times out" (§15).
		s.goBye = &farewell{reason, h}
		s.end(Ended{Cause: cause, Reason: reason})
		return nil
	case stateAcking:
		s.acknowledge("", nil)
	case stateEnded:
		return ErrEnded
	}
	if in := s.incoming; in != nil && in.final && !in.refused {
		s.end(Ended{Cause: cause, Reason: reason})
		s.goBye = &farewell{reason, h} // our 2xx to a re-INVITE waits for its ACK
		return nil
	}
	s.sendBye(reason, h) // before end refuses what waits: the peer learns why first
	s.end(Ended{Cause: cause, Reason: reason})
	return nil
}

// changeLeave is how long ByeAfterChange waits.
const changeLeave = 2 * time.Second

// ByeAfterChange is Bye for an application whose last re-INVITE or UPDATE is under
// way: it may end first, for two seconds at most.
func (s *Session) ByeAfterChange(reason Reason, h ...Header) error {
	now := s.strand.enter()
	defer s.strand.leave()
	if s.state != stateConfirmed || s.change == nil || s.resting() {
		return s.hangUp(now, CauseLocalBye, reason, h)
	}
	s.parting = &farewell{reason, h}
	s.at(deadlineParting, now.Add(changeLeave))
	return nil
}

// part sends the BYE that ByeAfterChange has put off.
func (s *Session) part(now time.Time) {
	f := s.parting
	if f == nil || s.state == stateEnded {
		return
	}
	s.parting = nil
	_ = s.hangUp(now, CauseLocalBye, f.reason, f.headers)
}

// sendBye sends BYE; the dialog is gone when it has been answered (§15.1.1).
func (s *Session) sendBye(reason Reason, h []Header) {
	s.goBye = nil
	req := s.newRequest(sip.BYE, s.nextSeq())
	s.layer().identify(req)
	for _, x := range withReason(h, reason) {
		req.AddName(x.Name, x.Value)
	}
	x := s.exchange(req)
	x.done = func(_ time.Time, res *sip.Response, err error) {
		if err != nil || res.Status() >= 200 {
			s.gone()
		}
	}
	x.start()
}

func withReason(h []Header, r Reason) []Header {
	if r.Protocol == "" {
		return h
	}
	return append(h[:len(h):len(h)], Header{"Reason", r.String()})
}

// exchange prepares a request in the dialog.
func (d *Dialog) exchange(req *sip.Request) *exchange {
	return &exchange{strand: d.strand, req: req, to: d.hop(), auth: d.auth, seq: d}
}

// identify adds what our requests say about us.
func (l *Layer) identify(req *sip.Request) {
	if l.cfg.UserAgent != "" {
		req.Add(sip.HeaderUserAgent, l.cfg.UserAgent)
	}
}

// abilities adds Allow and Supported.
func (l *Layer) abilities(m *sip.Message) {
	m.Add(sip.HeaderAllow, l.allow)
	m.Add(sip.HeaderSupported, l.supported)
}

// Updates reports whether the peer takes UPDATE (RFC 3311 §4: it says so in
// Allow).
func (s *Session) Updates() bool {
	s.strand.enter()
	defer s.strand.leave()
	return s.peerUpdate && s.state != stateEnded
}

// Send sends any other request in the dialog: INFO, MESSAGE, OPTIONS and
// extensions. A From or To among the headers takes the place of the dialog's; it
// must have the same URI and tag. reply, if not nil, gets the final response or
// the error, in order with the events.
func (s *Session) Send(m sip.Method, contentType, body string, reply func(*sip.Response, error), h ...Header) error {
	switch m {
	case sip.INVITE, sip.ACK, sip.CANCEL, sip.BYE, sip.PRACK, sip.UPDATE, sip.REFER, sip.SUBSCRIBE, sip.NOTIFY:
		return ErrArgument
	}
	s.strand.enter()
	defer s.strand.leave()
	if s.state == stateEnded {
		return ErrEnded
	}
	req := s.newRequest(m, s.nextSeq())
	s.layer().identify(req)
	for _, x := range h {
		switch x.Name {
		case "From":
			req.Set(sip.HeaderFrom, x.Value)
		case "To":
			req.Set(sip.HeaderTo, x.Value)
		default:
			req.AddName(x.Name, x.Value)
		}
	}
	if body != "" || contentType != "" {
		req.SetBody(contentType, body)
	}
	x := s.exchange(req)
	x.done = func(now time.Time, res *sip.Response, err error) {
		if err == nil && res.Status() < 200 {
			return
		}
		if reply != nil {
			s.strand.do(call(func() { reply(res, err) }))
		}
		s.lost(now, m, res, err)
	}
	x.start()
	return nil
}

// call is foreign code to be run outside the lock.
type call func()

func (c call) run(*Layer) { c() }

// lost ends the session if this outcome of a request in the dialog says that
// it is over: 408, 481 and no response at all (RFC 3261 §12.2.1.2), and what
// RFC 5057 §5.1 adds.
func (s *Session) lost(_ time.Time, m sip.Method, res *sip.Response, err error) bool {
	if s.state == stateEnded {
		return true
	}
	e := Ended{Err: err}
	switch {
	case errors.Is(err, transaction.ErrTransport):
		e.Cause = CauseTransport
	case err != nil:
		e.Cause = CauseTimeout
	case res.Status() == 408:
		e.Cause, e.Status = CauseTimeout, 408
	case endsDialog(m, res.Status()):
		e.Cause, e.Status = CauseGone, res.Status()
	default:
		return false
	}
	if s.state == stateEarly {
		return false // the INVITE decides
	}
	if s.state == stateAcking {
		s.acknowledge("", nil)
	}
	waits := s.state == stateAnswered
	s.end(e)
	if waits {
		s.goBye = &farewell{}
		return true
	}
	s.sendBye(Reason{}, nil)
	if res != nil {
		s.fell(m, res.Status())
	}
	return true
}

// effect says what a final response to a request in a dialog ends besides
// its transaction (RFC 5057 §5.1).
type effect uint8

const (
	onlyTransaction effect = iota
	endsUsage              // the usage the request belongs to
	endsAll                // the dialog with all of its usages
)

// effectOf returns the effect of a response of 300 and more. 405 and 501 end
// the usage only when they refuse the method that keeps it alive; an UPDATE or
// INFO that is not understood leaves the call as it is.
func effectOf(m sip.Method, status int) effect {
	switch status {
	case 404, 410, 416, 482, 483, 484, 485, 502, 604:
		return endsAll
	case 408, 480, 481, 489:
		return endsUsage
	case 405, 501:
		if m == sip.INVITE || m == sip.SUBSCRIBE || m == sip.NOTIFY {
			return endsUsage
		}
	}
	return onlyTransaction
}

// endsDialog reports whether a final response to a request in the dialog
// ends the INVITE usage.
func endsDialog(m sip.Method, status int) bool {
	return status != 408 && status != 489 && effectOf(m, status) != onlyTransaction
}

// fell ends the other usages when a response has told that the whole dialog is
// gone.
func (d *Dialog) fell(m sip.Method, status int) {
	if effectOf(m, status) != endsAll {
		return
	}
	if s := d.session; s != nil && s.state == stateConfirmed {
		s.end(Ended{Cause: CauseGone, Status: status})
		s.sendBye(Reason{}, nil)
	}
	d.endSubscriptions(SubscriptionEnded{Status: status})
}

// endSubscriptions ends them on both sides without a message.
func (d *Dialog) endSubscriptions(e SubscriptionEnded) {
	for len(d.subs) > 0 {
		d.subs[0].finish(e)
	}
	for len(d.notes) > 0 {
		d.notes[0].finish(e)
	}
}

// drop ends all usages without a message.
func (d *Dialog) drop(cause Cause) {
	if s := d.session; s != nil {
		if s.caller != nil && s.state == stateEarly {
			s.caller.drop()
		} else {
			s.end(Ended{Cause: cause})
		}
		s.gone()
	}
	d.endSubscriptions(SubscriptionEnded{Reason: "stopped"})
}

// awake implements sleeper.
func (s *Session) awake() {
	now := s.strand.enter()
	defer s.strand.leave()
	for {
		switch s.sched.take(now) {
		case deadlineRefresh:
			s.refreshSession(now)
		case deadlineExpiry:
			s.expire(now)
		case deadlineParting:
			s.part(now)
		case deadlineRetry:
			s.retryChange(now)
		case deadlineChange:
			if s.change != nil {
				s.change.x.cancel(Reason{})
			}
		case deadlineReliable:
			s.retransmitReliable(now)
		case deadlineNoPrack:
			s.unacknowledged(now)
		case deadlineAnswer:
			s.outOfPatience(now)
		case deadlineGoodbye:
			s.sayGoodbye()
		default:
			s.sched.rest(&s.layer().clock)
			return
		}
	}
}

// at sets a deadline.
func (s *Session) at(what deadline, t time.Time) { s.sched.set(&s.layer().clock, what, t) }

// expire ends a session that nobody refreshed: "the UA SHOULD send a BYE"
// (RFC 4028 §10).
func (s *Session) expire(now time.Time) {
	if s.state == stateConfirmed {
		_ = s.hangUp(now, CauseExpired, Reason{Protocol: "SIP", Cause: 408, Text: "Session expired"}, nil)
	}
}

// restartTimer counts the session interval from now on.
func (s *Session) restartTimer(now time.Time) {
	refresh, expiry := s.timer.deadlines(now)
	s.sched.drop(deadlineRefresh)
	s.sched.drop(deadlineExpiry)
	if !refresh.IsZero() {
		s.sched.put(deadlineRefresh, refresh)
	}
	if !expiry.IsZero() {
		s.sched.put(deadlineExpiry, expiry)
	}
	s.sched.rest(&s.layer().clock)
}
