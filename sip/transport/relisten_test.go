package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
)

// names are the names of the listeners in use.
func names(l *Layer) (list []string) {
	for _, ln := range l.Addrs() {
		list = append(list, ln.Name)
	}
	return list
}

// ask sends an OPTIONS, or another request, and returns the flow it came over.
func ask(t *testing.T, d *desk, c net.Conn, msg string) arrival {
	t.Helper()
	if _, err := c.Write([]byte(msg)); err != nil {
		t.Fatal(err)
	}
	return wait(t, d.messages, "a request")
}

// TestRelisten: listeners come and go while the layer runs; what is there stays
// as it is, on the same socket.
func TestRelisten(t *testing.T) {
	stay := Listen{Name: "stay", Proto: UDP, Addr: at("127.0.0.1:0")}
	gone := Listen{Name: "gone", Proto: UDP, Addr: at("127.0.0.2:0")}
	stream := Listen{Name: "stream", Proto: TCP, Addr: at("127.0.0.2:0")}
	l, d := start(t, Config{Listen: []Listen{stay, gone, stream}})
	before := l.Addrs()
	known := dialUDP(t, before[1].Addr)
	flow := ask(t, d, known, options("SIP/2.0/UDP h;branch=z9hG4bK1;rport")).flow
	conn, err := net.Dial("tcp", before[2].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask(t, d, conn, options("SIP/2.0/TCP h;branch=z9hG4bK2"))

	fresh := Listen{Name: "fresh", Proto: UDP, Addr: at("127.0.0.3:0")}
	if err := l.Relisten([]Listen{fresh, stay}); err != nil {
		t.Fatal(err)
	}
	now := l.Addrs()
	if got := names(l); !slices.Equal(got, []string{"fresh", "stay"}) || now[1].Addr != before[0].Addr {
		t.Fatalf("listens on %v, want fresh and stay, which is still at %v", now, before[0].Addr)
	}
	if a := ask(t, d, dialUDP(t, now[0].Addr), options("SIP/2.0/UDP h;branch=z9hG4bK3;rport")); a.flow.Local() != now[0].Addr {
		t.Errorf("the new listener serves as %v", a.flow)
	}
	ask(t, d, conn, options("SIP/2.0/TCP h;branch=z9hG4bK4")) // an open connection goes on
	if c, err := net.Dial("tcp", before[2].Addr.String()); err == nil {
		c.Close()
		t.Error("a retired stream listener accepts another connection")
	}
	if a := ask(t, d, known, options("SIP/2.0/UDP h;branch=z9hG4bK5;rport")); a.flow != flow || a.err != nil {
		t.Errorf("a retired datagram listener serves as %v %v, want %v as before", a.flow, a.err, flow)
	}
	if err := l.Send(flow, []byte("SIP/2.0 200 OK\r\n\r\n")); err != nil {
		t.Errorf("a flow of a retired listener: %v", err)
	}
	if f, ok := l.Find(Target{Proto: UDP, Addr: at("127.0.0.9:5060"), Listener: "gone"}); !ok || f.Local() != before[1].Addr {
		t.Errorf("a dialog at the retired listener leaves over %v, want from %v", f, before[1].Addr)
	}
	if f, _ := l.Find(Target{Proto: UDP, Addr: at("127.0.0.9:5060")}); f.Local() != now[0].Addr {
		t.Errorf("new requests leave over %v, want from the first that is in use", f)
	}
}

// TestRetired: a datagram listener that has been retired for longer than an
// INVITE is repeated refuses what opens something new and serves dialogs, until
// it is released; asked for again, it is as before.
func TestRetired(t *testing.T) {
	stay, gone := Listen{Name: "stay", Proto: UDP, Addr: at("127.0.0.1:0")}, Listen{Name: "gone", Proto: UDP, Addr: at("127.0.0.2:0")}
	l, d := start(t, Config{Listen: []Listen{stay, gone}})
	place := l.Addrs()[1].Addr
	c := dialUDP(t, place)
	relisten := func(want ...Listen) {
		t.Helper()
		if err := l.Relisten(want); err != nil {
			t.Fatal(err)
		}
	}
	relisten(stay)
	l.numbered(2).retired.Store(time.Now().Add(-lateAfter).UnixNano())
	var refused *sip.Error
	if a := ask(t, d, c, options("SIP/2.0/UDP h;branch=z9hG4bK1;rport")); !errors.As(a.err, &refused) || refused.Status != 503 {
		t.Errorf("a request outside of dialogs gets %v, want 503", a.err)
	}
	inside := "BYE sip:node@127.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK2;rport\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n" +
		"Call-ID: c\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	if a := ask(t, d, c, inside); a.err != nil {
		t.Errorf("a request in a dialog gets %v", a.err)
	}
	relisten(stay, gone)
	if a := ask(t, d, c, options("SIP/2.0/UDP h;branch=z9hG4bK3;rport")); a.err != nil || l.Addrs()[1].Addr != place {
		t.Errorf("listening there again: %v at %v, want as before at %v", a.err, l.Addrs()[1].Addr, place)
	}
	relisten(stay)
	l.Release(time.Now().Add(-time.Minute))
	if n := retired(l); n != 1 {
		t.Errorf("%d are retired, want 1: it has not been for a minute", n)
	}
	l.Release(time.Now().Add(time.Second))
	if n := retired(l); n != 0 || l.retiring.Load() != 0 {
		t.Errorf("%d are retired after Release, want none", n)
	}
	free, err := net.ListenPacket("udp4", place.String())
	if err != nil {
		t.Fatalf("the address is not free after Release: %v", err)
	}
	free.Close()
}

