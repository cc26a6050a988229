package pbx

import "github.com/hometone/hometone/sip/dialog"

// takeBody returns the description of the caller's INVITE and forgets it.
func (l *leg) takeBody() string {
	body := l.body
	l.body = ""
	return body
}

// confirmed is the ACK to our 200; with a description if the offer was ours.
func (l *leg) confirmed(e dialog.Confirmed) {
	if e.SDP == "" || l.agreed {
		return
	}
	if err := l.accept(e.SDP); err != nil {
		l.ch.log().Info("answer refused", "peer", l.name, "error", err)
		l.fail(CauseBearerNotAvailable)
	}
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
	if l.talk.Agreed.Held != held && e.SDP != "" {
		l.ch.log().Info("hold", "by", l.name, "on", !held)
		l.held()
	}
}

// reanswered is the answer to an offer of ours within the dialog.
func (l *leg) reanswered(e dialog.Answer) {
	if e.Err != nil || e.Status >= 300 || e.SDP == "" || l.state == legGone {
		return
	}
	if e.Offer {
		body, err := l.answerOffer(e.SDP)
		if err == nil {
			_ = e.Session.AnswerOffer(body)
			return
		}
		l.fail(CauseBearerNotAvailable)
		return
	}
	if err := l.accept(e.SDP); err != nil {
		l.ch.log().Info("answer refused", "peer", l.name, "error", err)
		l.fail(CauseBearerNotAvailable)
	}
}

// fail ends a leg for a fault in what its peer said; with the caller the call
// ends.
func (l *leg) fail(cause Cause) {
	l.drop(cause)
	if l == l.ch.caller {
		l.ch.end(cause, l.ch.name)
	}
}
