package load

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// t1 and t2 are the retransmission times of RFC 3261 §17.1.1.1.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// Odd is one of the endings that real networks produce and textbooks forget.
type Odd int

// The odd endings, chosen by Calls.OddEvery in turn.
const (
	Plain       Odd = iota
	CancelRace      // CANCEL at a random moment around the answer
	ByeGlare        // both sides send BYE at once
	Vanish          // the caller is gone after its ACK and answers nothing
	LostACK         // the caller never acknowledges the 200
	Retransmits     // the caller sends INVITE, ACK and BYE twice
	oddKinds
)

// Calls sets up and tears down calls at a fixed rate: a caller sends INVITE to
// the server, a callee on the same machine answers what the server sends it.
type Calls struct {
	Server    netip.AddrPort
	Extension string         // dialled number
	Callee    netip.AddrPort // where the callee listens; port 0 takes any
	Caller    netip.AddrPort
	User      string // the caller's user name, in From and for its digest
	Password  string // empty: no answer to a challenge
	Count     int
	Rate      float64       // calls a second
	Hold      time.Duration // from ACK to BYE
	Ringing   bool          // the callee sends 180 first
	Strict    bool          // the callee knows no other number than Extension and refuses logins
	OddEvery  int           // every n-th call ends oddly; 0 means never
	Drain     time.Duration // how long to wait for the last calls; 0 means 40 s
	// CallerMedia and CalleeMedia are put into the session descriptions; when
	// they are zero, the discard port of the loopback address is named.
	CallerMedia, CalleeMedia netip.AddrPort
	// CallerSends and CalleeSends, if set, are told where the server takes the
	// RTP of each answered call's caller and callee. They must not block.
	CallerSends, CalleeSends func(server netip.AddrPort) `json:"-"`
	// Prefix makes the Call-IDs of several generators different.
	Prefix string
}

// CallResult says what became of a run of calls.
type CallResult struct {
	Completed   int // answered and ended as the plan of the call was
	Cancelled   int // CANCEL won: 487
	Failed      int // a final answer that the plan did not ask for
	Refused     int // of the failed: 503 with Retry-After, before there was a channel (and so a CDR)
	Unfinished  int
	Answered    int // 200 received by the caller
	Retransmits int // by the generator, either side
	CalleeCalls int // INVITEs the callee got, without retransmissions
	Elapsed     time.Duration
	Setup       Latencies // INVITE to 200
	FirstError  string    // start line of the first unexpected final answer
}

type call struct {
	index  int
	odd    Odd
	began  time.Time
	cseq   int
	msg    []byte // request being retransmitted, nil if none
	due    time.Time
	wait   time.Duration
	byeAt  time.Time
	cancel time.Time
	answer []byte // the 200: needed for the ACK and BYE
	toLine []byte
	target string
	route  string // Route lines of the dialog: the answer's Record-Route, reversed
	auth   string
	bye    bool
	done   bool
}

// Generator runs Calls. Make it with NewGenerator.
type Generator struct {
	cfg    Calls
	caller *net.UDPConn
	callee *net.UDPConn
	sdpA   string
	sdpB   string

	mu      sync.Mutex         // guards the following
	calls   map[int]*call      // all that may still get a retransmission
	callees map[string]*callee // by Call-ID
	// The active ones have timers to run; the others are only remembered.
	activeCalls   map[int]*call
	activeCallees map[string]*callee
	swept         time.Time // when the remembered ones were last looked through
	result        CallResult
	left          int
	ended         chan struct{}
}

// NewGenerator opens the generator's sockets, so that the callee's address is
// known (and can be registered) before Run.
func NewGenerator(c Calls) (*Generator, error) {
	loop := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 0)
	if !c.Caller.IsValid() {
		c.Caller = loop
	}
	if !c.Callee.IsValid() {
		c.Callee = loop
	}
	if c.Drain == 0 {
		c.Drain = 40 * time.Second
	}
	caller, err := listen(c.Caller)
	if err != nil {
		return nil, err
	}
	answering, err := listen(c.Callee)
	if err != nil {
		caller.Close()
		return nil, err
	}
	return &Generator{
		cfg: c, caller: caller, callee: answering,
		sdpA: Description(c.CallerMedia), sdpB: Description(c.CalleeMedia),
		calls: make(map[int]*call), callees: make(map[string]*callee),
		activeCalls: make(map[int]*call), activeCallees: make(map[string]*callee),
		left: c.Count, ended: make(chan struct{}),
	}, nil
}

