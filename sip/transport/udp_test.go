package transport

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
)

// TestWildcardRepliesFromTheRightAddress: a socket bound to all addresses
// answers from the address the request was sent to.
func TestWildcardRepliesFromTheRightAddress(t *testing.T) {
	l, d := start(t, Config{Listen: []Listen{{Proto: UDP, Addr: at("0.0.0.0:0")}, {Proto: UDP, Addr: at("[::]:0")}}})
	for i, host := range []string{"127.0.0.1", "127.0.0.5", "::1"} {
		ln := l.Addrs()[i/2]
		c := dialUDP(t, netip.AddrPortFrom(netip.MustParseAddr(host), ln.Addr.Port()))
		c.Write([]byte(options("SIP/2.0/UDP h;branch=z9hG4bK1;rport")))
		a := wait(t, d.messages, host)
		if a.flow.Local().Addr().String() != host {
			t.Errorf("flow's local address is %v, want %s", a.flow.Local(), host)
		}
		via, _ := a.req.TopVia()
		l.Send(a.flow.Reply(via), sip.NewResponse(a.req, 200, "").Bytes())
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		// A connected socket hears nothing from any other address.
		if _, err := c.Read(make([]byte, 2000)); err != nil {
			t.Errorf("%s: no answer from the address asked: %v", host, err)
		}
		if got, _ := l.SentBy(Target{Flow: a.flow}); got != sip.FormatHost(netip.MustParseAddr(host)) {
			t.Errorf("SentBy over the flow is %s, want %s", got, host)
		}
	}
}

func TestReplyAddress(t *testing.T) {
	f := Flow{proto: UDP, local: at("127.0.0.1:5060"), remote: at("127.0.0.1:40000")}
	for via, want := range map[string]string{
		"SIP/2.0/UDP 192.0.2.1:5070;received=127.0.0.1": "127.0.0.1:5070",
		"SIP/2.0/UDP host":                                                                "127.0.0.1:5060",
		"SIP/2.0/UDP 192.0.2.1:5070;rport=40000":                                          "127.0.0.1:40000",
		"SIP/2.0/UDP 192.0.2.1;maddr=198.51.100.9;branch=z9hG4bKx":                        "127.0.0.1:5060",
		"SIP/2.0/UDP [2001:db8::9]:5080;branch=z9hG4bKx;received=2001:db8::99;rport=4000": "127.0.0.1:40000",
	} {
		v, err := sip.ParseVia(via)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Reply(v).Remote().String(); got != want {
			t.Errorf("§18.2.2, RFC 3581 §4: %s: response goes to %s, want %s", via, got, want)
		}
	}
}

func TestMarkReceived(t *testing.T) {
	for _, c := range []struct{ via, want string }{
		{"SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK1", "SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK1"},
		{"SIP/2.0/UDP a.example;branch=z9hG4bK1", "SIP/2.0/UDP a.example;branch=z9hG4bK1;received=127.0.0.1"},
		{"SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.1;rport=40000;branch=z9hG4bK1;received=127.0.0.1"},
		{"SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport=40000;received=127.0.0.1"},
		{"SIP/2.0/UDP 127.0.0.1;received=198.51.100.1;branch=z9hG4bK1;xrport=1", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;xrport=1;received=127.0.0.1"},
	} {
		req, _, err := sip.Parse(options(c.via))
		if err != nil {
			t.Fatal(err)
		}
		MarkReceived(Flow{proto: UDP, remote: at("127.0.0.1:40000")}, req)
		if got, _ := req.First(sip.HeaderVia); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.via, got, c.want)
		}
	}
}

