package dispatch_test

import (
	"testing"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
)

// Under overload calls are shed until answers are quick again; then nearly as many
// come in as could be answered, and all when nothing needs to be shed.
func TestGovernor(t *testing.T) {
	g := dispatch.NewGovernor()
	interval := func(n int, after time.Duration) float64 {
		for range n {
			g.Answered(after)
		}
		return g.Turn(0)
	}
	if l := interval(1000, time.Millisecond); l != 0 || !g.Admit() {
		t.Errorf("a limit of %v without overload, want none", l)
	}
	for range 20 {
		if l := interval(0, time.Minute); l != 0 {
			t.Errorf("a limit of %v without answers, which says nothing", l)
		}
	}
	interval(3, time.Minute)
	for range 19 {
		if l := interval(0, time.Minute); l != 0 {
			t.Errorf("a limit of %v after a few slow answers, which say nothing", l)
		}
	}
	for range 2 {
		if l := interval(100, time.Second); l != 0 {
			t.Errorf("a limit of %v after less than three tenths of a second: a burst is for the buffers", l)
		}
	}
	if l := interval(100, time.Second); l != 250 {
		t.Errorf("a limit of %v a second when 1,000 a second are answered slowly, want a quarter", l)
	}
	in := 0
	for range 300 {
		if g.Admit() {
			in++
		}
	}
	if in != 25 {
		t.Errorf("%d calls are let in in a tenth of a second, want 25", in)
	}
	if l := interval(100, 400*time.Millisecond); l != 980 {
		t.Errorf("a limit of %v while answers are neither slow nor quick, want nearly their rate", l)
	}
	interval(100, time.Second)
	if l := interval(50, time.Millisecond); l != 950 {
		t.Errorf("a limit of %v when the waiting calls are done, want 950", l)
	}
	l := 950.0
	for range 200 { // far fewer calls than could come
		g.Admit()
		l = interval(100, time.Millisecond)
	}
	if l != 0 || !g.Admit() {
		t.Errorf("a limit of %v after it is over, want none", l)
	}
}
