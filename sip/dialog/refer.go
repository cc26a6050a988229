package dialog

import (
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// A Referral is a REFER of the peer that waits for its answer (RFC 3515).
type Referral struct {
	dialog *Dialog
	sink   Sink
	sched  schedule
	tx     *transaction.Server
	req    *sip.Request
	done   bool
}

// AcceptRefer takes a REFER outside of a dialog, for the application to accept
// or reject. If it returns an error the REFER has been answered.
func (l *Layer) AcceptRefer(tx *transaction.Server, req *sip.Request, sink Sink, o AcceptOptions) (*Referral, error) {
	d, r := l.openNotifier(tx, req, o)
	if r == nil {
		_, r = referTo(req)
	}
	if r != nil {
		l.refuse(tx, req, *r)
		return nil, &sip.Error{Status: r.status, Reason: sip.ReasonPhrase(r.status)}
	}
	now := d.strand.enter()
	defer d.strand.leave()
	tx.TakeOver()
	return d.newReferral(now, tx, req, sink), nil
}

func (d *Dialog) newReferral(now time.Time, tx *transaction.Server, req *sip.Request, sink Sink) *Referral {
	r := &Referral{dialog: d, sink: sink, tx: tx, req: req}
	r.sched.alarm.owner = r
	r.sched.set(&d.strand.layer.clock, deadlineAnswer, now.Add(answerPatience))
	return r
}

// referTo checks Refer-To: "A UA receiving a REFER request with zero or more
// than one Refer-To header field values MUST respond with a 400" (RFC 3515
// §2.4.2).
func referTo(req *sip.Request) (sip.Address, *refusal) {
	a, ok, err := req.ReferTo()
	if raw := req.Get(sip.HeaderReferTo); err != nil && !strings.Contains(raw, "<") {
		// RFC 3261 §20.10 wants brackets around a URI with a question mark; baresip
		// leaves them out, and there is only one way to read it.
		if _, wrong := sip.ParseURI(raw); wrong == nil {
			a, ok, err = sip.Address{URI: raw}, true, nil
		}
	}
	if !ok || err != nil || req.Count(sip.HeaderReferTo) != 1 {
		return a, &refusal{status: 400, reason: "Bad Refer-To"}
	}
	return a, nil
}

// serveREFER takes a REFER in the dialog.
func (s *Session) serveREFER(now time.Time, tx *transaction.Server, req *sip.Request) {
	to, r := referTo(req)
	if r == nil && len(s.notes) >= maxNotifiers {
		r = overlap()
	}
	if r != nil {
		s.answerWith(tx, req, *r)
		return
	}
	s.refresh(&req.Message)
	s.tell(Refer{Session: s, To: to, ReferredBy: req.Get(sip.HeaderReferredBy), Request: s.newReferral(now, tx, req, s.sink)})
}

// Request returns the REFER.
func (r *Referral) Request() *sip.Request { return r.req }

// Accept answers 202 and sends the NOTIFY that must follow at once, "100
// Trying" (RFC 3515 §2.4.4). Progress goes through Notifier.Sipfrag. The
// notifier is nil when the peer wants none: then it is 200 with Refer-Sub: false
// (RFC 4488 §4).
func (r *Referral) Accept(h ...Header) (*Notifier, error) { return r.accept(true, h) }

// AcceptLater is Accept for an application that has a request of its own to finish
// in the dialog first: the NOTIFY follows with Notifier.Begin.
func (r *Referral) AcceptLater(h ...Header) (*Notifier, error) { return r.accept(false, h) }

func (r *Referral) accept(notify bool, h []Header) (*Notifier, error) {
	d := r.dialog
	now := d.strand.enter()
	defer d.strand.leave()
	if !r.close() {
		return nil, ErrEnded
	}
	req, l := r.req, d.strand.layer
	quiet := strings.HasPrefix(strings.ToLower(req.Get(sip.HeaderReferSub)), "false")
	status := 202
	if quiet {
		status = 200
		h = append(h[:len(h):len(h)], Header{"Refer-Sub", "false"})
	}
	res := l.response(r.tx, req, status, "")
	if req.ToTag() == "" {
		res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
	}
	res.Add(sip.HeaderContact, "<"+d.contact+">")
	for _, x := range h {
		res.AddName(x.Name, x.Value)
	}
	d.strand.respond(r.tx, res)
	if quiet {
		return nil, nil
	}
	n := r.notifier(now)
	if notify {
		n.send(now, "", nil)
	}
	return n, nil
}

// notifier opens the implicit subscription. "The Event header field MUST
// contain an id if there is more than one in the dialog": the CSeq of the REFER
// (RFC 3515 §2.4.6).
func (r *Referral) notifier(now time.Time) *Notifier {
	d := r.dialog
	event := "refer"
	if req := r.req; req.ToTag() != "" && len(d.notes) > 0 {
		seq, _, _ := req.CSeq()
		event += ";id=" + strconv.FormatUint(uint64(seq), 10)
	}
	n := d.newNotifier(event, r.sink)
	n.opts.Longest = referLife
	if !d.listed {
		d.list()
	}
	n.until = now.Add(referLife)
	n.sched.set(&d.strand.layer.clock, deadlineExpiry, n.until)
	n.kind, n.body = "message/sipfrag;version=2.0", "SIP/2.0 100 Trying\r\n"
	return n
}

// Reject answers with 300 and more; "" is the standard phrase.
func (r *Referral) Reject(status int, reason string, h ...Header) error {
	if status < 300 || status > 699 {
		return ErrArgument
	}
	r.dialog.strand.enter()
	defer r.dialog.strand.leave()
	if !r.close() {
		return ErrEnded
	}
	r.refuse(refusal{status, reason, h})
	return nil
}

func (r *Referral) refuse(f refusal) {
	r.dialog.strand.respond(r.tx, r.dialog.strand.layer.refusal(r.tx, r.req, f))
}

// close reports whether the REFER still waited.
func (r *Referral) close() bool {
	if r.done {
		return false
	}
	r.done = true
	r.sched.clear(&r.dialog.strand.layer.clock)
	return true
}

// awake implements sleeper: nobody wanted the REFER.
func (r *Referral) awake() {
	r.dialog.strand.enter()
	defer r.dialog.strand.leave()
	if r.close() {
		r.refuse(refusal{status: 480})
	}
}

// Refer asks the peer to contact to, the value of a Refer-To (RFC 3515
// §2.4.1). Progress comes as Notified, the end as SubscriptionEnded. With the
// header Refer-Sub: false the peer is asked to send no progress (RFC 4488).
func (s *Session) Refer(to string, h ...Header) (*Subscription, error) {
	now := s.strand.enter()
	defer s.strand.leave()
	if s.state == stateEnded {
		return nil, ErrEnded
	}
	if s.state != stateConfirmed {
		return nil, ErrState
	}
	sub := newSubscription(s.strand, SubscribeConfig{Event: "refer"}, s.sink)
	sub.dialog, sub.refer, sub.seq = &s.Dialog, true, s.nextSeq()
	for _, x := range s.subs {
		if x.refer {
			sub.id = strconv.FormatUint(uint64(sub.seq), 10)
		}
	}
	s.subs = append(s.subs, sub)
	req := s.newRequest(sip.REFER, sub.seq)
	req.Add(sip.HeaderReferTo, to)
	s.layer().abilities(&req.Message)
	s.layer().identify(req)
	for _, x := range h {
		req.AddName(x.Name, x.Value)
	}
	if !req.Has(sip.HeaderReferredBy) {
		req.Add(sip.HeaderReferredBy, "<"+addressURI(s.local)+">")
	}
	sub.at(deadlineExpiry, now.Add(referLife+64*s.layer().cfg.T1))
	sub.x = s.exchange(req)
	sub.x.seq = sub
	sub.x.done = func(now time.Time, res *sip.Response, err error) { s.referred(now, sub, res, err) }
	sub.x.start()
	return sub, nil
}

// referred takes the outcome of a REFER.
func (s *Session) referred(now time.Time, sub *Subscription, res *sip.Response, err error) {
	switch {
	case err != nil:
		sub.finish(SubscriptionEnded{Status: refused(err).Status, Err: err})
		s.lost(now, sip.REFER, nil, err)
	case res.Status() >= 300:
		sub.finish(SubscriptionEnded{Status: res.Status()})
		if res.Status() == 481 || res.Status() == 408 {
			s.lost(now, sip.REFER, res, nil)
		}
	case res.Status() >= 200:
		s.Dialog.refresh(&res.Message)
		if strings.HasPrefix(strings.ToLower(res.Get(sip.HeaderReferSub)), "false") {
			sub.finish(SubscriptionEnded{Status: res.Status()})
		}
	}
}
