// Package wire_test sends a whole node what strangers send: the torture
// messages of RFC 4475 and RFC 5118, the PROTOS corpus, recorded oddities of
// other products. After each message the node must still answer OPTIONS; after
// each corpus its goroutines and memory must be where they were.
package wire_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/test/live"
)

const pjsip = `[udp]
type=transport
protocol=udp
bind=127.0.0.1:0
[tcp]
type=transport
protocol=tcp
bind=127.0.0.1:0
[udp6]
type=transport
protocol=udp
bind=[::1]:0
[8005]
type=endpoint
context=phones
disallow=all
allow=ulaw
auth=8005
aors=8005
[8005]
type=auth
auth_type=userpass
username=8005
password=wire-test-Kx72
[8005]
type=aor
max_contacts=1
`

// server is a node under attack.
type server struct {
	udp, udp6, tcp netip.AddrPort
	probes         atomic.Int64
}

// startNode runs a node on loopback until the test ends.
func startNode(t *testing.T) *server {
	t.Helper()
	dir := live.Files(t, map[string]string{
		"asterisk/pjsip.conf": pjsip, "asterisk/extensions.conf": "[phones]\nexten => _80XX,1,Dial(PJSIP/${EXTEN})\n", "hometone.yaml": "node: {name: wire}\n",
	})
	n := live.Start(t, node.Config{
		File: filepath.Join(dir, "hometone.yaml"), Asterisk: filepath.Join(dir, "asterisk"), Data: filepath.Join(dir, "data"), Logger: slog.New(slog.DiscardHandler),
	})
	return &server{udp: n.Addr("udp"), udp6: n.Addr("udp6"), tcp: n.Addr("tcp")}
}

// peer is a UDP socket from which hostile messages come.
type peer struct {
	conn *net.UDPConn
	to   netip.AddrPort
}

func dial(t *testing.T, local string, to netip.AddrPort) *peer {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", local)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Fatalf("a peer's socket: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return &peer{conn: conn, to: to}
}

func (p *peer) send(t *testing.T, msg []byte) {
	t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(msg, p.to); err != nil {
		t.Fatalf("send %d bytes: %v", len(msg), err)
	}
}

// receive returns the next message, "" if none comes within wait.
func (p *peer) receive(wait time.Duration) string {
	buf := make([]byte, 65536)
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	n, _, err := p.conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// options is a well-formed request that every node answers; RFC 3261 §11.2.
func options(from net.Addr, to netip.AddrPort, id int64) string {
	return fmt.Sprintf("OPTIONS sip:%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bKprobe%[3]d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:probe@%[1]s>;tag=p\r\nTo: <sip:%[2]s>\r\nCall-ID: probe-%[3]d-%[1]s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", from, to, id)
}

// alive fails the test if the node does not answer OPTIONS within a second.
func (s *server) alive(t *testing.T, p *peer, after string) {
	t.Helper()
	id := s.probes.Add(1)
	p.send(t, []byte(options(p.conn.LocalAddr(), p.to, id)))
	want := fmt.Sprintf("probe-%d-", id)
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		if res := p.receive(time.Until(deadline)); strings.Contains(res, want) {
			if !strings.HasPrefix(res, "SIP/2.0 200 ") {
				t.Fatalf("OPTIONS after %s is answered %.60q, want 200", after, res)
			}
			return
		}
	}
	t.Fatalf("OPTIONS is not answered within a second after %s", after)
}

// footprint is what must not grow.
type footprint struct {
	goroutines int
	heap       uint64
}

func measure() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), m.HeapAlloc}
}

// settled waits until goroutines are back at the count of before (transactions
// live for 32 s, goroutines do not) and compares the heap.
func settled(t *testing.T, before footprint, heapGrowth uint64) {
	t.Helper()
	var now footprint
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if now = measure(); now.goroutines <= before.goroutines+2 && now.heap <= before.heap+heapGrowth {
			return
		}
	}
	t.Errorf("%d goroutines and %d kB of heap, before it were %d and %d kB; at most %d kB more are allowed",
		now.goroutines, now.heap>>10, before.goroutines, before.heap>>10, heapGrowth>>10)
}
