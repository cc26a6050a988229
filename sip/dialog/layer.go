package dialog

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// Errors of the methods of this package.
var (
	ErrState    = errors.New("dialog: not possible in this state")
	ErrEnded    = errors.New("dialog: the session has ended")
	ErrOffer    = errors.New("dialog: an offer/answer exchange is under way")
	ErrNoOffer  = errors.New("dialog: no offer waits for an answer")
	ErrNoAnswer = errors.New("dialog: the peer left an offer without answer")
	ErrLimit    = errors.New("dialog: too many dialogs")
	ErrStopped  = errors.New("dialog: the layer stops")
	ErrArgument = errors.New("dialog: bad argument")
)

// Transport is what the layer needs from the transport; *transport.Layer has it.
type Transport interface {
	SentBy(t transport.Target) (host string, port uint16)
	Resolve(ctx context.Context, uri sip.URI) ([]transport.Target, error)
	ResolveNumeric(uri sip.URI) (transport.Target, bool)
}

// Config is what a Layer needs.
type Config struct {
	Transactions *transaction.Layer // may be given later with Use, since that layer's Handler may be this one
	Transport    Transport
	Next         transaction.Handler // takes requests that belong to no dialog; nil: 481, or 405 and 501
	// Contact returns our Contact URI for dialogs through this target, user is
	// the user part wished for; nil: host and port of the transport's SentBy.
	Contact        func(to transport.Target, user string) string
	UserAgent      string        // User-Agent and Server; "": none
	Allow          []sip.Method  // what our Allow says; nil: all methods handled here
	Events         []string      // packages of in-dialog SUBSCRIBE that go to Next; nil: only refer is known, here
	Relays         bool          // MESSAGE in a dialog is passed on: it is answered 202, not 200 (RFC 3428 §7)
	Packages       []string      // Info Packages that are taken (RFC 6086)
	AlwaysReferSub bool          // do not say that a REFER needs no subscription (norefersub, RFC 4488)
	InfoTypes      []string      // media types of INFO bodies that are understood; nil: any
	SessionExpires time.Duration // RFC 4028; 0: 30 minutes; negative: session timers off
	MinSE          time.Duration // 0: 90 s, the least there is
	MaxDialogs     int           // 0: 200,000
	T1             time.Duration // retransmission of reliable provisionals; 0: 500 ms
	Logger         *slog.Logger  // nil: discard
}

// Layer keeps all dialogs of a node. It is a transaction.Handler: requests in
// a dialog go to their usage, all others to Config.Next.
type Layer struct {
	cfg       Config
	log       *slog.Logger
	allow     string
	methods   map[sip.Method]bool
	dialogs   *registry
	clock     clock
	lookups   chan lookup
	lower     atomic.Pointer[transaction.Layer]
	now       func() time.Time
	supported string
	steps     sync.Pool // of *steps
	responses sync.Pool // of *sip.Response
}

// New returns a layer. Nothing runs before Run.
func New(c Config) (*Layer, error) {
	if c.Transport == nil {
		return nil, errors.New("dialog: Config.Transport is missing")
	}
	if c.Allow == nil {
		c.Allow = []sip.Method{sip.INVITE, sip.ACK, sip.CANCEL, sip.BYE, sip.OPTIONS, sip.PRACK, sip.UPDATE,
			sip.REFER, sip.SUBSCRIBE, sip.NOTIFY, sip.INFO, sip.MESSAGE}
	}
	if c.SessionExpires == 0 {
		c.SessionExpires = 30 * time.Minute
	}
	if c.MaxDialogs == 0 {
		c.MaxDialogs = 200_000
	}
	if c.T1 == 0 {
		c.T1 = 500 * time.Millisecond
	}
	l := &Layer{cfg: c, log: c.Logger, dialogs: newRegistry(), lookups: make(chan lookup, maxLookups), now: time.Now,
		methods: make(map[sip.Method]bool), supported: "100rel, replaces"}
	if !c.AlwaysReferSub {
		l.supported += ", norefersub"
	}
	if c.SessionExpires > 0 {
		l.supported += ", timer"
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	var names []string
	for _, m := range c.Allow {
		names, l.methods[m] = append(names, string(m)), true
	}
	l.allow = strings.Join(names, ", ")
	l.clock.wake = make(chan struct{}, 1)
	if c.Transactions != nil {
		l.Use(c.Transactions)
	}
	return l, nil
}

// Use names the transaction layer; call it before any request can come or go.
func (l *Layer) Use(t *transaction.Layer) { l.lower.Store(t) }

func (l *Layer) tx() *transaction.Layer { return l.lower.Load() }

// maxLookups bounds the strands that wait for the DNS at one time.
const maxLookups = 256

// lookupTime bounds one of them.
const lookupTime = 10 * time.Second

// later hands a strand that needs the DNS to Run.
func (l *Layer) later(x lookup) bool {
	select {
	case l.lookups <- x:
		return true
	default:
		return false
	}
}

// Run drives the timers of all dialogs and looks up names for them, until ctx
// ends; then every session is told that it has ended, without BYE.
func (l *Layer) Run(ctx context.Context) error {
	var lookups sync.WaitGroup
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, next := l.clock.due(l.now())
		for _, s := range due {
			s.awake()
		}
		if len(due) > 0 {
			continue
		}
		if next.IsZero() {
			next = l.now().Add(time.Hour)
		}
		timer.Reset(next.Sub(l.now()))
		select {
		case <-ctx.Done():
			lookups.Wait()
			l.stop()
			return nil
		case <-timer.C:
		case <-l.clock.wake:
		case x := <-l.lookups:
			lookups.Add(1)
			go func() { // owns the strand's queue; ends after lookupTime at the latest
				defer lookups.Done()
				l.lookUp(ctx, x)
			}()
		}
	}
}

