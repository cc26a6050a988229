package relay

import (
	"net/netip"
	"testing"
	"time"

	"github.com/hometone/hometone/rtp"
)

var (
	sdpAddr  = netip.MustParseAddrPort("192.0.2.10:4000") // what the peer's SDP says
	natAddr  = netip.MustParseAddrPort("198.51.100.1:33000")
	thief    = netip.MustParseAddrPort("203.0.113.66:6666")
	thief2   = netip.MustParseAddrPort("203.0.113.67:6666")
	sipAddr  = netip.MustParseAddr("198.51.100.1")
	natMoved = netip.MustParseAddrPort("198.51.100.1:44000")
	roamed   = netip.MustParseAddrPort("100.64.3.3:55000")
)

// stage plays packets into a latch.
type stage struct {
	t   *testing.T
	l   latch
	now time.Duration
}

// from sends n packets, 20 ms apart; it returns how many were accepted.
func (s *stage) from(src netip.AddrPort, ssrc uint32, seq uint16, n int) (accepted int) {
	for i := range n {
		s.now += 20 * time.Millisecond
		if ok, _ := s.l.accept(src, rtp.Header{SSRC: ssrc, Sequence: seq + uint16(i)}, s.now, false); ok {
			accepted++
		}
	}
	return accepted
}

func (s *stage) source(want netip.AddrPort, why string) {
	s.t.Helper()
	if s.l.Source != want {
		s.t.Errorf("source is %v, want %v: %s", s.l.Source, want, why)
	}
}

func newStage(t *testing.T, signalling netip.Addr) *stage {
	s := &stage{t: t}
	s.l.describe(sdpAddr, signalling)
	return s
}

// TestLatchSDP: the address of the SDP is believed at once, and strangers change nothing while it speaks.
func TestLatchSDP(t *testing.T) {
	s := newStage(t, netip.Addr{})
	if s.from(sdpAddr, 1, 100, 1) != 1 {
		t.Error("the first packet from the SDP's address is the peer's")
	}
	for i := range 100 {
		if s.from(thief, 9, uint16(i), 1) != 0 {
			t.Fatal("a stranger was heard")
		}
		s.from(sdpAddr, 1, 101+uint16(i), 1)
	}
	s.source(sdpAddr, "the peer spoke all the time")
}

// TestLatchNAT: behind a NAT the peer comes from elsewhere; it is heard at once and answered to after a run.
func TestLatchNAT(t *testing.T) {
	s := newStage(t, netip.Addr{})
	if n := s.from(natAddr, 1, 100, 3); n != 3 {
		t.Errorf("%d of its first packets were heard", n)
	}
	s.source(netip.AddrPort{}, "three packets are no run")
	s.from(natAddr, 1, 103, 1)
	s.source(natAddr, "four coherent packets are")
	s = newStage(t, sipAddr)
	s.from(natAddr, 1, 100, 2)
	s.source(natAddr, "two are enough from where its signalling comes")
}

// TestLatchSpray: incoherent packets never make a run, and cannot keep the peer out.
func TestLatchSpray(t *testing.T) {
	s := newStage(t, sipAddr)
	for i := range 50 {
		s.from(thief, uint32(i), uint16(i*77), 1)
	}
	s.source(netip.AddrPort{}, "every packet another stream")
	s.from(thief, 9, 1, 1)
	if n := s.from(natAddr, 1, 100, 2); n != 2 {
		t.Error("a known address displaces a candidate")
	}
	s.source(natAddr, "the peer")
	s = newStage(t, netip.Addr{})
	s.from(thief, 9, 1, 2)
	if s.from(thief2, 8, 1, 1) != 0 {
		t.Error("a second stranger waits while the first candidate is busy")
	}
	s.from(sdpAddr, 1, 1, 1)
	s.source(sdpAddr, "the SDP's address needs no run")
}

// TestLatchFirst: a stranger who speaks before the peer does, and goes on, is heard only until the peer
// speaks from where its signalling comes, and does not come back.
func TestLatchFirst(t *testing.T) {
	s := newStage(t, sipAddr)
	s.from(thief, 9, 1, 20)
	s.source(thief, "nobody else has spoken")
	heard := 0
	for i := range 50 {
		heard += s.from(natAddr, 1, 100+uint16(i), 1)
		if n := s.from(thief, 9, 21+uint16(i), 1); n != 0 && i >= latchRun {
			t.Fatalf("the stranger is heard beside packet %d of the peer", i)
		}
	}
	s.source(natAddr, "a run from a known address")
	if heard < 50-latchRun {
		t.Errorf("%d of the peer's 50 packets were heard", heard)
	}
	s = newStage(t, netip.Addr{}) // nothing tells two strangers apart: who came first stays
	s.from(natAddr, 1, 100, 20)
	if n := s.from(thief, 9, 1, 20); n != 0 {
		t.Errorf("%d packets of another stranger", n)
	}
}

// TestLatchMove: the peer's NAT gives it a new port, or it roams to another
// network: its stream goes on from there, and is followed.
func TestLatchMove(t *testing.T) {
	for _, to := range []netip.AddrPort{natMoved, roamed} {
		s := newStage(t, sipAddr)
		s.from(natAddr, 1, 100, 50)
		if n := s.from(to, 1, 150, 30); n < 15 {
			t.Errorf("%d of 30 packets were heard after the move to %v", n, to)
		}
		s.source(to, "the stream carried on there")
	}
}

// TestLatchSteal: a stranger with a stream of its own has no success while the
// peer speaks, in its short pauses, or on hold; nor one that guesses the SSRC.
func TestLatchSteal(t *testing.T) {
	s := newStage(t, sipAddr)
	s.from(natAddr, 1, 100, 50)
	if n := s.from(thief, 9, 1, 100); n != 0 { // two seconds of silence
		t.Errorf("%d packets of a stranger were heard in a pause", n)
	}
	s.from(natAddr, 1, 151, 1)
	if n := s.from(thief, 1, 40000, 100); n != 0 {
		t.Errorf("%d packets with the right SSRC and the wrong sequence were heard", n)
	}
	s.source(natAddr, "nobody stole it")
	for range 1000 {
		s.now += 20 * time.Millisecond
		if ok, _ := s.l.accept(thief, rtp.Header{SSRC: 9, Sequence: uint16(s.now / (20 * time.Millisecond))}, s.now, true); ok {
			t.Fatal("a stranger was heard on hold")
		}
	}
}

// TestLatchForeign: a media server that changes without signalling is followed
// after a long silence, and the SDP's address takes it back at once.
func TestLatchForeign(t *testing.T) {
	s := newStage(t, netip.Addr{})
	s.from(natAddr, 1, 100, 50)
	s.from(roamed, 7, 1, 270)
	s.source(roamed, "five seconds of silence")
	if n := s.from(sdpAddr, 2, 1, 4); n != 1 {
		t.Errorf("%d packets", n)
	}
	s.source(sdpAddr, "four packets from the SDP's own address")
}

// TestLatchDescribe: the same address keeps what was learnt, another one forgets it.
func TestLatchDescribe(t *testing.T) {
	s := newStage(t, sipAddr)
	s.from(natAddr, 1, 100, 10)
	s.l.describe(sdpAddr, sipAddr)
	s.source(natAddr, "a re-INVITE without a change")
	s.l.describe(netip.AddrPort{}, sipAddr)
	s.l.describe(sdpAddr, sipAddr)
	s.source(natAddr, "hold by c=0.0.0.0, and resumed")
	s.l.describe(thief2, sipAddr)
	s.source(netip.AddrPort{}, "a re-INVITE with a new address")
}
