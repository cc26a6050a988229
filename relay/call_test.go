package relay

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
)

// ear is one side of a call: what it hears, decoded, in the order of arrival.
type ear struct {
	*peer
	law   media.Law
	src   media.Source
	mu    sync.Mutex
	pcm   []int16
	stats rtp.Reception
}

// listen collects until the socket is closed.
func (e *ear) listen(done *sync.WaitGroup) {
	defer done.Done()
	buf := make([]byte, 2048)
	start := time.Now()
	for {
		n, err := e.conn.Read(buf)
		if err != nil {
			return
		}
		if h, ok := rtp.Parse(buf[:n]); ok && !rtp.IsRTCP(buf[:n]) {
			e.mu.Lock()
			e.pcm = e.law.Decode(e.pcm, buf[h.Start:h.End])
			e.stats.Update(h, time.Since(start), 8000, false)
			e.mu.Unlock()
		}
	}
}

// speak sends n frames, as fast as the machine paces them.
func speak(n int, ears ...*ear) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range n {
		<-tick.C
		for _, e := range ears {
			payload, _ := e.src.Next(nil, e.law.String(), 160)
			e.send(payload)
		}
	}
}

// heard takes what was heard so far, and forgets it.
func (e *ear) heard() []int16 {
	time.Sleep(40 * time.Millisecond)
	e.mu.Lock()
	defer e.mu.Unlock()
	out := e.pcm
	e.pcm = nil
	return out
}

func (e *ear) hears(t *testing.T, hz float64, frames int, why string) {
	t.Helper()
	pcm := e.heard()
	p := media.Find(pcm, hz)
	if len(pcm) < frames*160*95/100 || p.Share < 0.99 || p.Longest() > 10*time.Millisecond {
		t.Errorf("%s: %d of %d samples, %v Hz in %.3f of them, gaps %v", why, len(pcm), frames*160, hz, p.Share, p.Gaps)
	}
}

// TestCallAudio is a call's life as the peers hear it: joined with transcoding,
// held with music, resumed, moved by a NAT, joined anew; a thief tries all the while.
func TestCallAudio(t *testing.T) {
	r := running(t, Config{})
	a, b := joined(t, r, []Format{pcmu}, []Format{pcma})
	alice := &ear{peer: a, law: media.ULaw, src: media.Sine(440, -10)}
	bob := &ear{peer: b, law: media.ALaw, src: media.Sine(1000, -10)}
	var done sync.WaitGroup
	done.Add(2)
	go alice.listen(&done)
	go bob.listen(&done)
	defer func() { a.conn.Close(); b.conn.Close(); done.Wait() }()

	speak(40, alice, bob)
	alice.hears(t, 1000, 40, "joined: A-law to µ-law")
	bob.hears(t, 440, 40, "joined: µ-law to A-law")

	// A thief who knows the port sprays it while the call goes on.
	thief := newPeer(t, a.leg, 0x666, 0)
	loud := media.Sine(2000, 0)
	for range 40 {
		payload, _ := loud.Next(nil, "PCMU", 160)
		thief.send(payload)
		speak(1, alice, bob)
	}
	bob.hears(t, 440, 40, "a thief on the leg's port")
	alice.hears(t, 1000, 40, "a thief on the leg's port")
	thief.mustNot("nothing is sent to a thief")
	if d := a.leg.Stats().Drops.Source; d != 40 {
		t.Errorf("%d packets of the thief are counted", d)
	}

	// Bob holds Alice: his leg sends nothing, hers plays music.
	hold := both(b.addr(), pcma)
	hold.Send, hold.Recv = false, false
	b.leg.Set(hold)
	a.leg.Play(media.Sine(700, -10))
	speak(40, alice, bob)
	if pcm := bob.heard(); len(pcm) > 0 {
		t.Errorf("held, Bob hears %d samples", len(pcm))
	}
	if p := media.Find(alice.heard(), 700); p.Share < 0.95 {
		t.Errorf("held, Alice hears music in %.2f", p.Share)
	}
	if d := b.leg.Stats().Drops.Direction; d != 40 {
		t.Errorf("%d of Bob's 40 packets on hold are counted", d)
	}

	// Resumed, without the music.
	a.leg.Play(nil)
	b.leg.Set(both(b.addr(), pcma))
	alice.heard()
	speak(40, alice, bob)
	alice.hears(t, 1000, 40, "resumed")
	bob.hears(t, 440, 40, "resumed")

	// Bob's NAT gives him another port: his stream carries on from there.
	moved := newPeer(t, b.leg, 0, 8)
	moved.h = b.h
	carol := &ear{peer: moved, law: media.ALaw, src: bob.src}
	done.Add(1)
	go carol.listen(&done)
	defer moved.conn.Close()
	time.Sleep(latchSilence)
	speak(10, alice, carol)
	alice.heard()
	carol.heard()
	speak(40, alice, carol)
	alice.hears(t, 1000, 40, "after the NAT moved Bob")
	carol.hears(t, 440, 40, "after the NAT moved Bob")

	for _, e := range []*ear{alice, bob, carol} {
		e.mu.Lock()
		// What Bob's new address sent before it was a run is lost to Alice.
		if e.stats.Lost() >= latchRun || e.stats.Restarts != 0 || e.stats.Duplicates != 0 {
			t.Errorf("one stream, no loss for each: %+v", e.stats)
		}
		e.mu.Unlock()
	}
	if s := a.leg.Stats(); s.Lost != 0 || s.MOS < 4 {
		t.Errorf("%+v", s)
	}
}

