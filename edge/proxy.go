package edge

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/internal/report"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// Transport is what the proxy asks the transport layer; *transport.Layer fits.
type Transport interface {
	Addrs() []transport.Listen
	SentBy(t transport.Target) (host string, port uint16)
	Resolve(ctx context.Context, uri sip.URI) ([]transport.Target, error)
	ResolveNumeric(uri sip.URI) (transport.Target, bool)
	LookupService(ctx context.Context, name string) ([]transport.Service, error)
}

// Config of a Proxy.
type Config struct {
	Transport Transport // required; its listeners are bound
	Router    Router    // required
	// Next takes requests that are for a role of this node. nil: there is none;
	// OPTIONS to the proxy itself is answered 200.
	Next transaction.Handler
	// Watcher is told how destinations answer. nil: nobody.
	Watcher Watcher
	// Relay says for whom requests are forwarded that name their own way (a Route,
	// a dialog) without a proof that they may. nil: for everybody.
	Relay func(from transport.Flow) bool
	// Inside says whether a target is one that everybody may reach, such as a
	// destination. nil: there is none.
	Inside func(transport.Target) bool
	// Instance says where the phone is that a GRUU given out at this host names
	// (RFC 5627 §5.1: such a URI has our address in it). nil: none is given out.
	Instance func(gruu sip.URI) (transport.Target, bool)
	// Shield is asked before anything else about every request. nil: none.
	Shield *Shield
	// Names are host names that mean this host, besides its addresses.
	Names []string
	// Secret signs what the proxy writes into Record-Route and Path; nodes that
	// stand in for each other share it, and it must outlive a restart. nil: a new
	// one each time.
	Secret []byte
	// OldSecrets are believed still, but nothing is signed with them.
	OldSecrets [][]byte
	// Patience is how long a destination may be silent to an INVITE before the
	// next one is tried. 0: 2 s; other requests wait three times as long.
	Patience time.Duration
	// TimerC is how long an INVITE may ring; each provisional response starts it
	// anew (RFC 3261 §16.6 step 11: more than 3 minutes). 0: 190 s.
	TimerC time.Duration
	// Recurse makes the proxy try the contacts of a 3xx itself (§16.5).
	Recurse bool
	// Path adds the proxy to the Path of a REGISTER it forwards, so that the
	// phone can be reached from wherever it registered (RFC 3327, RFC 5626).
	Path bool
	// Hide names the listeners that face the outside: what leaves there shows no
	// address of the inside.
	Hide []string
	// Supported are option tags accepted in Proxy-Require.
	Supported []string
	// Calls bounds the table of dialogs; 0: 1,000,000.
	Calls int
	// CallLife is how long a dialog without any request is counted; 0: 12 h.
	CallLife time.Duration
	// Lookups bounds the DNS look-ups under way for requests; 0: 1,000.
	Lookups int
	Logger  *slog.Logger // nil: discard
}

// Proxy is a stateful proxy (RFC 3261 §16). It is a transaction.Handler.
type Proxy struct {
	cfg       Config
	self      *self
	seed      maphash.Seed
	flows     *flowTokens
	proofs    *proofs // nil: everybody may
	veil      *veil
	deadlines *deadlines
	calls     *callTable
	exchanges sync.Pool     // of *exchange
	lookups   chan struct{} // a place for each DNS look-up under way
	open      atomic.Int64  // requests without a final response
	full      atomic.Bool   // see Full
	early     atomic.Int64  // calls refused because of it
	shedTag   string        // To tag of such refusals
	report    report.Reporter
	count     counters
	log       *slog.Logger

	mu      sync.Mutex      // guards the following
	ctx     context.Context //nolint:containedctx // of Run; look-ups end with it
	running sync.WaitGroup  // look-ups
}

type counters struct {
	forwarded, failover, refused, looped, lost, shed *report.Counter
}

