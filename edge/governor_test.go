package edge

import (
	"testing"
	"time"
)

// Under overload the share falls until answers are fast again, and recovers.
func TestGovernor(t *testing.T) {
	g := newGovernor()
	interval := func(n int, after time.Duration) float64 {
		for range n {
			g.answered(after)
		}
		return g.turn()
	}
	if s := interval(1000, time.Millisecond); s != 1 || !g.admit() {
		t.Errorf("share %v without overload, want all", s)
	}
	if s := interval(10, time.Minute); s != 1 {
		t.Errorf("share %v after a few slow answers, which say nothing", s)
	}
	for range 9 {
		if s := interval(1000, time.Second); s != 1 {
			t.Errorf("share %v after less than a second: a burst is for the buffers", s)
		}
	}
	for range 3 {
		interval(1000, time.Second)
	}
	s := interval(100, time.Second)
	if s < 0.2 || s > 0.3 {
		t.Errorf("share %v after a second and four bad intervals, want 0.7⁴", s)
	}
	in := 0
	for range 1000 {
		if g.admit() {
			in++
		}
	}
	if want := int(s * 1000); in < want-1 || in > want+1 {
		t.Errorf("%d of 1000 calls are let in, want %d", in, want)
	}
	for range 30 {
		s = interval(100, time.Millisecond)
	}
	if s != 1 {
		t.Errorf("share %v after it is over, want all", s)
	}
}
