package dialog

import (
	"context"
	"slices"
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
	opts    NotifierOptions
	until   time.Time // end of the subscription
	kind    string    // Content-Type and body sent last
	body    string
	sent    bool
	lapsed  bool // it has run out and the application's last NOTIFY is awaited
	done    bool
}

// NotifierOptions are the terms of a subscription of the peer.
type NotifierOptions struct {
	AcceptOptions
	Longest time.Duration // longest the subscription may last; 0: one hour
	// Shortest is what is refused with 423 when less is asked for, other than 0
	// to unsubscribe (RFC 6665 §4.2.1.1); 0: nothing is.
	Shortest time.Duration
	// Default is granted to a SUBSCRIBE without Expires; 0: Longest.
	Default time.Duration
	// Pending says that the subscription waits for a person's consent; Activate
	// ends that.
	Pending bool
	// OwnState: the application sends every NOTIFY, also those after a refresh
	// and the last one, because its state has versions. Both are asked for with
	// Subscribed. Otherwise the layer repeats the state sent last.
	OwnState bool
	Headers  []Header // of the 200 to every SUBSCRIBE
}

func (o *NotifierOptions) longest() time.Duration {
	if o.Longest <= 0 {
		return time.Hour
	}
	return o.Longest
}

// referLife is how long the implicit subscription of a REFER lasts at most.
const referLife = 3 * time.Minute

// maxNotifiers bounds the subscriptions a peer may hold in one dialog.
const maxNotifiers = 16

// AcceptSubscribe answers a SUBSCRIBE with 200 and makes us its notifier: in a
// dialog of its own, or in the one it came in if Config.Events names the
// package (RFC 5057). The application checks package and rights before (489,
// 403), and calls Notify right after (RFC 6665 §4.2.1.1). If it returns an error
// the SUBSCRIBE has been answered.
func (l *Layer) AcceptSubscribe(tx *transaction.Server, req *sip.Request, sink Sink, o NotifierOptions) (*Notifier, error) {
	d, r := l.notifierDialog(tx, req, o.AcceptOptions)
	if r == nil {
		r = o.tooBrief(req)
	}
	if r != nil {
		l.refuse(tx, req, *r)
		return nil, &sip.Error{Status: r.status, Reason: sip.ReasonPhrase(r.status)}
	}
	now := d.strand.enter()
	defer d.strand.leave()
	tx.TakeOver()
	if len(d.notes) >= maxNotifiers {
		d.strand.respond(tx, l.refusal(tx, req, *overlap()))
		return nil, ErrLimit
	}
	n := d.newNotifier(req.Get(sip.HeaderEvent), sink)
	n.opts = o
	if !d.listed && !d.list() {
		d.strand.respond(tx, l.refusal(tx, req, refusal{status: 482}))
		return nil, ErrState
	}
	n.grant(now, tx, req)
	return n, nil
}

// notifierDialog finds the dialog of a SUBSCRIBE, or makes it.
func (l *Layer) notifierDialog(tx *transaction.Server, req *sip.Request, o AcceptOptions) (*Dialog, *refusal) {
	tag := req.ToTag()
	if tag == "" {
		return l.openNotifier(tx, req, o)
	}
	if d := l.dialogs.find(req.CallID(), tag, req.FromTag()); d != nil {
		return d, nil
	}
	return nil, &refusal{status: 481}
}

