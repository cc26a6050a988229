package pbx

import (
	"net/netip"
	"slices"

	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip/dialog"
)

// Direct media: two connected telephones send their sound to each other and not
// through this node, if the files of both say direct_media=yes. Each is told the
// other's address in a re-INVITE or UPDATE of ours, and ours again as soon as
// somebody here has to hear or speak: music on hold, a recording, keys of
// features.conf, a transfer, the end of the connection. align is the only place
// that decides, and may be called whenever something of that has changed.

// detour is where a leg's peer has been told to send its sound, if not to us.
type detour struct{ rtp, rtcp netip.AddrPort }

// align has two connected legs exchange their sound in the way that fits now.
func (ch *channel) align(a, b *leg) {
	direct := ch.mayBeDirect(a, b)
	a.divert(b, direct)
	b.divert(a, direct)
}

// realign is align for the channel's legs, after something has changed that is not
// about two of them.
func (ch *channel) realign() {
	for l := range ch.legs {
		if l.peer != nil {
			ch.align(l, l.peer)
		}
	}
}

// divert tells the leg's peer to send to other's peer, or to us.
func (l *leg) divert(other *leg, direct bool) {
	var want *detour
	if direct {
		m := &other.talk.Agreed.Media
		want = &detour{m.Remote, m.RTCP}
	}
	switch {
	case want == nil && l.detour == nil, want != nil && l.detour != nil && *want == *l.detour:
		return
	case want != nil && l.detour == nil && !l.calmed && l.mitigates():
		l.calmed, l.untold = true, true // it learns the address when it makes an offer itself
		l.detour = want
		return
	case l.untold:
		l.detour, l.untold = want, want != nil
		return
	}
	if l.detour = want; l.state != legUp || l.session == nil {
		return
	}
	l.modify(func() error {
		offer, err := l.directOffer()
		if err != nil {
			return err
		}
		if l.endpoint.DirectMediaMethod == "update" {
			return l.session.Update(offer)
		}
		return l.session.ReInvite(offer)
	})
}

// mitigates reports whether the leg is one that sends no first re-INVITE, so that
// it does not meet another exchange's (direct_media_glare_mitigation).
func (l *leg) mitigates() bool {
	if l.outgoing {
		return l.endpoint.DirectMediaGlare == "outgoing"
	}
	return l.endpoint.DirectMediaGlare == "incoming"
}

// directOffer is an offer of the leg's main stream at the address where it goes
// now: away, with what both sides have agreed on; to us, with all in use.
func (l *leg) directOffer() (string, error) {
	formats := l.talk.Agreed.Formats
	if l.detour != nil && l.peer != nil {
		formats = alike(formats, l.peer.talk.Agreed.Formats)
	}
	return l.offerSame(formats)
}

// mayBeDirect reports whether two connected legs can do without us.
func (ch *channel) mayBeDirect(a, b *leg) bool {
	if !a.allowsDirect() || !b.allowsDirect() || len(ch.monitors) > 0 {
		return false
	}
	if d := ch.dialing; d != nil && !d.warnAt.IsZero() {
		return false // somebody will speak
	}
	x, y := &a.talk.Agreed.Media, &b.talk.Agreed.Media
	if x.Remote.Addr().Is4() != y.Remote.Addr().Is4() {
		return false
	}
	// Each sends with the payload types of the other, so both must have agreed with
	// us on the same.
	if !sameTypes(&x.Formats[0], &y.Formats[0]) || (x.DTMF == nil) != (y.DTMF == nil) {
		return false
	}
	return x.DTMF == nil || sameTypes(x.DTMF, y.DTMF)
}

// allowsDirect reports whether nothing on the leg's side needs its sound here.
func (l *leg) allowsDirect() bool {
	e := l.endpoint
	if !e.DirectMedia || l.inside || !e.IsSet("direct_media") { // Asterisk's default is yes, ours is no
		return false
	}
	if l.state != legUp || l.session == nil || !l.agreed || l.rtp == nil || l.stays || l.fax != nil {
		return false
	}
	if l.playing != nil || len(l.codes) > 0 || l.sinking || l.undetect != nil || l.spied > 0 {
		return false
	}
	if slices.ContainsFunc(l.asides, func(a *aside) bool { return a.rtp != nil }) {
		return false // further streams stay, and with them the sound beside them
	}
	m := &l.talk.Agreed.Media
	if m.Kind != sdp.Audio || m.Rejected || m.Held || m.Direction != sdp.SendRecv || !m.Remote.IsValid() || len(m.Formats) == 0 {
		return false
	}
	return !e.NoDirectMediaOnNAT || l.remoteAddr == m.Remote.Addr()
}

// sameTypes reports whether two legs use a format with the same payload types.
func sameTypes(f, g *sdp.Format) bool {
	return f.Same(g.Codec) && f.RecvPT == g.SendPT && f.SendPT == g.RecvPT
}

// alike are the formats of a list that can be exchanged with those of another.
func alike(list, other []sdp.Format) []sdp.Format {
	var common []sdp.Format
	for i := range list {
		if slices.ContainsFunc(other, func(g sdp.Format) bool { return sameTypes(&list[i], &g) }) {
			common = append(common, list[i])
		}
	}
	return common
}

// anchor takes back what align has told the two, before they are no longer
// connected.
func (l *leg) anchor() {
	if l.detour != nil {
		l.divert(nil, false)
	}
}

// refusedDetour notes that the leg's peer did not take an address that is not ours:
// both sides stay with us.
func (l *leg) refusedDetour() {
	if l.detour == nil {
		return
	}
	l.detour, l.stays = nil, true
	if l.peer != nil {
		l.ch.align(l, l.peer)
	}
}

// settleMedia follows what a leg and its peer agree on now.
func (l *leg) settleMedia() {
	if l.peer != nil {
		l.ch.align(l, l.peer)
	}
}

// spied tells a leg that somebody begins (1) or ends (-1) to listen to it.
type spied struct{ by int }

// bye ends the leg's dialog. A re-INVITE of ours that is under way may end first, so
// that no telephone goes on sending to somebody who has gone, or gets a BYE between its
// 200 and our ACK.
func (l *leg) bye(reason dialog.Reason) error {
	if s, ok := l.session.(*dialog.Session); ok {
		return s.ByeAfterChange(reason)
	}
	return l.session.Bye(reason)
}
