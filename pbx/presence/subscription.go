package presence

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
)

// A Watcher is the endpoint that a request comes from, which the exchange has
// authenticated.
type Watcher struct {
	Name     string               // of the endpoint
	Context  string               // where its extensions are looked up (subscribe_context)
	Shortest time.Duration        // sub_min_expiry; less is refused with 423
	Early    bool                 // notify_early_inuse_ringing
	Told     []string             // mailboxes it is told of without asking and may not subscribe to
	Accept   dialog.AcceptOptions // how our requests reach it
}

// told reports whether the watcher is told of a mailbox without asking.
func (w *Watcher) told(box string) bool {
	return slices.ContainsFunc(w.Told, func(s string) bool { return mailboxTopic(s) == mailboxTopic(box) })
}

// The event packages; their names do not care about case (RFC 6665 §8.2.1).
const (
	presencePackage = "presence"
	dialogPackage   = "dialog"
	summaryPackage  = "message-summary"
)

// Packages returns the event packages for Allow-Events and
// dialog.Config.Events.
func Packages() []string { return []string{presencePackage, dialogPackage, summaryPackage} }

// A subscription is one watcher's view of one resource.
type subscription struct {
	server   *Server
	watcher  Watcher
	pkg      string
	format   string // media type of the bodies
	resource string
	boxes    []string // of a message-summary
	topics   []string // guarded by the Server once it is entered

	mu       sync.Mutex // guards the following; the Board's and the Server's come after it
	notifier *dialog.Notifier
	hint     string // "": presence by publications alone
	watch    *Watch
	list     *List // nil: one resource
	members  []*member
	batch    time.Time // when gathered changes are told; zero: none are
	pace     pace
	version  uint32
	sent     string // the state told last, in no format
	told     bool
	pending  bool
	force    bool   // tell the state though it is the same
	end      string // event-reason: the next NOTIFY is the last
	busy     bool   // somebody is sending
	again    bool   // and has to look once more
	ended    bool
}

// Subscribe serves a SUBSCRIBE of an endpoint that is known, outside of a
// dialog or inside. It answers on the spot and runs on the transaction's shard.
func (s *Server) Subscribe(tx *transaction.Server, req *sip.Request, w Watcher) {
	x, status := s.subscription(req, w)
	switch {
	case status == 489:
		refuse(tx, req, 489, dialog.Header{Name: "Allow-Events", Value: strings.Join(Packages(), ", ")})
		return
	case status != 0:
		refuse(tx, req, status)
		return
	case !s.enter(x):
		refuse(tx, req, 503, dialog.Header{Name: "Retry-After", Value: "60"})
		return
	}
	n, err := s.cfg.Dialogs.AcceptSubscribe(tx, req, x, dialog.NotifierOptions{AcceptOptions: w.Accept, Longest: s.cfg.Longest,
		Shortest: w.Shortest, Pending: x.pending, OwnState: true, Headers: x.headers()})
	if err != nil {
		s.leave(x)
		return
	}
	x.start(n)
}

// subscription checks a SUBSCRIBE; status is 0 if it may be accepted.
func (s *Server) subscription(req *sip.Request, w Watcher) (x *subscription, status int) {
	event, ok, err := req.Event()
	if !ok || err != nil {
		return nil, 489 // RFC 6665 §8.2.1 would allow 400; Asterisk says 489
	}
	x = &subscription{server: s, watcher: w, pkg: strings.ToLower(event.Package), resource: userOf(req)}
	s.mu.Lock()
	directory := s.directory
	s.mu.Unlock()
	l := directory.List(x.resource)
	if l != nil && req.HasToken(sip.HeaderSupported, "eventlist") {
		if status = x.join(directory, l, req); status == 0 {
			status = x.consent()
		}
		return x, status
	}
	switch x.pkg {
	case presencePackage, dialogPackage:
		status = x.find(directory)
	case summaryPackage:
		if x.boxes = directory.Mailboxes(x.resource); len(x.boxes) == 0 {
			status = 404
		}
		if status == 0 && slices.ContainsFunc(x.boxes, w.told) {
			status = 500 // as Asterisk: it would be told twice
		}
		for _, b := range x.boxes {
			x.topics = append(x.topics, mailboxTopic(b))
		}
	default:
		return nil, 489
	}
	switch {
	case status == 404 && l != nil && l.Event != x.pkg:
		status = 489 // a list has the name, of another package
	case status == 0 && !x.choose(req):
		status = 406
	}
	if status == 0 {
		status = x.consent()
	}
	return x, status
}

