package dialog

import (
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// SubscribeConfig describes a subscription to open. URI, From and Event are
// mandatory outside of a dialog, Event inside.
type SubscribeConfig struct {
	URI     string // Request-URI
	From    string // name-addr or addr-spec; a tag is added
	To      string // "": <URI>
	Contact string // our Contact URI; "": the layer's
	Targets []transport.Target
	Route   []string
	Event   string        // package, with parameters
	Accept  string        // media types; "": the package's default
	Expires time.Duration // 0: one hour
	Fetch   bool          // ask once, with Expires 0 (RFC 6665 §4.4.3)
	Headers []Header
	Auth    Authorizer
}

// A Subscription is one of ours (RFC 6665 §4.1). It is refreshed until
// Unsubscribe, the notifier ends it or it fails; SubscriptionEnded is its last
// event. The implicit subscription of a REFER is one too.
type Subscription struct {
	strand  *strand
	dialog  *Dialog // nil until the first NOTIFY has made it
	sink    Sink
	sched   schedule
	pkg, id string
	cfg     SubscribeConfig
	callID  string
	tag     string
	seq     uint32
	x       *exchange
	expires time.Duration // granted
	refer   bool          // made by REFER: not refreshed
	referTo string        // Refer-To of a REFER outside of a dialog
	active  bool          // a NOTIFY has come
	leaving bool          // Unsubscribe was called, or a fetch
	done    bool
}

// Subscribe opens a subscription outside of a dialog. The dialog is the one
// of the first NOTIFY; NOTIFYs of other forks are refused with 481.
func (l *Layer) Subscribe(c SubscribeConfig, sink Sink) (*Subscription, error) {
	return l.subscribe(c, sink, "")
}

// subscribe opens a subscription with SUBSCRIBE, or with REFER if referTo is
// not empty.
func (l *Layer) subscribe(c SubscribeConfig, sink Sink, referTo string) (*Subscription, error) {
	if c.URI == "" || c.From == "" || c.Event == "" || sink == nil {
		return nil, ErrArgument
	}
	if l.tx() == nil {
		return nil, ErrState
	}
	if l.Len() >= l.cfg.MaxDialogs {
		return nil, ErrLimit
	}
	sub := newSubscription(&strand{layer: l}, c, sink)
	sub.refer, sub.referTo = referTo != "", referTo
	sub.callID, sub.tag, sub.seq = sip.NewCallID(""), sip.NewTag(), sip.NewCSeq()
	req, to, err := sub.first(l)
	if err != nil {
		return nil, err
	}
	now := sub.strand.enter()
	defer sub.strand.leave()
	l.dialogs.wait(sub, sub.callID, sub.tag)
	sub.at(deadlineNotify, now.Add(64*l.cfg.T1))
	sub.x = &exchange{strand: sub.strand, req: req, to: to, auth: c.Auth, seq: sub, done: sub.response}
	sub.x.start()
	return sub, nil
}

func newSubscription(st *strand, c SubscribeConfig, sink Sink) *Subscription {
	if c.Expires == 0 {
		c.Expires = time.Hour
	}
	pkg, id := eventOf(c.Event)
	sub := &Subscription{strand: st, cfg: c, sink: sink, pkg: pkg, id: id, leaving: c.Fetch}
	sub.sched.alarm.owner = sub
	return sub
}

// eventOf reads package and id of an Event value.
func eventOf(v string) (pkg, id string) {
	pkg, params, _ := strings.Cut(v, ";")
	id, _ = sip.Params(";" + params).Get("id")
	return strings.TrimSpace(pkg), id
}

func (sub *Subscription) nextSeq() uint32 {
	if sub.dialog != nil {
		seq := sub.dialog.nextSeq()
		if sub.refer {
			sub.seq = seq // by which the peer's NOTIFY names it (RFC 3515 §2.4.6)
		}
		return seq
	}
	sub.seq++
	return sub.seq
}

// first builds the SUBSCRIBE or REFER that opens the subscription.
func (sub *Subscription) first(l *Layer) (*sip.Request, hop, error) {
	c := &sub.cfg
	out := SendConfig{Method: sip.SUBSCRIBE, URI: c.URI, From: c.From, To: c.To, Route: c.Route, Targets: c.Targets}
	if sub.refer {
		out.Method = sip.REFER
	}
	req, h, err := l.outside(&out, sub.callID, sub.tag, sub.seq)
	if err != nil {
		return nil, h, err
	}
	if c.Contact == "" {
		from, _ := req.From()
		user, _ := sip.ParseURI(from.URI)
		c.Contact = l.contact(h.nearest(l), user.User)
	}
	req.Add(sip.HeaderContact, "<"+c.Contact+">")
	if sub.refer {
		sub.describeRefer(l, req)
	} else {
		sub.describe(l, req)
	}
	return req, h, nil
}

// describe adds what every SUBSCRIBE of this subscription carries.
func (sub *Subscription) describe(l *Layer, req *sip.Request) {
	req.Add(sip.HeaderEvent, sub.cfg.Event)
	expires := sub.cfg.Expires
	if sub.leaving {
		expires = 0
	}
	req.Add(sip.HeaderExpires, seconds(expires))
	if sub.cfg.Accept != "" {
		req.Add(sip.HeaderAccept, sub.cfg.Accept)
	}
	l.abilities(&req.Message)
	l.identify(req)
	for _, x := range sub.cfg.Headers {
		req.AddName(x.Name, x.Value)
	}
}

// Subscribe opens a subscription inside the dialog.
func (s *Session) Subscribe(c SubscribeConfig) (*Subscription, error) {
	if c.Event == "" {
		return nil, ErrArgument
	}
	now := s.strand.enter()
	defer s.strand.leave()
	if s.state == stateEnded {
		return nil, ErrEnded
	}
	sub := newSubscription(s.strand, c, s.sink)
	sub.dialog = &s.Dialog
	s.subs = append(s.subs, sub)
	sub.at(deadlineNotify, now.Add(64*s.layer().cfg.T1))
	sub.resubscribe()
	return sub, nil
}

// Event returns the event package, and its id if it has one.
func (sub *Subscription) Event() (pkg, id string) { return sub.pkg, sub.id }

// Unsubscribe ends the subscription with a SUBSCRIBE of Expires 0; the
// notifier's last NOTIFY ends it (RFC 6665 §4.1.2.3).
func (sub *Subscription) Unsubscribe() error {
	now := sub.strand.enter()
	defer sub.strand.leave()
	if sub.done {
		return ErrEnded
	}
	sub.leaving = true
	sub.at(deadlineNotify, now.Add(64*sub.strand.layer.cfg.T1))
	if sub.dialog == nil || sub.refer && !sub.active {
		return nil // the answer or the first NOTIFY finds it leaving
	}
	sub.resubscribe()
	return nil
}

// resubscribe sends a SUBSCRIBE in the dialog.
func (sub *Subscription) resubscribe() {
	d := sub.dialog
	req := d.newRequest(sip.SUBSCRIBE, d.nextSeq())
	sub.describe(sub.strand.layer, req)
	sub.x = d.exchange(req)
	sub.x.auth = sub.cfg.Auth
	if sub.x.auth == nil {
		sub.x.auth = d.auth
	}
	sub.x.done = sub.response
	sub.x.start()
}

// response takes the outcome of a SUBSCRIBE (RFC 6665 §4.1.2).
func (sub *Subscription) response(now time.Time, res *sip.Response, err error) {
	switch {
	case sub.done:
	case err != nil:
		sub.finish(SubscriptionEnded{Status: refused(err).Status, Err: err})
	case res.Status() < 200:
	case res.Status() < 300:
		sub.granted(now, res)
	case res.Status() == 423 && sub.tooBrief(res):
	case sub.active && (res.Status() == 408 || effectOf(sip.SUBSCRIBE, res.Status()) == onlyTransaction):
		// "If a SUBSCRIBE request to refresh a subscription receives a non-481
		// response, the original subscription is still considered valid" (§4.1.2.2).
		sub.at(deadlineRefresh, now.Add(30*time.Second))
	default:
		d := sub.dialog
		sub.finish(SubscriptionEnded{Status: res.Status()})
		if d != nil {
			d.fell(sip.SUBSCRIBE, res.Status())
		}
	}
}

// tooBrief tries again with the Min-Expires of a 423.
func (sub *Subscription) tooBrief(res *sip.Response) bool {
	sec, ok, err := res.MinExpires()
	least := time.Duration(sec) * time.Second
	if !ok || err != nil || least <= sub.cfg.Expires || sub.leaving || sub.x.attempts >= maxAttempts {
		return false
	}
	sub.cfg.Expires = least
	sub.x.again(func(req *sip.Request) { req.Set(sip.HeaderExpires, seconds(least)) })
	return true
}

// granted takes a 2xx: the subscription lasts as long as it says.
func (sub *Subscription) granted(now time.Time, res *sip.Response) {
	sub.expires = sub.cfg.Expires
	if sec, ok, err := res.Expires(); ok && err == nil && sec < 1<<31 {
		sub.expires = min(sub.expires, time.Duration(sec)*time.Second)
	}
	if sub.dialog != nil {
		sub.dialog.refresh(&res.Message)
	}
	if sub.refer && strings.HasPrefix(strings.ToLower(res.Get(sip.HeaderReferSub)), "false") {
		sub.finish(SubscriptionEnded{Status: res.Status()}) // no progress will come (RFC 4488 §4)
		return
	}
	sub.rest(now, sub.expires)
}

// rest sets refresh and expiry.
func (sub *Subscription) rest(now time.Time, d time.Duration) {
	if sub.leaving || d <= 0 {
		return
	}
	sub.at(deadlineExpiry, now.Add(d))
	if !sub.refer {
		sub.at(deadlineRefresh, now.Add(max(d*4/5, d-time.Minute)))
	}
}

func (sub *Subscription) at(what deadline, t time.Time) {
	sub.sched.set(&sub.strand.layer.clock, what, t)
}

// awake implements sleeper.
func (sub *Subscription) awake() {
	now := sub.strand.enter()
	defer sub.strand.leave()
	for {
		switch sub.sched.take(now) {
		case deadlineRefresh:
			if sub.dialog != nil && !sub.done {
				sub.resubscribe()
			}
		case deadlineExpiry, deadlineNotify:
			sub.finish(SubscriptionEnded{Reason: "timeout"})
		default:
			sub.sched.rest(&sub.strand.layer.clock)
			return
		}
	}
}

// finish is the end of a subscription.
func (sub *Subscription) finish(e SubscriptionEnded) {
	if sub.dialog != nil {
		sub.dialog.subs = without(sub.dialog.subs, sub)
	}
	if sub.done {
		return
	}
	sub.done = true
	sub.sched.clear(&sub.strand.layer.clock)
	if sub.callID != "" {
		sub.strand.layer.dialogs.unwait(sub.callID, sub.tag)
	}
	if sub.dialog != nil {
		sub.dialog.unlist()
	}
	e.Subscription = sub
	sub.strand.deliver(sub.sink, e)
}

func without[T comparable](list []T, x T) []T {
	for i, y := range list {
		if y == x {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// firstNotify makes the dialog of a subscription of ours from its first NOTIFY
// (RFC 6665 §4.4.1), and reports whether there is one.
func (l *Layer) firstNotify(tx *transaction.Server, req *sip.Request) bool {
	sub := l.dialogs.waiting(req)
	if sub == nil || sub.callID != req.CallID() || sub.tag != req.ToTag() {
		return false
	}
	d := sub.adopt(tx, req)
	if d == nil {
		return false
	}
	d.serve(tx, req)
	return true
}

// adopt makes the dialog, or returns nil.
func (sub *Subscription) adopt(tx *transaction.Server, req *sip.Request) *Dialog {
	sub.strand.mu.Lock()
	defer sub.strand.mu.Unlock()
	if sub.done || sub.dialog != nil || !sub.matches(req) {
		return nil
	}
	flow := tx.Flow()
	peer := transport.Target{Proto: flow.Proto(), Addr: flow.Remote(), Flow: flow}
	d := new(Dialog)
	err := d.openUAS(req, sub.tag, sub.cfg.Contact, peer)
	if err != nil {
		return nil
	}
	d.strand, d.uac, d.auth, d.localSeq, d.remoteSeen = sub.strand, true, sub.cfg.Auth, sub.seq, false
	d.subs = []*Subscription{sub}
	if !d.list() {
		return nil
	}
	sub.dialog = d
	sub.strand.layer.dialogs.unwait(sub.callID, sub.tag)
	return d
}

// matches reports whether a NOTIFY belongs to this subscription: same package
// and id (RFC 6665 §4.4.1); for a REFER the id is its CSeq (RFC 3515 §2.4.6).
func (sub *Subscription) matches(req *sip.Request) bool {
	pkg, id := eventOf(req.Get(sip.HeaderEvent))
	if !strings.EqualFold(pkg, sub.pkg) {
		return false
	}
	return id == sub.id || sub.refer && id == strconv.FormatUint(uint64(sub.seq), 10)
}

// serveNOTIFY takes a NOTIFY (RFC 6665 §4.1.3).
func (d *Dialog) serveNOTIFY(now time.Time, tx *transaction.Server, req *sip.Request) {
	var sub *Subscription
	for _, x := range d.subs {
		if x.matches(req) {
			sub = x
			break
		}
	}
	l := d.strand.layer
	if sub == nil {
		d.strand.respond(tx, l.refusal(tx, req, refusal{status: 481}))
		return
	}
	state, ok, err := req.SubscriptionState()
	if !ok || err != nil {
		d.strand.respond(tx, l.refusal(tx, req, refusal{status: 400, reason: "Missing Subscription-State"}))
		return
	}
	res := l.response(tx, req, 200, "")
	res.Add(sip.HeaderContact, "<"+d.contact+">")
	d.strand.respond(tx, res)
	d.refresh(&req.Message)
	sub.notified(now, req, state)
}

// notified takes the state of a subscription.
func (sub *Subscription) notified(now time.Time, req *sip.Request, state sip.SubscriptionState) {
	e := Notified{Subscription: sub, State: state.State, Reason: state.Reason, Req: req,
		ContentType: req.Get(sip.HeaderContentType), Body: req.Body()}
	kind, _, _ := strings.Cut(e.ContentType, ";")
	if strings.EqualFold(strings.TrimSpace(kind), "message/sipfrag") {
		e.Status = fragStatus(e.Body)
	}
	first := !sub.active
	sub.active = true
	if !sub.leaving || state.State == "terminated" {
		sub.at(deadlineNotify, time.Time{})
	}
	sub.strand.deliver(sub.sink, e)
	switch {
	case state.State == "terminated":
		sub.finish(SubscriptionEnded{Reason: state.Reason})
	case first && sub.leaving && !sub.cfg.Fetch:
		sub.resubscribe()
	case state.HasExpires:
		sub.rest(now, min(time.Duration(state.Expires)*time.Second, 24*time.Hour))
	}
}

// fragStatus reads the status line of a message/sipfrag body (RFC 3420).
func fragStatus(body string) int {
	line, _, _ := strings.Cut(body, "\n")
	f := strings.Fields(line)
	if len(f) < 2 || !strings.HasPrefix(f[0], "SIP/") {
		return 0
	}
	n, err := strconv.Atoi(f[1])
	if err != nil || n < 100 || n > 699 {
		return 0
	}
	return n
}
