package dialog

import (
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// A Notifier is a subscription of the peer (RFC 6665 §4.2): we send the state.
// SubscriptionEnded is its last event. Refreshes are answered here, with the
// state sent last; Subscribed tells of them.
type Notifier struct {
	dialog  *Dialog
	sink    Sink
	sched   schedule
	pkg, id string
	until   time.Time // end of the subscription
	kind    string    // Content-Type and body sent last
	body    string
	sent    bool
	done    bool
}

// referLife is how long the implicit subscription of a REFER lasts at most.
const referLife = 3 * time.Minute

// maxNotifiers bounds the subscriptions a peer may hold in one dialog.
const maxNotifiers = 16

// AcceptSubscribe answers a SUBSCRIBE outside of a dialog with 200 and makes us
// its notifier for at most longest. The application checks package and rights
// before (489, 403), and calls Notify right after (RFC 6665 §4.2.1.1). If it
// returns an error the SUBSCRIBE has been answered.
func (l *Layer) AcceptSubscribe(tx *transaction.Server, req *sip.Request, longest time.Duration, sink Sink, o AcceptOptions) (*Notifier, error) {
	d, r := l.openNotifier(tx, req, o)
	if r != nil {
		l.refuse(tx, req, *r)
		return nil, &sip.Error{Status: r.status, Reason: sip.ReasonPhrase(r.status)}
	}
	now := d.strand.enter()
	defer d.strand.leave()
	tx.TakeOver()
	n := d.newNotifier(req.Get(sip.HeaderEvent), sink)
	if !d.list() {
		d.strand.do(respond{tx, l.refusal(tx, req, refusal{status: 482})})
		return nil, ErrState
	}
	n.grant(now, tx, req, longest)
	return n, nil
}

func (l *Layer) openNotifier(tx *transaction.Server, req *sip.Request, o AcceptOptions) (*Dialog, *refusal) {
	if l.Len() >= l.cfg.MaxDialogs {
		return nil, &refusal{status: 503, headers: []Header{{"Retry-After", "10"}}}
	}
	if tx.Merged() {
		return nil, &refusal{status: 482}
	}
	if r := l.unsupported(req, true); r != nil {
		return nil, r
	}
	flow := tx.Flow()
	peer := transport.Target{Proto: flow.Proto(), Addr: flow.Remote(), Flow: flow, Listener: o.Listener}
	if o.Contact == "" {
		user, _ := req.ParsedURI()
		o.Contact = l.contact(peer, user.User)
	}
	d, err := newUASDialog(req, tx.ToTag(), o.Contact, peer)
	if err != nil {
		return nil, &refusal{status: 400}
	}
	d.strand, d.pinned, d.auth = &strand{layer: l}, o.Pin, o.Auth
	return d, nil
}

// newNotifier adds a subscription of the peer to the dialog.
func (d *Dialog) newNotifier(event string, sink Sink) *Notifier {
	n := &Notifier{dialog: d, sink: sink}
	n.pkg, n.id = eventOf(event)
	n.sched.alarm.owner = n
	d.notes = append(d.notes, n)
	return n
}

// grant answers a SUBSCRIBE with 200 (RFC 6665 §4.2.1.1): "the period of time
// in the response MAY be shorter but MUST NOT be longer".
func (n *Notifier) grant(now time.Time, tx *transaction.Server, req *sip.Request, longest time.Duration) time.Duration {
	d := n.dialog
	expires := longest
	if sec, ok, err := req.Expires(); ok && err == nil && time.Duration(sec) < longest/time.Second {
		expires = time.Duration(sec) * time.Second
	}
	n.until = now.Add(expires)
	res := d.strand.layer.response(tx, req, 200, "")
	if req.ToTag() == "" {
		res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
	}
	res.Add(sip.HeaderContact, "<"+d.contact+">")
	res.Add(sip.HeaderExpires, seconds(expires))
	d.strand.do(respond{tx, res})
	at := n.until
	if expires == 0 {
		at = now.Add(64 * d.strand.layer.cfg.T1) // a fetch: the application's first Notify is the last
	}
	n.sched.set(&d.strand.layer.clock, deadlineExpiry, at)
	return expires
}

// Event returns the event package, and its id if it has one.
func (n *Notifier) Event() (pkg, id string) { return n.pkg, n.id }

// Dialog returns the dialog of the subscription.
func (n *Notifier) Dialog() *Dialog { return n.dialog }

// Notify sends the state. terminated, if not empty, is the event-reason that
// ends the subscription: "noresource", "rejected", "timeout" … (RFC 6665 §4.1.3).
func (n *Notifier) Notify(contentType, body, terminated string, h ...Header) error {
	now := n.dialog.strand.enter()
	defer n.dialog.strand.leave()
	if n.done {
		return ErrEnded
	}
	n.kind, n.body = contentType, body
	if terminated == "" && !n.until.After(now) {
		terminated = "timeout"
	}
	n.send(now, terminated, h)
	return nil
}

// Sipfrag sends a status line as the state of a REFER; a final status ends the
// subscription (RFC 3515 §2.4.5).
func (n *Notifier) Sipfrag(status int, reason string) error {
	if reason == "" {
		reason = sip.ReasonPhrase(status)
	}
	terminated := ""
	if status >= 200 {
		terminated = "noresource"
	}
	return n.Notify("message/sipfrag;version=2.0", "SIP/2.0 "+strconv.Itoa(status)+" "+reason+"\r\n", terminated)
}

// send sends NOTIFY. With a reason the subscription ends.
func (n *Notifier) send(now time.Time, terminated string, h []Header) {
	d := n.dialog
	req := d.newRequest(sip.NOTIFY, d.nextSeq())
	event := n.pkg
	if n.id != "" {
		event += ";id=" + n.id
	}
	req.Add(sip.HeaderEvent, event)
	left := max(n.until.Sub(now), 0)
	state := "active;expires=" + seconds(left)
	if terminated != "" {
		state = "terminated;reason=" + terminated
	}
	req.Add(sip.HeaderSubscriptionState, state)
	d.strand.layer.abilities(&req.Message)
	d.strand.layer.identify(req)
	for _, x := range h {
		req.AddName(x.Name, x.Value)
	}
	if n.body != "" || n.kind != "" {
		req.SetBody(n.kind, n.body)
	}
	n.sent = true
	x := d.exchange(req)
	x.done = n.answered
	x.start()
	if terminated != "" {
		n.finish(SubscriptionEnded{Reason: terminated})
	}
}

// answered takes the response to a NOTIFY: 481 and no response at all end the
// subscription (RFC 6665 §4.2.2).
func (n *Notifier) answered(_ time.Time, res *sip.Response, err error) {
	switch {
	case n.done:
	case err != nil:
		n.finish(SubscriptionEnded{Status: refused(err).Status, Err: err})
	case res.Status() == 408 || res.Status() == 489 || endsDialog(res.Status()):
		n.finish(SubscriptionEnded{Status: res.Status()})
	case res.Status()/100 == 2:
		n.dialog.refresh(&res.Message)
	}
}

// finish is the end of the subscription.
func (n *Notifier) finish(e SubscriptionEnded) {
	n.dialog.notes = without(n.dialog.notes, n)
	if n.done {
		return
	}
	n.done = true
	n.sched.clear(&n.dialog.strand.layer.clock)
	n.dialog.unlist()
	e.Notifier = n
	n.dialog.strand.do(deliver{n.sink, e})
}

// awake implements sleeper: a subscription that ran out ends with a NOTIFY
// "terminated" with reason timeout (RFC 6665 §4.2.2).
func (n *Notifier) awake() {
	now := n.dialog.strand.enter()
	defer n.dialog.strand.leave()
	if n.sched.take(now) == deadlineExpiry && !n.done {
		n.send(now, "timeout", nil)
	}
	n.sched.rest(&n.dialog.strand.layer.clock)
}

// serveSUBSCRIBE takes a SUBSCRIBE in the dialog: a refresh, or the end with
// Expires 0. Both are followed by NOTIFY (RFC 6665 §4.2.1.2).
func (d *Dialog) serveSUBSCRIBE(now time.Time, tx *transaction.Server, req *sip.Request) {
	l := d.strand.layer
	pkg, id := eventOf(req.Get(sip.HeaderEvent))
	for _, n := range d.notes {
		if !strings.EqualFold(n.pkg, pkg) || n.id != id {
			continue
		}
		longest := time.Hour
		if strings.EqualFold(pkg, "refer") {
			longest = referLife
		}
		d.refresh(&req.Message)
		expires := n.grant(now, tx, req, longest)
		d.strand.do(deliver{n.sink, Subscribed{Notifier: n, Expires: int(expires / time.Second), Req: req}})
		switch {
		case expires == 0:
			n.send(now, "timeout", nil)
		case n.sent:
			n.send(now, "", nil)
		}
		return
	}
	r := refusal{status: 489, headers: []Header{{"Allow-Events", "refer"}}}
	if strings.EqualFold(pkg, "refer") {
		r = refusal{status: 403} // only a REFER makes one (RFC 3515 §3)
	}
	d.strand.do(respond{tx, l.refusal(tx, req, r)})
}
