package edge

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
)

// A gateway is a UAS on a socket of its own that answers calls: 180, then 200
// after a while. It stands in for a PBX where siptest's scripts are too slow.
type gateway struct {
	t     testing.TB
	addr  netip.AddrPort
	delay time.Duration // before 180 and before 200
	calls atomic.Int64  // INVITEs without retransmissions
	acks  atomic.Int64
	byes  atomic.Int64
	pings atomic.Int64

	mu   sync.Mutex // guards the following
	conn *net.UDPConn
	seen map[string]bool
	wg   sync.WaitGroup
}

func newGateway(t testing.TB, delay time.Duration) *gateway {
	g := &gateway{t: t, delay: delay, seen: make(map[string]bool), addr: netip.MustParseAddrPort("127.0.0.1:0")}
	g.up()
	t.Cleanup(g.down)
	return g
}

// up opens the socket, at the same address as before.
func (g *gateway) up() {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(g.addr))
	if err != nil {
		g.t.Fatal(err)
	}
	_ = conn.SetReadBuffer(4 << 20)
	g.addr = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	g.mu.Lock()
	g.conn = conn
	g.mu.Unlock()
	g.wg.Go(func() { g.serve(conn) }) // ends when down closes the socket
}

// down is the death of the machine: nothing is answered any more.
func (g *gateway) down() {
	g.mu.Lock()
	g.conn.Close()
	g.mu.Unlock()
	g.wg.Wait()
}

func (g *gateway) serve(conn *net.UDPConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		req, _, err := sip.Parse(string(buf[:n]))
		if err != nil || req == nil {
			continue
		}
		send := func(status int) {
			res := sip.NewResponse(req, status, "")
			res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
			res.SetToTag("g" + strings.ReplaceAll(g.addr.String(), ":", ""))
			res.Add(sip.HeaderContact, "<sip:"+g.addr.String()+">")
			_, _ = conn.WriteToUDPAddrPort(res.Bytes(), from)
		}
		g.answer(req, send)
	}
}

// repeated reports whether it has been asked the same before.
func (g *gateway) repeated(what string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	again := g.seen[what]
	g.seen[what] = true
	return again
}

func (g *gateway) answer(req *sip.Request, send func(int)) {
	switch req.Method() {
	case sip.INVITE:
		if g.repeated(req.CallID()) {
			return
		}
		g.calls.Add(1)
		if g.delay == 0 {
			send(180)
			send(200)
			return
		}
		send(100)
		g.wg.Go(func() { // ends by itself; answers nothing once the socket is closed
			time.Sleep(g.delay)
			send(180)
			send(200)
		})
	case sip.ACK:
		g.acks.Add(1)
	default:
		if req.Method() == sip.BYE && !g.repeated(req.CallID()+" BYE") {
			g.byes.Add(1)
		}
		if req.Method() == sip.OPTIONS {
			g.pings.Add(1)
		}
		send(200)
	}
}

// A crowd makes calls through the edge and counts how they end.
type crowd struct {
	t        testing.TB
	server   netip.AddrPort
	conn     *net.UDPConn
	statuses [700]atomic.Int64 // final responses to INVITE, each call once
	wg       sync.WaitGroup

	mu     sync.Mutex // guards the following
	calls  map[string]*crowdCall
	prefix string
}

type crowdCall struct {
	invite string
	last   string // what is repeated until it is answered
	status int
	ended  chan struct{} // closed with the answer to BYE, or a failure
}

func newCrowd(t testing.TB, server netip.AddrPort) *crowd {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(4 << 20)
	c := &crowd{t: t, server: server, conn: conn, calls: make(map[string]*crowdCall), prefix: sip.NewTag()}
	c.wg.Go(c.serve) // ends when Cleanup closes the socket
	t.Cleanup(func() { conn.Close(); c.wg.Wait() })
	return c
}

