package relay

import (
	"testing"
	"time"
)

// settled waits until a leg keeps so many packets: what was sent has been read.
func settled(t *testing.T, l *Leg, packets int) {
	t.Helper()
	for range 2000 { // 10 s
		l.mu.Lock()
		n := len(l.early)
		l.mu.Unlock()
		if n == packets {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the leg does not keep %d packets", packets)
}

// What a peer says before its description is known, and before there is somebody to
// hear it, is heard: in order, in one stream, nothing lost.
func TestFirstPackets(t *testing.T) {
	r := running(t, Config{})
	la, lb := open(t, r, nil), open(t, r, nil)
	a, b := newPeer(t, la, 0xAAAA, pcmu.RecvPT), newPeer(t, lb, 0xBBBB, pcmu.RecvPT)
	lb.Set(both(b.addr(), pcmu))
	a.send(frameOf(1))
	a.send(frameOf(2))
	settled(t, la, 2) // not even described
	la.Set(both(a.addr(), pcmu))
	a.send(frameOf(3))
	settled(t, la, 3) // not joined
	if err := r.Join(la, lb); err != nil {
		t.Fatal(err)
	}
	a.send(frameOf(4))
	first, payload := b.must("the first packet")
	for i := byte(1); i <= 4; i++ {
		if payload[0] != i {
			t.Errorf("packet %d carries %d", i, payload[0])
		}
		if i < 4 {
			h, next := b.must("another packet")
			if h.Sequence != first.Sequence+uint16(i) || h.SSRC != first.SSRC {
				t.Errorf("packet %d: %+v after %+v", i+1, h, first)
			}
			payload = next
		}
	}
	if s := la.Stats(); s.Received != 4 || s.Lost != 0 {
		t.Errorf("%+v, want 4 packets received", s)
	}
}

// What is kept is the beginning of a stream, a moment long: not what a peer has said to
// nobody for longer.
func TestFirstPacketsAreFew(t *testing.T) {
	r := running(t, Config{})
	la, lb := open(t, r, nil), open(t, r, nil)
	a, b := newPeer(t, la, 0xAAAA, pcmu.RecvPT), newPeer(t, lb, 0xBBBB, pcmu.RecvPT)
	for i := range earlyMost + 5 {
		a.send(frameOf(byte(i)))
	}
	settled(t, la, earlyMost)
	lb.Set(both(b.addr(), pcmu))
	la.Set(both(a.addr(), pcmu))
	if err := r.Join(la, lb); err != nil {
		t.Fatal(err)
	}
	a.send(frameOf(50))
	for want := range byte(earlyMost) {
		if _, payload := b.must("a packet"); payload[0] != want {
			t.Fatalf("%d is heard, want %d", payload[0], want)
		}
	}
	if _, payload := b.must("the next packet"); payload[0] != 50 {
		t.Errorf("%d is heard, want the next one", payload[0])
	}

	lc := open(t, r, nil)
	c := newPeer(t, lc, 0xDDDD, pcmu.RecvPT)
	c.send(frameOf(1))
	settled(t, lc, 1)
	time.Sleep(earlyFor + 50*time.Millisecond)
	c.send(frameOf(2))
	settled(t, lc, 0)
	lc.Set(both(c.addr(), pcmu))
	if err := r.Join(lc, lb); err != nil {
		t.Fatal(err)
	}
	c.send(frameOf(3))
	if _, payload := b.must("a packet"); payload[0] != 3 {
		t.Errorf("%d is heard, want only what comes now", payload[0])
	}
}
