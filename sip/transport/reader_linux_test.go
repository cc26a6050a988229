package transport

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestBusyReader: a reader that looks at intervals serves everything, goes back
// to the poller when the traffic ends, and serves what comes then.
func TestBusyReader(t *testing.T) {
	h := new(nobody)
	l := startWith(t, Config{Listen: []Listen{{Proto: UDP, Addr: at("127.0.0.1:0")}}}, h)
	c := dialUDP(t, l.Addrs()[0].Addr)
	msg := []byte(options("SIP/2.0/UDP h;branch=z9hG4bK1;rport"))
	served := func(want int64, why string) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); h.n.Load() < want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d of %d served: %s", h.n.Load(), want, why)
			}
		}
	}
	sent := int64(0)
	for range 3 {
		for range 200 {
			c.Write(msg)
			time.Sleep(200 * time.Microsecond)
			sent++
		}
		served(sent, "all that came while the reader was busy")
		time.Sleep((idleLooks + 2) * longestRest) // the reader has gone back to the poller
		c.Write(msg)
		sent++
		served(sent, "a lone message after that")
	}
}

// TestPatience: REGISTERs alone make a reader busy when they come once in patientRest,
// everything else, and REGISTERs while something else comes, once in longestRest.
func TestPatience(t *testing.T) {
	for _, tt := range []struct {
		what   string
		gap    time.Duration
		urgent bool
		since  time.Duration // since something urgent came before these
		busy   bool
	}{
		{"REGISTERs", patientRest, false, time.Hour, true},
		{"REGISTERs far apart", patientRest + time.Millisecond, false, time.Hour, false},
		{"REGISTERs after a call", patientRest, false, time.Millisecond, false},
		{"REGISTERs close together after a call", longestRest, false, time.Millisecond, true},
		{"calls", longestRest, true, time.Hour, true},
		{"calls far apart", patientRest, true, time.Hour, false},
	} {
		now, busy := time.Now(), false
		r := &reader{urgent: tt.urgent, hurry: now.Add(-tt.since)}
		for range busyStreak {
			now = now.Add(tt.gap)
			busy = r.came(1, now)
		}
		if busy != tt.busy {
			t.Errorf("%s, one in %v: busy %v, want %v", tt.what, tt.gap, busy, tt.busy)
		}
	}
}

// TestBusyReaderEnds: traffic that does not stop does not keep a layer from
// ending; startWith fails the test if it does.
func TestBusyReaderEnds(t *testing.T) {
	h := new(nobody)
	stop := make(chan struct{})
	ended := make(chan struct{})
	t.Cleanup(func() { close(stop); <-ended })
	l := startWith(t, Config{Listen: []Listen{{Proto: UDP, Addr: at("127.0.0.1:0")}}}, h)
	c := dialUDP(t, l.Addrs()[0].Addr)
	msg := []byte(options("SIP/2.0/UDP h;branch=z9hG4bK1;rport"))
	go func() { // sends until the layer has ended
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				c.Write(msg)
				time.Sleep(100 * time.Microsecond)
			}
		}
	}()
	for end := time.Now().Add(5 * time.Second); h.n.Load() < 100 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if h.n.Load() < 100 {
		t.Errorf("%d served while the traffic runs", h.n.Load())
	}
}

// inline runs a layer whose readers wait in the kernel.
func inline(t *testing.T, h *nobody, addrs ...string) *Layer {
	var listen []Listen
	for _, a := range addrs {
		listen = append(listen, Listen{Name: a, Proto: UDP, Addr: at(a)})
	}
	return startWith(t, Config{Listen: listen, Inline: true}, h)
}

// TestInlineReader: a reader that waits in the kernel serves what comes alone and
// what comes in crowds, on every kind of socket, and ends with its layer while it
// waits (startWith fails the test if it does not).
func TestInlineReader(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		h := new(nobody)
		l := inline(t, h, addr)
		port := l.Addrs()[0].Addr.Port()
		host := at("127.0.0.1:0")
		if l.Addrs()[0].Addr.Addr().Is6() {
			host = at("[::1]:0")
		}
		c := dialUDP(t, netip.AddrPortFrom(host.Addr(), port))
		msg := []byte(options("SIP/2.0/UDP h;branch=z9hG4bK1;rport"))
		sent := int64(0)
		for _, crowd := range []int{1, 1, 100, 1} {
			for range crowd {
				c.Write(msg)
				sent++
			}
			for end := time.Now().Add(5 * time.Second); h.n.Load() < sent; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s: %d of %d served", addr, h.n.Load(), sent)
				}
			}
		}
	}
}

// TestInlineReaderReleased: a listener that is closed alone lets go of its thread
// and its port while the layer goes on.
func TestInlineReaderReleased(t *testing.T) {
	h := new(nobody)
	l := inline(t, h, "127.0.0.1:0", "127.0.0.2:0")
	gone, stays := l.Addrs()[0], l.Addrs()[1]
	if err := l.Relisten([]Listen{{Name: stays.Name, Proto: UDP, Addr: at("127.0.0.2:0")}}); err != nil {
		t.Fatal(err)
	}
	l.Release(time.Now().Add(time.Second))
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(gone.Addr))
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("the port of a released listener is still taken: ", err)
		}
	}
	c := dialUDP(t, stays.Addr)
	c.Write([]byte(options("SIP/2.0/UDP h;branch=z9hG4bK1;rport")))
	for end := time.Now().Add(5 * time.Second); h.n.Load() < 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the listener that stays serves nothing")
		}
	}
}
