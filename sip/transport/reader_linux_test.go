package transport

import (
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
