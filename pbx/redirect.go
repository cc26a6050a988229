package pbx

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
)

// ackTime is how long a request of ours waits for the ACK to our 200.
const ackTime = 5 * time.Second

// errNowhere means that a redirection has no usable destination.
var errNowhere = errors.New("pbx: no such destination")

// Redirect implements Channel: an unanswered caller gets 302 (RFC 3261
// §21.3.3), an answered one REFER (RFC 5589 §6).
func (ch *channel) Redirect(_ context.Context, destination string) error {
	if ch.gone() {
		return ErrHangup
	}
	uri := ch.redirectURI(destination)
	if _, err := sip.ParseURI(uri); err != nil {
		return errNowhere
	}
	if ch.caller.state != legUp {
		ch.caller.state, ch.caller.cause = legGone, CauseNormalClearing
		err := ch.caller.session.Reject(302, "", dialog.Header{Name: "Contact", Value: "<" + uri + ">"})
		ch.end(CauseNormalClearing, ch.name)
		return err
	}
	s, ok := ch.caller.session.(*dialog.Session)
	if !ok {
		return errLocal
	}
	ch.awaitACK()
	_, err := s.Refer("<" + uri + ">")
	return err
}

// awaitACK lets the channel live until its caller has acknowledged our 200:
// telephones expect nothing else of us before that.
func (ch *channel) awaitACK() {
	s, ok := ch.caller.session.(*dialog.Session)
	if !ok {
		return
	}
	ch.caller.waits.Store(true) // before the look at the session: an ACK after it is not missed
	for until := time.Now().Add(ackTime); !s.Confirmed() && !ch.gone() && ch.step(until); {
	}
	ch.caller.waits.Store(ch.caller.pending != nil)
}

// redirectURI is the SIP URI of a destination: one as it is, an endpoint's
// first contact, user@endpoint, or a number at the caller's own host.
func (ch *channel) redirectURI(destination string) string {
	if strings.HasPrefix(destination, "sip:") || strings.HasPrefix(destination, "sips:") || strings.HasPrefix(destination, "tel:") {
		return destination
	}
	d := &dialing{ch: ch}
	name, user := destination, ""
	e := ch.set.Endpoints.Endpoints[name]
	if at := strings.LastIndexByte(name, '@'); e == nil && at >= 0 {
		user = name[:at]
		e = ch.set.Endpoints.Endpoints[name[at+1:]]
	}
	if e != nil {
		if list := d.contacts(e, user, ""); len(list) > 0 {
			return list[0].URI
		}
		return ""
	}
	return "sip:" + sip.EscapeUser(destination) + "@" + ch.caller.ownHost()
}

// SendText implements Channel: a MESSAGE in the caller's dialog (RFC 3428 §4).
func (ch *channel) SendText(_ context.Context, t Text) error {
	if ch.gone() || ch.caller.session == nil {
		return ErrHangup
	}
	if ch.caller.state != legUp {
		return dialog.ErrState
	}
	if ch.awaitACK(); ch.gone() {
		return ErrHangup
	}
	s := ch.caller.session
	var names []dialog.Header
	if t.From != "" {
		names = append(names, named("From", t.From, s.LocalURI(), s.ID().LocalTag))
	}
	if t.To != "" {
		names = append(names, named("To", t.To, s.RemoteURI(), s.ID().RemoteTag))
	}
	return s.Send(sip.MESSAGE, t.ContentType, t.Body, nil, names...)
}

// named is From or To of a dialog with another name.
func named(header, display, uri, tag string) dialog.Header {
	a := sip.Address{Display: display, URI: uri}
	a.Params = a.Params.With("tag", tag)
	return dialog.Header{Name: header, Value: a.String()}
}

// message is a MESSAGE in a leg's dialog: it goes to the one that the leg is
// connected with.
func (l *leg) message(e dialog.Message) {
	if l == l.ch.caller && l.ch.awaitsText {
		l.ch.heardText = &Text{ContentType: e.ContentType, Body: e.Body}
		return
	}
	if p := l.peer; p != nil && p.session != nil && p.state == legUp {
		_ = p.session.Send(sip.MESSAGE, e.ContentType, e.Body, nil)
	}
}
