package transaction

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/sip/transport/transporttest"
)

// BenchmarkOptionsOverUDP is OPTIONS → 200 through transport and transaction on
// loopback, with a window of requests under way. cpu-µs/tx is the process's CPU
// time, the plain sender's included.
func BenchmarkOptionsOverUDP(b *testing.B) {
	for _, window := range []int{1, 32} {
		b.Run(fmt.Sprint("window", window), func(b *testing.B) {
			tr, err := transport.New(transport.Config{Listen: []transport.Listen{{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}})
			if err != nil {
				b.Fatal(err)
			}
			if err := tr.Listen(); err != nil {
				b.Fatal(err)
			}
			l := mustNew(b, Config{Transport: tr, Handler: answer(200), Limits: Limits{Server: 10_000_000}})
			ctx, cancel := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			wg.Go(func() { l.Run(ctx) })
			defer wg.Wait()
			defer cancel()
			c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(tr.Addrs()[0].Addr))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			before := cpuTime()
			b.ResetTimer()
			flood(b, c, window)
			b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/tx")
		})
	}
}

// flood sends b.N requests, at most window of them unanswered.
func flood(b *testing.B, c *net.UDPConn, window int) {
	head := "OPTIONS sip:node@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;rport;branch=z9hG4bK"
	tail := "\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:node@127.0.0.1>\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\nCall-ID: "
	buf, msg := make([]byte, 2000), make([]byte, 0, 1000)
	sent := 0
	for got := range b.N {
		for ; sent < b.N && sent-got < window; sent++ {
			msg = fmt.Appendf(msg[:0], "%s%d%s%d\r\n\r\n", head, sent, tail, sent)
			c.Write(msg)
		}
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// TestMemoryPerTransaction: what a transaction holds once it has its answer and
// only waits for retransmissions.
func TestMemoryPerTransaction(t *testing.T) {
	const n = 2000
	for _, m := range []sip.Method{sip.OPTIONS, sip.INVITE} {
		synctest.Test(t, func(t *testing.T) {
			var network transporttest.Network
			network.SetFilter(func(transporttest.Packet) int { return 0 })
			node := network.Node("192.0.2.2:5060")
			node.SetFail(func(transporttest.Packet) error { return fmt.Errorf("not kept") })
			l := mustNew(t, Config{Transport: node, Handler: answer(486), Shards: 1})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { l.Run(ctx); close(done) }()
			synctest.Wait()
			f := transport.NewFlow(transport.UDP, node.Addr, netip.MustParseAddrPort("192.0.2.1:5060"), 0)
			before := heap()
			for i := range n {
				req := request(m)
				req.Prepend(sip.HeaderVia, fmt.Sprintf("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d", i))
				req.Set(sip.HeaderCallID, fmt.Sprint("call-", i))
				req.Add(sip.HeaderSubject, strings.Repeat("x", 500))
				parsed, _, err := sip.Parse(req.String())
				if err != nil {
					t.Fatal(err)
				}
				l.ServeRequest(f, parsed, nil)
				if m == sip.INVITE {
					ack := request(sip.ACK)
					ack.Prepend(sip.HeaderVia, fmt.Sprintf("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d", i))
					ack.Set(sip.HeaderCallID, fmt.Sprint("call-", i))
					l.ServeRequest(f, ack, nil)
				}
			}
			each := (heap() - before) / n
			t.Logf("%s: %d bytes per completed server transaction", m, each)
			if servers, _ := l.Load(); servers != n {
				t.Errorf("%d transactions exist, want %d", servers, n)
			}
			if each > 1024 {
				t.Errorf("%s: %d bytes per completed transaction, want at most 1,024", m, each)
			}
			cancel()
			<-done
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
