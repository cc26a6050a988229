package edge

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// catcher is the Router of a bench: it follows the plan, else the Request-URI.
// An OPTIONS is refused and tells the test its flow.
type catcher struct {
	bench *bench
	flow  chan transport.Flow
}

func (c *catcher) Route(_ context.Context, req *sip.Request, from transport.Flow, plan *Plan) {
	switch fixed := c.bench.plan.Load(); {
	case fixed != nil:
		*plan = *fixed
	case c.flow != nil && req.Method() == sip.OPTIONS:
		c.flow <- from
		plan.Status = 480
	default:
		plan.Groups = append(plan.Groups, []Branch{{}})
	}
}

// bench is a proxy on real sockets of the loopback interface.
type bench struct {
	t     testing.TB
	proxy *Proxy
	layer *transaction.Layer
	wire  *transport.Layer
	addrs []transport.Listen
	stop  func()
	plan  atomic.Pointer[Plan] // of requests outside dialogs; nil: to the Request-URI
}

// start runs a proxy with a UDP and a TCP listener on each address.
func start(t testing.TB, cfg Config, timers transaction.Timers, listen ...transport.Listen) *bench {
	t.Helper()
	if len(listen) == 0 {
		any4 := netip.MustParseAddrPort("127.0.0.1:0")
		listen = []transport.Listen{{Name: "udp", Proto: transport.UDP, Addr: any4}, {Name: "tcp", Proto: transport.TCP, Addr: any4}}
	}
	wire, err := transport.New(transport.Config{Listen: listen, Sockets: 1, Inline: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Listen(); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, wire: wire, addrs: wire.Addrs()}
	cfg.Transport = wire
	if cfg.Router == nil {
		cfg.Router = &catcher{bench: b}
	}
	if b.proxy, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	layer, err := transaction.New(transaction.Config{Transport: &guarded{wire, cfg.Shield}, Handler: b.proxy, Timers: timers})
	if err != nil {
		t.Fatal(err)
	}
	b.layer = layer
	b.run(layer)
	return b
}

// guarded is a transport whose requests pass the shield.
type guarded struct {
	*transport.Layer
	shield *Shield
}

func (g *guarded) Run(ctx context.Context, h transport.Handler) error {
	return g.Layer.Run(ctx, g.shield.Guard(forgetful{h}))
}

// forgetful lends what may be lent, and writes over it as soon as the call has
// returned: who has kept something of it sends exclamation marks.
type forgetful struct{ transport.Handler }

func (h forgetful) ServeResponse(f transport.Flow, res *sip.Response) {
	data, again := res.Bytes(), new(sip.Response)
	if again.Borrow(data) != nil || again.Validate() != nil {
		h.Handler.ServeResponse(f, res)
		return
	}
	h.Handler.ServeResponse(f, again)
	scribble(data)
}

func (h forgetful) ServeRequest(f transport.Flow, req *sip.Request, fault error) {
	data, again := req.Bytes(), new(sip.Request)
	if req.Method() != sip.ACK || fault != nil || again.Borrow(data) != nil {
		h.Handler.ServeRequest(f, req, fault)
		return
	}
	h.Handler.ServeRequest(f, again, nil)
	scribble(data)
}

func scribble(data []byte) {
	for i := range data {
		data[i] = '!'
	}
}

// runner is what the bench runs until the test ends.
type runner interface {
	Run(ctx context.Context) error
}

func (b *bench) run(more ...runner) {
	ctx, stop := context.WithCancel(context.Background())
	all := append(more, b.proxy)
	ended := make(chan error, len(all))
	for _, r := range all {
		go func() { ended <- r.Run(ctx) }() // ends with the test's Cleanup
	}
	b.stop = sync.OnceFunc(func() {
		stop()
		for range all {
			if err := <-ended; err != nil {
				b.t.Error(err)
			}
		}
	})
	b.t.Cleanup(b.stop)
}

// addr returns the address of a listener.
func (b *bench) addr(name string) netip.AddrPort {
	for _, l := range b.addrs {
		if l.Name == name {
			return l.Addr
		}
	}
	b.t.Fatalf("no listener %q", name)
	return netip.AddrPort{}
}

// udp returns a peer on a socket of its own.
func (b *bench) udp(name string) *siptest.Peer { return siptest.UDP(b.t, name, b.addr("udp")) }

// to plans one branch to each of the peers, in parallel or one after the other.
func (b *bench) to(parallel bool, peers ...*siptest.Peer) {
	var groups [][]Branch
	for _, p := range peers {
		one := Branch{URI: "sip:" + p.Name + "@" + p.Address()}
		if parallel && len(groups) > 0 {
			groups[0] = append(groups[0], one)
			continue
		}
		groups = append(groups, []Branch{one})
	}
	b.plan.Store(&Plan{Groups: groups})
}

// play runs a script against the proxy.
func (b *bench) play(script string, peers ...*siptest.Peer) {
	b.t.Helper()
	s := &siptest.Script{System: "edge", Vars: map[string]string{"sut": b.addr("udp").String()}, Patience: 3 * time.Second}
	for _, p := range peers {
		s.Vars[p.Name] = p.Address()
	}
	s.Run(b.t, script, peers...)
}

// until waits for something, with a generous limit.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 3000 { // 30 s
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it never happens that %s", what)
}

// counter returns a counter of the proxy.
func (b *bench) counter(name string) uint64 {
	for n, total := range b.proxy.Counters {
		if n == name {
			return total
		}
	}
	b.t.Fatalf("no counter %q", name)
	return 0
}