func TestBindingRequest(t *testing.T) {
	l, _ := start(t, Config{Listen: []Listen{{Proto: UDP, Addr: at("127.0.0.1:0")}, {Proto: UDP, Addr: at("[::1]:0")}}})
	for _, ln := range l.Addrs() {
		c := dialUDP(t, ln.Addr)
		id := [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
		c.Write(appendBindingRequest(nil, id))
		buf := make([]byte, 100)
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, err := c.Read(buf)
		if err != nil || !isBindingResponse(buf[:n]) || string(buf[8:20]) != string(id[:]) {
			t.Fatalf("RFC 5626 §4.4.2: a binding request on the SIP port is answered: % x %v", buf[:n], err)
		}
		local := c.LocalAddr().(*net.UDPAddr).AddrPort()
		if port := binary.BigEndian.Uint16(buf[26:]) ^ 0x2112; port != local.Port() {
			t.Errorf("XOR-MAPPED-ADDRESS port %d, want %d", port, local.Port())
		}
		ip := make([]byte, 0, 16)
		for i, b := range buf[28:n] {
			ip = append(ip, b^buf[4+i])
		}
		if a, _ := netip.AddrFromSlice(ip); a != local.Addr() {
			t.Errorf("XOR-MAPPED-ADDRESS %v, want %v", a, local.Addr())
		}
	}
}

// TestKeepAliveDatagrams: quirk q21: no reply on UDP, and the next request is served.
func TestKeepAliveDatagrams(t *testing.T) {
	l, d := start(t, Config{Listen: []Listen{{Proto: UDP, Addr: at("127.0.0.1:0")}}})
	c := dialUDP(t, l.Addrs()[0].Addr)
	for _, name := range []string{"empty", "crlf", "crlfcrlf", "nul4", "nul1", "space"} {
		data, err := os.ReadFile(testdata.Path(t, "22-interop-quirks", "q21", name+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		c.Write(data)
	}
	c.Write([]byte(options("SIP/2.0/UDP h;branch=z9hG4bK1;rport")))
	wait(t, d.messages, "request after keep-alives")
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes in answer to a keep-alive", n)
	}
	if l.count.garbage.Total() != 0 {
		t.Errorf("keep-alives counted as garbage: %d", l.count.garbage.Total())
	}
}

// nobody counts and forgets.
type nobody struct{ n atomic.Int64 }

func (h *nobody) ServeRequest(Flow, *sip.Request, error) { h.n.Add(1) }
func (h *nobody) ServeResponse(Flow, *sip.Response)      { h.n.Add(1) }
func (h *nobody) FlowClosed(Flow, error)                 {}

// TestGarbageLeavesMemoryFlat sends 200,000 garbage datagrams from as many
// pairs of loopback address and port, in waves that the sockets can take.
func TestGarbageLeavesMemoryFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("200,000 datagrams: not with -short")
	}
	h := new(nobody)
	l := startWith(t, Config{Listen: []Listen{{Proto: UDP, Addr: at("127.0.0.1:0")}}}, h)
	to := net.UDPAddrFromAddrPort(l.Addrs()[0].Addr)
	const sources, rounds = 100, 2000 // ports differ in each round: 200,000 sources
	garbage := []string{
		strings.Repeat("\xff\x80", 300), "INVITE", "INVITE sip:x SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
		"\x00\x01\x00\x00" + strings.Repeat("z", 40), strings.Repeat("A: b\r\n", 100), "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"SIP/2.0 999 \r\n\r\n", " \r\n SIP/2.0\r\n\r\n", "REGISTER sip:x SIP/2.0\r\nCall-ID: 1\r\n" + strings.Repeat("X-Y: zzzzzzzz\r\n", 50) + "\r\n",
	}
	sent := 0
	wave := func(i int) {
		for j := range sources {
			src := &net.UDPAddr{IP: net.IPv4(127, byte(1+i%200), byte(i/200), byte(1+j)), Port: 0}
			c, err := net.ListenUDP("udp4", src)
			if err != nil {
				t.Fatal(err)
			}
			c.WriteToUDP([]byte(garbage[(i+j)%len(garbage)]), to)
			c.Close()
			sent++
		}
	}
	started := time.Now()
	// After the first wave every reader has the buffers that it keeps. Some of it is neither.
	wave(0)
	for read := func() uint64 { return l.count.garbage.Total() + uint64(h.n.Load()) }; read() < sources*8/10; {
		if time.Since(started) > 30*time.Second {
			t.Fatalf("%d of the first %d datagrams were read", read(), sources)
		}
		time.Sleep(time.Millisecond)
	}
	before := settledHeap()
	began, cpu := time.Now(), cpuTime()
	for i := 1; i < rounds && time.Since(began) < 30*time.Second; i++ {
		wave(i)
	}
	spent := cpuTime() - cpu
	time.Sleep(50 * time.Millisecond)
	after := settledHeap()
	t.Logf("%d datagrams, %v CPU each with the sender's, heap %d -> %d kB, garbage %d, handed on %d", sent, spent/time.Duration(sent), before>>10, after>>10, l.count.garbage.Total(), h.n.Load())
	if grown := int64(after) - int64(before); grown > 1<<20 {
		t.Errorf("heap grew by %d bytes over %d garbage datagrams", grown, sent)
	}
	if each := spent / time.Duration(sent); each > time.Millisecond {
		t.Errorf("a datagram costs %v CPU, want less than 1 ms", each)
	}
	c := dialUDP(t, l.Addrs()[0].Addr)
	n := h.n.Load()
	c.Write([]byte(options("SIP/2.0/UDP h;branch=z9hG4bK1;rport")))
	for end := time.Now().Add(time.Second); h.n.Load() == n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("after the flood a request is served within 1 s")
		}
	}
}

func settledHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestExternalAddress(t *testing.T) {
	l, err := New(Config{Listen: []Listen{{
		Name: "wan", Proto: UDP, Addr: at("127.0.0.1:5060"), External: at("203.0.113.7:0"), Local: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for peer, want := range map[string]string{"198.51.100.1:5060": "203.0.113.7:5060", "10.1.2.3:5060": "127.0.0.1:5060", "127.0.0.9:5060": "127.0.0.1:5060"} {
		host, port := l.SentBy(Target{Proto: UDP, Addr: at(peer)})
		if got := fmt.Sprintf("%s:%d", host, port); got != want {
			t.Errorf("towards %s: %s, want %s", peer, got, want)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, ln := range [][]Listen{
		{{}}, {{Proto: UDP}}, {{Proto: TLS, Addr: at("127.0.0.1:0")}}, {{Proto: UDP, Addr: at("[::ffff:127.0.0.1]:0")}},
		{{Name: "a", Proto: UDP, Addr: at("127.0.0.1:0")}, {Name: "a", Proto: TCP, Addr: at("127.0.0.1:0")}},
	} {
		if _, err := New(Config{Listen: ln}); err == nil {
			t.Errorf("%+v is accepted", ln)
		}
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	l, err := New(Config{Listen: []Listen{{Proto: UDP, Addr: at("127.0.0.1:0")}, {Proto: TCP, Addr: netip.MustParseAddrPort(busy.Addr().String())}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Listen(); err == nil {
		t.Error("a port in use is no error")
	}
}

func BenchmarkUDPEcho(b *testing.B) {
	h := &echo{}
	l := startWith(b, Config{Listen: []Listen{{Proto: UDP, Addr: at("127.0.0.1:0")}}}, h)
	h.l = l
	c := dialUDP(b, l.Addrs()[0].Addr)
	msg := []byte(options("SIP/2.0/UDP h;branch=z9hG4bK1;rport"))
	buf := make([]byte, 2000)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(msg)
		c.Read(buf)
	}
}

type echo struct{ l *Layer }

func (h *echo) ServeRequest(f Flow, req *sip.Request, _ error) {
	h.l.Send(f, sip.NewResponse(req, 200, "").Bytes())
}
func (h *echo) ServeResponse(Flow, *sip.Response) {}
func (h *echo) FlowClosed(Flow, error)            {}
