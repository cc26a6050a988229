package dialog

import (
	"slices"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// serve takes a request in the dialog (RFC 3261 §12.2.2).
func (d *Dialog) serve(tx *transaction.Server, req *sip.Request) {
	now := d.strand.enter()
	defer d.strand.leave()
	if req.Method() == sip.ACK {
		return // the transaction layer gives ACKs to the INVITE they belong to
	}
	tx.TakeOver()
	if r := d.admit(tx, req); r != nil {
		d.strand.respond(tx, d.strand.layer.refusal(tx, req, *r))
		return
	}
	switch req.Method() {
	case sip.SUBSCRIBE:
		d.serveSUBSCRIBE(now, tx, req)
	case sip.NOTIFY:
		d.serveNOTIFY(now, tx, req)
	case sip.OPTIONS:
		d.serveOPTIONS(tx, req)
	default:
		d.session.serve(now, tx, req)
	}
}

// admit checks what RFC 3261 §8.2 and §12.2.2 ask of every request.
func (d *Dialog) admit(tx *transaction.Server, req *sip.Request) *refusal {
	l := d.strand.layer
	m := req.Method()
	if !l.methods[m] {
		return l.notAllowed(m)
	}
	if !d.inOrder(req) {
		// "If the remote sequence number ... is lower ... the request is out of
		// order and MUST be rejected with a 500" (§12.2.2).
		return &refusal{status: 500, reason: "CSeq Out Of Order"}
	}
	if tx.Merged() {
		return &refusal{status: 482}
	}
	if r := l.unsupported(req, true); r != nil {
		return r
	}
	if r := encoded(&req.Message); r != nil {
		return r
	}
	switch m {
	case sip.SUBSCRIBE, sip.NOTIFY, sip.OPTIONS:
		return nil
	}
	if d.session == nil || d.session.state == stateEnded && m != sip.BYE {
		return &refusal{status: 481} // no such usage (RFC 5057 §5.1)
	}
	return nil
}

// serve takes the requests of the INVITE usage.
func (s *Session) serve(now time.Time, tx *transaction.Server, req *sip.Request) {
	switch req.Method() {
	case sip.INVITE:
		s.serveINVITE(now, tx, req)
	case sip.BYE:
		s.serveBYE(tx, req)
	case sip.UPDATE:
		s.serveUPDATE(now, tx, req)
	case sip.PRACK:
		s.servePRACK(now, tx, req)
	case sip.REFER:
		s.serveREFER(now, tx, req)
	case sip.INFO, sip.MESSAGE:
		s.serveText(tx, req)
	default:
		s.answerWith(tx, req, *s.layer().notAllowed(req.Method()))
	}
}

// serveBYE ends the session (§15.1.2). What else waits for an answer gets 487.
func (s *Session) serveBYE(tx *transaction.Server, req *sip.Request) {
	s.strand.respond(tx, s.layer().response(tx, req, 200, ""))
	if s.state == stateEnded {
		return // it crossed ours
	}
	e := Ended{Cause: CauseBye, Req: req}
	if r := req.Reasons(); len(r) > 0 {
		e.Reason = r[0]
	}
	if s.state == stateEarly && s.caller != nil {
		s.endFork()
		return
	}
	if s.state == stateAcking {
		s.acknowledge("", nil)
	}
	s.end(e)
	s.gone()
}

// endFork forgets an early dialog that its callee ended; the INVITE goes on.
func (s *Session) endFork() {
	inv := s.caller
	inv.sessions = slices.DeleteFunc(inv.sessions, func(x *Session) bool { return x == s })
	s.ended = true
	s.end(Ended{})
	s.gone()
}

// serveText takes INFO (RFC 6086) and MESSAGE (RFC 3428).
func (s *Session) serveText(tx *transaction.Server, req *sip.Request) {
	kind := req.Get(sip.HeaderContentType)
	pkg := req.Get(sip.HeaderInfoPackage)
	if req.Method() == sip.INFO && pkg != "" && !s.layer().takes(pkg) {
		// "If a UA receives an INFO request … associated with an Info Package that
		// the UA has not indicated willingness to receive, the UA MUST send a 469
		// (Bad Info Package) response", with Recv-Info (RFC 6086 §4.2.2).
		s.answerWith(tx, req, refusal{status: 469, headers: []Header{{"Recv-Info", strings.Join(s.layer().cfg.Packages, ", ")}}})
		return
	}
	if req.Method() == sip.INFO && req.Body() != "" && !optional(req.Get(sip.HeaderContentDisposition)) && !s.layer().understands(kind) {
		// A body of another type "MUST" be refused with 415 and Accept, unless it is
		// optional (RFC 3261 §8.2.3).
		s.answerWith(tx, req, refusal{status: 415, headers: []Header{{"Accept", strings.Join(s.layer().cfg.InfoTypes, ", ")}}})
		return
	}
	status := 200
	if req.Method() == sip.MESSAGE && s.layer().cfg.Relays {
		status = 202
	}
	s.strand.respond(tx, s.layer().response(tx, req, status, ""))
	if req.Method() == sip.INFO {
		s.tell(Info{Session: s, Package: pkg, ContentType: kind, Body: req.Body(), Req: req})
		return
	}
	s.tell(Message{Session: s, ContentType: kind, Body: req.Body(), Req: req})
}

// takes reports whether INFO of a package is taken.
func (l *Layer) takes(pkg string) bool {
	name, _, _ := strings.Cut(pkg, ";")
	return containsFold(l.cfg.Packages, strings.TrimSpace(name))
}

// understands reports whether INFO may carry this media type.
func (l *Layer) understands(contentType string) bool {
	if l.cfg.InfoTypes == nil {
		return true
	}
	kind, _, _ := strings.Cut(contentType, ";")
	return slices.ContainsFunc(l.cfg.InfoTypes, func(s string) bool { return strings.EqualFold(s, strings.TrimSpace(kind)) })
}

// serveOPTIONS answers what the dialog can do (§11.2).
func (d *Dialog) serveOPTIONS(tx *transaction.Server, req *sip.Request) {
	l := d.strand.layer
	res := l.response(tx, req, 200, "")
	res.Add(sip.HeaderContact, "<"+d.contact+">")
	res.Add(sip.HeaderAccept, sdpType)
	l.abilities(&res.Message)
	d.strand.respond(tx, res)
}