// tooBrief refuses an interval that is too small: "the notifier MAY choose to
// return a 423 error if the duration is greater than zero AND smaller than one
// hour AND smaller than a notifier-configured minimum" (RFC 6665 §4.2.1.1).
func (o *NotifierOptions) tooBrief(req *sip.Request) *refusal {
	least := min(o.Shortest, time.Hour)
	sec, ok, err := req.Expires()
	if !ok || err != nil || sec == 0 || time.Duration(sec)*time.Second >= least {
		return nil
	}
	return &refusal{status: 423, headers: []Header{{"Min-Expires", seconds(least)}}}
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
	d := &Dialog{rewrites: o.Rewrite}
	err := d.openUAS(req, tx.ToTag(), o.Contact, peer)
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
func (n *Notifier) grant(now time.Time, tx *transaction.Server, req *sip.Request) time.Duration {
	d := n.dialog
	expires := n.opts.longest()
	if sec, ok, err := req.Expires(); ok && err == nil {
		expires = min(expires, time.Duration(sec)*time.Second)
	} else if n.opts.Default > 0 {
		expires = min(expires, n.opts.Default)
	}
	n.until = now.Add(expires)
	res := d.strand.layer.response(tx, req, 200, "")
	if req.ToTag() == "" {
		res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
	}
	res.Add(sip.HeaderContact, "<"+d.contact+">")
	res.Add(sip.HeaderExpires, seconds(expires))
	for _, h := range n.opts.Headers {
		res.AddName(h.Name, h.Value)
	}
	d.strand.respond(tx, res)
	at := n.until
	if n.lapsed = expires == 0; n.lapsed {
		at = now.Add(64 * d.strand.layer.cfg.T1) // the application's next Notify is the last
	}
	n.sched.set(&d.strand.layer.clock, deadlineExpiry, at)
	return expires
}

// Activate ends the state "pending": NOTIFYs say "active" from now on. The
// application sends the state after it.
func (n *Notifier) Activate() {
	n.dialog.strand.enter()
	defer n.dialog.strand.leave()
	n.opts.Pending = false
}

// Until returns when the subscription ends unless it is refreshed.
func (n *Notifier) Until() time.Time {
	n.dialog.strand.enter()
	defer n.dialog.strand.leave()
	return n.until
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

// Begin sends the first NOTIFY of a referral that was accepted with AcceptLater,
// unless there has been one.
func (n *Notifier) Begin() {
	now := n.dialog.strand.enter()
	defer n.dialog.strand.leave()
	if !n.done && !n.sent {
		n.send(now, "", nil)
	}
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
	if n.opts.Pending {
		state = "pending;expires=" + seconds(left)
	}
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

// answered takes the response to a NOTIFY: 481, others like it and no response
// at all end the subscription (RFC 6665 §4.2.2, RFC 5057 §5.1).
func (n *Notifier) answered(_ time.Time, res *sip.Response, err error) {
	switch {
	case n.done:
	case err != nil:
		n.finish(SubscriptionEnded{Status: refused(err).Status, Err: err})
	case effectOf(sip.NOTIFY, res.Status()) != onlyTransaction:
		n.finish(SubscriptionEnded{Status: res.Status()})
		n.dialog.fell(sip.NOTIFY, res.Status())
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
	n.dialog.strand.deliver(n.sink, e)
}

// awake implements sleeper: a subscription that ran out ends with a NOTIFY
// "terminated" with reason timeout (RFC 6665 §4.2.2).
func (n *Notifier) awake() {
	now := n.dialog.strand.enter()
	defer n.dialog.strand.leave()
	if n.sched.take(now) == deadlineExpiry && !n.done {
		n.lapse(now, nil)
	}
	n.sched.rest(&n.dialog.strand.layer.clock)
}

// lapse ends the subscription, or has the application do it within 64*T1.
func (n *Notifier) lapse(now time.Time, req *sip.Request) {
	l := n.dialog.strand.layer
	if !n.opts.OwnState || n.lapsed && req == nil {
		n.send(now, "timeout", nil)
		return
	}
	n.lapsed, n.until = true, now
	n.sched.set(&l.clock, deadlineExpiry, now.Add(64*l.cfg.T1))
	n.dialog.strand.deliver(n.sink, Subscribed{Notifier: n, Req: req})
}

// serveSUBSCRIBE takes a SUBSCRIBE in the dialog: a refresh, or the end with
// Expires 0. Both are followed by NOTIFY (RFC 6665 §4.2.1.2). One for another
// package that Config.Events names goes to the application.
func (d *Dialog) serveSUBSCRIBE(now time.Time, tx *transaction.Server, req *sip.Request) {
	l := d.strand.layer
	pkg, id := eventOf(req.Get(sip.HeaderEvent))
	for _, n := range d.notes {
		if strings.EqualFold(n.pkg, pkg) && n.id == id {
			n.refreshed(now, tx, req)
			return
		}
	}
	switch {
	case strings.EqualFold(pkg, "refer"): // only a REFER makes one (RFC 3515 §3)
		d.strand.respond(tx, l.refusal(tx, req, refusal{status: 403}))
	case l.cfg.Next != nil && containsFold(l.cfg.Events, pkg):
		d.strand.do(passOn{tx, req})
	default:
		events := strings.Join(append([]string{"refer"}, l.cfg.Events...), ", ")
		d.strand.respond(tx, l.refusal(tx, req, refusal{status: 489, headers: []Header{{"Allow-Events", events}}}))
	}
}

// refreshed takes a SUBSCRIBE of this subscription.
func (n *Notifier) refreshed(now time.Time, tx *transaction.Server, req *sip.Request) {
	d := n.dialog
	if r := n.opts.tooBrief(req); r != nil {
		d.strand.respond(tx, d.strand.layer.refusal(tx, req, *r))
		return
	}
	d.refresh(&req.Message)
	expires := n.grant(now, tx, req)
	if expires == 0 && n.opts.OwnState {
		n.lapse(now, req)
		return
	}
	d.strand.deliver(n.sink, Subscribed{Notifier: n, Expires: int(expires / time.Second), Req: req})
	switch {
	case n.opts.OwnState:
	case expires == 0:
		n.send(now, "timeout", nil)
	case n.sent:
		n.send(now, "", nil)
	}
}

// passOn gives a SUBSCRIBE in a dialog to the application's door.
type passOn struct {
	tx  *transaction.Server
	req *sip.Request
}

func (a passOn) run(l *Layer) { l.cfg.Next.ServeSIP(context.Background(), a.tx, a.req) }

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}