// New returns a Proxy; it serves at once, but its timers run only in Run.
func New(cfg Config) (*Proxy, error) {
	if cfg.Transport == nil || cfg.Router == nil {
		return nil, errors.New("edge: Config needs Transport and Router")
	}
	cfg.Patience = cmp.Or(cfg.Patience, 2*time.Second)
	cfg.TimerC = cmp.Or(cfg.TimerC, 190*time.Second)
	cfg.Calls = cmp.Or(cfg.Calls, 1_000_000)
	cfg.CallLife = cmp.Or(cfg.CallLife, 12*time.Hour)
	cfg.Lookups = cmp.Or(cfg.Lookups, 1000)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Secret == nil {
		cfg.Secret = make([]byte, 32)
		_, _ = rand.Read(cfg.Secret) // never fails (crypto/rand)
	}
	secrets := append([][]byte{cfg.Secret}, cfg.OldSecrets...)
	p := &Proxy{
		cfg: cfg, self: newSelf(cfg.Names, cfg.Transport.Addrs), seed: maphash.MakeSeed(), flows: newFlowTokens(secrets...),
		deadlines: newDeadlines(cfg.Patience, cfg.TimerC), calls: newCallTable(cfg.Calls, cfg.CallLife),
		lookups: make(chan struct{}, cfg.Lookups), shedTag: sip.NewTag(), log: cfg.Logger, ctx: context.Background(),
	}
	p.exchanges.New = func() any { return new(exchange) }
	if cfg.Relay != nil {
		p.proofs = newProofs(secrets)
	}
	var err error
	if p.veil, err = newVeil(secrets, cfg.Hide, p.self, cfg.Transport.SentBy); err != nil {
		return nil, fmt.Errorf("edge: %w", err)
	}
	p.count = counters{
		forwarded: p.report.Counter("forwarded"), failover: p.report.Counter("failovers"), refused: p.report.Counter("refused"),
		looped: p.report.Counter("loops"), lost: p.report.Counter("lost"), shed: p.report.Counter("shed"),
	}
	return p, nil
}

// refreshAfter is how often the host's addresses are read again.
const refreshAfter = 10 * time.Second

// Run runs the proxy's timers until ctx ends.
func (p *Proxy) Run(ctx context.Context) error {
	p.mu.Lock()
	p.ctx = ctx
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.deadlines.run(ctx) })
	wg.Go(func() { p.report.Run(ctx, p.log, "edge: unusual traffic", time.Second) })
	tick := time.NewTicker(refreshAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			wg.Wait()
			p.running.Wait()
			return nil
		case now := <-tick.C:
			p.self.refresh()
			p.calls.sweep(now)
			p.cfg.Shield.sweep(now)
		}
	}
}

// Calls returns the number of confirmed dialogs through destinations.
func (p *Proxy) Calls() int { return p.calls.len() }

