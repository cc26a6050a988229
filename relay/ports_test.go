package relay

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// TestPortsRange: RFC 3550 §11: RTP even, RTCP the next odd one; a range too small is an error.
func TestPortsRange(t *testing.T) {
	for _, c := range [][2]uint16{{100, 100}, {101, 102}, {0, 10}, {10, 9}, {65535, 65535}} {
		if _, err := newPorts(c[0], c[1]); err == nil {
			t.Errorf("%v holds a pair?", c)
		}
	}
	for _, c := range []struct {
		low, high uint16
		pairs     int
	}{{10000, 20000, 5000}, {10001, 10004, 1}, {10000, 10001, 1}, {65534, 65535, 1}, {10000, 10002, 1}} {
		p, err := newPorts(c.low, c.high)
		if err != nil || len(p.free) != c.pairs {
			t.Errorf("%d-%d: %v, %d pairs", c.low, c.high, err, len(p.free))
		}
	}
}

// TestPortsExhausted: the error names the range and the figures, and what is closed can be used again.
func TestPortsExhausted(t *testing.T) {
	r := running(t, Config{PortMin: 36100, PortMax: 36107})
	own := netip.MustParseAddr("127.0.77.1") // where no other test binds
	held, err := net.ListenUDP("udp4", &net.UDPAddr{IP: own.AsSlice(), Port: 36103})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	var legs []*Leg
	for range 3 {
		l, err := r.Open(own, nil)
		if err != nil {
			t.Fatal(err)
		}
		if p := l.Addr().Port(); p%2 != 0 || l.RTCPAddr().Port() != p+1 || p == 36102 {
			t.Errorf("port %d", p)
		}
		legs = append(legs, l)
	}
	_, err = r.Open(own, nil)
	if !errors.Is(err, ErrNoPort) || !strings.Contains(err.Error(), "36100-36107: 3 of 4 are in use by calls, 1 by other programs") {
		t.Errorf("%v", err)
	}
	legs[1].Close()
	if l, err := r.Open(own, nil); err != nil || l.Addr() != legs[1].Addr() {
		t.Errorf("%v; only %v is free", err, legs[1].Addr())
	}
}

// TestPortsRest: a closed port is the last to be used again, and the order cannot be foreseen.
func TestPortsRest(t *testing.T) {
	p, err := newPorts(20000, 20399)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := p.draw()
	p.put(first)
	for i := range len(p.free) - pick {
		if port, _ := p.draw(); port == first {
			t.Fatalf("port %d came again after %d others", first, i)
		}
	}
	q, _ := newPorts(20000, 20399)
	same := 0
	for i := range p.free {
		if p.free[i] == q.free[i] {
			same++
		}
	}
	if same > 20 {
		t.Errorf("%d of %d ports stand in the same place in two ranges", same, len(p.free))
	}
}

// TestOpenErrors: an address that is not ours, none at all, and a relay that has ended.
func TestOpenErrors(t *testing.T) {
	r := running(t, Config{PortMin: 36200, PortMax: 36209})
	if _, err := r.Open(netip.MustParseAddr("192.0.2.1"), nil); err == nil || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("%v", err)
	}
	if _, err := r.Open(netip.Addr{}, nil); err == nil {
		t.Error("no address")
	}
	if used, _ := r.ports.counts(); used != 0 {
		t.Errorf("%d ports leak after failures", used)
	}
	if _, err := New(Config{DSCP: 64}); err == nil {
		t.Error("DSCP has six bits")
	}
	if _, err := New(Config{PortMin: 5, PortMax: 4}); err == nil {
		t.Error("the range is empty")
	}
}
