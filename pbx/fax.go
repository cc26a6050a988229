package pbx

import (
	"errors"
	"strconv"
	"strings"

	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip/dialog"
)

// Fax over T.38 is passed through: when one of two connected telephones changes
// its sound into a fax (m=image udptl, ITU-T T.38 Annex D), the other one is
// offered the same, and only then the first gets its answer; what that one
// refuses, is refused here. The packets go through the relay as they are, so error
// correction and everything else is between the two machines. Either side's offer
// of sound, or the end of the connection, ends it for both.

// fax is the fax of a leg.
type fax struct {
	rtp   *relay.Leg
	asked *faxOffer // of the leg's peer, while the other side has not answered
}

// faxOffer is an offer that waits.
type faxOffer struct {
	session *dialog.Session
	offer   *sdp.Description
	fax     sdp.Fax
}

// offeredFax takes a re-INVITE that is about a fax; false if it is not.
func (l *leg) offeredFax(e dialog.Offer) bool {
	if !strings.Contains(e.SDP, "m=image") {
		return false
	}
	offer, err := sdp.Parse(e.SDP)
	if err != nil {
		return false
	}
	f, ok := offer.Fax()
	if !ok {
		return false
	}
	p := l.peer
	switch {
	case f.Addr.Port() == 0 || !l.faxes() || p == nil || !p.faxes():
	case l.fax != nil && l.fax.asked == nil && p.fax != nil: // once more, or from another port
		l.hearFax(&f)
		if e.Session.AnswerOffer(l.talk.AnswerFax(offer, l.local(nil), f.Line, l.ourFax(p, &f))) == nil {
			return true
		}
	case l.startFax() == nil && p.startFax() == nil:
		l.fax.asked = &faxOffer{e.Session, offer, f}
		l.hearFax(&f)
		p.modify(func() error { return p.session.ReInvite(p.talk.OfferFax(p.local(nil), p.ourFax(l, &f))) })
		return true
	}
	l.ch.log().Info("fax refused", "by", l.name)
	if l.fax != nil && (p == nil || p.fax == nil) {
		l.closeFax() // no port for the other side
	}
	_ = e.Session.RejectOffer(488, "")
	return true
}

// faxes reports whether the leg may carry a fax (t38_udptl).
func (l *leg) faxes() bool {
	return l.endpoint.T38 && !l.inside && l.state == legUp && l.session != nil && l.agreed
}

// startFax opens the leg's port for UDPTL.
func (l *leg) startFax() error {
	if l.fax != nil {
		return nil
	}
	rtp, err := l.ports(l.remoteAddr, l.endpoint.T38BindToMediaAddress, nil)
	if err != nil {
		return err
	}
	l.fax = &fax{rtp: rtp}
	return nil
}

// hearFax tells the relay where the leg's peer has its fax.
func (l *leg) hearFax(f *sdp.Fax) {
	l.fax.rtp.Set(relay.Description{Remote: f.Addr, Signalling: l.remoteAddr, Symmetric: true, Send: true, Recv: true, Raw: true})
}

// ourFax is the fax that the leg's peer is told of: that of the other side, at our
// address. The packets stay as they are, so the other side's limit for them counts.
func (l *leg) ourFax(other *leg, theirs *sdp.Fax) sdp.Fax {
	f := *theirs
	f.Addr = l.announced(l.fax.rtp.Addr())
	most := other.endpoint.T38MaxDatagram
	if v, ok := f.Attribute("T38FaxMaxDatagram"); ok && most == 0 {
		most, _ = strconv.Atoi(v)
	}
	if most > 0 {
		f = f.With("T38FaxMaxDatagram", strconv.Itoa(faxDatagram(most)))
	}
	if l.endpoint.T38EC == "none" && l.endpoint.IsSet("t38_udptl_ec") {
		f = f.With("T38FaxUdpEC", "")
	}
	return f
}

// faxDatagram is the size of datagrams to ask a sender for when the receiver takes
// those of most octets: 5 octets of frame around a message, which gets 5 % less
// room, and 5 % more of the whole for safety. Asterisk reckons in the same way.
func faxDatagram(most int) int {
	const frame = 5
	message := max(most-frame, 0) * 95 / 100
	return (frame + message) * 105 / 100
}

// answeredFax takes the answer to the offer that the other side's fax made us send;
// false if there was none.
func (l *leg) answeredFax(e dialog.Answer) bool {
	p := l.peer
	if l.fax == nil || p == nil || p.fax == nil || p.fax.asked == nil {
		return false
	}
	asked := p.fax.asked
	f, err := l.acceptFax(e)
	if errors.Is(err, sdp.ErrRejected) {
		// The answer has no stream at all: so this leg ends, as with sound, and with it the call.
		p.fax.asked = nil
		l.fail()
		return true
	}
	p.fax.asked = nil
	if err == nil {
		l.hearFax(&f)
		err = l.ch.srv.cfg.Relay.Join(l.fax.rtp, p.fax.rtp)
	}
	if err == nil {
		err = asked.session.AnswerOffer(p.talk.AnswerFax(asked.offer, p.local(nil), asked.fax.Line, p.ourFax(l, &f)))
	}
	if err != nil {
		l.ch.log().Info("fax refused", "by", l.name, "error", err)
		_ = asked.session.RejectOffer(488, "")
		p.closeFax()
		if e.Err != nil || e.Status >= 300 {
			l.closeFax() // the session is as it was
		} else {
			l.endFax()
		}
		return true
	}
	l.ch.event("fax")
	return true
}

// acceptFax reads the answer to an offer of a fax.
func (l *leg) acceptFax(e dialog.Answer) (sdp.Fax, error) {
	if e.Err != nil || e.Status >= 300 || e.SDP == "" {
		return sdp.Fax{}, errNoFax
	}
	answer, err := sdp.Parse(e.SDP)
	if err != nil {
		return sdp.Fax{}, err
	}
	return l.talk.AcceptFax(answer)
}

// errNoFax means that a peer does not want a fax.
var errNoFax = errors.New("pbx: no fax")

// endFax changes the leg back to the sound that it had.
func (l *leg) endFax() {
	if l.fax == nil {
		return
	}
	l.closeFax()
	if l.state != legUp || l.session == nil {
		return
	}
	l.modify(func() error {
		offer, err := l.offerSame(l.talk.Agreed.Formats)
		if err != nil {
			return err
		}
		return l.session.ReInvite(offer)
	})
}

// closeFax gives the fax's port back.
func (l *leg) closeFax() {
	if l.fax != nil {
		l.fax.rtp.Close()
		l.fax = nil
	}
}

// partFax ends a fax when two legs are no longer connected. An offer that still
// waits is refused.
func (l *leg) partFax() {
	if l.fax == nil {
		return
	}
	if asked := l.fax.asked; asked != nil {
		l.closeFax()
		_ = asked.session.RejectOffer(488, "")
		return
	}
	l.endFax()
}