// TestMixedFamilies: an IPv6 leg and an IPv4 leg.
func TestMixedFamilies(t *testing.T) {
	r := running(t, Config{DSCP: 46})
	l6, err := r.Open(netip.IPv6Loopback(), nil)
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	l4 := open(t, r, nil)
	a, b := newPeer(t, l6, 1, 0), newPeer(t, l4, 2, 0)
	l6.Set(both(a.addr(), pcmu))
	l4.Set(both(b.addr(), pcmu))
	if err := r.Join(l6, l4); err != nil {
		t.Fatal(err)
	}
	a.send(frameOf(1))
	b.must("IPv6 to IPv4")
	b.send(frameOf(2))
	a.must("IPv4 to IPv6")
	for fd, opt := range map[int][2]int{l6.pair.rtp: {unix.IPPROTO_IPV6, unix.IPV6_TCLASS}, l4.pair.rtp: {unix.IPPROTO_IP, unix.IP_TOS}} {
		if v, err := unix.GetsockoptInt(fd, opt[0], opt[1]); err != nil || v != 46<<2 {
			t.Errorf("DSCP: %d, %v", v, err)
		}
	}
	// A peer of the other family cannot be sent to: counted, not crashed.
	l4.Set(both(a.addr(), pcmu))
	b.send(frameOf(3))
	a.send(frameOf(3))
	b.mustNot("the description says IPv6, the socket is IPv4")
}

// TestUnspecified: a leg on 0.0.0.0 answers from the address it was spoken to.
func TestUnspecified(t *testing.T) {
	r := running(t, Config{})
	l, err := r.Open(netip.IPv4Unspecified(), nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	l.Set(both(at, pcmu))
	l.Echo(true)
	b := append(rtp.AppendHeader(nil, rtp.Header{SSRC: 1}), frameOf(1)...)
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), l.Addr().Port())
	if _, err := conn.WriteToUDPAddrPort(b, to); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, from, err := conn.ReadFromUDPAddrPort(b); err != nil || from != to {
		t.Errorf("answered from %v (%v), spoken to at %v", from, err, to)
	}
}

