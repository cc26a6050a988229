package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
)

func TestMain(m *testing.M) {
	if os.Getenv(loadEnv) != "" {
		senderMain()
		return
	}
	goleak.VerifyTestMain(m)
}

var loopback = netip.MustParseAddr("127.0.0.1")

var loopbackPort = netip.AddrPortFrom(loopback, 40000)

// running starts a relay that the end of the test stops.
func running(tb testing.TB, c Config) *Relay {
	tb.Helper()
	if c.PortMin == 0 {
		c.PortMin, c.PortMax = 32000, 36000
	}
	r, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	return r
}

var (
	pcmu  = Format{Encoding: "PCMU", SendPT: 0, RecvPT: 0}
	pcma  = Format{Encoding: "PCMA", SendPT: 8, RecvPT: 8}
	event = Format{Encoding: "telephone-event", SendPT: 101, RecvPT: 101}
)

// peer is a plain RTP end on a socket of its own.
type peer struct {
	tb   testing.TB
	conn *net.UDPConn
	leg  *Leg
	h    rtp.Header
}

func newPeer(tb testing.TB, leg *Leg, ssrc uint32, pt uint8) *peer {
	tb.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: leg.Addr().Addr().AsSlice()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return &peer{tb: tb, conn: conn, leg: leg, h: rtp.Header{SSRC: ssrc, PT: pt, Sequence: 65530, Timestamp: 4_294_967_000}}
}

func (p *peer) addr() netip.AddrPort {
	a := p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// send sends one 20 ms packet.
func (p *peer) send(payload []byte) {
	p.tb.Helper()
	b := append(rtp.AppendHeader(nil, p.h), payload...)
	p.h.Sequence++
	p.h.Timestamp += 160
	if _, err := p.conn.WriteToUDPAddrPort(b, p.leg.Addr()); err != nil {
		p.tb.Fatal(err)
	}
}

// receive waits for one packet.
func (p *peer) receive(wait time.Duration) (rtp.Header, []byte, bool) {
	p.tb.Helper()
	buf := make([]byte, 2048)
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	n, err := p.conn.Read(buf)
	if errors.Is(err, net.ErrClosed) {
		p.tb.Fatal(err)
	}
	if err != nil {
		return rtp.Header{}, nil, false
	}
	h, ok := rtp.Parse(buf[:n])
	if !ok {
		p.tb.Fatalf("received no RTP: % x", buf[:n])
	}
	return h, buf[h.Start:h.End], true
}

func (p *peer) must(why string) (rtp.Header, []byte) {
	p.tb.Helper()
	h, b, ok := p.receive(2 * time.Second)
	if !ok {
		p.tb.Fatalf("nothing came: %s", why)
	}
	return h, b
}

func (p *peer) mustNot(why string) {
	p.tb.Helper()
	if h, _, ok := p.receive(60 * time.Millisecond); ok {
		p.tb.Fatalf("a packet came (%+v): %s", h, why)
	}
}

// eventually waits for what the relay does in its own time.
func eventually(tb testing.TB, what string, so func() bool) {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never: %s", what)
		}
	}
}

func frameOf(c byte) []byte {
	b := make([]byte, 160)
	for i := range b {
		b[i] = c
	}
	return b
}

func both(remote netip.AddrPort, formats ...Format) Description {
	return Description{Remote: remote, Symmetric: true, Formats: formats, Send: true, Recv: true}
}

