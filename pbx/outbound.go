package pbx

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// Requester sends requests outside of dialogs; *transaction.Layer fits.
type Requester interface {
	Request(req *sip.Request, to []transport.Target, w transaction.ClientWatcher) *transaction.Client
}

// OutboundConfig is what an Outbound needs.
type OutboundConfig struct {
	Requests  Requester // required
	Transport Transport // required
	Locator   Locator   // required
	UserAgent string    // "" = none
	Logger    *slog.Logger
}

// Outbound keeps up what the exchange does on its own account: the
// registrations with other servers (type=registration) and the probes of
// contacts (qualify_frequency). One goroutine, Run, owns all of it; what peers
// answer is queued for it.
type Outbound struct {
	cfg      OutboundConfig
	log      *slog.Logger
	settings atomic.Pointer[Settings]
	wake     chan struct{} // holds one token when there is something to do

	mu       sync.Mutex // guards the following
	outcomes []outcome
	down     map[string]bool // contacts that did not answer their last probe
}

// outcome is the end of one request.
type outcome struct {
	of     account
	serial int // of the request, to tell late ones
	res    *sip.Response
	err    error
}

// account is something that sends requests from time to time. Its methods
// belong to Run's goroutine.
type account interface {
	due() time.Time // zero = nothing to do
	start(o *Outbound, ctx context.Context, now time.Time)
	take(o *Outbound, ctx context.Context, now time.Time, e outcome)
}

// NewOutbound returns an Outbound; nothing happens before Run.
func NewOutbound(cfg OutboundConfig, s *Settings) *Outbound {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	o := &Outbound{cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1), down: map[string]bool{}}
	o.settings.Store(s)
	return o
}

// Use follows another configuration: registrations that are gone from it are
// ended, new ones begin, those that are the same go on.
func (o *Outbound) Use(s *Settings) {
	o.settings.Store(s)
	o.nudge()
}

// Unreachable reports whether a contact did not answer its last probe.
func (o *Outbound) Unreachable(uri string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.down[uri]
}

func (o *Outbound) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// lookAgain is how often the contacts to probe are gathered.
const lookAgain = 2 * time.Second

// Run works until ctx ends.
func (o *Outbound) Run(ctx context.Context) error {
	registrations, probes := map[string]*registering{}, map[string]*probe{}
	var current *Settings
	var hosts time.Time // when host names are looked up again
	for ctx.Err() == nil {
		now := time.Now()
		set := o.settings.Load()
		if set != current {
			o.followRegistrations(ctx, set, registrations, now)
			current, hosts = set, now
		}
		if !now.Before(hosts) {
			o.lookUpHosts(ctx, set)
			hosts = now.Add(hostsAgain)
		}
		o.followProbes(set, probes, now)
		next := now.Add(lookAgain)
		for _, r := range registrations {
			next = o.run(ctx, r, now, next)
		}
		for _, p := range probes {
			next = o.run(ctx, p, now, next)
		}
		o.pause(ctx, next)
		for _, e := range o.taken() {
			e.of.take(o, ctx, time.Now(), e)
		}
	}
	return nil
}

// run starts an account that is due and returns when to look next.
func (o *Outbound) run(ctx context.Context, a account, now, next time.Time) time.Time {
	if due := a.due(); !due.IsZero() && !now.Before(due) {
		a.start(o, ctx, now)
	}
	return earliest(next, a.due())
}

// pause waits until something has come or it is time.
func (o *Outbound) pause(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-o.wake:
	case <-timer.C:
	}
}

func (o *Outbound) taken() []outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.outcomes
	o.outcomes = nil
	return list
}

// tell queues an outcome; from any goroutine.
func (o *Outbound) tell(e outcome) {
	o.mu.Lock()
	o.outcomes = append(o.outcomes, e)
	o.mu.Unlock()
	o.nudge()
}

// send resolves where a request goes, in a goroutine that ends within
// resolveTime, and sends it; its outcome is told.
func (o *Outbound) send(ctx context.Context, a account, serial int, req *sip.Request, next string, targets []transport.Target, listener string) {
	w := &waiting{o: o, of: a, serial: serial}
	if len(targets) > 0 {
		o.cfg.Requests.Request(req, targets, w)
		return
	}
	uri, err := sip.ParseURI(next)
	if err != nil {
		o.tell(outcome{of: a, serial: serial, err: err})
		return
	}
	if t, ok := o.cfg.Transport.ResolveNumeric(uri); ok {
		t.Listener = listener
		o.cfg.Requests.Request(req, []transport.Target{t}, w)
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, resolveTime)
		defer cancel()
		targets, err := o.cfg.Transport.Resolve(ctx, uri)
		if err != nil || len(targets) == 0 {
			o.tell(outcome{of: a, serial: serial, err: err})
			return
		}
		o.cfg.Requests.Request(req, targets, w)
	}()
}

// waiting is the watcher of one request.
type waiting struct {
	o      *Outbound
	of     account
	serial int
}

// Response implements transaction.ClientWatcher.
func (w *waiting) Response(_ *transaction.Client, res *sip.Response) {
	if res.Status() >= 200 {
		w.o.tell(outcome{of: w.of, serial: w.serial, res: res})
	}
}

// Failed implements transaction.ClientWatcher.
func (w *waiting) Failed(_ *transaction.Client, err error) {
	w.o.tell(outcome{of: w.of, serial: w.serial, err: err})
}

// request makes a request of ours outside of a dialog.
func (o *Outbound) request(m sip.Method, uri, from, to, callID, tag string, seq int) *sip.Request {
	req := sip.NewRequest(m, uri)
	req.Set(sip.HeaderMaxForwards, "70")
	req.Set(sip.HeaderFrom, "<"+from+">;tag="+tag)
	req.Set(sip.HeaderTo, "<"+to+">")
	req.Set(sip.HeaderCallID, callID)
	req.Set(sip.HeaderCSeq, itoa(seq)+" "+string(m))
	if o.cfg.UserAgent != "" {
		req.Set(sip.HeaderUserAgent, o.cfg.UserAgent)
	}
	req.SetBody("", "")
	return req
}
