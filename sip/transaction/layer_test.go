package transaction

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/sip/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is two layers on a network in memory: uac calls, uas serves.
type pair struct {
	t        *testing.T
	net      transporttest.Network
	uac, uas *Layer
	caller   *transporttest.Node
	callee   *transporttest.Node
	log      strings.Builder
	began    time.Time
}

// inBubble runs f with a running pair under a fake clock.
func inBubble(t *testing.T, cfg Config, f func(p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pair{t: t, began: time.Now()}
		p.caller, p.callee = p.net.Node("192.0.2.1:5060"), p.net.Node("192.0.2.2:5060")
		p.uac = mustNew(t, Config{Transport: p.caller, Handler: HandlerFunc(nobody), Timers: cfg.Timers, DatagramSize: cfg.DatagramSize, Limits: cfg.Limits})
		cfg.Transport = p.callee
		cfg.Logger = slog.New(slog.NewTextHandler(&p.log, nil))
		if cfg.Handler == nil {
			cfg.Handler = HandlerFunc(nobody)
		}
		p.uas = mustNew(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { p.uac.Run(ctx) })
		wg.Go(func() { p.uas.Run(ctx) })
		f(p)
		cancel()
		wg.Wait()
	})
}

func mustNew(t testing.TB, cfg Config) *Layer {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func nobody(_ context.Context, tx *Server, _ *sip.Request) { tx.TakeOver() }

// at returns the packets sent between the nodes as "milliseconds start-line",
// rounded to the wheel's resolution.
func (p *pair) ladder() []string {
	var out []string
	for _, s := range p.net.Sent() {
		first, _, _ := strings.Cut(s.Data, "\r\n")
		first = strings.TrimSuffix(strings.TrimPrefix(first, "SIP/2.0 "), " SIP/2.0")
		arrow := "->"
		if s.From == p.callee.Addr {
			arrow = "<-"
		}
		ms := s.Time.Sub(p.began).Milliseconds()
		out = append(out, fmt.Sprintf("%d %s %s", (ms+5)/50*50, arrow, first))
	}
	return out
}

func request(m sip.Method) *sip.Request {
	req := sip.NewRequest(m, "sip:bob@192.0.2.2")
	req.Add(sip.HeaderFrom, "<sip:alice@192.0.2.1>;tag=a")
	req.Add(sip.HeaderTo, "<sip:bob@192.0.2.2>")
	req.Add(sip.HeaderCallID, "call-1")
	req.Add(sip.HeaderCSeq, "1 "+string(m))
	return req
}

// watch is a ClientWatcher that writes down what it is told.
type watch struct {
	mu     sync.Mutex
	events []string
	res    []*sip.Response
}

func (w *watch) Response(_ *Client, res *sip.Response) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprint(res.Status()))
	w.res = append(w.res, res)
}

func (w *watch) Failed(_ *Client, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, err.Error())
}

func (w *watch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.events, ",")
}

// serverWatch is the same for servers.
type serverWatch struct{ watch }

func (w *serverWatch) note(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, s)
}
func (w *serverWatch) Cancelled(tx *Server, c *sip.Request) { w.note("cancelled") }
func (w *serverWatch) Acked(tx *Server, ack *sip.Request)   { w.note("acked") }
func (w *serverWatch) Ended(tx *Server, err error)          { w.note(fmt.Sprint("ended ", err)) }

func (p *pair) udp() []transport.Target {
	return []transport.Target{p.callee.Target(transport.UDP)}
}

func same(t *testing.T, why string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\n got:\n  %s\nwant:\n  %s", why, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func answer(status int) HandlerFunc {
	return func(_ context.Context, tx *Server, req *sip.Request) {
		tx.Respond(sip.NewResponse(req, status, ""))
	}
}

