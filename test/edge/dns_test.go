package edge

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/test/live"
)

// zone are the answers of a DNS server: SRV records of a name, and addresses of hosts.
type zone struct {
	name    string
	records []string          // host,port,priority,weight
	hosts   map[string]string // name to address
}

// serveDNS runs dnsmasq with a zone; stop ends it.
func serveDNS(t *testing.T, at netip.AddrPort, z zone) (stop func()) {
	t.Helper()
	args := []string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--bind-interfaces",
		"--listen-address=" + at.Addr().String(), fmt.Sprint("--port=", at.Port()), "--local=/pbx.test/",
	}
	for _, r := range z.records {
		args = append(args, "--srv-host="+z.name+","+r)
	}
	for host, addr := range z.hosts {
		args = append(args, "--host-record="+host+","+addr)
	}
	cmd := exec.Command(testdata.Program(t, "dnsmasq"), args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill() // it has ended if this fails
		_ = cmd.Wait()         // killed
	})
	t.Cleanup(stop)
	return stop
}

// counter is a PBX that says yes to everything and counts calls.
type counter struct {
	addr  netip.AddrPort
	mu    sync.Mutex // guards the following
	calls int
	conn  net.PacketConn // nil: it is dead
	wg    sync.WaitGroup
}

func newCounter(t *testing.T, addr netip.AddrPort) *counter {
	c := &counter{addr: addr}
	c.up(t)
	t.Cleanup(c.down)
	return c
}

func (c *counter) up(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", c.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	c.wg.Go(func() { c.serve(conn) }) // ends when down closes the socket
}

func (c *counter) down() {
	c.mu.Lock()
	conn := c.conn
	c.conn = nil
	c.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
	c.wg.Wait()
}

func (c *counter) serve(conn net.PacketConn) {
	buf := make([]byte, 65536)
	seen := map[string]bool{}
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		req, _, err := sip.Parse(string(buf[:n]))
		if err != nil || req == nil || req.Method() == sip.ACK {
			continue
		}
		if req.Method() == sip.INVITE && !seen[req.CallID()] {
			seen[req.CallID()] = true
			c.mu.Lock()
			c.calls++
			c.mu.Unlock()
		}
		res := sip.NewResponse(req, 200, "")
		res.SetToTag("yes")
		res.CopyFrom(&req.Message, sip.HeaderRecordRoute)
		res.Add(sip.HeaderContact, "<sip:yes@"+c.addr.String()+">")
		_, _ = conn.WriteTo(res.Bytes(), from) // lost: it is asked again
	}
}

// take returns the calls since the last time.
func (c *counter) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.calls
	c.calls = 0
	return n
}

// dial makes one call through the edge and returns the status of its answer.
func dial(t *testing.T, conn net.Conn, callID string) int {
	t.Helper()
	message := func(m sip.Method, branch string) []byte {
		req := sip.NewRequest(m, "sip:100@pbx.test")
		req.Add(sip.HeaderVia, "SIP/2.0/UDP "+conn.LocalAddr().String()+";branch=z9hG4bK"+branch+callID)
		req.Add(sip.HeaderMaxForwards, "70")
		req.Add(sip.HeaderFrom, "<sip:a@pbx.test>;tag=a")
		req.Add(sip.HeaderTo, "<sip:100@pbx.test>")
		req.Add(sip.HeaderCallID, callID)
		req.Add(sip.HeaderCSeq, sip.FormatCSeq(1, m))
		req.Add(sip.HeaderContact, "<sip:a@"+conn.LocalAddr().String()+">")
		return req.Bytes()
	}
	buf := make([]byte, 65536)
	for range 20 { // 10 s
		if _, err := conn.Write(message(sip.INVITE, "i")); err != nil {
			t.Fatal(err)
		}
		for until := time.Now().Add(500 * time.Millisecond); ; {
			_ = conn.SetReadDeadline(until)
			n, err := conn.Read(buf)
			if err != nil {
				break
			}
			_, res, err := sip.Parse(string(buf[:n]))
			if err != nil || res == nil || res.CallID() != callID || res.Provisional() {
				continue
			}
			branch := "a" // of an ACK to a 2xx
			if !res.Success() {
				branch = "i"
			}
			_, _ = conn.Write(message(sip.ACK, branch)) // without To tag: an old phone's
			return res.Status()
		}
	}
	t.Fatalf("no answer to call %s", callID)
	return 0
}

// Destinations come from a DNS server of another make: by priority and weight, those
// of the next priority when none of the first is left, still there when the DNS is
// gone, and others when it says so.
func TestDestinationsFromDNS(t *testing.T) {
	port := live.FreePort(t)
	at := func(i byte) netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, i}), port) }
	a, c, spare := newCounter(t, at(1)), newCounter(t, at(2)), newCounter(t, at(3))
	dns := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), live.FreePort(t))
	z := zone{name: "_sip._udp.pbx.test", hosts: map[string]string{"a.pbx.test": "127.0.1.1", "c.pbx.test": "127.0.1.2", "spare.pbx.test": "127.0.1.3"}, records: []string{
		fmt.Sprintf("spare.pbx.test,%d,20,1", port), fmt.Sprintf("a.pbx.test,%d,10,60", port), fmt.Sprintf("c.pbx.test,%d,10,20", port),
	}}
	stop := serveDNS(t, dns, z)
	dir := live.Files(t, map[string]string{
		"hometone.yaml": fmt.Sprintf(yaml, "edge") + fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:0\"], external: none, dns: [%q]}\n", dns.String()) +
			"edge: {srv: [_sip._udp.pbx.test], algorithm: tiers, slow_start: 1ms, probe: {interval: 200ms, timeout: 3s}}\n",
	})
	n := live.Start(t, node.Config{File: filepath.Join(dir, "hometone.yaml"), Drain: -1})
	phone, err := net.Dial("udp", n.Addr("udp").String())
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	number := 0
	calls := func(count int) (accepted int) {
		for range count {
			number++
			if dial(t, phone, fmt.Sprint("dns-", number)) == 200 {
				accepted++
			}
		}
		return accepted
	}
	// until makes calls until they go where they should: the DNS is asked again
	// after 15 s at the latest.
	until := func(what string, there func() bool) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if calls(1) == 1 && there() {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("it never happens that %s", what)
			}
		}
	}
	shares := func(what string, want ...int) {
		t.Helper()
		a.take()
		c.take()
		spare.take()
		if got := calls(80); got != 80 {
			t.Errorf("%s: %d of 80 calls are accepted", what, got)
		}
		for i, got := range []int{a.take(), c.take(), spare.take()} {
			if got < want[i]-1 || got > want[i]+1 {
				t.Errorf("%s: destination %d of a, c, spare gets %d of 80 calls, want %d", what, i, got, want[i])
			}
		}
	}
	until("a call is accepted", func() bool { return true })
	shares("at first", 60, 20, 0)
	c.down()
	shares("c is dead", 80, 0, 0) // found by calls: they go on to the next
	a.down()
	until("spare stands in", func() bool { return spare.take() > 0 })
	shares("both are dead", 0, 0, 80)
	a.up(t)
	until("a is back", func() bool { return a.take() > 0 })
	stop()
	shares("the DNS is dead", 80, 0, 0)
	c.up(t)
	z.records = z.records[2:]
	serveDNS(t, dns, z)
	until("c has it all", func() bool {
		a.take()
		return calls(8) == 8 && a.take() == 0
	})
	shares("a is gone from the DNS", 0, 80, 0)
}