func open(tb testing.TB, r *Relay, watch func(Event)) *Leg {
	tb.Helper()
	l, err := r.Open(loopback, watch)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// joined is two legs with a peer each.
func joined(tb testing.TB, r *Relay, fa, fb []Format) (a, b *peer) {
	tb.Helper()
	la, lb := open(tb, r, nil), open(tb, r, nil)
	a, b = newPeer(tb, la, 0xAAAA, fa[0].RecvPT), newPeer(tb, lb, 0xBBBB, fb[0].RecvPT)
	la.Set(both(a.addr(), fa...))
	lb.Set(both(b.addr(), fb...))
	if err := r.Join(la, lb); err != nil {
		tb.Fatal(err)
	}
	return a, b
}

// TestForward: what one peer sends reaches the other, in the stream of the leg.
func TestForward(t *testing.T) {
	r := running(t, Config{})
	a, b := joined(t, r, []Format{pcmu, event}, []Format{pcmu, event})
	a.send(frameOf(1))
	first, payload := b.must("the first packet")
	if payload[0] != 1 || len(payload) != 160 || !first.Marker || first.PT != 0 || first.SSRC == 0xAAAA || first.SSRC != b.leg.Stats().OurSSRC {
		t.Errorf("first packet %+v", first)
	}
	for i := range 10 { // over the wrap of sequence number and timestamp
		a.send(frameOf(2))
		h, _ := b.must("a packet")
		if h.Sequence != first.Sequence+uint16(i)+1 || h.Timestamp != first.Timestamp+uint32(i+1)*160 || h.Marker {
			t.Fatalf("packet %d: %+v after %+v", i, h, first)
		}
	}
	b.send(frameOf(3))
	if _, payload := a.must("the way back"); payload[0] != 3 {
		t.Errorf("the way back carries %d", payload[0])
	}
	if s := a.leg.Stats(); s.Received != 11 || s.Lost != 0 || s.Sent != 1 || s.Remote != a.addr() || s.ReceivedBytes != 1760 {
		t.Errorf("%+v", s)
	}
}

// TestTranscode: laws are changed by table, payload types by the description.
func TestTranscode(t *testing.T) {
	r := running(t, Config{})
	other := event
	other.SendPT, other.RecvPT = 96, 96
	a, b := joined(t, r, []Format{pcmu, event}, []Format{pcma, other})
	a.send(frameOf(0x12))
	want := frameOf(0x12)
	media.ULaw.Transcode(want)
	if h, payload := b.must("µ-law to A-law"); h.PT != 8 || string(payload) != string(want) {
		t.Errorf("payload type %d, code %#x, want %#x", h.PT, payload[0], want[0])
	}
	a.h.PT = 101
	a.send([]byte{5, 0x8A, 0, 160})
	if h, payload := b.must("a telephone event"); h.PT != 96 || string(payload) != "\x05\x8a\x00\xa0" {
		t.Errorf("event payload type %d, % x", h.PT, payload)
	}
	b.send(want)
	if h, _ := a.must("A-law to µ-law"); h.PT != 0 {
		t.Errorf("payload type %d", h.PT)
	}
	a.h.PT = 3
	a.send(frameOf(1))
	b.mustNot("GSM was not agreed on")
	eventually(t, "one drop by format", func() bool { return a.leg.Stats().Drops.Format == 1 })
}

// collector gathers events of legs.
type collector struct {
	mu     sync.Mutex
	events []Event
	more   chan struct{}
}

func newCollector() *collector { return &collector{more: make(chan struct{}, 64)} }

func (c *collector) watch(e Event) {
	c.mu.Lock()
	c.events = append(c.events, e)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

func (c *collector) wait(t *testing.T, kind EventKind) Event {
	t.Helper()
	deadline := time.After(3 * time.Second)
	for {
		c.mu.Lock()
		for i, e := range c.events {
			if e.Kind == kind {
				c.events = append(c.events[:i], c.events[i+1:]...)
				c.mu.Unlock()
				return e
			}
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-deadline:
			t.Fatalf("event %d did not come", kind)
		}
	}
}

// TestPlay: a source is paced on the leg's own timer, then its end is told.
func TestPlay(t *testing.T) {
	r := running(t, Config{})
	c := newCollector()
	l := open(t, r, c.watch)
	p := newPeer(t, l, 1, 0)
	l.Set(both(p.addr(), pcmu))
	src := media.NewClip(make([]int16, 1600)).Play(1)
	l.Play(src)
	start := time.Now()
	var first rtp.Header
	for i := range 10 {
		h, payload := p.must("a frame")
		if i == 0 {
			first = h
		} else if h.Sequence != first.Sequence+uint16(i) || h.Timestamp != first.Timestamp+uint32(160*i) || h.SSRC != first.SSRC {
			t.Fatalf("frame %d: %+v after %+v", i, h, first)
		}
		if len(payload) != 160 || payload[0] != 0xFF {
			t.Fatalf("frame %d: %d octets of %#x", i, len(payload), payload[0])
		}
	}
	if d := time.Since(start); d < 150*time.Millisecond || d > 400*time.Millisecond {
		t.Errorf("ten frames of 20 ms took %v", d)
	}
	if e := c.wait(t, Played); e.Source != src || e.Leg != l {
		t.Errorf("event %+v", e)
	}
	p.mustNot("the source has ended")
}

// TestEchoAndSink: an application hears the peer, and the peer itself.
func TestEchoAndSink(t *testing.T) {
	r := running(t, Config{})
	l := open(t, r, nil)
	p := newPeer(t, l, 1, 0)
	l.Set(both(p.addr(), pcmu, event))
	heard := make(chan Packet, 4)
	l.Sink(func(p Packet) { p.Payload = append([]byte(nil), p.Payload...); heard <- p })
	l.Echo(true)
	p.send(frameOf(9))
	if _, payload := p.must("the echo"); payload[0] != 9 {
		t.Errorf("echo of %d", payload[0])
	}
	if got := <-heard; got.Encoding != "PCMU" || got.Payload[0] != 9 || got.SSRC != 1 {
		t.Errorf("sink got %+v", got)
	}
	l.Echo(false)
	p.send(frameOf(9))
	p.mustNot("the echo is off")
}

// TestFlood: what waits on one socket is taken to the last packet, although a look takes
// one, and later a batch.
func TestFlood(t *testing.T) {
	r := running(t, Config{})
	const packets = 8*batchSize + 3
	var got atomic.Int64
	l := open(t, r, nil)
	l.Sink(func(Packet) { got.Add(1) })
	p := newPeer(t, l, 7, 0)
	l.Set(both(p.addr(), pcmu))
	l.mu.Lock() // the loop waits while the socket fills
	for range packets {
		p.send(frameOf(1))
	}
	l.mu.Unlock()
	for end := time.Now().Add(2 * time.Second); got.Load() < packets && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got.Load() != packets {
		t.Errorf("%d of %d packets", got.Load(), packets)
	}
}

// TestProcessors: Run adds a processor for each loop, and takes it back.
func TestProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	r, err := New(Config{PortMin: 36000, PortMax: 36100, Loops: 3})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for end := time.Now().Add(2 * time.Second); runtime.GOMAXPROCS(0) != before+3 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.GOMAXPROCS(0); n != before+3 {
		t.Errorf("%d processors beside 3 loops, %d before", n, before)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := runtime.GOMAXPROCS(0); n != before {
		t.Errorf("%d processors after, %d before", n, before)
	}
}
