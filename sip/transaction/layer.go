package transaction

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/internal/report"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Errors that end transactions or refuse a call. They come wrapped; test with
// errors.Is.
var (
	ErrTimeout    = errors.New("transaction: timeout")                     // Timer B or F: no response
	ErrTransport  = errors.New("transaction: transport failed")            // §17.1.4
	ErrNoACK      = errors.New("transaction: no ACK")                      // Timer H, or 64*T1 after a 2xx
	ErrTerminated = errors.New("transaction: terminated")                  // the transaction is over
	ErrAnswered   = errors.New("transaction: final response already sent") // Respond after a final response
	ErrStateless  = errors.New("transaction: an ACK is not answered")      // Respond without a transaction
	ErrOverload   = errors.New("transaction: too many transactions")       // Limits.Client
	ErrNoTarget   = errors.New("transaction: no target")                   // Request without targets
)

// Transport is what the layer needs from below; *transport.Layer has it.
type Transport interface {
	Run(ctx context.Context, h transport.Handler) error
	Send(f transport.Flow, msg []byte) error
	SendTo(t transport.Target, msg []byte, done func(transport.Flow, error))
	Find(t transport.Target) (transport.Flow, bool)
	SentBy(t transport.Target) (host string, port uint16)
	Peer(f transport.Flow) (tls.ConnectionState, bool)
}

// A Handler takes the requests that open a server transaction, the ACKs that
// match none, and nothing else: the one door between rooms. ServeSIP runs on
// the shard and must not block. It answers (tx.Respond), or takes the
// transaction over to answer later (tx.TakeOver). If it does neither, the
// layer logs a bug and answers 500. An ACK may be borrowed: who puts it aside
// takes what Keep of it and of tx return. ctx ends with Layer.Run.
type Handler interface {
	ServeSIP(ctx context.Context, tx *Server, req *sip.Request)
}

// The HandlerFunc type makes a Handler of a function.
type HandlerFunc func(ctx context.Context, tx *Server, req *sip.Request)

// ServeSIP calls f.
func (f HandlerFunc) ServeSIP(ctx context.Context, tx *Server, req *sip.Request) { f(ctx, tx, req) }

// Limits bounds the layer. Zero fields take the default.
type Limits struct {
	Server int // server transactions; beyond it requests get 503; default 500,000
	Client int // client transactions; default 500,000
	// RetryAfter is written into the 503; default 5 s, rounded to seconds.
	RetryAfter time.Duration
}

// Config configures a Layer.
type Config struct {
	Transport Transport
	Handler   Handler
	Shards    int // rounded up to a power of two; default: 8 per core, at most 256
	Timers    Timers
	Limits    Limits
	// DatagramSize is the size in bytes beyond which a request for a UDP target
	// goes over TCP first (§18.1.1); default 1,300; negative: never.
	DatagramSize int
	// RejectMerged makes the layer answer 482 to merged requests (§8.2.2.2). A
	// proxy leaves it false; Server.Merged tells in any case.
	RejectMerged bool
	Logger       *slog.Logger // nil: discard
}

// A Layer is the transaction layer of one node. It is a transport.Handler.
type Layer struct {
	cfg       Config
	transport Transport
	handler   Handler
	timers    Timers
	logger    *slog.Logger
	keys      keys
	began     time.Time
	shards    []*shard
	clocks    []*clock
	ctx       context.Context //nolint:containedctx // of Run: what ServeSIP is given
	report    report.Reporter
	count     counters
	scratch   scratch

	servers, clients atomic.Int64 // transactions that exist
	draining         atomic.Bool
}

type counters struct {
	malformed, overload, stray, unanswered *report.Counter
}

