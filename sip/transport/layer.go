package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/internal/report"
	"github.com/hometone/hometone/internal/rest"
	"github.com/hometone/hometone/sip"
)

// Errors of sending. They reach callers wrapped; test with errors.Is.
var (
	ErrFlowClosed = errors.New("transport: flow closed")
	ErrQueueFull  = errors.New("transport: write queue full")
	ErrTooLarge   = errors.New("transport: message too large for a datagram")
	ErrNoListener = errors.New("transport: no listener fits the target")
	ErrClosed     = errors.New("transport: layer closed")
	ErrNoAddress  = errors.New("transport: no address found")
	ErrLimit      = errors.New("transport: too many connections")
)

// A Handler takes what arrives. Its methods run on the goroutine that reads
// the flow and must not block. With Config.Inline, responses and ACKs are borrowed
// (sip.Request.Borrow): they are valid during the call.
type Handler interface {
	// ServeRequest takes a request. Its top Via carries received and rport
	// (RFC 3261 §18.2.1, RFC 3581 §4). If err is not nil it is the *sip.Error
	// to be answered.
	ServeRequest(f Flow, req *sip.Request, err error)
	// ServeResponse takes a response.
	ServeResponse(f Flow, res *sip.Response)
	// FlowClosed tells that the connection f is gone. UDP flows never close.
	FlowClosed(f Flow, err error)
}

// A TapEvent is one message as it was on the wire, decrypted.
type TapEvent struct {
	Time time.Time
	Flow Flow
	Sent bool   // sent by this host
	Data []byte // valid only during the call
}

// A Layer is the transport layer of one node.
type Layer struct {
	cfg       Config
	limits    Limits
	logger    *slog.Logger
	listening atomic.Pointer[listening]
	retiring  atomic.Int32 // datagram listeners that are retired and not closed yet
	resolver  *Resolver
	sources   sources
	report    report.Reporter
	count     counters

	handler  Handler       // set by Run before running is closed
	reserved int32         // processors for readers that rest; set by Run
	resting  atomic.Int32  // readers that rest
	running  chan struct{} // closed by Run; connections opened before wait for it
	ended    chan struct{} // closed when Run has closed the listeners

	change sync.Mutex     // guards the following, and changes of listening
	bound  bool           // Listen has succeeded
	added  chan *listener // to be served by Run, from Relisten

	nextID atomic.Uint64  // of connections
	wg     sync.WaitGroup // all goroutines of Run
	conns  connTable
}

// counters are the layer's events worth telling once a second.
type counters struct {
	garbage, dropped, blocked, refused, slow, overrun *report.Counter
}

// New checks cfg and returns a Layer that has bound nothing yet.
func New(cfg Config) (*Layer, error) {
	l := &Layer{cfg: cfg, limits: cfg.Limits.withDefaults(), logger: cfg.Logger, resolver: cfg.Resolver,
		running: make(chan struct{}), ended: make(chan struct{}), added: make(chan *listener)}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	if l.resolver == nil {
		l.resolver = NewResolver(ResolverConfig{CacheSize: l.limits.Resolver})
	}
	if err := checkAll(cfg.Listen); err != nil {
		return nil, err
	}
	first := new(listening)
	for _, ln := range cfg.Listen {
		first.active = append(first.active, first.number(ln))
	}
	l.listening.Store(first)
	l.conns.init()
	l.count = counters{
		garbage: l.report.Counter("garbage"), // no SIP message at all
		dropped: l.report.Counter("dropped"), // a SIP message that must not be answered
		blocked: l.report.Counter("blocked"), // the kernel took no more datagrams
		refused: l.report.Counter("refused"), // connections beyond a limit
		slow:    l.report.Counter("slow"),    // connections closed for being slow
		overrun: l.report.Counter("overrun"), // connections that did not read what we wrote
	}
	return l, nil
}

// Listen binds all listeners, so that privileged ports can be opened before
// privileges are dropped. On error nothing stays bound.
func (l *Layer) Listen() error {
	l.change.Lock()
	defer l.change.Unlock()
	if l.bound {
		return nil
	}
	if err := l.bindAll(l.listening.Load().active); err != nil {
		return err
	}
	l.bound = true
	return nil
}

// Run serves until ctx ends, then closes everything and returns when all of
// the layer's goroutines have ended. It calls Listen if nobody did. A Layer
// runs once.
func (l *Layer) Run(ctx context.Context, h Handler) error {
	if err := l.Listen(); err != nil {
		return err
	}
	l.handler = h
	for _, ln := range l.listening.Load().active {
		l.reserved = max(l.reserved, int32(len(ln.udp)))
	}
	defer rest.Reserve(int(l.reserved))()
	l.change.Lock()
	close(l.running)
	for _, ln := range l.listening.Load().numbered {
		if ln != nil { // those that Relisten has retired meanwhile too
			ln.serve(ctx, l)
		}
	}
	l.change.Unlock()
	l.wg.Go(func() { l.report.Run(ctx, l.logger, "transport: unusual traffic", time.Second) })
	for ctx.Err() == nil {
		select {
		case ln := <-l.added:
			ln.serve(ctx, l)
		case <-ctx.Done():
		}
	}
	close(l.ended) // from here on Relisten has nobody to serve its listeners
	l.change.Lock()
	for _, ln := range l.listening.Load().numbered {
		if ln != nil {
			ln.close()
		}
	}
	l.change.Unlock()
	l.conns.closeAll()
	l.wg.Wait()
	return nil
}

