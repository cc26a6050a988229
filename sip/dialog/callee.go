package dialog

import (
	"errors"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// AcceptOptions are choices for one incoming session; the zero value is good.
type AcceptOptions struct {
	Contact  string // our Contact URI; "": the layer's, with the user part of the Request-URI
	Listener string // name of the listener for our requests in the dialog; "": any that fits
	Pin      bool   // requests in the dialog go back where the INVITE came from, not to its Contact (NAT)
	// Rewrite puts the address where the request came from into the peer's Contact,
	// or into the first of its Record-Routes (NAT).
	Rewrite  bool
	Reliable Reliability
	// SessionExpires and MinSE override the layer's; negative: no session timer.
	SessionExpires time.Duration
	MinSE          time.Duration
	Auth           Authorizer // answers challenges to our requests in the dialog
	Replaces       *Session   // takes its place: it is ended with BYE when we answer (RFC 3891 §3)
}

// incoming is an INVITE of the peer: the one that makes the session or a
// re-INVITE. It implements transaction.ServerWatcher.
type incoming struct {
	s       *Session
	tx      *transaction.Server
	req     *sip.Request
	final   bool // a final response has been sent
	refused bool // it was 300 or more
	offered bool // our 2xx carries an offer: the ACK brings the answer
}

// callee is what a session needs until its INVITE has been answered and
// acknowledged.
type callee struct {
	incoming
	options  AcceptOptions
	reliable reliableSender
	required bool         // the peer requires reliable provisionals
	able     bool         // the peer supports them
	preview  string       // description sent in an unreliable provisional
	waiting  *finalAnswer // 2xx that waits for a PRACK
}

// finalAnswer is a 2xx that may not be sent yet (RFC 3262 §5).
type finalAnswer struct {
	sdp     string
	headers []Header
	goBye   *farewell // the session has been hung up meanwhile: BYE follows the ACK
}

// Accept makes a session of an INVITE outside of a dialog (RFC 3261 §13.3.1).
// The offer, if there is one, is Session.RemoteSDP. If Accept returns an error
// the INVITE has been answered: 400, 415, 420, 421, 422, 482, 503.
func (l *Layer) Accept(tx *transaction.Server, req *sip.Request, sink Sink, o AcceptOptions) (*Session, error) {
	s, r := l.newCallee(tx, req, sink, o)
	if r != nil {
		l.refuse(tx, req, *r)
		return nil, &sip.Error{Status: r.status, Reason: sip.ReasonPhrase(r.status)}
	}
	return s, nil
}

func (l *Layer) newCallee(tx *transaction.Server, req *sip.Request, sink Sink, o AcceptOptions) (*Session, *refusal) {
	if req.Method() != sip.INVITE || req.ToTag() != "" || sink == nil {
		return nil, &refusal{status: 500}
	}
	if tx.Merged() { // §8.2.2.2
		return nil, &refusal{status: 482}
	}
	if l.Len() >= l.cfg.MaxDialogs {
		return nil, &refusal{status: 503, headers: []Header{{"Retry-After", "10"}}}
	}
	if r := l.unsupported(req, o.Reliable != ReliableOff); r != nil {
		return nil, r
	}
	sdp, r := description(&req.Message)
	if r != nil {
		return nil, r
	}
	able := req.HasToken(sip.HeaderSupported, "100rel")
	required := req.HasToken(sip.HeaderRequire, "100rel")
	if o.Reliable == ReliableRequired && !able && !required {
		return nil, &refusal{status: 421, headers: []Header{{"Require", "100rel"}}}
	}
	timer := newSessionTimer(l.interval(o.SessionExpires, o.MinSE))
	if timer.refused(req) {
		return nil, &refusal{status: 422, headers: []Header{{"Min-SE", seconds(timer.min)}}}
	}
	s, r := l.open(tx, req, o)
	if r != nil {
		return nil, r
	}
	s.timer = timer
	s.callee.able, s.callee.required = able && o.Reliable != ReliableOff, required
	if sdp != "" {
		s.deal.takeOffer(sdp)
	}
	s.init(sink)
	s.strand.enter()
	defer s.strand.leave()
	if !s.list() {
		return nil, &refusal{status: 482}
	}
	tx.TakeOver()
	tx.Watch(&s.callee.incoming)
	return s, nil
}

// open builds the dialog of an INVITE.
func (l *Layer) open(tx *transaction.Server, req *sip.Request, o AcceptOptions) (*Session, *refusal) {
	flow := tx.Flow()
	peer := transport.Target{Proto: flow.Proto(), Addr: flow.Remote(), Flow: flow, Listener: o.Listener}
	if o.Contact == "" {
		user, _ := req.ParsedURI()
		o.Contact = l.contact(peer, user.User)
	}
	s := &Session{}
	s.rewrites = o.Rewrite
	if err := s.openUAS(req, tx.ToTag(), o.Contact, peer); err != nil {
		r := &refusal{status: 400}
		if e := (*sip.Error)(nil); errors.As(err, &e) && e.Status > 0 {
			r.status, r.reason = e.Status, e.Reason
		}
		return nil, r
	}
	s.strand, s.pinned, s.auth = &strand{layer: l}, o.Pin, o.Auth
	s.callee = &callee{incoming: incoming{s: s, tx: tx, req: req}, options: o}
	return s, nil
}

// newResponse builds a response to a request in this dialog.
func (s *Session) newResponse(tx *transaction.Server, req *sip.Request, status int, reason string, h []Header) *sip.Response {
	res := s.layer().response(tx, req, status, reason)
	if req.ToTag() == "" && status < 300 {
		// "the UAS MUST copy all Record-Route header field values" (§12.1.1).
		res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
	}
	if status < 300 && status > 100 {
		res.Add(sip.HeaderContact, "<"+s.contact+">")
	}
	for _, x := range h {
		res.AddName(x.Name, x.Value)
	}
	return res
}

// Provisional sends a 101–199 response to the INVITE, with a description or
// without ("" ). It is sent reliably if the peer supports that; then the next one
// waits for its PRACK (RFC 3262 §3). sdp is the answer to the peer's offer, or
// an offer if the INVITE had none; the latter needs a reliable response.
func (s *Session) Provisional(status int, sdp string, h ...Header) error {
	if status < 101 || status > 199 {
		return ErrArgument
	}
	now := s.strand.enter()
	defer s.strand.leave()
	c := s.callee
	if s.state == stateEnded {
		return ErrEnded
	}
	if c == nil || c.final || c.waiting != nil {
		return ErrState
	}
	p := provisional{status: status, sdp: sdp, headers: h}
	if !c.able && !c.required {
		return s.unreliable(p)
	}
	return s.sendReliable(now, p)
}

// unreliable sends a provisional that nobody acknowledges. A description in it
// is only a preview: the 2xx repeats it (§13.3.1.1).
func (s *Session) unreliable(p provisional) error {
	if p.sdp != "" && s.deal.state != offerRemote {
		return ErrOffer
	}
	if p.sdp != "" {
		s.callee.preview = p.sdp
	}
	res := s.newResponse(s.callee.tx, s.callee.req, p.status, "", p.headers)
	s.layer().abilities(&res.Message)
	if p.sdp != "" {
		res.SetBody(sdpType, p.sdp)
	}
	s.strand.respond(s.callee.tx, res)
	return nil
}

// Answer sends 200 to the INVITE. sdp is the answer ("": the one that a
// provisional response carried), or the offer when the INVITE had none; then
// the peer's answer comes with Confirmed. While a reliable provisional with a
// description has no PRACK the 200 waits (RFC 3262 §5).
func (s *Session) Answer(sdp string, h ...Header) error {
	now := s.strand.enter()
	defer s.strand.leave()
	c := s.callee
	switch {
	case s.state == stateEnded:
		return ErrEnded
	case c == nil || c.final || c.waiting != nil:
		return ErrState
	case c.reliable.busy():
		c.waiting = &finalAnswer{sdp: sdp, headers: h}
		return nil
	}
	return s.accept(now, sdp, h)
}

// accept sends the 2xx.
func (s *Session) accept(_ time.Time, sdp string, h []Header) error {
	c := s.callee
	if sdp == "" {
		sdp = c.preview
	}
	switch {
	case s.deal.state == offerRemote && s.asked != nil, s.deal.state == offerLocal:
		return ErrOffer
	case s.deal.state == offerRemote && sdp == "", s.deal.local == "" && sdp == "":
		return ErrArgument
	case s.deal.state == offerRemote:
		s.deal.sendAnswer(sdp)
	case s.deal.local == "":
		c.offered = s.deal.sendOffer(sdp)
	default:
		sdp = "" // the exchange is complete: a reliable provisional carried it
	}
	res := s.newResponse(c.tx, c.req, 200, "", h)
	s.layer().abilities(&res.Message)
	s.timer.accept(c.req, res)
	if sdp != "" {
		res.SetBody(sdpType, sdp)
	}
	c.final, s.state = true, stateAnswered
	c.reliable.stop()
	s.at(deadlineReliable, time.Time{})
	s.at(deadlineNoPrack, time.Time{})
	s.strand.respond(c.tx, res)
	if old := c.options.Replaces; old != nil {
		s.strand.do(call(func() { old.replaced() }))
	}
	return nil
}

// replaced ends a session whose place another one has taken: "the UA ...
// terminates the replaced dialog with BYE" (RFC 3891 §3).
func (s *Session) replaced() {
	now := s.strand.enter()
	defer s.strand.leave()
	_ = s.hangUp(now, CauseReplaced, Reason{}, nil)
}

// Reject answers the INVITE with 300 and more; "" is the standard phrase.
func (s *Session) Reject(status int, reason string, h ...Header) error {
	if status < 300 || status > 699 {
		return ErrArgument
	}
	s.strand.enter()
	defer s.strand.leave()
	return s.reject(status, reason, h)
}

func (s *Session) reject(status int, reason string, h []Header) error {
	c := s.callee
	switch {
	case s.state == stateEnded:
		return ErrEnded
	case c == nil || c.final:
		return ErrState
	}
	s.refuseInvite(status, reason, h, Ended{Cause: CauseRejected, Status: status})
	return nil
}

// refuseInvite answers the INVITE finally and ends the session.
func (s *Session) refuseInvite(status int, reason string, h []Header, e Ended) {
	s.callee.final = true
	s.strand.respond(s.callee.tx, s.newResponse(s.callee.tx, s.callee.req, status, reason, h))
	s.end(e)
	s.gone()
}

// current reports whether the transaction is one that the session still knows.
func (in *incoming) current() bool {
	return in.s.incoming == in || in.s.callee != nil && &in.s.callee.incoming == in
}

// Cancelled implements transaction.ServerWatcher: 487 to the INVITE (§9.2).
func (in *incoming) Cancelled(_ *transaction.Server, cancel *sip.Request) {
	s := in.s
	s.strand.enter()
	defer s.strand.leave()
	if in.final || !in.current() {
		return
	}
	if s.incoming == in {
		in.final, in.refused = true, true
		s.answerWith(in.tx, in.req, refusal{status: 487})
		s.withdraw()
		return
	}
	e := Ended{Cause: CauseCancelled, Status: 487, Req: cancel}
	if r := cancel.Reasons(); len(r) > 0 {
		e.Reason = r[0]
	}
	s.refuseInvite(487, "", nil, e)
}

// withdraw forgets an offer that the peer took back.
func (s *Session) withdraw() {
	s.incoming, s.asked = nil, nil
	s.deal.abandon()
	s.at(deadlineAnswer, time.Time{})
	s.tell(Withdrawn{Session: s})
}

// Acked implements transaction.ServerWatcher.
func (in *incoming) Acked(tx *transaction.Server, ack *sip.Request) {
	tx.Watch(nil) // nothing more can come, and the transaction lives on for 32 s
	s := in.s
	now := s.strand.enter()
	defer s.strand.leave()
	if !in.current() {
		return
	}
	if in.refused {
		s.incoming = nil
		return
	}
	if s.incoming == in {
		s.ackedChange(in, ack)
		return
	}
	s.ackedInvite(now, in, ack)
}

// ackedInvite takes the ACK that confirms the session.
func (s *Session) ackedInvite(now time.Time, in *incoming, ack *sip.Request) {
	s.late = s.callee.reliable.unacknowledged()
	s.callee = nil
	if s.state != stateAnswered {
		if s.goBye != nil {
			s.at(deadlineGoodbye, now.Add(byePause))
		}
		return
	}
	sdp, _ := description(&ack.Message)
	s.confirm(now)
	if in.offered && !s.deal.takeAnswer(sdp) || in.offered && sdp == "" {
		s.end(Ended{Cause: CauseNoAnswer, Err: ErrNoAnswer})
		s.sendBye(Reason{}, nil)
		return
	}
	s.tell(Confirmed{Session: s, SDP: sdp})
}

// byePause is between the ACK and the BYE of a call that we hung up as soon as it
// was answered. Telephones are known that take a BYE in the very instant of their
// ACK for an error.
const byePause = 20 * time.Millisecond

// sayGoodbye sends the BYE that waited for an ACK.
func (s *Session) sayGoodbye() {
	if f := s.goBye; f != nil {
		s.sendBye(f.reason, f.headers)
	}
}

// Ended implements transaction.ServerWatcher. If no ACK comes to a 2xx, "the
// UAS core ... SHOULD terminate the dialog with a BYE" (§13.3.1.4).
func (in *incoming) Ended(_ *transaction.Server, err error) {
	s := in.s
	s.strand.enter()
	defer s.strand.leave()
	if !in.current() || !in.final || in.refused || err == nil {
		return
	}
	if s.callee != nil && &s.callee.incoming == in {
		s.callee = nil
	} else {
		s.incoming = nil
	}
	if s.state == stateEnded {
		s.sayGoodbye()
		return
	}
	e := Ended{Cause: CauseNoAck, Err: err}
	if errors.Is(err, transaction.ErrTransport) {
		e.Cause = CauseTransport
	}
	s.end(e)
	s.sendBye(Reason{}, nil)
}
