package relay

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shelf makes a machine with n spares on loopback, given back at a time.
func shelf(lp *loop, n int, at time.Duration) *spares {
	s := &spares{most: n}
	for i := range n {
		s.put(&pair{loop: lp, local: netip.AddrPortFrom(loopback, uint16(20000+2*i))}, at)
	}
	return s
}

// TestSpareRests: a spare serves another leg after a time of silence, not of waiting, on its own
// loop and address only, and only while there are so many that nobody can tell which.
func TestSpareRests(t *testing.T) {
	lp, other := &loop{}, &loop{}
	s := shelf(lp, pick+1, time.Second)
	if s.put(&pair{}, time.Second) {
		t.Error("there was no room for one more")
	}
	if s.take(lp, loopback, time.Second+quarantine-1, pick) != nil {
		t.Error("none has rested")
	}
	talker := s.list[3]
	talker.heard = 2 * time.Second // its old peer goes on
	now := time.Second + quarantine
	if s.take(other, loopback, now, 1) != nil || s.take(lp, netip.MustParseAddr("127.0.0.2"), now, 1) != nil {
		t.Error("a pair of another loop or address")
	}
	p := s.take(lp, loopback, now, pick)
	if p == nil || p == talker || len(s.list) != pick {
		t.Fatalf("took %v, left %d", p, len(s.list))
	}
	if s.take(lp, loopback, now, pick) != nil {
		t.Errorf("%d have rested: too few to choose from", pick-1)
	}
	for range pick - 1 {
		if p := s.take(lp, loopback, now, 1); p == nil || p == talker {
			t.Fatalf("took %v", p)
		}
	}
	if p := s.takeAny(loopback); p != talker {
		t.Errorf("the last is %v", p)
	}
	if s.takeAny(loopback) != nil || s.takeAt(20000) != nil {
		t.Error("nothing is left")
	}
}

// TestSpareCannotBeForeseen: two shelves in the same order are not used in the same order.
func TestSpareCannotBeForeseen(t *testing.T) {
	lp := &loop{}
	a, b := shelf(lp, 400, 0), shelf(lp, 400, 0)
	same := 0
	for range 300 {
		if a.take(lp, loopback, time.Minute, pick).local == b.take(lp, loopback, time.Minute, pick).local {
			same++
		}
	}
	if same > 40 {
		t.Errorf("%d of 300 are the same", same)
	}
}

// TestSpareExpires: what nobody has taken is closed, a few at a time, also if it is still talked to.
func TestSpareExpires(t *testing.T) {
	lp := &loop{}
	s := shelf(lp, spareClose+5, 0)
	s.list[0].heard = spareLife
	if old := s.expire(lp, -1); len(old) != 0 {
		t.Errorf("%d are too young", len(old))
	}
	if old := s.expire(&loop{}, 0); len(old) != 0 {
		t.Errorf("%d are another loop's", len(old))
	}
	if old := s.expire(lp, 0); len(old) != spareClose || len(s.list) != 5 {
		t.Errorf("%d of %d at once, %d left", len(old), spareClose+5, len(s.list))
	}
	if old := s.expire(nil, 0); len(old) != 5 || len(s.list) != 0 {
		t.Errorf("%d of the rest, %d left", len(old), len(s.list))
	}
}

// rested takes every spare of a relay that has rested and gives them back.
func rested(r *Relay) (at map[netip.AddrPort]*pair) {
	r.ports.mu.Lock()
	defer r.ports.mu.Unlock()
	at = make(map[netip.AddrPort]*pair)
	for p := r.ports.spares.take(r.loops[0], loopback, r.now(), 1); p != nil; p = r.ports.spares.take(r.loops[0], loopback, r.now(), 1) {
		at[p.local] = p
	}
	for _, p := range at {
		r.ports.spares.list = append(r.ports.spares.list, p)
	}
	return at
}