// Addrs returns the listeners with the addresses they are bound to, in the
// order of the configuration; not those that are retired.
func (l *Layer) Addrs() []Listen {
	active := l.listening.Load().active
	list := make([]Listen, len(active))
	for i, ln := range active {
		list[i] = ln.Listen
		list[i].Addr = ln.bound
	}
	return list
}

// Counters calls yield with the name and total of each counter of unusual
// events since the start.
func (l *Layer) Counters(yield func(name string, total uint64) bool) { l.report.Totals(yield) }

// Send sends msg over f. It never blocks and does not keep msg.
func (l *Layer) Send(f Flow, msg []byte) error {
	if f.proto != UDP {
		c := l.conns.get(f.id)
		if c == nil {
			return ErrFlowClosed
		}
		return c.send(msg)
	}
	ln := l.listenerOf(f)
	if ln == nil {
		return ErrNoListener
	}
	l.tap(f, true, msg)
	return ln.sendDatagram(l, f, msg)
}

// SendTo sends msg to t, over an open connection if there is one, else over a
// new one. It never blocks and does not keep msg. done, if not nil, is called
// once: before SendTo returns for datagrams and open connections, from another
// goroutine after connecting.
func (l *Layer) SendTo(t Target, msg []byte, done func(Flow, error)) {
	if done == nil {
		done = func(Flow, error) {}
	}
	if f, ok := l.Find(t); ok {
		done(f, l.Send(f, msg))
		return
	}
	if t.Flow.Valid() {
		done(t.Flow, ErrFlowClosed)
		return
	}
	if t.Proto == UDP {
		done(Flow{}, ErrNoListener)
		return
	}
	l.connect(t, msg, done)
}

// Find returns the flow that reaches t at once: always for UDP, for streams if
// a connection is open.
func (l *Layer) Find(t Target) (Flow, bool) {
	if t.Flow.Valid() {
		return t.Flow, t.Flow.proto == UDP || l.conns.get(t.Flow.id) != nil
	}
	if t.Proto != UDP {
		return l.conns.find(keyOf(t))
	}
	ln := l.listenerFor(t)
	if ln == nil {
		return Flow{}, false
	}
	return Flow{proto: UDP, local: ln.bound, remote: t.Addr, listener: ln.index}, true
}

// Close closes the connection f; UDP flows have nothing to close.
func (l *Layer) Close(f Flow) {
	if c := l.conns.get(f.id); c != nil {
		c.shut(ErrFlowClosed)
	}
}

// Peer returns the TLS state of the connection f, if it has one.
func (l *Layer) Peer(f Flow) (tls.ConnectionState, bool) {
	c := l.conns.get(f.id)
	if c == nil || c.tls == nil {
		return tls.ConnectionState{}, false
	}
	return *c.tls, true
}

func (l *Layer) tap(f Flow, sent bool, data []byte) {
	if l.cfg.Tap != nil {
		l.cfg.Tap(TapEvent{Time: time.Now(), Flow: f, Sent: sent, Data: data})
	}
}

// listenerOf returns the listener that f belongs to, even a retired one; nil if
// it is closed or f belongs to none.
func (l *Layer) listenerOf(f Flow) *listener {
	return l.numbered(f.listener)
}

// numbered returns the listener with a number, or nil.
func (l *Layer) numbered(index uint16) *listener {
	all := l.listening.Load().numbered
	if index == 0 || int(index) > len(all) {
		return nil
	}
	return all[index-1]
}

// listenerFor returns the listener whose address stands for this host towards
// t: the one t names, else the first of its protocol and address family. A
// loopback listener does not serve targets elsewhere, if there is another. A
// dialog that names a retired listener still leaves through it.
func (l *Layer) listenerFor(t Target) *listener {
	now := l.listening.Load()
	ln := choose(now.active, t)
	if ln == nil && t.Listener != "" && l.retiring.Load() > 0 {
		return choose(now.numbered, t)
	}
	return ln
}

func choose(list []*listener, t Target) *listener {
	var fallback *listener
	for _, ln := range list {
		switch {
		case ln == nil || ln.Proto != t.Proto || ln.Addr.Addr().Is4() != t.Addr.Addr().Is4():
		case t.Listener != "" && ln.Name != t.Listener:
		case ln.Addr.Addr().IsLoopback() != t.Addr.Addr().IsLoopback() && !ln.Addr.Addr().IsUnspecified():
			if fallback == nil {
				fallback = ln
			}
		default:
			return ln
		}
	}
	return fallback
}