func retired(l *Layer) (n int) {
	for range l.Retired {
		n++
	}
	return n
}

// TestRelistenRefused: one address that cannot be bound, or a mistake, and
// nothing has changed.
func TestRelistenRefused(t *testing.T) {
	stay := Listen{Name: "stay", Proto: UDP, Addr: at("127.0.0.1:0")}
	l, d := start(t, Config{Listen: []Listen{stay}})
	taken, err := net.Listen("tcp4", "127.0.0.4:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().(*net.TCPAddr).AddrPort()
	fresh := Listen{Name: "fresh", Proto: UDP, Addr: netip.AddrPortFrom(busy.Addr(), busy.Port())}
	err = l.Relisten([]Listen{fresh, {Name: "busy", Proto: TCP, Addr: busy}})
	var fault *ListenError
	if !errors.As(err, &fault) || fault.Listen.Name != "busy" || !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("an address in use gives %v", err)
	}
	if err := l.Relisten([]Listen{stay, stay}); err == nil {
		t.Error("two listeners of one name are accepted")
	}
	if got := names(l); !slices.Equal(got, []string{"stay"}) || retired(l) != 0 {
		t.Errorf("after refusals it listens on %v, %d retired", got, retired(l))
	}
	ask(t, d, dialUDP(t, l.Addrs()[0].Addr), options("SIP/2.0/UDP h;branch=z9hG4bK1;rport"))
	again, err := net.ListenPacket("udp4", busy.String())
	if err != nil {
		t.Fatalf("a socket of the refused change is left: %v", err)
	}
	again.Close()
}

// TestRelistenCertificate: a renewed certificate holds for the next handshake,
// on TLS and on WSS.
func TestRelistenCertificate(t *testing.T) {
	for _, p := range []Proto{TLS, WSS} {
		first, _ := certificates(t)
		second, _ := certificates(t)
		l, _ := start(t, Config{Listen: []Listen{{Name: "s", Proto: p, Addr: at("127.0.0.1:0"), TLS: first}}})
		leaf := func() string {
			t.Helper()
			c, err := tls.Dial("tcp", l.Addrs()[0].Addr.String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			return string(c.ConnectionState().PeerCertificates[0].Raw)
		}
		before := leaf()
		if err := l.Relisten([]Listen{{Name: "s", Proto: p, Addr: at("127.0.0.1:0"), TLS: second}}); err != nil {
			t.Fatal(err)
		}
		if leaf() == before {
			t.Errorf("%v: the old certificate is shown after Relisten", p)
		}
	}
}

// TestTaken: another layer has the address; its sockets would let us share it.
func TestTaken(t *testing.T) {
	cfg := Config{Sockets: 2, Listen: []Listen{{Name: "s", Proto: UDP, Addr: at("127.0.0.6:0")}}}
	first, _ := start(t, cfg)
	cfg.Listen = first.Addrs()
	second, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Listen(); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second layer on the same address: %v, want address already in use", err)
	}
}