func (c *crowd) send(m string) { _, _ = c.conn.WriteToUDPAddrPort([]byte(m), c.server) }

// start begins call number i.
func (c *crowd) start(i int) *crowdCall {
	me := c.conn.LocalAddr().String()
	id := fmt.Sprintf("%s-%d", c.prefix, i)
	call := &crowdCall{ended: make(chan struct{})}
	call.invite = fmt.Sprintf("INVITE sip:100@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKi%s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:crowd@%s>;tag=c%d\r\nTo: <sip:100@%s>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContact: <sip:crowd@%s>\r\nContent-Length: 0\r\n\r\n",
		c.server, me, id, me, i, c.server, id, me)
	call.last = call.invite
	c.mu.Lock()
	c.calls[id] = call
	c.mu.Unlock()
	c.send(call.invite)
	return call
}

func (c *crowd) serve() {
	buf := make([]byte, 65536)
	for {
		n, _, err := c.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		_, res, err := sip.Parse(string(buf[:n]))
		if err != nil || res == nil || !res.Final() {
			continue
		}
		c.mu.Lock()
		call := c.calls[res.CallID()]
		_, method, _ := res.CSeq()
		c.answered(call, res, method)
		c.mu.Unlock()
	}
}

// answered takes a final response; the caller holds mu.
func (c *crowd) answered(call *crowdCall, res *sip.Response, method sip.Method) {
	if method == sip.BYE {
		select {
		case <-call.ended:
		default:
			close(call.ended)
		}
		return
	}
	first := call.status == 0
	if first {
		call.status = res.Status()
		c.statuses[res.Status()].Add(1)
	}
	invite, _, err := sip.Parse(call.invite)
	if err != nil {
		c.t.Error(err)
		return
	}
	if res.Status() >= 300 {
		c.send(sip.NewACK(invite, res).String())
		if first {
			close(call.ended)
		}
		return
	}
	c.send(c.inDialog(invite, res, sip.ACK, 1))
	if first {
		call.last = c.inDialog(invite, res, sip.BYE, 2)
		c.send(call.last)
	}
}

func (c *crowd) inDialog(invite *sip.Request, res *sip.Response, m sip.Method, seq uint32) string {
	target, _, _ := res.Contact()
	req := sip.NewRequest(m, target.URI)
	req.Add(sip.HeaderVia, "SIP/2.0/UDP "+c.conn.LocalAddr().String()+";rport;branch="+sip.NewBranch())
	req.Add(sip.HeaderMaxForwards, "70")
	var route []string
	for v := range res.Values(sip.HeaderRecordRoute) {
		route = append(route, v)
	}
	for i := len(route) - 1; i >= 0; i-- {
		req.Add(sip.HeaderRoute, route[i])
	}
	req.Add(sip.HeaderFrom, invite.Get(sip.HeaderFrom))
	req.Add(sip.HeaderTo, res.Get(sip.HeaderTo))
	req.Add(sip.HeaderCallID, invite.CallID())
	req.Add(sip.HeaderCSeq, sip.FormatCSeq(seq, m))
	return req.String()
}

// run makes n calls, rate a second, and waits until all have ended.
func (c *crowd) run(n, rate int, each func(i int)) {
	c.t.Helper()
	c.mu.Lock()
	c.prefix = sip.NewTag() // of this run
	c.mu.Unlock()
	calls := make([]*crowdCall, 0, n)
	begin := time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		if each != nil {
			each(i)
		}
		calls = append(calls, c.start(i))
	}
	for i, call := range calls {
		for tries := 0; !c.ended(call); tries++ {
			if tries == 30 {
				c.t.Fatalf("call %d of %d has not ended", i, n)
			}
		}
	}
}

// ended waits for the end of a call; what may have been lost is sent again.
func (c *crowd) ended(call *crowdCall) bool {
	select {
	case <-call.ended:
		return true
	case <-time.After(500 * time.Millisecond):
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send(call.last)
	return false
}