// CalleeAddr returns where the callee listens.
func (g *Generator) CalleeAddr() netip.AddrPort { return localAddr(g.callee) }

// CallerAddr returns where the caller sends from.
func (g *Generator) CallerAddr() netip.AddrPort { return localAddr(g.caller) }

// Description is a description of G.711 at media; the discard port of the loopback
// address takes the place of none.
func Description(media netip.AddrPort) string {
	if !media.IsValid() {
		media = netip.MustParseAddrPort("127.0.0.1:9")
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\n"+
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n",
		media.Addr(), media.Addr(), media.Port())
}

// Run makes the calls and returns when all have ended or Drain has passed.
func (g *Generator) Run(ctx context.Context) (*CallResult, error) {
	var workers sync.WaitGroup
	stop := make(chan struct{})
	workers.Go(func() { g.read(g.caller, g.onCaller) }) // ends when its socket is closed
	workers.Go(func() { g.read(g.callee, g.onCallee) })
	workers.Go(func() { g.timers(stop) })

	begin := time.Now()
	pace(g.cfg.Rate, g.cfg.Count, func(i int) {
		if ctx.Err() == nil {
			g.start(i)
		}
	})
	select {
	case <-g.ended:
	case <-time.After(g.cfg.Drain + g.cfg.Hold):
	case <-ctx.Done():
	}
	elapsed := time.Since(begin)
	close(stop)
	g.caller.Close()
	g.callee.Close()
	workers.Wait()
	g.result.Elapsed = elapsed
	g.result.Unfinished = g.left
	return &g.result, ctx.Err()
}

func (g *Generator) read(conn *net.UDPConn, handle func([]byte, netip.AddrPort)) {
	buf := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if n > 4 {
			g.mu.Lock()
			handle(buf[:n], from)
			g.mu.Unlock()
		}
	}
}

func (g *Generator) fromCaller(msg []byte) { _, _ = g.caller.WriteToUDPAddrPort(msg, g.cfg.Server) }

func (g *Generator) start(i int) {
	now := time.Now()
	c := &call{index: i, began: now, cseq: 1, due: now.Add(t1), wait: t1}
	if g.cfg.OddEvery > 0 && i%g.cfg.OddEvery == g.cfg.OddEvery-1 {
		c.odd = Odd(i/g.cfg.OddEvery)%(oddKinds-1) + 1
	}
	if c.odd == CancelRace {
		c.cancel = now.Add(rand.N(30 * time.Millisecond))
	}
	c.msg = g.request(c, "INVITE", "", "application/sdp", g.sdpA)
	g.mu.Lock()
	defer g.mu.Unlock() // from here on the call belongs to the readers and timers too
	g.calls[i], g.activeCalls[i] = c, c
	g.fromCaller(c.msg)
	if c.odd == Retransmits {
		g.fromCaller(c.msg)
	}
}

// request builds a request of the caller's dialog; to is "" outside a dialog.
func (g *Generator) request(c *call, method, to, contentType, body string) []byte {
	me := g.CallerAddr().String()
	uri := "sip:" + g.cfg.Extension + "@" + g.cfg.Server.String()
	if to == "" {
		to = "To: <" + uri + ">\r\n"
	}
	if c.target != "" && method != "CANCEL" && method != "INVITE" {
		uri = c.target
	}
	branch := method[:1] + strconv.Itoa(c.cseq)
	if method == "CANCEL" || method == "ACK" && c.answer == nil {
		branch = "I" + strconv.Itoa(c.cseq)
		uri = "sip:" + g.cfg.Extension + "@" + g.cfg.Server.String()
	}
	route := ""
	if method == "ACK" && c.answer != nil || method == "BYE" {
		route = c.route
	}
	content := ""
	if body != "" {
		content = "Content-Type: " + contentType + "\r\n"
	}
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKc%s%d-%s\r\nMax-Forwards: 70\r\n%s"+
		"From: <sip:%s@%s>;tag=a%d\r\n%sCall-ID: call-%s%d-%s\r\nCSeq: %d %s\r\nContact: <sip:%s@%s>\r\n%s%sContent-Length: %d\r\n\r\n%s",
		method, uri, me, g.cfg.Prefix, c.index, branch, route, g.cfg.User, g.cfg.Server, c.index, to, g.cfg.Prefix, c.index, me,
		c.cseq, method, g.cfg.User, me, c.auth, content, len(body), body)
}

