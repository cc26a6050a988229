package dialog

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// provisional is a 101–199 response to be sent.
type provisional struct {
	status  int
	sdp     string
	headers []Header
}

// A reliableSender is the UAS side of RFC 3262 §3: at most one reliable
// provisional response waits for its PRACK, later ones queue behind it. It is
// pure.
type reliableSender struct {
	rseq     uint32
	cseq     uint32
	out      *sip.Response // waits for PRACK
	hasSDP   bool
	offer    bool          // its description is an offer: the PRACK brings the answer
	interval time.Duration // until the next retransmission
	queue    []provisional
}

// maxReliable bounds the provisionals that wait behind one.
const maxReliable = 16

// busy reports whether a 2xx has to wait: "the UAS MUST NOT send a final
// response until the provisional response [with a description] is
// acknowledged" (RFC 3262 §5), and provisionals that wait come first.
func (r *reliableSender) busy() bool { return r.out != nil && r.hasSDP || len(r.queue) > 0 }

// stop forgets what waits because a final response goes out (§3). The response
// itself is kept: its PRACK may be on the way.
func (r *reliableSender) stop() { r.queue = nil }

// next numbers a response. The first RSeq is "chosen uniformly between 1 and
// 2**31 - 1" (§3), each further one is exactly one greater.
func (r *reliableSender) next() uint32 {
	if r.rseq == 0 {
		r.rseq = 1 + rand.Uint32N(1<<31-1)
		return r.rseq
	}
	r.rseq++
	return r.rseq
}

// unacknowledged returns what the PRACK that has not come yet will say, the
// zero value if none is missing.
func (r *reliableSender) unacknowledged() sip.RAck {
	if r.out == nil {
		return sip.RAck{}
	}
	return sip.RAck{RSeq: r.rseq, CSeq: r.cseq, Method: sip.INVITE}
}

// matches reports whether a RAck acknowledges the response that waits.
func (r *reliableSender) matches(a sip.RAck) bool {
	return r.out != nil && a.RSeq == r.rseq && a.CSeq == r.cseq && a.Method == sip.INVITE
}

// sendReliable sends a provisional reliably or queues it.
func (s *Session) sendReliable(now time.Time, p provisional) error {
	r := &s.callee.reliable
	if r.out != nil {
		if len(r.queue) >= maxReliable {
			return ErrLimit
		}
		r.queue = append(r.queue, p)
		return nil
	}
	if p.sdp != "" {
		switch {
		case s.deal.state == offerRemote && s.asked == nil:
			s.deal.sendAnswer(p.sdp)
			r.offer = false
		case s.deal.state == offerNone && s.deal.local == "":
			s.deal.sendOffer(p.sdp)
			r.offer = true
		case s.deal.local == p.sdp:
			p.sdp = "" // it has been sent: the exchange is complete
		default:
			return ErrOffer
		}
	}
	r.hasSDP = p.sdp != ""
	r.cseq, _, _ = s.callee.req.CSeq()
	res := s.newResponse(s.callee.tx, s.callee.req, p.status, "", p.headers)
	s.layer().abilities(&res.Message)
	res.Add(sip.HeaderRequire, "100rel")
	res.Add(sip.HeaderRSeq, strconv.FormatUint(uint64(r.next()), 10))
	if p.sdp != "" {
		res.SetBody(sdpType, p.sdp)
	}
	r.out, r.interval = res, s.layer().cfg.T1
	s.strand.add(step{tx: s.callee.tx, res: res, kept: true}) // it may be repeated
	s.at(deadlineReliable, now.Add(r.interval))
	s.at(deadlineNoPrack, now.Add(64*s.layer().cfg.T1))
	return nil
}

// retransmitReliable: "an interval that starts at T1 seconds and doubles for
// each retransmission" (RFC 3262 §3).
func (s *Session) retransmitReliable(now time.Time) {
	c := s.callee
	if c == nil || c.reliable.out == nil || c.final {
		return
	}
	c.reliable.interval *= 2
	s.strand.add(step{tx: c.tx, res: c.reliable.out, kept: true})
	s.at(deadlineReliable, now.Add(c.reliable.interval))
}

// unacknowledged: "If a reliable provisional response is retransmitted for
// 64*T1 seconds without reception of a corresponding PRACK, the UAS SHOULD
// reject the original request with a 5xx response" (RFC 3262 §3).
func (s *Session) unacknowledged(time.Time) {
	if c := s.callee; c != nil && c.reliable.out != nil && !c.final {
		s.refuseInvite(504, "", nil, Ended{Cause: CauseNoPrack, Status: 504})
	}
}