// TestLatePackets: packets of a call that is over reach no other call: while its peer
// goes on, its pair is not used again, although others of its age are; later it is.
func TestLatePackets(t *testing.T) {
	r := running(t, Config{PortMin: 27000, PortMax: 27199})
	old, other := open(t, r, nil), open(t, r, nil)
	p := newPeer(t, old, 1, 0)
	old.Set(both(p.addr(), pcmu))
	old.Echo(true)
	p.send(frameOf(1))
	p.must("the call is up")
	old.Close()
	other.Close()
	for end := time.Now().Add(20 * time.Second); rested(r)[other.Addr()] == nil; time.Sleep(20 * time.Millisecond) {
		p.send(frameOf(2))
		if time.Now().After(end) {
			t.Fatal("a quiet pair never rests enough")
		}
	}
	if rested(r)[old.Addr()] != nil {
		t.Error("the pair is free for others although its old peer sends to it")
	}
	for end := time.Now().Add(20 * time.Second); rested(r)[old.Addr()] == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the pair never rests enough")
		}
	}
	spare := rested(r)[old.Addr()]
	r.ports.mu.Lock()
	r.ports.spares.takeAt(spare.local.Port())
	r.ports.mu.Unlock()
	l := r.adopt(spare, nil)
	defer l.Close()
	l.Set(both(p.addr(), pcmu)) // the very same peer
	l.Echo(true)
	p.send(frameOf(3))
	if _, payload := p.must("the new call"); payload[0] != 3 {
		t.Errorf("the new call begins with %d", payload[0])
	}
	if s := l.Stats(); s.Received != 1 || s.Dropped != 0 {
		t.Errorf("the new call received %d, dropped %d", s.Received, s.Dropped)
	}
}

// TestWaitingPackets: what waits on the sockets when a spare is taken is thrown away.
func TestWaitingPackets(t *testing.T) {
	r, err := New(Config{PortMin: 27200, PortMax: 27201}) // one pair; no loop runs, so what comes waits
	if err != nil {
		t.Fatal(err)
	}
	defer r.release()
	own := netip.MustParseAddr("127.0.77.4") // where no other test binds
	old, err := r.Open(own, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, old, 1, 0)
	old.Close()
	for range 5 {
		p.send(frameOf(1))
	}
	l, err := r.Open(own, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Addr() != old.Addr() {
		t.Fatalf("%v, there is only %v", l.Addr(), old.Addr())
	}
	if n := newBatch().receive(l.pair.rtp, false); n != 0 {
		t.Errorf("%d packets of the old call", n)
	}
}

// TestSparesGiveWay: spares do not keep a leg from opening: not when the range is used up, also by
// those on another address, nor when descriptors are scarce; a leg that is restored gets its port.
func TestSparesGiveWay(t *testing.T) {
	r := running(t, Config{PortMin: 27300, PortMax: 27307})
	own, other := netip.MustParseAddr("127.0.77.5"), netip.MustParseAddr("127.0.77.6") // where no other test binds
	var legs []*Leg
	for range 4 {
		l, err := r.Open(own, nil)
		if err != nil {
			t.Fatal(err)
		}
		legs = append(legs, l)
	}
	state := legs[2].Snapshot()
	for _, l := range legs {
		l.Close()
	}
	if used, _ := r.ports.counts(); used != 0 || len(r.ports.spares.list) != 4 {
		t.Fatalf("%d in use, %d spare", used, len(r.ports.spares.list))
	}
	restored, err := r.Restore(state, nil)
	if err != nil || restored.Addr() != state.Local {
		t.Fatalf("%v", err)
	}
	restored.Close()
	for range 4 {
		l, err := r.Open(other, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if _, err := r.Open(other, nil); !errors.Is(err, ErrNoPort) {
		t.Errorf("%v with all ports in use", err)
	}
	for _, err := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS} {
		if !scarce(errors.Join(errors.New("bind"), err)) {
			t.Errorf("%v is no scarcity?", err)
		}
	}
	if scarce(nil) || scarce(unix.EADDRNOTAVAIL) {
		t.Error("a spare pair helps against everything?")
	}
}

// TestNoSpares: without them a pair is closed with its leg.
func TestNoSpares(t *testing.T) {
	r := running(t, Config{PortMin: 27400, PortMax: 27499, Spares: -1})
	l := open(t, r, nil)
	at := l.Addr()
	l.Close()
	fd, err := bindSocket(at, 0)
	if err != nil {
		t.Fatalf("the port is still open: %v", err)
	}
	_ = unix.Close(fd)
}

// BenchmarkOpen is what the ports of a leg cost, opened and closed, with and without spares.
func BenchmarkOpen(b *testing.B) {
	for name, most := range map[string]int{"spares": 0, "none": -1} {
		b.Run(name, func(b *testing.B) {
			r, err := New(Config{PortMin: 20000, PortMax: 29999, Spares: most})
			if err != nil {
				b.Fatal(err)
			}
			defer r.release()
			now := time.Duration(0) // 500 legs a second
			b.ReportAllocs()
			for b.Loop() {
				p, err := r.ports.open(r.loops[0], loopback, 0, now)
				if err != nil {
					b.Fatal(err)
				}
				r.ports.release(p, now)
				now += 2 * time.Millisecond
			}
		})
	}
}
