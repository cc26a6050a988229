package pbx

import (
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
)

// refer is a REFER in the dialog: a transfer of the one that the leg is
// connected with (RFC 3515, RFC 5589). With Replaces in the URI it is
// attended: the two others are connected. Otherwise it is blind: the other
// goes on in the dialplan.
func (l *leg) refer(e dialog.Refer) {
	ch := l.ch
	uri, err := referTarget(e)
	if m, ok := uri.Params.Get("method"); err != nil || ok && !strings.EqualFold(m, "INVITE") {
		_ = e.Request.Reject(400, "")
		return
	}
	if !l.endpoint.AllowTransfer || l.peer == nil || ch.gone() || ch.consult != nil { // one transfer at a time
		ch.log().Info("transfer refused", "by", l.name, "to", e.To.URI)
		_ = e.Request.Reject(603, "")
		return
	}
	if replaces := uriHeader(uri.Headers, "replaces"); replaces != "" {
		l.attended(e, uri, replaces)
		return
	}
	l.blind(e, ch.set.bareUser(uri.Username()))
}

// referTarget is the URI of Refer-To. Written without angle brackets, its
// semicolons belong to the URI too: peers put user options and Replaces there.
func referTarget(e dialog.Refer) (sip.URI, error) {
	if raw := strings.TrimSpace(e.Request.Request().Get(sip.HeaderReferTo)); !strings.Contains(raw, "<") {
		return sip.ParseURI(raw)
	}
	return e.To.ParsedURI()
}

// uriHeader returns a header of a URI (RFC 3261 §19.1.1), unescaped.
func uriHeader(headers, name string) string {
	for h := range strings.SplitSeq(headers, "&") {
		n, v, _ := strings.Cut(h, "=")
		if strings.EqualFold(n, name) {
			return sip.Unescape(v)
		}
	}
	return ""
}

// transferContext is the context that transferred calls start in.
func (l *leg) transferContext() string {
	if c := l.ch.Get("TRANSFER_CONTEXT"); c != "" {
		return c
	}
	return l.endpoint.Context
}

// blind sends the leg's peer to an extension: the channel goes on there. If the
// transferer is the caller, its callee takes its place.
func (l *leg) blind(e dialog.Refer, exten string) {
	ch := l.ch
	place := dialplan.Position{Context: l.transferContext(), Exten: exten, Priority: 1}
	if exten == "" || !ch.set.Plan.Exists(place.Context, exten, 1, ch.caller.number, time.Now()) {
		ch.log().Info("transfer refused", "by", l.name, "to", e.To.URI)
		_ = e.Request.Reject(404, "")
		return
	}
	accept := e.Request.Accept
	if l.detour != nil {
		accept = e.Request.AcceptLater // its sound comes back first
	}
	notifier, err := accept()
	if err != nil {
		return
	}
	ch.referred = notifier
	if l.detour != nil {
		l.promised = notifier
	}
	if !l.endpoint.ReferBlindProgress && notifier != nil {
		notifier.Begin()
		ch.report(200, "OK") // it wants to hear of nothing that follows
	}
	l.sendOff(place, e.ReferredBy)
	_ = ch.interp.Set("SIPTRANSFER", "yes")
	_ = ch.interp.Set("SIPREFERREDBYHDR", e.ReferredBy)
	ch.dismiss(l, true)
}

// sendOff sends the leg's peer to a place of the dialplan; the leg itself is left
// to its caller. by is who asks for it, as Referred-By names it, "" = the leg's URI.
func (l *leg) sendOff(place dialplan.Position, by string) {
	ch := l.ch
	ch.log().Info("transfer", "by", l.name, "to", place.Exten, "context", place.Context)
	_ = ch.interp.Set("BLINDTRANSFER", l.name)
	ch.transfer = &place
	if ch.transferer = by; by == "" && l.session != nil {
		ch.transferer = "<" + l.session.RemoteURI() + ">"
	}
	other := l.peer
	ch.noteMedia()
	ch.part(l, other)
	other.codes = nil
	if l == ch.caller {
		ch.promote(other, place)
	}
	for i, b := range ch.branches {
		if b == l || b == ch.caller {
			ch.branches = append(ch.branches[:i], ch.branches[i+1:]...)
			break
		}
	}
	if ch.dialing != nil {
		ch.dialing.peer = ghost(l)
	}
}