func (g *Generator) onCaller(msg []byte, _ netip.AddrPort) {
	code := status(msg)
	id := strings.TrimPrefix(string(header(msg, "Call-ID", "i")), "call-"+g.cfg.Prefix)
	number, _, _ := strings.Cut(id, "-")
	i, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	c := g.calls[i]
	if c == nil || c.odd == Vanish && c.answer != nil {
		return
	}
	if code == 0 {
		g.callerRequest(c, msg)
		return
	}
	switch method(msg) {
	case "INVITE":
		g.inviteResponse(c, code, msg)
	case "BYE":
		if code >= 200 && c.bye {
			g.finish(c, &g.result.Completed)
		}
	}
}

// callerRequest answers what the server sends the caller within its call.
func (g *Generator) callerRequest(c *call, msg []byte) {
	g.fromCaller(response(msg, 200, "OK", "", "", ""))
	if method(msg) == "BYE" && c.answer != nil {
		if c.odd == Plain && !c.bye && g.cfg.OddEvery == 0 {
			g.unexpected(msg)
			g.finish(c, &g.result.Failed)
			return
		}
		g.finish(c, &g.result.Completed)
	}
}

func (g *Generator) inviteResponse(c *call, code int, msg []byte) {
	switch {
	case code < 200:
		if c.answer == nil && c.msg != nil && !c.done {
			c.msg = nil // RFC 3261 §17.1.1.2: no retransmission in Proceeding
		}
	case code < 300:
		g.answered(c, msg)
	default:
		c.toLine = bytes.Clone(headers(msg, "To"))
		c.msg = nil
		g.fromCaller(g.request(c, "ACK", string(c.toLine), "", ""))
		g.refused(c, code, msg)
	}
}

func (g *Generator) refused(c *call, code int, msg []byte) {
	if c.done || c.answer != nil {
		return
	}
	if (code == 401 || code == 407) && c.auth == "" && g.cfg.Password != "" {
		uri := "sip:" + g.cfg.Extension + "@" + g.cfg.Server.String()
		auth, ok := authorization(msg, g.cfg.User, g.cfg.Password, "INVITE", uri)
		if ok {
			c.auth, c.cseq = auth, c.cseq+1
			c.msg = g.request(c, "INVITE", "", "application/sdp", g.sdpA)
			c.wait, c.due = t1, time.Now().Add(t1)
			g.fromCaller(c.msg)
			return
		}
	}
	if code == 487 && c.odd == CancelRace {
		g.finish(c, &g.result.Cancelled)
		return
	}
	g.unexpected(msg)
	if !c.done && code == 503 && len(header(msg, "Retry-After")) > 0 {
		g.result.Refused++
	}
	g.finish(c, &g.result.Failed)
}

func (g *Generator) unexpected(msg []byte) {
	if g.result.FirstError == "" {
		line, _, _ := bytes.Cut(msg, []byte("\r\n"))
		g.result.FirstError = string(line) + " (" + string(header(msg, "Call-ID", "i")) + ")"
	}
}

