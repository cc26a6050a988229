package phone

import (
	"context"
	"strings"

	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip/dialog"
)

// handle takes one event of the dialog layer. It runs on the call's goroutine.
func (c *Call) handle(e dialog.Event) {
	switch e := e.(type) {
	case dialog.Progress:
		c.progress(e)
	case dialog.Answered:
		c.peerAnswered(e)
	case dialog.Rejected:
		c.rejected(e)
	case dialog.Confirmed:
		c.confirmed(e)
	case dialog.Offer:
		c.peerOffers(e)
	case dialog.Answer:
		c.peerAccepts(e)
	case dialog.Info:
		c.info(e)
	case dialog.Refer:
		// A transfer needs the user's consent, and there is nobody to ask yet.
		_ = e.Request.Reject(603, "") // the dialog may be gone; nothing is lost then
	case dialog.Ended:
		c.peerEnded(e)
	}
}

// progress is ringing or early media.
func (c *Call) progress(e dialog.Progress) {
	if e.SDP != "" && !e.Offer {
		if err := c.agree(e.SDP); err == nil && !c.early {
			c.early = true
			c.phone.emit(Event{Kind: EarlyMedia, Call: c, Status: e.Res.Status(), Text: e.Res.Reason()})
		}
	}
	if c.State() == StateCalling {
		c.setState(StateRinging)
	}
	c.phone.emit(Event{Kind: Ringing, Call: c, Status: e.Res.Status(), Text: e.Res.Reason()})
}

// peerAnswered is the 2xx to our INVITE; it has been acknowledged.
func (c *Call) peerAnswered(e dialog.Answered) {
	c.session = e.Session
	if c.closing {
		// Our CANCEL crossed the 2xx: the dialog layer ends it with BYE.
		return
	}
	if e.SDP != "" {
		if err := c.agree(e.SDP); err != nil {
			c.setState(StateTalking)
			c.end()
			return
		}
	}
	if len(c.media.Agreed.Formats) == 0 {
		c.setState(StateTalking)
		c.end() // RFC 3261 §13.2.2.4: an unacceptable answer is ended with BYE
		return
	}
	c.talking(e.Res.Status())
}

// rejected is the end of an invitation without an answer.
func (c *Call) rejected(e dialog.Rejected) {
	reason := ""
	if e.Res != nil {
		reason = e.Res.Reason()
	}
	if reason == "" && e.Err != nil {
		reason = e.Err.Error()
	}
	c.finish(e.Status, reason, &Refused{e.Status, reason})
}

// confirmed is the ACK to our 2xx.
func (c *Call) confirmed(e dialog.Confirmed) {
	if e.SDP != "" {
		if err := c.agree(e.SDP); err != nil {
			c.setState(StateTalking)
			c.end()
			return
		}
	}
	c.talking(200)
}

// agree reads the peer's answer to our last offer and sets the stream to it.
func (c *Call) agree(body string) error {
	d, err := sdp.Parse(body)
	if err != nil {
		return err
	}
	n, err := c.media.Accept(d)
	if err != nil {
		return err
	}
	c.apply(n)
	return nil
}

// peerOffers answers a re-INVITE or UPDATE (RFC 3261 §14.2, RFC 3311 §5.2).
func (c *Call) peerOffers(e dialog.Offer) {
	if c.audio == nil {
		_ = e.Session.RejectOffer(488, "") // before we answered: there is nothing to change
		return
	}
	body, err := c.describe(e.SDP)
	if err != nil {
		_ = e.Session.RejectOffer(statusOf(err), "")
		return
	}
	if err := e.Session.AnswerOffer(body); err != nil {
		c.phone.set.Logger.Debug("phone: answer an offer", "call_id", e.Session.ID().CallID, "error", err)
		return
	}
	if e.SDP != "" {
		c.notePeerHold()
	}
}