// TestGarbage: what is no RTP is counted by its kind and goes nowhere.
func TestGarbage(t *testing.T) {
	r := running(t, Config{})
	a, b := joined(t, r, []Format{pcmu}, []Format{pcmu})
	good := rtp.AppendHeader(nil, rtp.Header{SSRC: 1})
	stun := make([]byte, 20)
	copy(stun[4:], "\x21\x12\xa4\x42")
	for _, raw := range [][]byte{
		{}, {0x80}, good[:11], make([]byte, 100), append([]byte{0x40}, good[1:]...),
		append([]byte{0x8F}, good[1:]...), append([]byte{0x90}, good[1:]...), append([]byte{0xA0}, good[1:]...),
		append(good, make([]byte, 3000)...), []byte("OPTIONS sip:x SIP/2.0\r\n\r\n"), stun,
	} {
		if _, err := a.conn.WriteToUDPAddrPort(raw, a.leg.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	a.send(frameOf(1))
	if h, _ := b.must("the good packet"); h.PT != 0 {
		t.Errorf("%+v", h)
	}
	b.mustNot("only one packet was good")
	if d := a.leg.Stats().Drops; d.Malformed != 10 || d.STUN != 1 {
		t.Errorf("%+v", d)
	}
}

// TestTimeouts: silence is told once, again after speech, and on hold by its own limit.
func TestTimeouts(t *testing.T) {
	r := running(t, Config{Timeout: 300 * time.Millisecond, HoldTimeout: 500 * time.Millisecond})
	c := newCollector()
	l := open(t, r, c.watch)
	p := newPeer(t, l, 1, 0)
	d := both(p.addr(), pcmu)
	l.Set(d)
	start := time.Now()
	c.wait(t, Timeout)
	if since := time.Since(start); since < 300*time.Millisecond {
		t.Errorf("told after %v", since)
	}
	p.send(frameOf(1))
	c.wait(t, Latched)
	c.wait(t, Timeout)
	d.Recv = false
	l.Set(d)
	start = time.Now()
	if e := c.wait(t, HoldTimeout); e.Leg != l || time.Since(start) < 500*time.Millisecond {
		t.Errorf("%+v after %v", e, time.Since(start))
	}
	time.Sleep(600 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) != 0 {
		t.Errorf("told more than once: %+v", c.events)
	}
}

// TestRTCP: each leg is an RTCP session of its own: reports to the peer on what
// it sends, about our stream; its reports on us are read; goodbye at the end.
func TestRTCP(t *testing.T) {
	r := running(t, Config{RTCPInterval: 200 * time.Millisecond})
	l := open(t, r, nil)
	p := newPeer(t, l, 0xAAAA, 0)
	control, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	d := both(p.addr(), pcmu)
	d.RTCP = control.LocalAddr().(*net.UDPAddr).AddrPort()
	l.Set(d)
	l.Echo(true)
	for range 5 {
		p.send(frameOf(1))
		p.must("the echo")
	}
	p.h.Sequence++ // one is lost
	p.send(frameOf(1))
	p.must("the echo")

	// The peer is a Control of its own: what it reads of us is what we should have said.
	var theirs rtp.Control
	var heard rtp.Reception
	heard.Update(rtp.Header{SSRC: l.Stats().OurSSRC, Sequence: 1}, 0, 8000, false)
	start := time.Now()
	buf := make([]byte, 1500)
	read := func() []byte {
		t.Helper()
		_ = control.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, err := control.Read(buf)
		if err != nil {
			t.Fatal("no report:", err)
		}
		return buf[:n]
	}
	b := read()
	if b[1] != 200 || !theirs.Receive(b, time.Now(), time.Since(start), 0xAAAA) {
		t.Fatalf("RFC 3550 §6.1: the first packet of a compound is a report, and a sender's is an SR: % x", b)
	}
	if theirs.RemoteLost != 1 {
		t.Errorf("the report has %d lost, one was", theirs.RemoteLost)
	}
	answer := theirs.Append(nil, time.Now(), time.Since(start), rtp.Sender{SSRC: 0xAAAA}, &heard, "peer", false)
	if _, err := control.WriteToUDPAddrPort(answer, l.RTCPAddr()); err != nil {
		t.Fatal(err)
	}
	// A stranger's report is not believed.
	stranger := (&rtp.Control{}).Append(nil, time.Now(), 0, rtp.Sender{SSRC: 1}, &rtp.Reception{}, "x", true)
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.WriteToUDPAddrPort(stranger, l.RTCPAddr()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Second); l.Stats().RTT == 0 || l.Stats().Drops.Source == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no round trip: %+v", l.Stats())
		}
	}
	if s := l.Stats(); s.RTT > time.Second {
		t.Errorf("round trip of %v on loopback", s.RTT)
	}
	l.Close()
	for deadline := time.Now().Add(2 * time.Second); !theirs.Bye && time.Now().Before(deadline); {
		theirs.Receive(read(), time.Now(), time.Since(start), 0xAAAA)
	}
	if !theirs.Bye {
		t.Error("RFC 3550 §6.6: a participant that leaves says BYE")
	}
}

// TestRTCPMux: RTCP on the RTP port, both ways (RFC 5761).
func TestRTCPMux(t *testing.T) {
	r := running(t, Config{RTCPInterval: 200 * time.Millisecond})
	l := open(t, r, nil)
	p := newPeer(t, l, 0xAAAA, 0)
	d := both(p.addr(), pcmu)
	d.RTCPMux = true
	l.Set(d)
	p.send(frameOf(1))
	buf := make([]byte, 1500)
	_ = p.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	n, err := p.conn.Read(buf)
	if err != nil || !rtp.IsRTCP(buf[:n]) {
		t.Fatalf("no report on the RTP port: %v", err)
	}
	bye := (&rtp.Control{}).Append(nil, time.Now(), 0, rtp.Sender{SSRC: 0xAAAA}, &rtp.Reception{}, "peer", true)
	if _, err := p.conn.WriteToUDPAddrPort(bye, l.Addr()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		said := l.control.Bye
		l.mu.Unlock()
		if said {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the peer's RTCP was not read")
		}
	}
}

