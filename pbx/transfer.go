package pbx

import (
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
)

// refer is a REFER in the dialog: a blind transfer (RFC 3515, RFC 5589 §6). The
// callee can send the caller elsewhere: the caller's channel goes on in the
// dialplan at the new extension. Transfers that need the other leg to become
// a channel of its own, or another dialog (Replaces), are refused.
func (l *leg) refer(e dialog.Refer) {
	exten := transferTarget(e.To)
	ch := l.ch
	place := dialplan.Position{Context: l.endpoint.Context, Exten: exten, Priority: 1}
	possible := exten != "" && l.outgoing && l.peer == ch.caller && l.endpoint.AllowTransfer
	if !possible || !ch.set.Plan.Exists(place.Context, exten, 1, ch.caller.number, time.Now()) {
		ch.log().Info("transfer refused", "by", l.name, "to", e.To.URI)
		_ = e.Request.Reject(603, "")
		return
	}
	notifier, err := e.Request.Accept()
	if err != nil {
		return
	}
	if notifier != nil {
		// The transferred call goes on whatever becomes of the new one, so its
		// start is the success that the transferer is told.
		_ = notifier.Sipfrag(200, "OK")
	}
	ch.log().Info("transfer", "by", l.name, "to", exten, "context", place.Context)
	ch.transfer = &place
	l.hangUp(CauseNormalClearing)
}

// transferTarget is the extension that a Refer-To names, "" if it is not one of
// ours or asks for more than a plain call.
func transferTarget(to sip.Address) string {
	uri, err := to.ParsedURI()
	if err != nil || strings.Contains(strings.ToLower(uri.Headers), "replaces") {
		return ""
	}
	if m, ok := uri.Params.Get("method"); ok && !strings.EqualFold(m, "INVITE") {
		return ""
	}
	return uri.Username()
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
