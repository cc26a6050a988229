package edge

import (
	"bytes"
	"context"
	"crypto/tls"
	"math"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// trying100 begins the message that a machine which is late sends of itself.
const trying100 = "SIP/2.0 100 "

// loom is a transport without sockets that costs nothing itself: it keeps a copy
// of the last message sent that is no 100.
type loom struct {
	*transport.Layer // knows addresses; it sends nothing
	handler          transport.Handler
	mu               sync.Mutex // guards the following
	sent             []byte
	count            int
	running          chan struct{}
	shield           *Shield
	lent             []byte // the message that is lent
	req              sip.Request
	res              sip.Response
}

func (l *loom) Run(ctx context.Context, h transport.Handler) error {
	l.handler = l.shield.Guard(h)
	close(l.running)
	<-ctx.Done()
	return nil
}

func (l *loom) Send(_ transport.Flow, msg []byte) error {
	if len(msg) > len(trying100) && string(msg[:len(trying100)]) == trying100 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent[:0], msg...)
	l.count++
	return nil
}

func (l *loom) SendTo(t transport.Target, msg []byte, done func(transport.Flow, error)) {
	panic("a target that Find does not know")
}

func (l *loom) Peer(transport.Flow) (s tls.ConnectionState, ok bool) { return s, false }

// arrive brings a datagram as the transport layer does, and waits until one has
// left: if the clock has the shard just now, that is where it goes on.
func (l *loom) arrive(t testing.TB, f transport.Flow, msg []byte) {
	before := l.messages()
	l.deliver(t, f, msg)
	for i := 0; l.messages() == before; i++ {
		if i == 1_000_000 {
			t.Fatalf("nothing left upon %s", msg)
		}
		runtime.Gosched()
	}
}

func (l *loom) messages() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

