package transport

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hometone/hometone/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// arrival is one call of the Handler.
type arrival struct {
	flow Flow
	req  *sip.Request
	res  *sip.Response
	err  error
}

// desk is a Handler that keeps what arrives.
type desk struct {
	messages chan arrival
	closed   chan arrival
}

func newDesk() *desk { return &desk{make(chan arrival, 1024), make(chan arrival, 1024)} }

func (d *desk) ServeRequest(f Flow, req *sip.Request, err error) {
	d.messages <- arrival{flow: f, req: req, err: err}
}
func (d *desk) ServeResponse(f Flow, res *sip.Response) { d.messages <- arrival{flow: f, res: res} }
func (d *desk) FlowClosed(f Flow, err error)            { d.closed <- arrival{flow: f, err: err} }

func wait(t *testing.T, c chan arrival, what string) arrival {
	t.Helper()
	select {
	case a := <-c:
		return a
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: nothing within 5 s", what)
		panic("unreachable")
	}
}

// start runs a layer until the test ends.
func start(t testing.TB, cfg Config) (*Layer, *desk) {
	t.Helper()
	d := newDesk()
	return startWith(t, cfg, d), d
}

func startWith(t testing.TB, cfg Config, h Handler) *Layer {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("Run did not return within 10 s of its context's end")
		}
	})
	return l
}

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func options(via string, more ...string) string {
	return strings.Join(append([]string{
		"OPTIONS sip:node@127.0.0.1 SIP/2.0",
		"Via: " + via,
		"From: <sip:a@127.0.0.1>;tag=1",
		"To: <sip:node@127.0.0.1>",
		"Call-ID: c1@test",
		"CSeq: 1 OPTIONS",
		"Max-Forwards: 70",
		"Content-Length: 0",
	}, append(more, "", "")...), "\r\n")
}

func dialUDP(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestUDPRoundTrip(t *testing.T) {
	for _, bind := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, d := start(t, Config{Listen: []Listen{{Proto: UDP, Addr: at(bind)}}})
		c := dialUDP(t, l.Addrs()[0].Addr)
		c.Write([]byte(options("SIP/2.0/UDP host.invalid:5099;branch=z9hG4bK1;rport")))
		a := wait(t, d.messages, bind)
		peer := c.LocalAddr().(*net.UDPAddr).AddrPort()
		if a.err != nil || a.flow.Remote() != peer || a.flow.Local() != l.Addrs()[0].Addr {
			t.Fatalf("%s: got %+v", bind, a)
		}
		via, _ := a.req.TopVia()
		// RFC 3581 §4: "the server ... MUST insert a 'received' parameter ... MUST
		// set the value of the 'rport' parameter to the source port".
		received, _ := via.Received()
		if port, ok := via.RPort(); !ok || port != peer.Port() || received != peer.Addr() {
			t.Errorf("%s: Via is %q, want received=%v and rport=%d", bind, via, peer.Addr(), peer.Port())
		}
		res := sip.NewResponse(a.req, 200, "")
		if err := l.Send(a.flow.Reply(via), res.Append(nil)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2000)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := c.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:n]), "SIP/2.0 200 OK\r\n") {
			t.Fatalf("%s: answer %q %v", bind, buf[:n], err)
		}
	}
}