// lookUp finds the targets of a request and goes on with its strand.
func (l *Layer) lookUp(ctx context.Context, x lookup) {
	ctx, stop := context.WithTimeout(ctx, lookupTime)
	defer stop()
	h := x.r.hop()
	u, err := sip.ParseURI(h.uri)
	if err == nil {
		h.targets, err = l.cfg.Transport.Resolve(ctx, u)
	}
	if err == nil && len(h.targets) == 0 {
		err = transport.ErrNoAddress
	}
	if err != nil {
		l.log.Info("dialog: no address", "uri", h.uri, "err", err)
		x.r.lost(err)
	} else {
		x.r.run(l)
	}
	x.st.mu.Lock()
	x.st.drain()
}

// stop ends every dialog without a message.
func (l *Layer) stop() {
	for _, d := range l.dialogs.all() {
		d.strand.enter()
		d.drop(CauseStopped)
		d.strand.leave()
	}
}

// Len returns how many dialogs the layer holds.
func (l *Layer) Len() int { return l.dialogs.len() }

// IDs returns the identifiers of the dialogs there are.
func (l *Layer) IDs() []ID {
	all := l.dialogs.all()
	list := make([]ID, len(all))
	for i, d := range all {
		list[i] = d.id
	}
	return list
}

// Has reports whether a dialog still is there.
func (l *Layer) Has(id ID) bool { return l.dialogs.find(id.CallID, id.LocalTag, id.RemoteTag) != nil }

// Find returns the session that a Replaces or Join names (RFC 3891 §3: to-tag
// is the tag on our side) and whether it is still early, or nil.
func (l *Layer) Find(ref sip.DialogRef) (s *Session, early bool) {
	d := l.dialogs.find(ref.CallID, ref.ToTag, ref.FromTag)
	if d == nil {
		return nil, false
	}
	d.strand.mu.Lock()
	defer d.strand.mu.Unlock()
	if d.session == nil || d.session.state == stateEnded {
		return nil, false
	}
	return d.session, d.session.state == stateEarly
}

// ServeSIP implements transaction.Handler.
func (l *Layer) ServeSIP(ctx context.Context, tx *transaction.Server, req *sip.Request) {
	tag := req.ToTag()
	if tag == "" || req.Method() == sip.REGISTER {
		l.pass(ctx, tx, req)
		return
	}
	d := l.dialogs.find(req.CallID(), tag, req.FromTag())
	if d == nil && req.FromTag() != "" {
		// The peer left out the tag in its responses and uses it now: the dialog
		// has a null tag for it (RFC 3261 §12.1.2), and ours tells it well enough.
		d = l.dialogs.find(req.CallID(), tag, "")
	}
	switch {
	case d != nil:
		d.serve(tx, req)
	case req.Method() == sip.ACK: // §13.3.1.4: it answers nothing we know of
	case req.Method() == sip.NOTIFY && l.firstNotify(tx, req):
	default:
		// "If the UAS does not find a dialog it responds with 481" (§12.2.2).
		l.refuse(tx, req, refusal{status: 481})
	}
}

// pass gives a request outside of any dialog on.
func (l *Layer) pass(ctx context.Context, tx *transaction.Server, req *sip.Request) {
	switch {
	case l.cfg.Next != nil:
		l.cfg.Next.ServeSIP(ctx, tx, req)
	case req.Method() == sip.ACK:
	default:
		l.refuse(tx, req, refusal{status: 403})
	}
}

// contact returns our Contact URI for requests that go to, or came from, t.
func (l *Layer) contact(t transport.Target, user string) string {
	if l.cfg.Contact != nil {
		return l.cfg.Contact(t, user)
	}
	host, port := l.cfg.Transport.SentBy(t)
	u := sip.URI{Scheme: "sip", User: user, Host: host, Port: port}
	proto := t.Proto
	if t.Flow.Valid() {
		proto = t.Flow.Proto()
	}
	if proto > transport.UDP {
		u.Params = u.Params.With("transport", proto.String())
	}
	return u.String()
}
