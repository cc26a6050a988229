package registrar

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
)

// BenchmarkRegisterOverUDP is REGISTER, 401, REGISTER, durable 200 through
// transport, transaction, digest and store, with a window of users under way.
// cpu-µs/reg is the process's CPU time, the plain sender's included.
func BenchmarkRegisterOverUDP(b *testing.B) {
	w, err := startWire(b.TempDir(), crowd{})
	if err != nil {
		b.Fatal(err)
	}
	defer w.stop()
	const window = 64
	peers := make([]*benchPeer, window)
	for i := range peers {
		if peers[i], err = newBenchPeer(w.addr, i); err != nil {
			b.Fatal(err)
		}
		defer peers[i].conn.Close()
	}
	b.ReportAllocs()
	before := cpuTime()
	b.ResetTimer()
	for n := 0; n < b.N; n += window {
		for _, p := range peers {
			p.send(b, 1, "")
		}
		for _, p := range peers {
			p.send(b, 2, p.answer(b))
		}
		for _, p := range peers {
			p.answer(b)
		}
	}
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/reg")
}

// A benchPeer is one user with a socket of its own.
type benchPeer struct {
	conn *net.UDPConn
	user string
	pass string
	n    int
	buf  []byte
}

func newBenchPeer(to netip.AddrPort, i int) (*benchPeer, error) {
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	return &benchPeer{conn: conn, user: fmt.Sprintf("u%d", i), pass: fmt.Sprintf("p%d", i), buf: make([]byte, 2000)}, err
}

func (p *benchPeer) send(b *testing.B, cseq int, authorization string) {
	if cseq == 1 {
		p.n++
	}
	me := p.conn.LocalAddr()
	fmt.Fprintf(p.conn, "REGISTER sip:biloxi.example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s-%d-%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@biloxi.example.com>;tag=t%d\r\nTo: <sip:%s@biloxi.example.com>\r\nCall-ID: %s-%d\r\nCSeq: %d REGISTER\r\n"+
		"Contact: <sip:%s@%s>\r\nExpires: 3600\r\n%sContent-Length: 0\r\n\r\n", me, p.user, p.n, cseq, p.user, p.n, p.user, p.user, p.n, cseq, p.user, me, authorization)
}

// answer reads a response and returns the Authorization line it asks for.
func (p *benchPeer) answer(b *testing.B) string {
	p.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := p.conn.Read(p.buf)
	if err != nil {
		b.Fatal(err)
	}
	_, res, err := sip.Parse(string(p.buf[:n]))
	if err != nil {
		b.Fatal(err)
	}
	if res.Status() == 200 {
		return ""
	}
	req := sip.NewRequest(sip.REGISTER, "sip:biloxi.example.com")
	if err := auth.NewClient(auth.Credentials{Username: p.user, Secret: auth.Secret{Password: p.pass}}).Answer(req, res); err != nil {
		b.Fatal(err)
	}
	return "Authorization: " + req.Get(sip.HeaderAuthorization) + "\r\n"
}

func cpuTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