// consent asks whether the watcher may watch.
func (x *subscription) consent() (status int) {
	if x.server.cfg.Authorize == nil {
		return 0
	}
	switch x.server.cfg.Authorize(x.watcher, x.pkg, x.resource) {
	case Refused:
		return 403
	case Asked:
		x.pending = true
	}
	return 0
}

// headers are those of the 200 and of every NOTIFY: "Require: eventlist" for a
// list (RFC 4662 §4.2, §4.5).
func (x *subscription) headers() []dialog.Header {
	if x.list == nil {
		return nil
	}
	return []dialog.Header{{Name: "Require", Value: "eventlist"}}
}

// find looks for the hint, or for what users published without one.
func (x *subscription) find(d Directory) (status int) {
	topic := presenceTopic(x.resource)
	x.topics = []string{topic}
	hint, ok := d.Hint(x.watcher.Context, x.resource, time.Now())
	if ok {
		x.hint = hint
		return 0
	}
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	if x.pkg == presencePackage && x.server.published.last(topic) != "" {
		return 0
	}
	return 404
}

// choose takes the first of our formats that the watcher accepts. As with
// Asterisk a watcher of "presence" may ask for dialog-info.
func (x *subscription) choose(req *sip.Request) bool {
	var formats []string
	switch x.pkg {
	case presencePackage:
		formats = []string{pidfType, dialogType}
	case dialogPackage:
		formats = []string{dialogType}
	case summaryPackage:
		formats = []string{summaryType}
	}
	if x.hint == "" && x.pkg == presencePackage {
		formats = formats[:1]
	}
	for _, f := range formats {
		if !req.Has(sip.HeaderAccept) || req.Accepts(f) {
			x.format = f
			return true
		}
	}
	return false
}

// start tells the first state (RFC 6665 §4.2.1.2: at once).
func (x *subscription) start(n *dialog.Notifier) {
	x.mu.Lock()
	x.notifier = n
	switch {
	case x.ended:
	case x.list != nil:
		x.look(x.members)
	case x.pkg != summaryPackage:
		x.watch = x.server.cfg.Board.Watch(x.hint, x.changed)
	}
	x.mu.Unlock()
	x.push(true, "")
}

func (x *subscription) changed() { x.push(false, "") }

// Deliver implements dialog.Sink.
func (x *subscription) Deliver(e dialog.Event) {
	switch e.(type) {
	case dialog.Subscribed:
		x.push(true, "") // a refresh gets the whole state; the last NOTIFY says timeout
	case dialog.SubscriptionEnded:
		x.stop()
	}
}

// stop forgets the subscription.
func (x *subscription) stop() {
	x.mu.Lock()
	x.ended = true
	watch := x.watch
	x.watch = nil
	unlook(x.members)
	x.mu.Unlock()
	if watch != nil {
		watch.Stop()
	}
	x.server.leave(x)
}

// reload follows another configuration.
func (x *subscription) reload(d Directory) {
	if x.list != nil {
		x.relist(d)
		return
	}
	if x.pkg == summaryPackage {
		if len(d.Mailboxes(x.resource)) == 0 {
			x.push(true, "noresource")
		}
		return
	}
	hint, ok := d.Hint(x.watcher.Context, x.resource, time.Now())
	x.mu.Lock()
	was := x.hint
	switch {
	case !ok && was != "":
		x.mu.Unlock()
		x.push(true, "noresource")
		return
	case hint == was || x.ended:
		x.mu.Unlock()
		return
	}
	x.hint = hint
	old := x.watch
	x.watch = x.server.cfg.Board.Watch(hint, x.changed)
	x.mu.Unlock()
	if old != nil {
		old.Stop()
	}
	x.push(false, "")
}

