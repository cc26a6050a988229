package pbx

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
)

// diversion is how a call came to be sent elsewhere (RFC 5806).
type diversion struct {
	from   party  // who sent it elsewhere
	to     string // number it was sent to
	reason string // unconditional, user-busy, no-answer, deflection …
	count  int
}

// maxDiversions bounds how often one call is forwarded.
const maxDiversions = 20

// readDiversion reads Diversion, or History-Info (RFC 7044), of a message.
func readDiversion(m *sip.Message) (diversion, bool) {
	if a, err := sip.ParseAddress(first(m, sip.HeaderDiversion)); err == nil {
		if uri, err := a.ParsedURI(); err == nil {
			reason, _ := a.Params.Get("reason")
			return diversion{from: party{number: uri.Username(), display: a.Display}, reason: sip.Unquote(reason)}, true
		}
	}
	var numbers []string
	reason := ""
	for v := range m.Values(sip.HeaderHistoryInfo) {
		a, err := sip.ParseAddress(v)
		if err != nil {
			continue
		}
		uri, err := a.ParsedURI()
		if err != nil {
			continue
		}
		numbers = append(numbers, uri.Username())
		if cause, ok := uri.Params.Get("cause"); ok {
			reason = reasonOfCause(cause)
		}
	}
	if len(numbers) < 2 {
		return diversion{}, false
	}
	return diversion{from: party{number: numbers[len(numbers)-2]}, to: numbers[len(numbers)-1], reason: reason}, true
}

func first(m *sip.Message, id sip.HeaderID) string {
	v, _ := m.First(id)
	return v
}

// The reasons of RFC 5806 and the causes of RFC 4458 §2 that stand for them.
var causesOfReasons = [...][2]string{
	{"user-busy", "486"}, {"no-answer", "408"}, {"unconditional", "302"}, {"deflection", "480"}, {"unavailable", "503"}, {"unknown", "404"},
}

func reasonOfCause(cause string) string {
	for _, p := range causesOfReasons {
		if p[1] == cause {
			return p[0]
		}
	}
	return "unknown"
}

func causeOfReason(reason string) string {
	for _, p := range causesOfReasons {
		if p[0] == reason {
			return p[1]
		}
	}
	return "302"
}

// divertingHeaders are diversionHeaders for the caller's 181, whose Diversion
// names whom the call is sent to, as Asterisk has it.
func (l *leg) divertingHeaders(d *diversion) []dialog.Header {
	list := l.diversionHeaders(d)
	if d.to != "" && len(list) > 0 && list[0].Name == "Diversion" {
		to := diversion{from: party{number: d.to}, reason: d.reason}
		list[0] = l.diversionHeaders(&to)[0]
	}
	return list
}

// diversionHeaders tell the leg's peer that the call has been sent elsewhere
// (send_diversion, send_history_info).
func (l *leg) diversionHeaders(d *diversion) []dialog.Header {
	if d == nil {
		return nil
	}
	var list []dialog.Header
	address := sip.Address{Display: d.from.display, URI: l.numberURI(d.from.number)}
	if l.endpoint.SendDiversion {
		reason := d.reason
		if reason == "" {
			reason = "unknown"
		}
		list = append(list, dialog.Header{Name: "Diversion", Value: address.String() + ";reason=" + reason})
	}
	if l.endpoint.SendHistoryInfo {
		to := sip.Address{URI: l.numberURI(d.to) + ";cause=" + causeOfReason(d.reason)}
		list = append(list, dialog.Header{Name: "History-Info", Value: address.String() + ";index=1"},
			dialog.Header{Name: "History-Info", Value: to.String() + ";index=1.1"})
	}
	return list
}

// numberURI is the SIP URI of a number at our address.
func (l *leg) numberURI(number string) string {
	if number == "" {
		return "sip:" + l.ownHost()
	}
	return "sip:" + sip.EscapeUser(number) + "@" + l.ownHost()
}

// divertedBy notes that a callee, by 181 or 3xx, sends the call elsewhere, and
// tells the caller with 181 (RFC 3261 §21.1.3).
func (ch *channel) divertedBy(l *leg, m *sip.Message, to string) {
	d, ok := readDiversion(m)
	if !ok {
		d = diversion{from: party{number: l.number, display: l.display}, reason: "unconditional"}
	}
	if d.from.number = ch.set.bareUser(d.from.number); to != "" {
		d.to = to
	} else if d.to == "" {
		d.from, d.to = l.party, d.from.number
	}
	if ch.diverted != nil {
		d.count = ch.diverted.count
	}
	d.count++
	ch.diverted = &d
	if ch.gone() || ch.caller.state >= legUp || ch.caller.state == legGone {
		return
	}
	if err := ch.caller.session.Provisional(181, "", ch.caller.divertingHeaders(&d)...); err != nil {
		ch.log().Info("181 not sent", "error", err)
	}
}