// servePRACK takes a PRACK: 481 if it acknowledges nothing that waits, else
// 2xx, an answer to our offer or an offer that the application has to answer.
func (s *Session) servePRACK(now time.Time, tx *transaction.Server, req *sip.Request) {
	ack, ok, err := req.RAck()
	if !ok || err != nil {
		s.answerWith(tx, req, refusal{status: 400, reason: "Bad RAck"})
		return
	}
	c := s.callee
	if c == nil && ack == s.late {
		// After a final response the UAS "MUST be prepared to process PRACK
		// requests for those outstanding responses" (RFC 3262 §3), and the ACK
		// can be faster than the PRACK.
		s.late = sip.RAck{}
		s.strand.respond(tx, s.newResponse(tx, req, 200, "", nil))
		return
	}
	if c == nil || !c.reliable.matches(ack) {
		s.answerWith(tx, req, refusal{status: 481})
		return
	}
	sdp, r := description(&req.Message)
	if r != nil {
		s.answerWith(tx, req, *r)
		return
	}
	s.at(deadlineReliable, time.Time{})
	s.at(deadlineNoPrack, time.Time{})
	c.reliable.out = nil
	switch {
	case c.reliable.offer && c.reliable.hasSDP:
		s.prackAnswer(tx, req, sdp)
	case sdp != "" && s.deal.takeOffer(sdp):
		s.asked = &pendingOffer{method: sip.PRACK, tx: tx, req: req}
		s.at(deadlineAnswer, now.Add(answerPatience))
		s.tell(Offer{Session: s, Method: sip.PRACK, SDP: sdp, Req: req})
		return
	case sdp != "":
		s.answerWith(tx, req, refusal{status: 488})
	default:
		s.strand.respond(tx, s.newResponse(tx, req, 200, "", nil))
	}
	s.nextProvisional(now)
}

// prackAnswer takes the answer to the offer in our provisional, which "MUST"
// come in the PRACK (RFC 3262 §5).
func (s *Session) prackAnswer(tx *transaction.Server, req *sip.Request, sdp string) {
	s.callee.reliable.offer = false
	s.strand.respond(tx, s.newResponse(tx, req, 200, "", nil))
	if sdp == "" {
		s.refuseInvite(488, "", nil, Ended{Cause: CauseNoAnswer, Status: 488, Err: ErrNoAnswer})
		return
	}
	s.deal.takeAnswer(sdp)
	s.tell(Answer{Session: s, Method: sip.PRACK, Status: 200, SDP: sdp})
}

// nextProvisional sends what waited for the PRACK: the next provisional, or
// the 2xx.
func (s *Session) nextProvisional(now time.Time) {
	c := s.callee
	if c == nil || c.final || c.reliable.out != nil || s.asked != nil {
		return
	}
	if q := c.reliable.queue; len(q) > 0 {
		c.reliable.queue = q[1:]
		if s.sendReliable(now, q[0]) != nil {
			s.nextProvisional(now)
		}
		return
	}
	if w := c.waiting; w != nil {
		c.waiting = nil
		if err := s.accept(now, w.sdp, w.headers); err != nil {
			s.refuseInvite(500, "", nil, Ended{Cause: CauseRejected, Status: 500, Err: err})
		} else if w.goBye != nil {
			_ = s.hangUp(now, CauseLocalBye, w.goBye.reason, w.goBye.headers)
		}
	}
}

// reliable reports whether a provisional response asks for a PRACK.
func reliable(res *sip.Response) bool {
	return res.HasToken(sip.HeaderRequire, "100rel") && res.Has(sip.HeaderRSeq)
}

// takeReliable is the UAC side (RFC 3262 §4): the first RSeq is taken as it
// comes, a further one only if it is one greater; all others are dropped. It
// reports whether the response is news.
func (s *Session) takeReliable(now time.Time, res *sip.Response, e *Progress) bool {
	rseq, ok, err := res.RSeq()
	if !ok || err != nil || s.gotSeq != 0 && rseq != s.gotSeq+1 {
		return false
	}
	s.gotSeq = rseq
	s.refresh(&res.Message)
	e.Reliable = true
	switch {
	case e.SDP == "" || s.deal.remote != "" && s.deal.state == offerNone && s.deal.remote == e.SDP:
		s.sendPRACK(res, "", nil)
	case s.deal.state == offerLocal:
		s.deal.takeAnswer(e.SDP)
		s.sendPRACK(res, "", nil)
	case s.deal.takeOffer(e.SDP):
		e.Offer = true
		s.asked = &pendingOffer{method: sip.ACK, res: res, viaPrack: true}
		s.at(deadlineAnswer, now.Add(answerPatience))
	default:
		s.sendPRACK(res, "", nil)
	}
	return true
}

// sendPRACK acknowledges a reliable provisional response (RFC 3262 §4, §7.2).
func (s *Session) sendPRACK(res *sip.Response, sdp string, h []Header) {
	rseq, _, _ := res.RSeq()
	cseq, _, _ := res.CSeq()
	req := s.newRequest(sip.PRACK, s.nextSeq())
	req.Add(sip.HeaderRAck, strconv.FormatUint(uint64(rseq), 10)+" "+strconv.FormatUint(uint64(cseq), 10)+" INVITE")
	s.layer().identify(req)
	for _, x := range h {
		req.AddName(x.Name, x.Value)
	}
	if sdp != "" {
		req.SetBody(sdpType, sdp)
	}
	x := s.exchange(req)
	x.done = func(now time.Time, res *sip.Response, err error) {
		if err == nil && res.Status() >= 200 && s.state != stateEnded {
			s.refresh(&res.Message)
		}
	}
	x.start()
}
