package dialog

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// A handset answers everything by itself, as a telephone on auto-answer: what
// scenarios of other projects expect at the other end.
type handset struct {
	ready  atomic.Pointer[Layer]
	hangUp time.Duration // our calls last so long; 0: until the peer ends them
	bye    atomic.Pointer[time.Timer]
}

func (h *handset) layer() *Layer { return h.ready.Load() }

// ServeSIP takes what belongs to no dialog.
func (h *handset) ServeSIP(_ context.Context, tx *transaction.Server, req *sip.Request) {
	switch req.Method() {
	case sip.ACK:
	case sip.INVITE:
		_ = tx.Respond(sip.NewResponse(req, 100, "")) // many scenarios insist on it
		s, err := h.layer().Accept(tx, req, h, AcceptOptions{})
		if err != nil {
			return
		}
		_ = s.Provisional(180, "")
		_ = s.Answer(ourSDP)
	case sip.SUBSCRIBE:
		if n, err := h.layer().AcceptSubscribe(tx, req, h, NotifierOptions{}); err == nil {
			_ = n.Notify("application/pidf+xml", "<presence/>", "")
		}
	case sip.REFER:
		if r, err := h.layer().AcceptRefer(tx, req, h, AcceptOptions{}); err == nil {
			h.refer(r)
		}
	case sip.MESSAGE, sip.OPTIONS, sip.REGISTER, sip.NOTIFY:
		_ = tx.Respond(sip.NewResponse(req, 200, ""))
	default:
		h.layer().refuse(tx, req, *h.layer().notAllowed(req.Method()))
	}
}

func (h *handset) refer(r *Referral) {
	if n, err := r.Accept(); err == nil && n != nil {
		_ = n.Sipfrag(200, "")
	}
}

// Deliver implements Sink.
func (h *handset) Deliver(e Event) {
	switch e := e.(type) {
	case Progress:
		if e.Offer {
			_ = e.Session.AnswerOffer(ourSDP)
		}
	case Answered:
		if e.Offer {
			_ = e.Session.AnswerOffer(ourSDP)
		}
		if h.hangUp > 0 {
			h.bye.Store(time.AfterFunc(h.hangUp, func() { _ = e.Session.Bye(NormalClearing) }))
		}
	case Answer:
		if e.Offer {
			_ = e.Session.AnswerOffer(ourSDP)
		}
	case Offer:
		_ = e.Session.AnswerOffer(otherSDP)
	case Refer:
		h.refer(e.Request)
	}
}