// TestJoinAgain: a leg that is joined elsewhere leaves its old partner, and the stream to its peer goes on.
func TestJoinAgain(t *testing.T) {
	r := running(t, Config{})
	a, b := joined(t, r, []Format{pcmu}, []Format{pcmu})
	l := open(t, r, nil)
	c := newPeer(t, l, 0xCCCC, 0)
	l.Set(both(c.addr(), pcmu))
	b.send(frameOf(1))
	first, _ := a.must("from b")
	if err := r.Join(a.leg, l); err != nil {
		t.Fatal(err)
	}
	b.send(frameOf(1))
	a.mustNot("b was left")
	c.send(frameOf(2))
	if h, payload := a.must("from c"); h.SSRC != first.SSRC || h.Sequence != first.Sequence+1 || !h.Marker || payload[0] != 2 {
		t.Errorf("%+v after %+v", h, first)
	}
	r.Part(a.leg)
	c.send(frameOf(2))
	a.mustNot("parted")
	l.Close()
	if err := r.Join(a.leg, l); err == nil {
		t.Error("a closed leg cannot be joined")
	}
	if err := r.Join(a.leg, a.leg); err == nil {
		t.Error("a leg cannot be joined to itself; that is an echo")
	}
	a.send(frameOf(3))
	b.mustNot("nobody is joined")
}

// TestControlFromCallbacks: sinks, sources and watchers may call anything.
func TestControlFromCallbacks(t *testing.T) {
	r := running(t, Config{})
	l := open(t, r, nil)
	p := newPeer(t, l, 1, 0)
	l.Set(both(p.addr(), pcmu))
	done := make(chan struct{})
	var once sync.Once
	l.Sink(func(Packet) {
		once.Do(func() {
			l.Set(both(p.addr(), pcmu))
			l.Play(media.NewClip(nil).Play(1))
			l.Echo(true)
			_ = l.Stats()
			r.Part(l)
			l.Close()
			close(done)
		})
	})
	p.send(frameOf(1))
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		t.Fatal("a callback waits for itself")
	}
	l.Close()
	l.Set(Description{})
	l.Play(media.Silence())
	if _, err := r.Open(loopback, nil); err != nil {
		t.Error(err)
	}
}

// TestChurn opens, joins, speaks and closes from many goroutines at once.
func TestChurn(t *testing.T) {
	r := running(t, Config{PortMin: 37000, PortMax: 37999, RTCPInterval: 20 * time.Millisecond})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
			for i := range 60 {
				a, errA := r.Open(loopback, func(e Event) { _ = e.Leg.Stats() })
				b, errB := r.Open(loopback, nil)
				if errA != nil || errB != nil {
					t.Error(errA, errB)
					return
				}
				a.Set(both(at, pcmu))
				b.Set(both(at, pcma))
				_ = r.Join(a, b)
				a.Play(media.Milliwatt())
				for n := range 4 {
					packet := append(rtp.AppendHeader(nil, rtp.Header{Sequence: uint16(n), SSRC: uint32(i)}), frameOf(1)...)
					_, _ = conn.WriteToUDPAddrPort(packet, a.Addr())
				}
				b.Close()
				a.Close()
			}
		})
	}
	all.Wait()
	if used, _ := r.ports.counts(); used != 0 {
		t.Errorf("%d ports are not given back", used)
	}
	for _, lp := range r.loops {
		if n := len(lp.all(nil)); n != 0 {
			t.Errorf("%d legs are not forgotten", n)
		}
	}
}

// TestThousandCalls: short, but with all legs open: nothing is lost.
func TestThousandCalls(t *testing.T) {
	calls, packets := 1000, 20
	if testing.Short() || raceEnabled {
		calls = 100
	}
	r := running(t, Config{PortMin: 20000, PortMax: 31999})
	res, cpu := runLoad(t, r, calls, packets)
	if res.Received != res.Sent || res.Sent != 2*calls*packets || res.Out != 0 {
		t.Errorf("%+v of %d", res, 2*calls*packets)
	}
	t.Logf("%d packets, %.1f µs each of the relay's time", res.Received, float64(cpu.Microseconds())/float64(res.Received))
}

// TestRunEnds: the relay closes what is left, and refuses afterwards.
func TestRunEnds(t *testing.T) {
	r, err := New(Config{PortMin: 36300, PortMax: 36319})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	l, err := r.Open(loopback, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := r.Open(loopback, nil); err != ErrClosed {
		t.Errorf("%v", err)
	}
	if used, _ := r.ports.counts(); used != 0 {
		t.Errorf("%d ports are still in use", used)
	}
	l.Close()
}
