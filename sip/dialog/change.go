package dialog

import (
	"math/rand/v2"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// A change is a re-INVITE or UPDATE of ours, from the wish until the final
// response, retries included. One is under way at a time.
type change struct {
	method  sip.Method
	sdp     string // our offer; "" with INVITE asks the peer for one
	headers []Header
	auto    bool // a session refresh that the application does not know of
	x       *exchange
	tries   int
	over    bool
	ack     *acknowledge // the ACK to the 2xx, for repetitions
}

// changePatience is how long a re-INVITE may ring before it is cancelled.
const changePatience = time.Minute

// maxGlare bounds the retries of one change.
const maxGlare = 6

// ReInvite offers sdp in a re-INVITE (RFC 3261 §14.1); "" asks the peer for an
// offer. 491 and 500 with Retry-After are retried. The outcome is an Answer
// event. ErrOffer means that another exchange is under way in either direction.
func (s *Session) ReInvite(sdp string, h ...Header) error {
	return s.modify(&change{method: sip.INVITE, sdp: sdp, headers: h})
}

// Update offers sdp in an UPDATE (RFC 3311); "" only refreshes target and
// session timer. It works in early dialogs as soon as the first exchange of
// offer and answer is complete. The outcome is an Answer event.
func (s *Session) Update(sdp string, h ...Header) error {
	return s.modify(&change{method: sip.UPDATE, sdp: sdp, headers: h})
}

func (s *Session) modify(c *change) error {
	now := s.strand.enter()
	defer s.strand.leave()
	switch {
	case s.state == stateEnded:
		return ErrEnded
	case c.method == sip.INVITE && s.state != stateConfirmed, s.state == stateAcking:
		return ErrState
	case s.change != nil, c.method == sip.INVITE && !s.quiet(), c.sdp != "" && s.deal.state != offerNone:
		return ErrOffer
	case c.sdp != "" && s.deal.local == "" && s.deal.remote == "":
		return ErrOffer
	}
	s.change = c
	s.sendChange(now)
	return nil
}

// quiet reports whether neither an INVITE nor an offer of the peer is under way.
func (s *Session) quiet() bool {
	return (s.incoming == nil || s.incoming.final) && s.deal.state == offerNone
}

// sendChange sends the re-INVITE or UPDATE.
func (s *Session) sendChange(now time.Time) {
	c := s.change
	c.tries++
	if c.method == sip.INVITE {
		s.at(deadlineChange, now.Add(changePatience))
	}
	req := s.newRequest(c.method, s.nextSeq())
	s.layer().abilities(&req.Message)
	s.layer().identify(req)
	s.timer.writeRequest(req, s.timer.role())
	for _, x := range c.headers {
		req.AddName(x.Name, x.Value)
	}
	if c.sdp != "" {
		s.deal.sendOffer(c.sdp)
		req.SetBody(sdpType, c.sdp)
	}
	c.x = s.exchange(req)
	c.x.done = func(now time.Time, res *sip.Response, err error) { s.changed(now, c, res, err) }
	c.x.start()
}

// changed takes every response to a change.
func (s *Session) changed(now time.Time, c *change, res *sip.Response, err error) {
	switch {
	case c.over || s.change != c:
		s.afterwards(c, res)
	case err == nil && res.Status() < 200:
		if c.method == sip.INVITE && reliable(res) && !s.changeRings(res) {
			return
		}
	case err == nil && res.Status() < 300:
		s.changeAccepted(now, c, res)
	default:
		s.changeRefused(now, c, res, err)
	}
	if s.change == nil || s.resting() {
		s.part(now)
	}
}

// changeRings acknowledges a reliable provisional to a re-INVITE.
func (s *Session) changeRings(res *sip.Response) bool {
	rseq, ok, err := res.RSeq()
	if !ok || err != nil || rseq <= s.gotSeq && rseq > s.gotSeq-16 {
		return false
	}
	s.gotSeq = rseq
	s.sendPRACK(res, "", nil)
	return true
}

// changeACK builds the ACK to the 2xx of a re-INVITE.
func (s *Session) changeACK(c *change, sdp string, h []Header) *acknowledge {
	seq, _, _ := c.x.req.CSeq()
	return s.newACK(seq, c.x.req, sdp, h)
}

// afterwards repeats the ACK for a repeated 2xx, and sends one for a 2xx that
// came after the session had ended.
func (s *Session) afterwards(c *change, res *sip.Response) {
	if res == nil || res.Status()/100 != 2 || c.method != sip.INVITE {
		return
	}
	if c.ack == nil {
		if s.asked != nil && s.asked.change == c {
			return // the application thinks about the answer
		}
		c.ack = s.changeACK(c, "", nil)
	}
	s.strand.do(c.ack)
}

// changeAccepted takes the 2xx.
func (s *Session) changeAccepted(now time.Time, c *change, res *sip.Response) {
	c.over, s.change = true, nil
	s.at(deadlineChange, time.Time{})
	s.refresh(&res.Message)
	s.timer.agreed(res)
	s.restartTimer(now)
	sdp, _ := description(&res.Message)
	e := Answer{Session: s, Method: c.method, Status: res.Status(), SDP: sdp, Res: res}
	known := s.deal.remote
	switch {
	case c.sdp != "" && sdp != "":
		s.deal.takeAnswer(sdp)
	case c.sdp != "":
		s.deal.abandon()
		e.Err = ErrNoAnswer
	case c.method == sip.INVITE && s.deal.takeOffer(sdp):
		e.Offer = true
		s.asked = &pendingOffer{method: sip.ACK, res: res, change: c}
		s.at(deadlineAnswer, now.Add(answerPatience))
		s.tell(e)
		return
	}
	if c.method == sip.INVITE {
		c.ack = s.changeACK(c, "", nil)
		s.strand.do(c.ack)
	}
	if !c.auto || sdp != "" && sdp != known {
		s.tell(e)
	}
}

// changeRefused takes a final response of 300 and more, or none.
func (s *Session) changeRefused(now time.Time, c *change, res *sip.Response, err error) {
	if c.sdp != "" {
		s.deal.abandon()
	}
	s.at(deadlineChange, time.Time{})
	if err == nil && s.tryAgain(now, c, res) {
		return
	}
	c.over, s.change = true, nil
	if !c.auto {
		s.tell(changeFailed(s, c, res, err))
	}
	if s.lost(now, c.method, res, err) {
		return
	}
	if c.auto && c.method == sip.UPDATE && (res.Status() == 405 || res.Status() == 501) {
		s.peerUpdate = false
		s.refreshSession(now)
	}
}

func changeFailed(s *Session, c *change, res *sip.Response, err error) Answer {
	e := Answer{Session: s, Method: c.method, Res: res, Err: err}
	if err != nil {
		e.Status = refused(err).Status
	} else {
		e.Status = res.Status()
	}
	return e
}

// tryAgain sends a change again where the RFCs say so: 491 after a random
// time (RFC 3261 §14.1), 500 with Retry-After (RFC 3311 §5.1), 422 with a
// longer interval (RFC 4028 §7.3).
func (s *Session) tryAgain(now time.Time, c *change, res *sip.Response) bool {
	if c.tries >= maxGlare {
		return false
	}
	switch res.Status() {
	case 491:
		s.at(deadlineRetry, now.Add(glareWait(s.uac)))
		return true
	case 500:
		sec, ok, err := res.RetryAfter()
		if !ok || err != nil || sec > 10 {
			return false
		}
		s.at(deadlineRetry, now.Add(time.Duration(sec)*time.Second))
		return true
	case 422:
		if s.timer.tooSmall(res) {
			s.sendChange(now)
			return true
		}
	}
	return false
}

// glareWait is the random wait of RFC 3261 §14.1 in units of 10 ms: 2.1 to 4
// seconds for the owner of the Call-ID, 0 to 2 seconds for the other side.
func glareWait(owner bool) time.Duration {
	const unit = 10 * time.Millisecond
	if owner {
		return 210*unit + time.Duration(rand.IntN(191))*unit
	}
	return time.Duration(rand.IntN(201)) * unit
}

// retryChange sends a change again after its wait; while the peer's own is
// under way it waits on.
func (s *Session) retryChange(now time.Time) {
	c := s.change
	if c == nil {
		return
	}
	if !s.quiet() {
		s.at(deadlineRetry, now.Add(glareWait(s.uac)))
		return
	}
	s.sendChange(now)
}

// refreshSession sends a session refresh request: UPDATE if the peer takes it,
// "since it does not require an offer", else a re-INVITE with our description
// as it is (RFC 4028 §7.4).
func (s *Session) refreshSession(now time.Time) {
	if s.state != stateConfirmed {
		return
	}
	if s.change != nil || !s.quiet() {
		s.at(deadlineRefresh, now.Add(glareWait(s.uac)))
		return
	}
	s.change = &change{method: sip.INVITE, sdp: s.deal.local, auto: true}
	if s.peerUpdate {
		s.change = &change{method: sip.UPDATE, auto: true}
	}
	s.sendChange(now)
}

// serveINVITE takes a re-INVITE (RFC 3261 §14.2).
func (s *Session) serveINVITE(now time.Time, tx *transaction.Server, req *sip.Request) {
	sdp, r := s.mayChange(req)
	if r == nil && (s.state == stateEarly && s.callee != nil || s.incoming != nil && !s.incoming.final) {
		// "A UAS that receives a second INVITE before it sends the final response
		// to a first INVITE with a lower CSeq sequence number on the same dialog MUST
		// return a 500" (§14.2).
		r = overlap()
	}
	if r == nil && (s.state == stateEarly || s.state == stateAcking || s.change != nil && s.change.method == sip.INVITE && !s.resting()) {
		// "A UAS that receives an INVITE on a dialog while an INVITE it had sent on
		// that dialog is in progress MUST return a 491" (§14.2).
		r = glare()
	}
	if r == nil {
		r = s.collision()
	}
	if r != nil {
		s.answerWith(tx, req, *r)
		return
	}
	in := &incoming{s: s, tx: tx, req: req}
	tx.Watch(in)
	s.incoming = in
	s.asked = &pendingOffer{method: sip.INVITE, tx: tx, req: req, bare: sdp == ""}
	if sdp != "" {
		s.deal.takeOffer(sdp)
	}
	s.at(deadlineAnswer, now.Add(answerPatience))
	s.tell(Offer{Session: s, Method: sip.INVITE, SDP: sdp, Req: req})
}

// resting reports whether our change waits for its retry.
func (s *Session) resting() bool { return s.sched.has(deadlineRetry) }

// mayChange checks what re-INVITE and UPDATE have in common.
func (s *Session) mayChange(req *sip.Request) (sdp string, r *refusal) {
	if s.timer.refused(req) {
		return "", &refusal{status: 422, headers: []Header{{"Min-SE", seconds(s.timer.min)}}}
	}
	return description(&req.Message)
}

// collision refuses an offer while another one waits: 491 if that is ours, 500
// if it is the peer's own (RFC 3311 §5.2, RFC 6337 §4.1).
func (s *Session) collision() *refusal {
	switch s.deal.state {
	case offerLocal:
		return glare()
	case offerRemote:
		return overlap()
	}
	return nil
}

// serveUPDATE takes an UPDATE (RFC 3311 §5.2).
func (s *Session) serveUPDATE(now time.Time, tx *transaction.Server, req *sip.Request) {
	sdp, r := s.mayChange(req)
	if r == nil && sdp != "" {
		r = s.collision()
	}
	if r == nil && sdp != "" && s.asked != nil {
		r = overlap()
	}
	if r != nil {
		s.answerWith(tx, req, *r)
		return
	}
	if sdp == "" {
		s.acceptChange(now, tx, req, "", nil)
		return
	}
	s.deal.takeOffer(sdp)
	s.asked = &pendingOffer{method: sip.UPDATE, tx: tx, req: req}
	s.at(deadlineAnswer, now.Add(answerPatience))
	s.tell(Offer{Session: s, Method: sip.UPDATE, SDP: sdp, Req: req})
}

// acceptChange sends the 200 to a re-INVITE, UPDATE or PRACK. Only now the
// remote target changes: a refused request leaves it (RFC 6141 §4.3).
func (s *Session) acceptChange(now time.Time, tx *transaction.Server, req *sip.Request, sdp string, h []Header) {
	s.refresh(&req.Message)
	res := s.newResponse(tx, req, 200, "", h)
	s.layer().abilities(&res.Message)
	if s.state == stateConfirmed {
		s.timer.accept(req, res)
		s.restartTimer(now)
	}
	if sdp != "" {
		res.SetBody(sdpType, sdp)
	}
	s.strand.respond(tx, res)
}

// AnswerOffer answers the offer of the peer that waits: of an Offer event, or
// of Progress, Answered and Answer with Offer set. For a re-INVITE without
// offer sdp is our offer.
func (s *Session) AnswerOffer(sdp string, h ...Header) error {
	now := s.strand.enter()
	defer s.strand.leave()
	p := s.asked
	switch {
	case s.state == stateEnded:
		return ErrEnded
	case p == nil:
		return ErrNoOffer
	case sdp == "":
		return ErrArgument
	}
	s.asked = nil
	s.at(deadlineAnswer, time.Time{})
	if p.bare {
		s.incoming.offered = s.deal.sendOffer(sdp)
	} else {
		s.deal.sendAnswer(sdp)
	}
	s.carry(now, p, sdp, h)
	return nil
}

// carry puts our answer into the message that the protocol asks for.
func (s *Session) carry(now time.Time, p *pendingOffer, sdp string, h []Header) {
	switch {
	case p.method == sip.INVITE:
		s.incoming.final = true
		s.acceptChange(now, p.tx, p.req, sdp, h)
	case p.method == sip.UPDATE:
		s.acceptChange(now, p.tx, p.req, sdp, h)
	case p.method == sip.PRACK:
		s.acceptChange(now, p.tx, p.req, sdp, h)
		s.nextProvisional(now)
	case p.viaPrack:
		s.sendPRACK(p.res, sdp, h)
	case p.change != nil:
		p.change.ack = s.changeACK(p.change, sdp, h)
		s.strand.do(p.change.ack)
	default:
		s.acknowledge(sdp, h)
		s.confirm(now)
	}
}

// RejectOffer refuses the offer that waits; 0 is 488. An offer in a 2xx cannot
// be refused: the session ends with ACK and BYE (RFC 3261 §13.2.2.4).
func (s *Session) RejectOffer(status int, reason string, h ...Header) error {
	now := s.strand.enter()
	defer s.strand.leave()
	if s.state == stateEnded {
		return ErrEnded
	}
	if s.asked == nil {
		return ErrNoOffer
	}
	if status == 0 {
		status = 488
	}
	if status < 300 || status > 699 {
		return ErrArgument
	}
	s.refuseOffer(now, status, reason, h)
	return nil
}

func (s *Session) refuseOffer(now time.Time, status int, reason string, h []Header) {
	p := s.asked
	s.asked = nil
	s.at(deadlineAnswer, time.Time{})
	s.deal.abandon()
	switch {
	case p.tx != nil:
		if p.method == sip.INVITE {
			s.incoming.final, s.incoming.refused = true, true
		}
		s.strand.respond(p.tx, s.newResponse(p.tx, p.req, status, reason, h))
		if p.method == sip.PRACK {
			s.nextProvisional(now)
		}
	case p.viaPrack:
		s.sendPRACK(p.res, "", nil)
		_ = s.hangUp(now, CauseNoAnswer, Reason{Protocol: "SIP", Cause: status}, h)
	default:
		if p.change != nil {
			p.change.ack = s.changeACK(p.change, "", nil)
			s.strand.do(p.change.ack)
		}
		_ = s.hangUp(now, CauseNoAnswer, Reason{Protocol: "SIP", Cause: status}, h)
	}
}

// outOfPatience refuses an offer that the application left without answer;
// UPDATE gets the 504 of RFC 3311 §5.2.
func (s *Session) outOfPatience(now time.Time) {
	if s.asked == nil {
		return
	}
	status := 500
	if s.asked.method == sip.UPDATE {
		status = 504
	}
	s.layer().log.Warn("dialog: offer was not answered in time", "call_id", s.id.CallID, "method", string(s.asked.method))
	s.refuseOffer(now, status, "", nil)
}

// ackedChange takes the ACK to our final response to a re-INVITE.
func (s *Session) ackedChange(in *incoming, ack *sip.Request) {
	s.incoming = nil
	if s.state == stateEnded {
		s.sayGoodbye()
		return
	}
	if !in.offered {
		return
	}
	e := Answer{Session: s, Method: sip.ACK, Status: 200}
	e.SDP, _ = description(&ack.Message)
	if e.SDP == "" || !s.deal.takeAnswer(e.SDP) {
		s.deal.abandon()
		e.Err = ErrNoAnswer
	}
	s.tell(e)
}