// forward follows a callee's 3xx (RFC 3261 §8.1.3.4) in the way of
// redirect_method: with user, the dialplan's extension of the contact's user
// part; else the contact itself. It reports whether the call goes on.
func (d *dialing) forward(ctx context.Context, l *leg) bool {
	res, ch := l.redirect, d.ch
	l.redirect = nil
	if res == nil || d.req.Options.NoForward || ch.diverted != nil && ch.diverted.count >= maxDiversions {
		return false
	}
	contacts, _, err := res.Contacts()
	if err != nil || len(contacts) == 0 {
		return false
	}
	uri, err := contacts[0].ParsedURI()
	if err != nil {
		return false
	}
	user := ch.set.bareUser(uri.Username())
	ch.divertedBy(l, &res.Message, user)
	_ = ch.interp.Set("FORWARDERNAME", l.name)
	d.forwarded = true
	if d.req.Options.rare().Patient {
		d.deadline = time.Time{}
	}
	ch.log().Info("forwarded", "by", l.name, "to", contacts[0].URI)
	if m := l.endpoint.RedirectMethod; m == "uri_core" || m == "uri_pjsip" {
		d.branch(ctx, l.endpoint, l.dialed, Contact{URI: contacts[0].URI})
		return true
	}
	where := ch.Get("FORWARD_CONTEXT")
	if where == "" {
		where = l.endpoint.Context
	}
	next := d.local(ctx, user+"@"+strings.ReplaceAll(where, "/", ""))
	if next == nil {
		return false
	}
	ch.branches = append(ch.branches, next)
	return true
}

// The reasons of RFC 5806 and what REDIRECTING(reason) calls them.
var reasonsInDialplan = [...][2]string{
	{"unknown", "unknown"}, {"user-busy", "cfb"}, {"no-answer", "cfnr"}, {"unavailable", "unavailable"}, {"unconditional", "cfu"},
	{"time-of-day", "time_of_day"}, {"do-not-disturb", "dnd"}, {"deflection", "deflection"}, {"follow-me", "follow_me"},
	{"out-of-service", "out_of_order"}, {"away", "away"},
}

// reasonInDialplan translates a reason of RFC 5806; one of no name stays.
func reasonInDialplan(reason string) string {
	for _, p := range reasonsInDialplan {
		if p[0] == reason {
			return p[1]
		}
	}
	return reason
}

// reasonInHeader is the inverse.
func reasonInHeader(reason string) string {
	for _, p := range reasonsInDialplan {
		if p[1] == reason {
			return p[0]
		}
	}
	return reason
}

// readRedirecting is REDIRECTING(field): from-num, orig-name, to-num, reason,
// count and the rest.
func (ch *channel) readRedirecting(args string) (string, error) {
	field, _ := fieldOf(args)
	d := ch.diverted
	if d == nil {
		d = &diversion{}
	}
	switch field {
	case "reason", "orig-reason":
		return reasonInDialplan(d.reason), nil
	case "count":
		return strconv.Itoa(d.count), nil
	}
	whose, part, _ := strings.Cut(field, "-")
	who := d.from
	switch whose {
	case "to":
		who = party{number: d.to}
	case "from", "orig":
	default:
		return "", fmt.Errorf("REDIRECTING(%s) is not known", clip(field))
	}
	if value, ok := who.read(part); ok {
		return value, nil
	}
	return ch.notes["redirecting-"+field], nil
}

// writeRedirecting is Set(REDIRECTING(field)=value).
func (ch *channel) writeRedirecting(args, value string) error {
	d := diversion{}
	if ch.diverted != nil {
		d = *ch.diverted
	}
	field, _ := fieldOf(args)
	whose, part, _ := strings.Cut(field, "-")
	ok, err := true, error(nil)
	switch {
	case field == "reason" || field == "orig-reason":
		d.reason = reasonInHeader(strings.ToLower(value))
	case field == "count":
		d.count, err = strconv.Atoi(value)
	case whose == "from" || whose == "orig":
		ok, err = d.from.write(part, value)
	case whose == "to":
		to := party{number: d.to}
		ok, err = to.write(part, value)
		d.to = to.number
	default:
		ok = false
	}
	switch {
	case err != nil:
		return fmt.Errorf("REDIRECTING(%s): %w", field, err)
	case !ok && !partyNote(part) || len(value) > maxNote:
		return fmt.Errorf("REDIRECTING(%s) is not known, or its value too long", clip(field))
	case !ok:
		ch.note("redirecting-"+field, value)
		return nil
	}
	ch.diverted = &d
	return nil
}
