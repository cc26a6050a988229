package pbx

import (
	"strings"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transport"
)

// party is a person as telephones show one.
type party struct {
	number  string
	display string
	// restricted: the person wants not to be shown (RFC 3323, CALLERID(pres)).
	restricted bool
	shown      string // the presentation as CALLERID(pres) was set; "" = by restricted
}

// clone is p without the message that it was read from: a call keeps it.
func (p party) clone() party {
	p.number, p.display = strings.Clone(p.number), strings.Clone(p.display)
	return p
}

// String writes "Name" <number> as the record and the console have it.
func (p party) String() string { return callerID(p.display, p.number) }

// calledParty is who an endpoint's callee is: its callerid, else its number.
func calledParty(e *pjsip.Endpoint, number string) party {
	p := party{number: e.CallerIDNum, display: e.CallerIDName, restricted: restrictedBy(e.CallerIDPrivacy)}
	if p.number == "" && p.display == "" {
		p.number = number
	}
	return p
}

// restrictedBy reports whether a presentation, in Asterisk's words
// (allowed_not_screened, prohib_passed_screen …), hides the person.
func restrictedBy(presentation string) bool {
	return strings.HasPrefix(presentation, "prohib") || presentation == "unavailable"
}

// callingParty is who an INVITE says that calls: the endpoint's callerid if it
// has one; else, of a trusted peer, P-Asserted-Identity (RFC 3325 §9.1) or
// Remote-Party-ID; else From.
func callingParty(e *pjsip.Endpoint, m *sip.Message) party {
	p, ok := party{}, false
	if e.TrustIDInbound {
		p, ok = assertedParty(m)
	}
	if from, err := m.From(); err == nil && !ok {
		p.display = from.Display
		if uri, err := from.ParsedURI(); err == nil {
			p.number = uri.Username()
			p.restricted = strings.EqualFold(uri.Host, anonymousHost)
		}
	}
	if e.CallerIDNum != "" {
		p.number = e.CallerIDNum
	}
	if e.CallerIDName != "" {
		p.display = e.CallerIDName
	}
	p.restricted = p.restricted || restrictedBy(e.CallerIDPrivacy)
	return p
}

// assertedParty reads P-Asserted-Identity or Remote-Party-ID.
func assertedParty(m *sip.Message) (party, bool) {
	value, rpid := m.Get(sip.HeaderPAssertedIdentity), false
	if value == "" {
		value, rpid = m.GetName("Remote-Party-ID"), true
	}
	if value == "" {
		return party{}, false
	}
	a, err := sip.ParseAddress(value)
	if err != nil {
		return party{}, false
	}
	uri, err := a.ParsedURI()
	if err != nil {
		return party{}, false
	}
	p := party{number: uri.Username(), display: a.Display}
	if rpid {
		privacy, _ := a.Params.Get("privacy")
		p.restricted = privacy != "" && !strings.EqualFold(privacy, "off")
	} else {
		p.restricted = m.HasToken(sip.HeaderPrivacy, "id")
	}
	return p, true
}

// identified notes who a trusted peer says that it is now (trust_id_inbound,
// trust_connected_line), and reports whether that is news.
func (l *leg) identified(m *sip.Message) bool {
	if !l.endpoint.TrustIDInbound || !l.endpoint.TrustConnectedLine {
		return false
	}
	p, ok := assertedParty(m)
	if !ok || p == l.party {
		return false
	}
	l.party = p
	return true
}

// anonymousHost is the host of a caller who is not shown (RFC 3323 §4.1.1.3).
const anonymousHost = "anonymous.invalid"

