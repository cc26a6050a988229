package pbx

import (
	"errors"
	"slices"

	"github.com/hometone/hometone/sip/dialog"
)

// accepted notes the dialog of the caller's INVITE and the description in it.
func (l *leg) accepted(s *dialog.Session) { l.session, l.body = s, s.RemoteSDP() }

// takeBody returns the description of the caller's INVITE and forgets it.
func (l *leg) takeBody() string {
	body := l.body
	l.body = ""
	return body
}

// confirmed is the ACK to our 200; with a description if the offer was ours.
func (l *leg) confirmed(e dialog.Confirmed) {
	defer l.resume()
	if e.SDP == "" || l.agreed {
		return
	}
	if err := l.accept(e.SDP); err != nil {
		l.ch.log().Info("answer refused", "peer", l.name, "error", err)
		l.fail()
		return
	}
	l.talk.Settle()
	l.settleMedia()
}

// reoffered is a re-INVITE or UPDATE of the peer. It is answered here: the
// other side's stream stays as it is and the relay follows the new agreement, so
// hold, another codec and another address each concern one side only, as in
// Asterisk. RFC 3264 §8, RFC 3311 §5.2.
func (l *leg) reoffered(e dialog.Offer) {
	if l.state == legGone {
		_ = e.Session.RejectOffer(481, "")
		return
	}
	if l.offeredFax(e) {
		return
	}
	held := l.talk.Agreed.Held
	body, err := l.answerOffer(e.SDP)
	if err != nil {
		// RFC 3261 §14.2: 488, and the session goes on as it was.
		_ = e.Session.RejectOffer(488, "")
		return
	}
	if err := e.Session.AnswerOffer(body); err != nil {
		l.ch.log().Info("re-INVITE not answered", "peer", l.name, "error", err)
		return
	}
	l.untold = false
	if l.talk.Agreed.Held != held && e.SDP != "" {
		l.ch.log().Info("hold", "by", l.name, "on", !held)
		l.held()
	}
	if e.SDP != "" && !l.passHold() {
		l.share()
	}
	if l.fax != nil {
		l.closeFax()
		if l.peer != nil {
			l.peer.endFax()
		}
	}
	l.settleMedia()
	if l.identified(&e.Req.Message) && l.peer != nil {
		l.ch.connectedLine(l.peer, l)
	}
	l.resume()
}

// passHold offers the leg's peer the direction that this side's hold leaves, if
// the peer's endpoint wants music on hold from there (moh_passthrough). It
// reports whether it did.
func (l *leg) passHold() bool {
	p := l.peer
	if p == nil || p.inside || !p.endpoint.MOHPassthrough || p.state != legUp || p.session == nil {
		return false
	}
	direction := l.talk.Agreed.Direction.Mirror()
	if direction == p.passed {
		return false
	}
	p.passed = direction
	p.modify(func() error {
		offer, err := p.makeOffer(p.talk.Agreed.Formats)
		if err != nil {
			return err
		}
		return p.session.ReInvite(offer)
	})
	return true
}

// share offers the leg's peer the streams that have come, gone or changed their
// direction here. Sound goes its own way: hold is this side's alone.
func (l *leg) share() {
	p := l.peer
	if p == nil || p.inside || p.state != legUp || p.session == nil {
		return
	}
	wish := []want{{p.mainKind(), p.passed}}
	for _, a := range l.asides {
		if a.rtp != nil {
			wish = append(wish, want{a.kind, a.media.Direction.Mirror()})
		}
	}
	if slices.Equal(wish[1:], p.present()[1:]) || len(p.within(wish)) == 0 && len(p.present()) == 1 {
		return
	}
	formats := l.formats()
	p.modify(func() error {
		offer, err := p.offerOf(wish, formats)
		if err != nil {
			return err
		}
		return p.session.ReInvite(offer)
	})
}

// modify makes an offer within the dialog, now or when the exchange that is
// under way has ended (RFC 3261 §14.1, RFC 3264 §4: one at a time). The latest
// one that waits counts.
func (l *leg) modify(offer func() error) {
	l.pending = nil
	before := l.talk
	l.waits.Store(true) // before the session is asked: an ACK that comes after its answer is not missed
	err := offer()
	if errors.Is(err, dialog.ErrOffer) || errors.Is(err, dialog.ErrState) {
		l.talk = before
		l.pending = offer
		return
	}
	l.waits.Store(false)
	l.offering = err == nil
	if err != nil {
		l.ch.log().Info("offer not sent", "peer", l.name, "error", err)
	}
}

// exchanging reports whether an offer of ours waits to be sent or answered.
func (l *leg) exchanging() bool { return l.pending != nil || l.offering }

// resume makes the offer that waited.
func (l *leg) resume() {
	if offer := l.pending; offer != nil && l.state == legUp {
		l.modify(offer)
	}
}

// reanswered is the answer to an offer of ours within the dialog.
func (l *leg) reanswered(e dialog.Answer) {
	l.offering = false
	defer l.resume()
	if n := l.promised; n != nil {
		l.promised = nil
		n.Begin()
	}
	if l.state == legGone || l.answeredFax(e) {
		return
	}
	if e.Err != nil || e.Status >= 300 || e.SDP == "" {
		l.applyAsides() // gives ports back that were offered in vain
		l.refusedDetour()
		return
	}
	if e.Offer {
		body, err := l.answerOffer(e.SDP)
		if err == nil {
			_ = e.Session.AnswerOffer(body)
			return
		}
		l.fail()
		return
	}
	if err := l.accept(e.SDP); err != nil {
		l.ch.log().Info("answer refused", "peer", l.name, "error", err)
		l.fail()
		return
	}
	l.talk.Settle()
	l.settleMedia()
}

// fail ends a leg for a fault in what its peer said; with the caller the call
// ends.
func (l *leg) fail() {
	const cause = CauseBearerNotAvailable
	l.drop(cause)
	if l == l.ch.caller {
		l.ch.end(cause, l.ch.name)
	}
}
