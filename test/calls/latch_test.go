package calls_test

import (
	"net/netip"
	"sync"
	"testing"
	"time"
)

// stranger is an ear elsewhere that speaks to where e does.
func stranger(t *testing.T, host string, e *ear) *ear {
	t.Helper()
	s := newEar(t, netip.MustParseAddr(host))
	e.mu.Lock()
	defer e.mu.Unlock()
	s.remote = e.remote
	return s
}

// together runs what speaks at the same time.
func together(speakers ...func()) {
	var all sync.WaitGroup
	for _, speak := range speakers {
		all.Go(speak)
	}
	all.Wait()
}

// Two phones behind a NAT (RFC 4961): what their descriptions say is out of reach. Strangers who know
// their ports speak before them, beside them, from their own address, and while they are silent: none of
// them is heard once the phone has spoken, and none hears anything.
func TestLatchIsNotStolen(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.ear.says = netip.MustParseAddrPort("192.0.2.10:4000")
	callee.ear.says = netip.MustParseAddrPort("192.0.2.20:4000")
	out, in := connect(t, caller, callee, "8006")
	thieves := []*ear{
		stranger(t, "127.0.0.66", caller.ear), stranger(t, "127.0.0.67", callee.ear),
		stranger(t, "127.0.0.1", caller.ear), stranger(t, "127.0.0.1", callee.ear),
	}
	steal := func(from []*ear, packets int) func() {
		return func() {
			var all []func()
			for _, e := range from {
				all = append(all, func() { e.speak(1633, 0, packets) })
			}
			together(all...)
		}
	}
	hearNothing := func(why string) {
		t.Helper()
		for i, e := range thieves {
			if n := e.heard(); n != 0 {
				t.Errorf("stranger %d hears %d packets %s", i, n, why)
			}
			e.reset()
		}
	}
	steal(thieves[:2], 10)() // before the phones: nothing tells who they are
	together(steal(thieves[:2], 75), func() {
		together(func() { caller.ear.speak(440, 0, 10) }, func() { callee.ear.speak(770, 0, 10) })
		for _, e := range thieves {
			e.reset()
		}
		hear(t, caller, callee)
	})
	hearNothing("that were the phones', after it had spoken before them")
	together(steal(thieves, 50), func() { hear(t, caller, callee) })
	hearNothing("beside the phones")

	caller.ear.reset()
	callee.ear.reset()
	steal(thieves[:2], 50)() // a second of silence
	if a, b := caller.ear.heard(), callee.ear.heard(); a+b != 0 {
		t.Errorf("in a silence the phones hear %d and %d packets of strangers", a, b)
	}
	hearNothing("in a silence")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}

// A phone behind a NAT moves: its NAT gives it another port, and its stream goes on from there; or
// it says so by re-INVITE. Either is followed, and the old place hears nothing more.
func TestLatchFollows(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	caller.ear.says = netip.MustParseAddrPort("192.0.2.10:4000")
	out, in := connect(t, caller, callee, "8006")
	warm := func() {
		together(func() { caller.ear.speak(440, 0, 10) }, func() { callee.ear.speak(770, 0, 10) })
	}
	warm()
	hear(t, caller, callee)

	move := func(says string) (old *ear) {
		old = caller.ear
		caller.ear = stranger(t, "127.0.0.1", old)
		caller.ear.says = netip.MustParseAddrPort(says)
		return old
	}
	old := move("192.0.2.10:4000")
	caller.ear.ssrc, caller.ear.sent = old.ssrc, old.sent // the same stream
	for callee.ear.reset(); callee.ear.heard() == 0; {    // it is followed when the old place has been silent for a moment
		caller.ear.speak(440, 0, 5)
		if caller.ear.sent > old.sent+250 {
			t.Fatal("the phone is not heard from its new port")
		}
	}
	warm()
	old.reset()
	hear(t, caller, callee)
	if n := old.heard(); n != 0 {
		t.Errorf("the port the NAT has given up hears %d packets", n)
	}

	old = move("192.0.2.10:4002")
	out.reinvite(caller.describe(""))
	out.answered("the new address is accepted")
	warm()
	old.reset()
	together(func() { old.speak(1633, 0, 25) }, func() { hear(t, caller, callee) }) // what lay in its queue
	if n := old.heard(); n != 0 {
		t.Errorf("the place before the re-INVITE hears %d packets", n)
	}
	out.bye()
	in.hungUp("the end")
}

// rtp_timeout_hold, not rtp_timeout, is for the phone that holds the call; the other one speaks on.
func TestSilentOnHold(t *testing.T) {
	h := open(t, "rtp_timeout=2\nrtp_timeout_hold=4\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	var speaking sync.WaitGroup
	defer speaking.Wait()
	speaking.Go(func() { callee.ear.speak(770, 0, 300) })
	speaking.Go(func() { caller.ear.speak(440, 0, 50) }) // until hold is agreed, however slow the machine is
	out.reinvite(caller.describe("inactive"))
	out.answered("hold")
	began := time.Now()
	out.hungUp("no sound for four seconds on hold")
	in.hungUp("no sound for four seconds on hold")
	if d := time.Since(began); d < 3*time.Second {
		t.Errorf("hung up after %v on hold: rtp_timeout held", d)
	}
	one(t, h, "ANSWERED", 44)
}