// decide ends the state "pending".
func (x *subscription) decide(granted bool) {
	x.mu.Lock()
	waits := x.pending && x.notifier != nil
	x.pending = false
	n := x.notifier
	x.mu.Unlock()
	switch {
	case !waits:
	case granted:
		n.Activate()
		x.push(true, "")
	default:
		x.push(true, "rejected")
	}
}

// push tells the state if it is another one, or always with force, and ends
// the subscription if end is a reason. If somebody is sending already, that one
// looks again afterwards.
func (x *subscription) push(force bool, end string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.force = x.force || force
	if end != "" {
		x.end = end
	}
	x.again = true
	if x.busy {
		return
	}
	x.busy = true
	for x.again {
		x.again = false
		format, body, reason, ok := x.next(time.Now())
		if !ok {
			continue
		}
		n := x.notifier
		x.mu.Unlock()
		err := n.Notify(format, body, reason, x.headers()...) // may call Deliver
		x.mu.Lock()
		if err != nil {
			x.server.log.Debug("presence: NOTIFY not sent", "resource", x.resource, "watcher", x.watcher.Name, "error", err)
		}
	}
	x.busy = false
}

// next decides what to send now; the lock is held.
func (x *subscription) next(now time.Time) (format, body, reason string, ok bool) {
	if x.ended || x.notifier == nil {
		return "", "", "", false
	}
	state, full := x.state(), x.force
	if !x.force {
		if x.told && state == x.sent || x.pending || x.gathers(now) {
			return "", "", "", false
		}
		if wait := x.pace.take(now); wait > 0 {
			x.server.later(x, now.Add(wait))
			return "", "", "", false
		}
	}
	x.force, x.batch = false, time.Time{}
	if x.pending { // who may not know yet is told nothing (RFC 3856 §6.6.2)
		return "", "", x.end, true
	}
	format, body, err := x.body(full || !x.told)
	if err != nil {
		x.server.log.Error("presence: body not written", "resource", x.resource, "error", err)
		return "", "", "", false
	}
	x.sent, x.told = state, true
	return format, body, x.end, true
}

// gathers reports whether changes of a list are still being gathered
// (notification_batch_interval).
func (x *subscription) gathers(now time.Time) bool {
	if x.list == nil || x.list.Batch <= 0 {
		return false
	}
	if x.batch.IsZero() {
		x.batch = now.Add(x.list.Batch)
	}
	if now.Before(x.batch) {
		x.server.later(x, x.batch)
		return true
	}
	return false
}

// state is what decides whether there is something new to tell.
func (x *subscription) state() string {
	if x.list != nil {
		return x.memberState(&member{list: x.list, below: x.members})
	}
	if x.pkg == summaryPackage {
		return summaryBody("", x.server.counts(x.boxes))
	}
	text := x.server.cfg.Board.Extension(x.hint).String()
	if x.pkg == presencePackage {
		text += "\n" + x.server.document(x.topics[0])
	}
	return text
}

// body writes the state in the watcher's format; versions count what is sent
// ("starts at 0 and increments by one", RFC 4235 §4.1.1). Of a list only what
// has changed is told unless all of it is asked for.
func (x *subscription) body(full bool) (format, text string, err error) {
	if x.list != nil {
		return x.listBody(full)
	}
	entity := x.notifier.Dialog().LocalURI()
	if x.format == summaryType {
		return x.format, summaryBody(entity, x.server.counts(x.boxes)), nil
	}
	s := x.server.cfg.Board.Extension(x.hint)
	if x.format == dialogType {
		version := x.version
		x.version++
		text, err = dialogBody(entity, x.resource, version, s, x.watcher.Early)
		return x.format, text, err
	}
	if x.hint == "" {
		if doc := x.server.document(x.topics[0]); doc != "" {
			return x.format, doc, nil
		}
		s = ExtensionUnavailable // nothing is published any more
	}
	text, err = presenceBody(entity, x.resource, x.notifier.Dialog().RemoteURI(), s.terms(x.watcher.Early), x.server.tuples(x.topics[0]))
	return x.format, text, err
}
