package transport

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hometone/hometone/internal/rest"
)

// counts sends one datagram from each of many peers and returns how many came to
// each socket.
func counts(t *testing.T, sockets []*udpSocket) (each [3]int) {
	t.Helper()
	const peers = 64
	for range peers {
		dialUDP(t, sockets[0].local).Write([]byte("x"))
	}
	r := newReceiver(false)
	for end, total := time.Now().Add(5*time.Second), 0; total < peers; runtime.Gosched() {
		for i, s := range sockets {
			s.raw.Control(func(fd uintptr) {
				n, _ := r.receive(fd, false, unix.MSG_DONTWAIT)
				each[i] += n
				total += n
			})
		}
		if time.Now().After(end) {
			t.Fatalf("%v of %d datagrams came", each, peers)
		}
	}
	return each
}

// TestCrew: one socket gets everything until its reader is busy, then all get
// their part, and after a calm second it is one again.
func TestCrew(t *testing.T) {
	addr := netip.MustParseAddrPort("127.0.0.1:0")
	var sockets []*udpSocket
	for range 3 {
		s, err := openUDP("udp4", addr, true, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.close)
		addr = s.local
		sockets = append(sockets, s)
	}
	var c crew
	c.muster(sockets)
	if c.lead == nil {
		t.Skip("this kernel cannot be told which socket to choose")
	}
	now := c.began
	work := func(window time.Duration, share float64) {
		now = now.Add(window)
		c.worked(now.Add(-time.Duration(share*float64(window))), now)
	}
	alone := func(why string) {
		t.Helper()
		if got := counts(t, sockets); c.alone() != sockets[0] || got != [3]int{64, 0, 0} {
			t.Errorf("%s: the sockets got %v, want all for the first", why, got)
		}
	}
	alone("at the start")
	work(crewWindow, 0.6)
	work(crewWindow/2, 0.9)
	work(crewWindow/2, 0.3)
	alone("busy, but not too busy for one")
	work(crewWindow, 0.9)
	if got := counts(t, sockets); c.alone() != nil || got[0] == 0 || got[1] == 0 || got[2] == 0 {
		t.Errorf("too busy for one: the sockets got %v, want a part for each", got)
	}
	for range crewWindows - 1 {
		work(crewWindow, 0.1)
	}
	work(crewWindow, 0.9) // not calm for long enough
	for range crewWindows - 1 {
		work(crewWindow, 0.1)
	}
	if c.alone() != nil {
		t.Error("one reader serves alone before it has been calm long enough")
	}
	work(crewWindow, 0.1)
	alone("calm")
	new(crew).worked(now, now.Add(time.Second)) // nobody to steer
}

// TestUnannouncedWaitGivesWay: a collection does not wait for a reader that waits
// without telling the scheduler.
func TestUnannouncedWaitGivesWay(t *testing.T) {
	defer rest.Reserve(1)()
	s, err := openUDP("udp4", netip.MustParseAddrPort("127.0.0.1:0"), false, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	const long = time.Minute
	ended := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		s.raw.Control(func(fd uintptr) {
			wait := unix.NsecToTimeval(int64(long))
			if err := unix.SetsockoptTimeval(int(fd), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
				t.Error(err)
			}
			if n, errno := newReceiver(false).receive(fd, false, unix.MSG_WAITFORONE); n != 0 || errno != unix.EINTR {
				t.Errorf("%d datagrams and %v, want none and an interruption", n, errno)
			}
		})
	}()
	for done := false; !done; {
		runtime.GC()
		select {
		case <-ended:
			done = true
		default:
		}
	}
	if spent := time.Since(began); spent > long/2 {
		t.Errorf("a collection waited %v for a wait of %v", spent, long)
	}
}