// New returns a Layer; nothing runs before Run.
func New(cfg Config) (*Layer, error) {
	if cfg.Transport == nil || cfg.Handler == nil {
		return nil, errors.New("transaction: Config needs Transport and Handler")
	}
	cfg.Limits.Server = cmp.Or(cfg.Limits.Server, 500_000)
	cfg.Limits.Client = cmp.Or(cfg.Limits.Client, 500_000)
	cfg.Limits.RetryAfter = cmp.Or(cfg.Limits.RetryAfter, 5*time.Second)
	cfg.DatagramSize = cmp.Or(cfg.DatagramSize, 1300)
	l := &Layer{
		cfg: cfg, transport: cfg.Transport, handler: cfg.Handler, timers: cfg.Timers.withDefaults(),
		logger: cfg.Logger, keys: newKeys(), began: time.Now(), ctx: context.Background(),
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	l.count = counters{
		malformed:  l.report.Counter("malformed"),
		overload:   l.report.Counter("overload"),
		stray:      l.report.Counter("stray_responses"),
		unanswered: l.report.Counter("unanswered"),
	}
	l.makeShards()
	return l, nil
}

func (l *Layer) makeShards() {
	want := min(cmp.Or(l.cfg.Shards, 8*runtime.GOMAXPROCS(0)), 256)
	n := 1
	for n < want {
		n *= 2
	}
	for i := range n {
		if i%shardsPerClock == 0 {
			l.clocks = append(l.clocks, newClock())
		}
		c := l.clocks[len(l.clocks)-1]
		s := newShard(l, c)
		c.shards = append(c.shards, s)
		l.shards = append(l.shards, s)
	}
}

// now is the time of the machines.
func (l *Layer) now() time.Duration { return time.Since(l.began) }

// Run runs the transport and the layer until ctx ends and all goroutines have.
func (l *Layer) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	l.ctx = inner
	var wg sync.WaitGroup
	for _, c := range l.clocks {
		wg.Go(func() { c.run(inner, l) })
	}
	wg.Go(func() { l.report.Run(inner, l.logger, "transaction: unusual traffic", time.Second) })
	err := l.transport.Run(inner, l)
	cancel()
	wg.Wait()
	return err
}

// Counters calls yield with the name and total of each counter of unusual
// events since the start.
func (l *Layer) Counters(yield func(name string, total uint64) bool) { l.report.Totals(yield) }

// Load returns the numbers of server and client transactions that exist.
func (l *Layer) Load() (servers, clients int) {
	return int(l.servers.Load()), int(l.clients.Load())
}

// Alive reports whether every shard takes an event before ctx ends: none is held by
// a callback that does not return.
func (l *Layer) Alive(ctx context.Context) bool {
	tokens := make(chan struct{}, len(l.shards))
	for _, s := range l.shards {
		s.post(&event{kind: evProbe, probe: tokens})
	}
	for range l.shards {
		select {
		case <-tokens:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Drain refuses requests outside of dialogs with 503 from now on. It returns
// when no server transaction is left, or ctx ends.
func (l *Layer) Drain(ctx context.Context) error {
	l.draining.Store(true)
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for l.servers.Load() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

// ServeRequest implements transport.Handler.
func (l *Layer) ServeRequest(f transport.Flow, req *sip.Request, fault error) {
	if fault == nil {
		fault = req.Validate()
	}
	via, err := req.TopVia()
	if err != nil { // nobody to answer to
		l.count.malformed.Note(f.String)
		return
	}
	if fault != nil {
		l.refuse(f, &via, req, fault)
		return
	}
	l.shard(req.CallID()).arrive(&event{kind: evRequest, flow: f, req: req, via: via})
}

// ServeResponse implements transport.Handler.
func (l *Layer) ServeResponse(f transport.Flow, res *sip.Response) {
	via, err := res.TopVia()
	if err != nil {
		l.count.malformed.Note(f.String)
		return
	}
	l.shard(res.CallID()).arrive(&event{kind: evResponse, flow: f, res: res, via: via})
}

// FlowClosed implements transport.Handler.
func (l *Layer) FlowClosed(f transport.Flow, err error) {
	for _, s := range l.shards {
		s.arrive(&event{kind: evClosed, flow: f, err: err})
	}
}

// refuse answers a request that cannot be served, without a transaction.
func (l *Layer) refuse(f transport.Flow, via *sip.Via, req *sip.Request, fault error) {
	l.count.malformed.Note(func() string { return f.String() + " " + fault.Error() })
	status, reason := 400, ""
	var e *sip.Error
	if errors.As(fault, &e) {
		status, reason = e.Status, e.Reason
	}
	l.stateless(f, via, req, status, reason)
}

// stateless answers req without a transaction (§8.2.7): copies of the request
// get the same response. An ACK is never answered.
func (l *Layer) stateless(f transport.Flow, via *sip.Via, req *sip.Request, status int, reason string, fields ...Field) {
	if req.Method() == sip.ACK || status < 200 {
		return
	}
	res := sip.NewResponse(req, status, reason)
	if res.Has(sip.HeaderTo) && res.ToTag() == "" {
		res.SetToTag(l.keys.tag(req))
	}
	for _, field := range fields {
		res.Add(field.ID, field.Value)
	}
	_ = l.transport.Send(f.Reply(*via), res.Bytes()) // the client asks again
}
