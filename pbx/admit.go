package pbx

import (
	"context"
	"strings"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transaction"
)

// allow is what OPTIONS and 405 say we understand.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY, INFO, MESSAGE, REGISTER"

// supported are the option tags of our extensions.
const supported = "100rel, timer, replaces, norefersub"

// supported are ours, without norefersub if the file says so.
func (s *Settings) supported() string {
	if s.Endpoints.Global.NoReferSub {
		return supported
	}
	return strings.TrimSuffix(supported, ", norefersub")
}

// admit finds the endpoint that sends the request and has it prove who it is.
// nil: the request has been answered. A caller whom nobody knows is challenged
// like all others and never gets further, so neither answer nor time tells
// which names exist; nor does an endpoint whose access list denies the caller.
func (s *Server) admit(set *Settings, tx *transaction.Server, req *sip.Request) *pjsip.Endpoint {
	from := tx.Flow().Remote().Addr()
	e := set.Known(req, tx.Flow().Remote())
	if e != nil && len(e.Auth) == 0 {
		return e
	}
	now := time.Now()
	_, verdict := s.cfg.Auth.Verify(req, false, func(user, realm string) (auth.Secret, bool) {
		return set.Secret(e, user)
	}, now)
	switch {
	case verdict == auth.OK && e != nil:
		return e
	case verdict == auth.Malformed:
		respond(tx, req, 400)
		return nil
	case verdict == auth.Denied:
		s.log.Info("authentication failed", "call_id", req.CallID(), "peer", from.String(), "method", string(req.Method()))
	}
	res := sip.NewResponse(req, 401, "")
	s.cfg.Auth.Challenge(res, false, verdict == auth.Stale, now)
	_ = tx.RespondOnce(req, res)
	return nil
}

// options answers a probe. It asks for no credentials, so that balancers and
// monitors can probe us (RFC 3261 §11.2). An endpoint that calls without
// credentials is told 404 for an extension that it could not call, as Asterisk
// does; everybody else gets the same answer for every user part.
func (s *Server) options(set *Settings, tx *transaction.Server, req *sip.Request) {
	status := 200
	if s.draining.Load() {
		status = 503
	} else if e := set.Identify(req, tx.Flow().Remote()); e != nil && len(e.Auth) == 0 && !set.answers(e, req, time.Now()) {
		status = 404
	}
	res := sip.NewResponse(req, status, "")
	res.Set(sip.HeaderAccept, "application/sdp, application/dtmf-relay, application/dtmf")
	res.Set(sip.HeaderAllow, allow)
	res.Set(sip.HeaderSupported, set.supported())
	res.Set(sip.HeaderAcceptLanguage, "en")
	_ = tx.Respond(res)
}

// answers reports whether a request of the endpoint names an extension that it
// may call, or none at all.
func (s *Settings) answers(e *pjsip.Endpoint, req *sip.Request, now time.Time) bool {
	uri, err := req.ParsedURI()
	if err != nil || uri.Username() == "" {
		return true
	}
	return s.Plan.Exists(e.Context, s.bareUser(uri.Username()), 1, "", now)
}

// outside answers a request that is not a call and belongs to no dialog.
func (s *Server) outside(ctx context.Context, set *Settings, tx *transaction.Server, req *sip.Request) {
	switch req.Method() {
	case sip.NOTIFY:
		s.summary(set, tx, req)
		return
	case sip.INFO, sip.UPDATE, sip.BYE, sip.PRACK:
		// RFC 3261 §12.2.2: a request in a dialog that does not exist.
		respond(tx, req, 481)
		return
	}
	e := s.admit(set, tx, req)
	if e == nil {
		return
	}
	switch req.Method() {
	case sip.SUBSCRIBE, sip.PUBLISH:
		s.subscribe(e, tx, req)
	case sip.REFER:
		respond(tx, req, 603)
	default:
		s.message(ctx, set, e, tx, req)
	}
}
