package pbx

import (
	"strings"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx/presence"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// technology is the name of our channels' kind, as hints and Dial write it.
const technology = "PJSIP"

// device is the name of an endpoint as hints and Dial write it.
func device(e *pjsip.Endpoint) string { return technology + "/" + e.Name }

// lamp tells the board what the leg's telephone is doing.
func (l *leg) lamp() {
	b := l.ch.srv.cfg.Board
	if b == nil || l.inside {
		return // an end of a Local channel is no telephone
	}
	if s := l.lampState(); s != l.lit {
		b.Channel(technology, l.endpoint.Name, l.lit, s)
		l.lit = s
	}
}

// lampState is the state of the channel that a watcher sees.
func (l *leg) lampState() presence.ChannelState {
	switch {
	case l.state == legGone, l.state == legIdle, l.inside: // an end of a Local channel is no telephone
		return presence.ChannelDown
	case l.state == legUp && l.talk.Agreed.Held:
		return presence.ChannelHeld
	case l.state == legUp:
		return presence.ChannelUp
	case l.outgoing && l.state == legTrying:
		return presence.ChannelDown // nothing rings yet
	case l.outgoing:
		return presence.ChannelRinging
	}
	return presence.ChannelCalling
}

// dark puts the lamp out when the leg gives its things back.
func (l *leg) dark() {
	if l.lit != presence.ChannelDown {
		l.ch.srv.cfg.Board.Channel(technology, l.endpoint.Name, l.lit, presence.ChannelDown)
		l.lit = presence.ChannelDown
	}
}

// summary takes a NOTIFY that nobody has subscribed to: a trunk's, about the messages
// that wait for us there (incoming_mwi_mailbox). Others get 481 (RFC 6665 §4.1.3).
func (s *Server) summary(set *Settings, tx *transaction.Server, req *sip.Request) {
	event, ok, err := req.Event()
	e := set.Known(req, tx.Flow().Remote())
	if !ok || err != nil || !strings.EqualFold(event.Package, "message-summary") || e == nil || e.IncomingMWIMailbox == "" || s.cfg.Presence == nil {
		respond(tx, req, 481)
		return
	}
	if e = s.admit(set, tx, req); e == nil {
		return
	}
	respond(tx, req, s.cfg.Presence.TakeSummary(e.IncomingMWIMailbox, e.Name, req))
}

// subscribe gives a SUBSCRIBE or PUBLISH of an endpoint to the notifier.
func (s *Server) subscribe(e *pjsip.Endpoint, tx *transaction.Server, req *sip.Request) {
	p := s.cfg.Presence
	switch {
	case p == nil: // RFC 6665 §4.1.2.1: no package has a notifier
		respond(tx, req, 489)
	case !e.AllowSubscribe:
		respond(tx, req, 403)
	default:
		w := presence.Watcher{Name: e.Name, Context: e.SubscribeContext, Shortest: e.SubMinExpiry, Early: e.NotifyEarlyInUseRinging, Accept: s.acceptOptions(e)}
		if !e.MWISubscribeReplaces {
			w.Told = e.Mailboxes
		}
		if w.Context == "" {
			w.Context = e.Context
		}
		if req.Method() == sip.PUBLISH {
			p.Publish(tx, req, w)
			return
		}
		p.Subscribe(tx, req, w)
	}
}