// Idle returns when no request is under way, or ctx has ended.
func (p *Proxy) Idle(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.open.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Counters calls yield with the name and total of each counter.
func (p *Proxy) Counters(yield func(name string, total uint64) bool) { p.report.Totals(yield) }

// ServeSIP implements transaction.Handler: RFC 3261 §16.2 to §16.6.
func (p *Proxy) ServeSIP(ctx context.Context, tx *transaction.Server, req *sip.Request) {
	if p.shed(tx, req) {
		return
	}
	if r := p.cfg.Shield.admit(tx.Flow(), req, time.Now()); r.status != 0 {
		p.refuse(tx, req, r)
		return
	}
	suffix := p.loopSuffix(req)
	uri, err := req.ParsedURI()
	if err != nil || !schemeKnown(&uri) {
		p.refuse(tx, req, refusal{status: 416})
		return
	}
	p.veil.uncover(req, &uri, p.self, tx.Flow())
	way := p.preprocess(req, &uri, tx.Flow())
	if way.refusal.status != 0 {
		p.refuse(tx, req, way.refusal)
		return
	}
	fw := p.newForwarding(tx, req, suffix)
	fw.way, fw.uri, fw.text = way, uri, req.URI()
	p.route(ctx, fw, &uri)
	switch {
	case fw.plan.Mine:
		fw.release()
		p.mine(ctx, tx, req, &uri)
	case fw.plan.Status != 0:
		if fw.plan.Shed {
			p.count.shed.Add(1)
		}
		r := refusal{status: fw.plan.Status, reason: fw.plan.Reason}
		if after := fw.plan.RetryAfter; after > 0 {
			r.field, r.value = sip.HeaderRetryAfter, strconv.Itoa(after)
		}
		fw.release()
		p.refuse(tx, req, r)
	default:
		p.proceed(fw)
	}
}

// shed refuses a new call before anything else is done for it: under overload the
// refusals are most of the work. Their ACKs, known by the tag, are dropped as early.
func (p *Proxy) shed(tx *transaction.Server, req *sip.Request) bool {
	switch m := req.Method(); {
	case m == sip.ACK:
		return req.ToTag() == p.shedTag
	case m != sip.INVITE || !p.full.Load() || req.ToTag() != "" || p.cfg.Relay != nil && p.cfg.Relay(tx.Flow()):
		return false
	}
	p.early.Add(1)
	p.count.shed.Add(1)
	res := sip.NewResponse(req, 503, "Overload")
	res.SetToTag(p.shedTag)
	res.Add(sip.HeaderRetryAfter, strconv.Itoa(overloadFor))
	_ = tx.RespondOnce(req, res) // the caller asks again
	return true
}

// Full says that no destination takes new calls until the turn of their overload
// control; Turned ends that and returns how many were refused meanwhile.
func (p *Proxy) Full() { p.full.Store(true) }

// Turned is the counterpart of Full.
func (p *Proxy) Turned() (refused int64) {
	p.full.Store(false)
	return p.early.Swap(0)
}

// proceed checks that the request may be forwarded and does it.
func (p *Proxy) proceed(fw *forwarding) {
	r := p.validate(fw.req, fw.suffix)
	if r.status == 482 {
		p.count.looped.Note(fw.tx.Flow().String)
	}
	if r.status == 0 && fw.req.Method() == sip.ACK {
		fw.acknowledge()
		return
	}
	if r.status == 0 {
		r = fw.breadth()
	}
	if r.status != 0 {
		tx, req := fw.tx, fw.req
		fw.release()
		p.refuse(tx, req, r)
		return
	}
	fw.begin()
}

// mine hands a request to the role behind the proxy, or answers for the proxy.
func (p *Proxy) mine(ctx context.Context, tx *transaction.Server, req *sip.Request, uri *sip.URI) {
	switch {
	case p.cfg.Next != nil && tx.Merged():
		p.refuse(tx, req, refusal{status: 482}) // §8.2.2.2: "SHOULD generate a 482 (Loop Detected) response"
	case p.cfg.Next != nil:
		p.cfg.Next.ServeSIP(ctx, tx.Keep(), req.Keep())
	case req.Method() == sip.OPTIONS && uri.User == "":
		res := sip.NewResponse(req, 200, "")
		res.Add(sip.HeaderAccept, "*/*")
		_ = tx.Respond(res)
	case req.ToTag() != "":
		p.refuse(tx, req, refusal{status: 481})
	default:
		p.refuse(tx, req, refusal{status: 404})
	}
}

// refuse answers a request instead of forwarding it; an ACK is dropped.
func (p *Proxy) refuse(tx *transaction.Server, req *sip.Request, r refusal) {
	p.count.refused.Add(1)
	if req.Method() == sip.ACK {
		return
	}
	p.cfg.Shield.judge(tx.Flow(), r.status, time.Now())
	res := sip.NewResponse(req, r.status, r.reason)
	if r.value != "" {
		res.Add(r.field, r.value)
	}
	if p.cfg.Relay != nil && !p.cfg.Relay(tx.Flow()) {
		// A stranger gets no more than he sent: what is repeated until an ACK comes
		// would be sent eleven times to whoever's address it was (RFC 3261 §8.2.7).
		_ = tx.RespondOnce(req, res)
		return
	}
	_ = tx.Respond(res) // it fails only if the transaction is over
}