func (l *loom) deliver(t testing.TB, f transport.Flow, msg []byte) {
	l.lent = append(l.lent[:0], msg...)
	var err error
	switch {
	case bytes.HasPrefix(msg, []byte("SIP/2.0")):
		if err = l.res.Borrow(l.lent); err == nil {
			err = l.res.Validate()
		}
		if err == nil {
			l.handler.ServeResponse(f, &l.res)
		}
	case bytes.HasPrefix(msg, []byte("ACK")):
		if err = l.req.Borrow(l.lent); err == nil {
			transport.MarkReceived(f, &l.req)
			l.handler.ServeRequest(f, &l.req, nil)
		}
	default:
		var req *sip.Request
		if req, _, err = sip.Parse(string(msg)); err == nil {
			transport.MarkReceived(f, req)
			l.handler.ServeRequest(f, req, nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	scribble(l.lent)
}

// callScript makes calls through an Edge, message by message, without allocating
// itself.
type callScript struct {
	t              testing.TB
	wire           *loom
	caller, callee transport.Flow
	buf, id        []byte
	vias, rr       []byte
	n              int
}

const callBody = "v=0\r\no=- 3930123456 3930123456 IN IP4 127.0.0.1\r\ns=call\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n" +
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"

// lines appends all header field lines of the message last sent that begin with
// a name, as they stand.
func (c *callScript) lines(dst []byte, name string) []byte {
	rest := c.wire.sent
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		if end <= 2 {
			break
		}
		if line := rest[:end]; len(line) > len(name) && string(line[:len(name)]) == name {
			dst = append(dst, line...)
		}
		rest = rest[end:]
	}
	return dst
}

// request sends a request of the caller.
func (c *callScript) request(method, branch, route string, toTag bool, body string) {
	b := append(append(c.buf[:0], method...), " sip:8006@"...)
	if toTag {
		b = append(b, "127.0.0.1:7002"...)
	} else {
		b = append(b, "127.0.0.1:5060"...)
	}
	b = append(append(b, " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:7001;branch=z9hG4bK"...), branch...)
	b = append(append(b, c.id...), "\r\nMax-Forwards: 70\r\n"...)
	if route == "" && toTag {
		b = append(append(b, "Route: "...), bytes.TrimPrefix(c.rr, []byte("Record-Route: "))...)
	}
	b = append(append(b, "From: <sip:8005@127.0.0.1>;tag=f"...), c.id...)
	b = append(b, "\r\nTo: <sip:8006@127.0.0.1:5060>"...)
	if toTag {
		b = append(append(b, ";tag=t"...), c.id...)
	}
	b = append(append(append(b, "\r\nCall-ID: "...), c.id...), "@127.0.0.1\r\nCSeq: "...)
	b = append(append(b, "1 "...), method...)
	b = append(b, "\r\n"...)
	if body != "" {
		b = append(b, "Contact: <sip:8005@127.0.0.1:7001>\r\nUser-Agent: script\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nContent-Type: application/sdp\r\n"...)
	}
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	c.buf = b
	c.wire.arrive(c.t, c.caller, b)
}

// response answers, as the callee, the request whose Via lines were kept.
func (c *callScript) response(status, method, body string, tag bool) {
	b := append(append(append(c.buf[:0], "SIP/2.0 "...), status...), "\r\n"...)
	b = append(b, c.vias...)
	if method == "INVITE" {
		b = append(b, c.rr...)
	}
	b = append(append(b, "From: <sip:8005@127.0.0.1>;tag=f"...), c.id...)
	b = append(append(b, "\r\nTo: <sip:8006@127.0.0.1:5060>;tag=t"...), c.id...)
	b = append(append(append(b, "\r\nCall-ID: "...), c.id...), "@127.0.0.1\r\nCSeq: 1 "...)
	b = append(append(b, method...), "\r\nContact: <sip:8006@127.0.0.1:7002>\r\n"...)
	if body != "" {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	c.buf = b
	c.wire.arrive(c.t, c.callee, b)
}

// forwarded keeps what an answer needs of the request last sent.
func (c *callScript) forwarded() {
	c.vias = c.lines(c.vias[:0], "Via: ")
	c.rr = c.lines(c.rr[:0], "Record-Route: ")
}

// call plays INVITE, 180, 200, ACK, BYE and 200.
func (c *callScript) call() {
	c.n++
	c.id = strconv.AppendInt(append(c.id[:0], "call"...), int64(c.n), 36)
	before := c.wire.count
	c.request("INVITE", "i", "", false, callBody)
	c.forwarded()
	c.response("180 Ringing", "INVITE", "", true)
	c.response("200 OK", "INVITE", callBody, true)
	c.request("ACK", "a", "", true, "")
	rr := c.rr
	c.request("BYE", "b", "", true, "")
	c.vias, c.rr = c.lines(c.vias[:0], "Via: "), rr
	c.response("200 OK", "BYE", "", true)
	if c.wire.count-before != 6 {
		c.t.Fatalf("%d messages left, want 6; the last: %s", c.wire.count-before, c.wire.sent)
	}
}

// newCallScript runs an Edge with two destinations behind a loom.
func newCallScript(t testing.TB) *callScript {
	here := netip.MustParseAddrPort("127.0.0.1:5060")
	caller, callee := netip.MustParseAddrPort("127.0.0.1:7001"), netip.MustParseAddrPort("127.0.0.1:7002")
	wire, err := transport.New(transport.Config{Listen: []transport.Listen{{Name: "udp", Proto: transport.UDP, Addr: here}}})
	if err != nil {
		t.Fatal(err)
	}
	l := &loom{Layer: wire, running: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	d := NewDispatcher(DispatcherConfig{Transport: wire})
	s := Settings{Set: 1, Algorithm: dispatch.Weight, NoPing: true, Sets: []dispatch.Config{{ID: 1, Destinations: []dispatch.Spec{
		{URI: "sip:127.0.0.1:7002", Attrs: []dispatch.Attr{{Name: "weight", Value: "50"}}}, {URI: "sip:127.0.0.1:7002;n=2", Attrs: []dispatch.Attr{{Name: "weight", Value: "50"}}},
	}}}}
	if faults := d.Apply(s, time.Now()); faults != nil {
		t.Fatal(faults)
	}
	shield := NewShield(ShieldConfig{Trusted: d.Trusts})
	l.shield = shield
	p, err := New(Config{Transport: wire, Router: d, Watcher: d, Relay: d.Trusts, Inside: d.Serves, Shield: shield})
	if err != nil {
		t.Fatal(err)
	}
	layer, err := transaction.New(transaction.Config{Transport: l, Handler: p, Timers: transaction.Timers{T1: 5 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = layer.Run(ctx) })
	running.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	<-l.running
	return &callScript{t: t, wire: l, caller: transport.NewFlow(transport.UDP, here, caller, 0), callee: transport.NewFlow(transport.UDP, here, callee, 0)}
}

// BenchmarkCall is a whole call through shield, transactions and proxy, six
// messages in and six out, without the kernel's part.
func BenchmarkCall(b *testing.B) {
	c := newCallScript(b)
	c.call()
	b.ReportAllocs()
	for b.Loop() {
		c.call()
	}
}

// TestCallAllocations: in steady state an INVITE or BYE costs its text and its fields,
// and what its transactions hold for half a minute; other messages, parsing, validation,
// routing, proofs and writing cost nothing. The least of several runs counts, because a collection
// empties the pools.
func TestCallAllocations(t *testing.T) {
	c := newCallScript(t)
	least := math.Inf(1)
	for range 10 {
		least = min(least, testing.AllocsPerRun(50, c.call))
	}
	t.Logf("%.0f allocations for a call of six messages in and six out", least)
	if most := 18.0; least > most && !raced {
		t.Errorf("a call costs %.0f allocations, at most %.0f", least, most)
	}
}
