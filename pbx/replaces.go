package pbx

import (
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// replacing serves an INVITE with Replaces (RFC 3891 §3): its sender takes the
// place of the dialog that it names, without the dialplan.
func (s *Server) replacing(e *pjsip.Endpoint, tx *transaction.Server, req *sip.Request) {
	ref, _, err := req.Replaces()
	if err != nil || req.Count(sip.HeaderReplaces) > 1 {
		respond(tx, req, 400) // "MUST reject the request with a 400"
		return
	}
	session, early := s.cfg.Dialogs.Find(ref)
	if session == nil {
		respond(tx, req, 481)
		return
	}
	old, ok := session.Sink().(*leg)
	switch {
	case !ok || !e.AllowTransfer:
		respond(tx, req, 603)
		return
	case !early && ref.EarlyOnly:
		respond(tx, req, 486) // "early-only": the dialog is confirmed already
		return
	}
	ch := old.owner()
	_, _, n := s.newID(time.Now())
	fresh := newCallerLeg(nil, e, tx, req)
	fresh.name = channelName(e.Name, n)
	fresh.ch, fresh.home = ch, ch
	o := s.acceptOptions(e)
	o.Replaces = session
	accepted, err := s.cfg.Dialogs.Accept(tx, req, fresh, o)
	if err != nil {
		s.log.Info("INVITE with Replaces refused", "call_id", req.CallID(), "endpoint", e.Name, "error", err)
		return
	}
	fresh.accepted(accepted)
	if !fresh.post(takeover{old: old, fresh: fresh, answer: true}, false) {
		_ = accepted.Reject(481, "")
	}
}