// promote makes a callee the channel's caller. The call so far gets its record
// and what follows another one.
func (ch *channel) promote(callee *leg, place dialplan.Position) {
	now := time.Now()
	ch.putCDR(now)
	id, _, _ := ch.srv.newID(now)
	c := &ch.cdr
	c.ID, c.Start, c.Answer, c.Media, c.Disposition = id, now, now, nil, ""
	c.Channel, c.SIPCallID, c.DstChannel, c.DstSIPCallID = callee.name, callee.callID, "", ""
	c.Context, c.Dst = place.Context, place.Exten
	c.Src, c.CallerID = callee.number, callee.party.String()
	ch.caller = callee
	ch.srv.rename(ch, callee.name)
}

// follow sends a transferred caller to its new place in the dialplan and
// reports whether there was a transfer.
func (ch *channel) follow() bool {
	place := ch.transfer
	if place == nil || ch.gone() {
		return false
	}
	ch.transfer = nil
	return ch.interp.Goto(place.Context+","+place.Exten+",1") == nil
}

// report tells the transferer once how the call that it asked for stands.
func (ch *channel) report(status int, reason string) {
	n := ch.referred
	ch.referred = nil
	tellReferrer(n, status, reason)
}

// externalReplaces is the extension that takes attended transfers to dialogs of
// other systems.
const externalReplaces = "external_replaces"

// attended connects the leg's peer with the peer of another dialog of the
// transferer (RFC 5589 §7). The two channels agree by messages; see surrender
// and takeover.
func (l *leg) attended(e dialog.Refer, uri sip.URI, replaces string) {
	ch := l.ch
	ref, err := sip.ParseReplaces(replaces)
	if err != nil {
		_ = e.Request.Reject(400, "")
		return
	}
	s, _ := ch.srv.cfg.Dialogs.Find(ref)
	if s == nil {
		_ = ch.interp.Set("SIPREPLACESHDR", replaces)
		_ = ch.interp.Set("SIPREFERTOHDR", "<"+uri.String()+">")
		l.blind(e, externalReplaces)
		return
	}
	other, ok := s.Sink().(*leg)
	if !ok || other == l {
		_ = e.Request.Reject(603, "")
		return
	}
	notifier, err := e.Request.Accept()
	if err != nil {
		return
	}
	ch.log().Info("attended transfer", "by", l.name, "with", other.name)
	request := surrender{of: other, to: l, referred: notifier}
	if l.peer == ch.caller {
		if !other.post(request, false) {
			tellReferrer(notifier, 481, "")
		}
		return
	}
	l.giveTo(request)
}

// declined is told when what the other dialog is connected with cannot come
// here; then we go there.
func (l *leg) declined(e surrender) {
	if l.peer == nil || l.ch.gone() {
		tellReferrer(e.referred, 481, "")
		return
	}
	l.giveTo(e)
}

// giveTo hands the leg's peer to the other dialog's channel, where it takes
// that leg's place, and ends this channel.
func (l *leg) giveTo(e surrender) {
	ch, other := l.ch, l.peer
	to := e.of.owner()
	if to == ch {
		tellReferrer(e.referred, 603, "")
		return
	}
	ch.noteMedia()
	ch.part(l, other)
	undo := ch.empty(l, other)
	if !other.move(to, takeover{old: e.of, fresh: other, referred: e.referred}) {
		undo()
		tellReferrer(e.referred, 481, "")
		_ = ch.join(l, other)
		return
	}
	ch.vacate(l, to)
}