func TestOptionsOverRealUDP(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:0")
	made := func(h Handler) (*Layer, *transport.Layer) {
		tr, err := transport.New(transport.Config{Listen: []transport.Listen{{Proto: transport.UDP, Addr: addr}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Listen(); err != nil {
			t.Fatal(err)
		}
		return mustNew(t, Config{Transport: tr, Handler: h}), tr
	}
	uas, to := made(answer(200))
	uac, _ := made(HandlerFunc(nobody))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { uas.Run(ctx) })
	wg.Go(func() { uac.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	done := make(chan string, 1)
	uac.Request(request(sip.OPTIONS), []transport.Target{{Proto: transport.UDP, Addr: to.Addrs()[0].Addr}}, &chanWatch{done})
	select {
	case got := <-done:
		if got != "200" {
			t.Errorf("OPTIONS ended with %s, want 200", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("no answer within 5 s")
	}
}

type chanWatch struct{ c chan string }

func (w *chanWatch) Response(_ *Client, res *sip.Response) { w.c <- fmt.Sprint(res.Status()) }
func (w *chanWatch) Failed(_ *Client, err error)           { w.c <- err.Error() }

func TestRetransmissionsUntilTimerF(t *testing.T) {
	inBubble(t, Config{}, func(p *pair) {
		p.net.SetFilter(func(transporttest.Packet) int { return 0 })
		w := new(watch)
		p.uac.Request(request(sip.OPTIONS), p.udp(), w)
		pass(40 * time.Second)
		same(t, "§17.1.2.2: retransmissions at intervals of 500 ms, 1 s, 2 s, 4 s, 4 s, ... until Timer F = 64*T1", p.ladder(),
			"0 -> OPTIONS sip:bob@192.0.2.2", "500 -> OPTIONS sip:bob@192.0.2.2", "1500 -> OPTIONS sip:bob@192.0.2.2",
			"3500 -> OPTIONS sip:bob@192.0.2.2", "7500 -> OPTIONS sip:bob@192.0.2.2", "11500 -> OPTIONS sip:bob@192.0.2.2",
			"15500 -> OPTIONS sip:bob@192.0.2.2", "19500 -> OPTIONS sip:bob@192.0.2.2", "23500 -> OPTIONS sip:bob@192.0.2.2",
			"27500 -> OPTIONS sip:bob@192.0.2.2", "31500 -> OPTIONS sip:bob@192.0.2.2")
		if w.String() != ErrTimeout.Error() {
			t.Errorf("the TU is told of the timeout once: got %q", w)
		}
		if _, n := p.uac.Load(); n != 0 {
			t.Errorf("%d client transactions left, want 0", n)
		}
	})
}

// pass lets time go by, and everything happen that is due.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestMalformedIsAnsweredStatelessly(t *testing.T) {
	inBubble(t, Config{Handler: answer(200)}, func(p *pair) {
		peer := p.net.Node("192.0.2.7:5060")
		f, _ := peer.Find(p.callee.Target(transport.UDP))
		req := request(sip.OPTIONS)
		req.Prepend(sip.HeaderVia, "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx")
		req.Set(sip.HeaderCSeq, "1 INVITE")
		peer.Send(f, req.Bytes())
		one, _ := peer.Receive(p.t.Context())
		peer.Send(f, req.Bytes())
		two, _ := peer.Receive(p.t.Context())
		if !strings.HasPrefix(one.Data, "SIP/2.0 400 ") || one.Data != two.Data {
			t.Errorf("§8.2.7: copies of a request get the same stateless response:\n%s\n%s", one.Data, two.Data)
		}
		ack := request(sip.ACK)
		ack.Prepend(sip.HeaderVia, "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKy")
		ack.Set(sip.HeaderCSeq, "1 INVITE")
		peer.Send(f, ack.Bytes())
		pass(time.Second)
		if n := len(p.net.Sent()); n != 5 {
			t.Errorf("a malformed ACK is not answered: %d packets, want 5", n)
		}
		if s, _ := p.uas.Load(); s != 0 {
			t.Errorf("%d transactions for malformed requests, want none", s)
		}
	})
}

func TestConnectionEndFailsWhatWaits(t *testing.T) {
	inBubble(t, Config{}, func(p *pair) {
		w := new(watch)
		c := p.uac.Request(request(sip.INVITE), []transport.Target{p.callee.Target(transport.TCP)}, w)
		pass(time.Second)
		f, _ := p.caller.Find(c.Target())
		p.uac.FlowClosed(f, errors.New("reset by peer"))
		pass(time.Second)
		if !strings.Contains(w.String(), "reset by peer") {
			t.Errorf("§17.1.4: a connection that ends fails its transactions: %q", w)
		}
		if len(p.net.Sent()) != 2 {
			t.Errorf("§17.1.1.2: no retransmissions over a reliable transport: %d packets", len(p.net.Sent()))
		}
	})
}

func TestTimerC(t *testing.T) {
	inBubble(t, Config{}, func(p *pair) {
		p.uac.timers.C = 3 * time.Minute
		w := new(watch)
		p.uac.Request(request(sip.INVITE), p.udp(), w)
		pass(170 * time.Second)
		if w.String() != "100" {
			t.Errorf("before Timer C: %q", w)
		}
		pass(15 * time.Second)
		if w.String() != "100,487" {
			t.Errorf("§16.8: Timer C after a provisional response: CANCEL: %q", w)
		}
	})
}