// notePeerHold reports when the peer puts us on hold or takes us back.
func (c *Call) notePeerHold() {
	held := c.media.Agreed.Held
	if held == c.peerHold {
		return
	}
	c.peerHold = held
	kind := PeerResumed
	if held {
		kind = PeerHeld
	}
	c.phone.emit(Event{Kind: kind, Call: c})
}

// reoffer is a re-INVITE of ours that waits for its answer.
type reoffer struct {
	hold   bool        // what it is to bring
	before sdp.Session // what holds if it is refused
	reply  chan error
}

// Hold puts the peer on hold (a=sendonly, RFC 3264 §8.4) and returns when it
// agreed.
func (c *Call) Hold(ctx context.Context) error { return c.offerHold(ctx, true) }

// Resume takes the peer back from hold.
func (c *Call) Resume(ctx context.Context) error { return c.offerHold(ctx, false) }

func (c *Call) offerHold(ctx context.Context, hold bool) error {
	r := &reoffer{hold: hold, reply: make(chan error, 1)}
	if err := c.do(ctx, func() error { return c.sendOffer(r) }); err != nil {
		return err
	}
	select {
	case err := <-r.reply:
		return err
	case <-c.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sendOffer sends a re-INVITE with our direction.
func (c *Call) sendOffer(r *reoffer) error {
	switch {
	case c.State() != StateTalking || c.reoffer != nil || c.closing:
		return ErrNotNow
	case r.hold == c.hold:
		r.reply <- nil
		return nil
	}
	r.before = c.media
	c.hold = r.hold
	if err := c.session.ReInvite(c.media.Offer(c.local())); err != nil {
		c.hold, c.media = !r.hold, r.before
		return err
	}
	c.reoffer = r
	return nil
}

// peerAccepts is the answer to our re-INVITE, or its refusal.
func (c *Call) peerAccepts(e dialog.Answer) {
	if c.reoffer == nil {
		if e.SDP != "" && !e.Offer {
			_ = c.agree(e.SDP) // the answer to an offer the peer asked for
		}
		return
	}
	r := c.reoffer
	c.reoffer = nil
	var err error
	switch {
	case e.Err != nil:
		err = e.Err
	case e.Status >= 300:
		err = &Refused{e.Status, ""}
		if e.Res != nil {
			err = &Refused{e.Status, e.Res.Reason()}
		}
	default:
		err = c.agree(e.SDP)
	}
	if err != nil {
		// RFC 3261 §14.1: the session stays as it was.
		c.hold, c.media = !r.hold, r.before
		r.reply <- err
		return
	}
	c.mu.Lock()
	c.onHold = c.hold
	c.mu.Unlock()
	kind := Resumed
	if c.hold {
		kind = Held
	}
	c.phone.emit(Event{Kind: kind, Call: c})
	r.reply <- nil
}

// info takes digits from peers that send them as INFO.
func (c *Call) info(e dialog.Info) {
	var digit string
	switch strings.ToLower(strings.TrimSpace(e.ContentType)) {
	case "application/dtmf":
		digit = strings.TrimSpace(e.Body)
	case "application/dtmf-relay":
		for line := range strings.Lines(e.Body) {
			if name, value, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(name), "signal") {
				digit = strings.TrimSpace(value)
			}
		}
	}
	if len(digit) == 1 && strings.Contains("0123456789*#ABCD", strings.ToUpper(digit)) {
		c.phone.emit(Event{Kind: Digit, Call: c, Digit: strings.ToUpper(digit)[0]})
	}
}

// peerEnded is the end of a session.
func (c *Call) peerEnded(e dialog.Ended) {
	text := e.Cause.String()
	if e.Reason.Text != "" {
		text += ": " + e.Reason.Text
	}
	var err error
	switch {
	case e.Status >= 300:
		err = &Refused{e.Status, text}
	case e.Cause == dialog.CauseCancelled:
		err = &Refused{487, text}
	}
	c.finish(e.Status, text, err)
}
