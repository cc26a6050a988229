package pbx

import (
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/dialog"
)

// acceptOptions are an endpoint's choices for a dialog it opens.
func (s *Server) acceptOptions(e *pjsip.Endpoint) dialog.AcceptOptions {
	o := dialog.AcceptOptions{Auth: s.outboundAuth(s.settings.Load(), e), Rewrite: e.RewriteContact}
	s.timers(e, &o.Reliable, &o.SessionExpires, &o.MinSE)
	return o
}

// timers translates 100rel and timers of an endpoint.
func (s *Server) timers(e *pjsip.Endpoint, reliable *dialog.Reliability, expires, least *time.Duration) {
	switch e.Rel100 {
	case "no":
		*reliable = dialog.ReliableOff
	case "required":
		*reliable = dialog.ReliableRequired
	}
	if e.Timers == "no" {
		*expires = -1
		return
	}
	*expires, *least = e.TimersSessExpires, e.TimersMinSE
}

// outboundAuth answers the challenges of an endpoint's peer with its
// outbound_auth; nil if it has none.
func (s *Server) outboundAuth(set *Settings, e *pjsip.Endpoint) dialog.Authorizer {
	if list := credentials(set, e.OutboundAuth); len(list) > 0 {
		return dialog.NewAuthorizer(auth.NewClient(list...))
	}
	return nil
}