// identity are the header fields that tell the leg's peer who is at the other
// side: P-Asserted-Identity with send_pai (RFC 3325), Remote-Party-ID with
// send_rpid, Privacy for someone who is not to be shown, and then only to a
// trusted peer (trust_id_outbound). calling: the other side is the caller.
func (l *leg) identity(who party, calling bool) []dialog.Header {
	e := l.endpoint
	if !e.SendPAI && !e.SendRPID || who.number == "" || who.restricted && !e.TrustIDOutbound {
		return nil
	}
	address := sip.Address{Display: who.display, URI: "sip:" + sip.EscapeUser(who.number) + "@" + l.ownHost()}
	var list []dialog.Header
	if e.SendPAI {
		list = append(list, dialog.Header{Name: "P-Asserted-Identity", Value: address.String()})
		if who.restricted {
			list = append(list, dialog.Header{Name: "Privacy", Value: "id"})
		}
	}
	if e.SendRPID {
		role, privacy := "called", "off"
		if calling {
			role = "calling"
		}
		if who.restricted {
			privacy = "full"
		}
		list = append(list, dialog.Header{Name: "Remote-Party-ID", Value: address.String() + ";party=" + role + ";privacy=" + privacy + ";screen=no"})
	}
	return list
}

// ownHost is our host name towards the leg's peer.
func (l *leg) ownHost() string {
	if l.endpoint.FromDomain != "" {
		return l.endpoint.FromDomain
	}
	if l.host == "" {
		to := transport.Target{}
		if l.session != nil {
			to = l.session.Peer()
		}
		l.host, _ = l.ch.srv.cfg.Transport.SentBy(to)
	}
	return l.host
}

// contact is our Contact in an INVITE to the leg's peer. Its user part is
// contact_user; with use_callerid_contact who calls, as far as that is shown;
// else default_from_user, for it is the exchange that is contacted.
func (l *leg) contact(to transport.Target, caller party) string {
	global := &l.ch.set.Endpoints.Global
	user := l.endpoint.ContactUser
	if user == "" && global.UseCallerIDContact {
		if user = caller.number; caller.restricted {
			user = anonymous
		}
	}
	if user == "" {
		user = global.DefaultFromUser
	}
	host, port := l.ch.srv.cfg.Transport.SentBy(to)
	uri := sip.URI{Scheme: "sip", User: sip.EscapeUser(user), Host: host, Port: port}
	proto := to.Proto
	if to.Flow.Valid() {
		proto = to.Flow.Proto()
	}
	if proto > transport.UDP {
		uri.Params = uri.Params.With("transport", proto.String())
	}
	return uri.String()
}

// connectedLine tells the peer of a leg that it now talks with somebody else,
// for endpoints that are told at all (send_connected_line with send_pai or
// send_rpid), and reports whether it could be told. A peer that takes UPDATE gets
// one without a description, also while it still rings (RFC 3311 §5.1); others a
// re-INVITE that changes nothing but who is shown.
func (ch *channel) connectedLine(l, other *leg) bool {
	return ch.showConnected(l, other.party, other == ch.caller)
}

// showConnected is connectedLine with the person to show.
func (ch *channel) showConnected(l *leg, who party, calling bool) bool {
	early := l.state < legUp && l.early != nil
	if l.state == legGone || l.state != legUp && !early || !l.endpoint.SendConnectedLine || l.session == nil && !early {
		return false
	}
	headers := l.identity(who, calling)
	if headers == nil {
		return false
	}
	if l.pending != nil {
		ch.log().Info("connected line not updated", "peer", l.name, "error", dialog.ErrOffer)
		return false
	}
	if early {
		return l.early.Updates() && l.early.Update("", headers...) == nil
	}
	// An answer of ours may still wait for its ACK: then it goes out afterwards.
	if s, ok := l.session.(*dialog.Session); ok && s.Updates() {
		l.modify(func() error { return s.Update("", headers...) })
		return true
	}
	l.modify(func() error {
		offer, err := l.makeOffer(l.talk.Agreed.Formats)
		if err != nil {
			return err
		}
		if l.endpoint.ConnectedLineMethod == "update" {
			return l.session.Update(offer, headers...)
		}
		return l.session.ReInvite(offer, headers...)
	})
	return true
}