func (g *Generator) answered(c *call, msg []byte) {
	first := c.answer == nil
	if first {
		now := time.Now()
		c.msg, c.answer = nil, []byte{}
		c.toLine = bytes.Clone(headers(msg, "To"))
		c.target, c.route = contact(msg), routeSet(msg)
		c.auth = ""
		c.byeAt = now.Add(g.cfg.Hold)
		g.result.Answered++
		g.result.Setup.add(now.Sub(c.began))
		if g.cfg.CallerSends != nil {
			g.cfg.CallerSends(mediaAddr(msg))
		}
	}
	if c.odd == LostACK {
		return
	}
	ack := g.request(c, "ACK", string(c.toLine), "", "")
	g.fromCaller(ack)
	if c.odd == Retransmits {
		g.fromCaller(ack)
	}
	if first && c.odd == Vanish {
		g.finish(c, &g.result.Completed)
		return
	}
	if first && g.cfg.Hold == 0 {
		g.hangUp(c, time.Now())
	}
}

func (g *Generator) hangUp(c *call, now time.Time) {
	if c.bye || c.done || c.odd == LostACK || c.odd == Vanish {
		return
	}
	c.bye = true
	c.cseq++
	c.msg = g.request(c, "BYE", string(c.toLine), "", "")
	c.wait, c.due = t1, now.Add(t1)
	g.fromCaller(c.msg)
	if c.odd == Retransmits {
		g.fromCaller(c.msg)
	}
}

func (g *Generator) finish(c *call, counter *int) {
	if c.done {
		return
	}
	c.done, c.msg = true, nil
	delete(g.activeCalls, c.index)
	*counter++
	if g.left--; g.left == 0 {
		close(g.ended)
	}
}

// timers drives retransmissions, answers, CANCELs and BYEs of both sides.
func (g *Generator) timers(stop chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			g.mu.Lock()
			for _, c := range g.activeCalls {
				g.callerTimer(c, now)
			}
			for id, c := range g.activeCallees {
				g.calleeTimer(id, c, now)
			}
			g.sweep(now)
			g.mu.Unlock()
		}
	}
}

// remembered is how long an ended call still acknowledges retransmissions.
const remembered = 40 * time.Second

// sweep forgets, once a second, what ended long ago.
func (g *Generator) sweep(now time.Time) {
	if now.Sub(g.swept) < time.Second {
		return
	}
	g.swept = now
	for i, c := range g.calls {
		if c.done && now.Sub(c.began) > remembered+g.cfg.Hold {
			delete(g.calls, i)
		}
	}
	for id, c := range g.callees {
		if c.ended && now.Sub(c.due) > remembered {
			delete(g.callees, id)
		}
	}
}

func (g *Generator) callerTimer(c *call, now time.Time) {
	if c.msg != nil && now.After(c.due) {
		c.wait = min(2*c.wait, t2)
		c.due = now.Add(c.wait)
		g.result.Retransmits++
		g.fromCaller(c.msg)
	}
	if !c.cancel.IsZero() && now.After(c.cancel) && c.answer == nil && c.msg == nil {
		c.cancel = time.Time{}
		g.fromCaller(g.request(c, "CANCEL", "", "", ""))
	}
	if c.answer != nil && !c.bye && now.After(c.byeAt) {
		g.hangUp(c, now)
	}
}

// routeSet returns the Route lines of a dialog's requests: the Record-Route of
// the answer in reverse order (RFC 3261 §12.1.2).
func routeSet(msg []byte) string {
	route := ""
	for line := range bytes.Lines(headers(msg, "Record-Route")) {
		_, value, _ := bytes.Cut(line, []byte(":"))
		route = "Route: " + strings.TrimSpace(string(value)) + "\r\n" + route
	}
	return route
}

// contact returns the URI of the Contact header.
func contact(msg []byte) string {
	value := string(header(msg, "Contact", "m"))
	if _, rest, found := strings.Cut(value, "<"); found {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return uri
}

// mediaAddr returns where a session description wants its audio.
func mediaAddr(msg []byte) netip.AddrPort {
	body := string(msg[max(bytes.Index(msg, []byte("\r\n\r\n")), 0):])
	_, c, _ := strings.Cut(body, "c=IN IP4 ")
	_, m, _ := strings.Cut(body, "m=audio ")
	host, _, _ := strings.Cut(c, "\r\n")
	port, _, _ := strings.Cut(m, " ")
	addr, err := netip.ParseAddrPort(strings.TrimSpace(host) + ":" + port)
	if err != nil {
		return netip.AddrPort{}
	}
	return addr
}
