package edge

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// A forwarding is one request on its way through the proxy. It is the watcher of
// the server transaction, each of its legs that of a client transaction. Those
// outlive the exchange by half a minute, so what is only needed during it is
// kept apart and goes back to a pool.
type forwarding struct {
	proxy *Proxy
	tx    *transaction.Server

	mu sync.Mutex // guards the following; callbacks come from the shard and from Proxy.Run
	*exchange
	first leg
	vias  []string // what the veil has taken off; nil: nothing
	below uint16   // values of Record-Route from our upper entry down; 0: none of ours
	// outward: a copy left for the outside.
	outward bool
	invite  bool
	credit  credit
	// accepted is the leg that has answered an INVITE by a 2xx, the last of several.
	accepted *leg
}

// credit is whether the answer to an INVITE is repeated, see Shield.owe.
type credit uint8

const (
	granted credit = iota + 1 // until the ACK comes
	denied                    // it is not
	settled                   // the ACK has come
)

// An exchange is the response context of RFC 3261 §16.7 and what it drives. It
// is nil once a final response was forwarded and no branch is left.
type exchange struct {
	req    *sip.Request // after §16.4
	uri    sip.URI      // what its Request-URI says
	text   string       // the same as it stands
	suffix suffix       // of branches: loop detection
	way    way
	plan   Plan
	fork   fork
	gone   bool // the caller has cancelled
	// unsecured: a branch has not been sent because it was not secure.
	unsecured bool
	legs      []*leg
	call      uint64 // key of the dialog the request belongs to, 0: none

	// Room for what most requests need.
	only     [1]Branch
	onlyGo   [1]transport.Target
	groups   [4][]Branch
	branches [4]branchState
	legRoom  [4]*leg
	passing  forwarding   // of an ACK, which ends with the exchange
	copy     *sip.Request // of the first branch; its memory is used again
	// kept: the first branch's transaction may outlive the exchange with its copy.
	kept bool
}

// newForwarding takes an exchange from the pool.
func (p *Proxy) newForwarding(tx *transaction.Server, req *sip.Request, suffix suffix) *forwarding {
	x := p.exchanges.Get().(*exchange)
	if x.copy == nil {
		x.copy = new(sip.Request)
	}
	p.open.Add(1)
	x.req, x.suffix = req, suffix
	x.plan.Groups, x.fork.branches, x.legs = x.groups[:0], x.branches[:0], x.legRoom[:0]
	fw := &x.passing
	if req.Method() != sip.ACK {
		fw = new(forwarding)
	}
	fw.proxy, fw.tx, fw.exchange, fw.invite = p, tx, x, req.Method() == sip.INVITE
	return fw
}

// release gives the exchange back. The caller holds mu, or nobody else knows
// the forwarding yet. That of an ACK must not be used afterwards.
func (fw *forwarding) release() {
	x, p := fw.exchange, fw.proxy
	fw.exchange = nil
	if x.kept {
		x.copy = nil
	}
	*x = exchange{copy: x.copy}
	p.open.Add(-1)
	p.exchanges.Put(x)
}

// A leg is one branch of a forwarding.
type leg struct {
	fw         *forwarding
	dest       *dispatch.Destination // nil: none
	client     *transaction.Client
	prev, next *leg          // in the list of its phase; guarded by deadlines.mu
	at         time.Duration // when its time in the phase is over; guarded by deadlines.mu
	number     int32
	phase      phase // guarded by deadlines.mu
	waits      phase // the last one that was not idle; guarded by deadlines.mu
	heard      bool  // it has answered; guarded by deadlines.mu
	counted    bool  // the call is counted at the destination
	several    bool  // it has more than one target
}

// alone makes a plan of one branch.
func (fw *forwarding) alone(b Branch) {
	fw.only[0] = b
	fw.plan.Groups = append(fw.plan.Groups[:0], fw.only[:])
}

// target makes a list of one target.
func (fw *forwarding) target(t transport.Target) []transport.Target {
	fw.onlyGo[0] = t
	return fw.onlyGo[:]
}

// begin sends the first branches.
func (fw *forwarding) begin() {
	fw.mu.Lock()
	defer fw.mu.Unlock()
	if fw.req.ToTag() != "" {
		fw.call = fw.proxy.calls.key(&fw.req.Message)
	}
	fw.tx.TakeOver()
	fw.tx.Watch(fw)
	v := fw.fork.begin(fw.plan.Groups)
	if v.start == nil { // nobody to send it to
		v = verdict{final: 480}
		fw.fork.done = true
	}
	fw.do(v)
}

// do carries out verdicts; the caller holds mu.
func (fw *forwarding) do(v verdict) {
	for {
		switch {
		case v.forward != nil:
			fw.relay(v)
		case v.final != 0:
			fw.answer(v.final)
		}
		if v.cancel {
			fw.cancel(v.final)
		}
		next := verdict{}
		for i := range v.start {
			if status := fw.launch(&v.start[i], v.first+i); status != 0 {
				next = fw.fork.failed(v.first+i, status)
			}
		}
		if next.start == nil && next.final == 0 {
			break
		}
		v = next
	}
	if fw.fork.done && fw.fork.running == 0 {
		fw.release()
	}
}

// launch sends one branch (§16.6). It returns the status that stands for a
// branch that cannot be sent, else 0.
func (fw *forwarding) launch(b *Branch, number int) int {
	l := &fw.first
	if number > 0 {
		l = new(leg)
	}
	l.fw, l.number, l.dest = fw, int32(number), b.Dest
	fw.legs = append(fw.legs, l)
	if fw.fork.cancelled {
		return 487
	}
	if b.Dest != nil && fw.invite && fw.fork.next > 1 && !b.Dest.Governor().Admit() {
		return 503 // what one could not do must not be the end of the next
	}
	req := fw.clone(number) // §16.6 step 1
	if b.URI != "" {
		req.SetURI(b.URI)
	}
	for i := len(b.Route) - 1; i >= 0; i-- {
		req.Prepend(sip.HeaderRoute, b.Route[i])
	}
	if len(b.Targets) > 0 {
		return l.send(req, b.Targets)
	}
	hop, err := fw.nextHop(req, b)
	if err != nil {
		return 400
	}
	if t, ok := fw.proxy.cfg.Transport.ResolveNumeric(hop); ok {
		fw.proxy.self.leaving(&t, fw.way.listener)
		return l.send(req, fw.target(t))
	}
	return l.resolve(req, hop)
}

// clone copies the request for a branch. The copy of the first is the exchange's:
// its transaction has done with it when it tells how the branch has ended.
func (fw *forwarding) clone(number int) *sip.Request {
	if number > 0 {
		return fw.req.Clone()
	}
	fw.req.CopyInto(fw.copy)
	return fw.copy
}

// requestURI reads the Request-URI of the request or of a copy, which mostly is the
// one that was read already.
func (fw *forwarding) requestURI(req *sip.Request) (sip.URI, error) {
	if req.URI() == fw.text {
		return fw.uri, nil
	}
	return req.ParsedURI()
}

// nextHop is §16.6 steps 6 and 7: the URI to be resolved, after the request has
// been made ready for a strict router.
func (fw *forwarding) nextHop(req *sip.Request, b *Branch) (sip.URI, error) {
	if b.NextHop != "" {
		return sip.ParseURI(b.NextHop)
	}
	value, ok := req.First(sip.HeaderRoute)
	if !ok {
		return fw.requestURI(req)
	}
	entry, err := sip.ParseAddress(value)
	if err != nil {
		return sip.URI{}, err
	}
	hop, err := entry.ParsedURI()
	if err != nil || hop.Loose() {
		return hop, err
	}
	// "If the first URI ... does not contain an lr parameter, the proxy MUST ...
	// place the Request-URI into the Route header field as the last value ... then
	// place the first Route header field value into the Request-URI and remove
	// that value from the Route header field" (§16.6 step 6).
	req.Add(sip.HeaderRoute, "<"+req.URI()+">")
	req.PopFirst(sip.HeaderRoute)
	req.SetURI(entry.URI)
	return hop, nil
}

// send finishes the copy and gives it to a client transaction, or returns the
// status that stands for a copy that must not be sent. The caller holds mu.
func (l *leg) send(req *sip.Request, targets []transport.Target) int {
	fw, p := l.fw, l.fw.proxy
	if sipsOnly(req) {
		if targets = secured(targets); len(targets) == 0 {
			fw.unsecured = true
			return sipsRefused.status
		}
	}
	l.several = len(targets) > 1
	forwardHops(req)
	p.record(req, fw, targets[0])
	if p.veil != nil {
		fw.outward = p.veil.faces(targets[0])
		p.veil.cover(req, fw, targets[0])
	}
	method := req.Method()
	if l.dest != nil && method == sip.INVITE && fw.call == 0 {
		l.counted = true
		l.dest.Begin(fw.plan.Uses...)
	}
	l.client = fw.tx.Layer().RequestBranch(req, targets, l, fw.suffix[:])
	p.deadlines.set(l, l.firstPhase(method))
	return 0
}

// firstPhase says what a branch that was just sent waits for.
func (l *leg) firstPhase(method sip.Method) phase {
	another := l.dest != nil && l.fw.fork.next < len(l.fw.fork.groups)
	switch {
	case method == sip.INVITE && another:
		return calling
	case method == sip.INVITE:
		return early
	case another:
		return trying
	}
	return idle
}

// forwardHops is §16.6 step 3.
func forwardHops(req *sip.Request) {
	if hops, ok, err := req.MaxForwards(); ok && err == nil {
		req.SetNumber(sip.HeaderMaxForwards, max(hops, 1)-1)
		return
	}
	req.SetNumber(sip.HeaderMaxForwards, 70) // "the proxy MUST add one with ... SHOULD be 70"
}

// resolve looks the next hop up in the DNS and sends then. It returns a status
// if it cannot even begin. The caller holds mu.
func (l *leg) resolve(req *sip.Request, hop sip.URI) int {
	if !l.fw.proxy.lookup(hop, func(targets []transport.Target, err error) { l.resolved(req, targets, err) }) {
		return 503
	}
	return 0
}

const lookupTime = 10 * time.Second

// lookup resolves a name in the background and calls then; false if too many
// look-ups are under way.
func (p *Proxy) lookup(hop sip.URI, then func([]transport.Target, error)) bool {
	select {
	case p.lookups <- struct{}{}:
	default:
		p.count.lost.Add(1)
		return false
	}
	p.mu.Lock()
	ctx := p.ctx
	p.running.Add(1)
	p.mu.Unlock()
	go func() { // ends with the look-up, which is bounded in time; counted by running
		defer p.running.Done()
		ctx, cancel := context.WithTimeout(ctx, lookupTime)
		targets, err := p.cfg.Transport.Resolve(ctx, hop)
		cancel()
		<-p.lookups
		then(targets, err)
	}()
	return true
}

func (l *leg) resolved(req *sip.Request, targets []transport.Target, err error) {
	fw := l.fw
	fw.mu.Lock()
	defer fw.mu.Unlock()
	switch {
	case fw.exchange == nil || fw.fork.branches[l.number].final:
	case err != nil:
		fw.proxy.count.lost.Note(err.Error)
		fw.do(fw.fork.failed(int(l.number), 503)) // §16.9 and RFC 3263 §4.3
	case fw.fork.cancelled:
		fw.do(fw.fork.failed(int(l.number), 487))
	default:
		if status := l.send(req, targets); status != 0 {
			fw.do(fw.fork.failed(int(l.number), status))
		}
	}
}

// Response implements transaction.ClientWatcher: §16.7.
func (l *leg) Response(_ *transaction.Client, res *sip.Response) {
	fw, p := l.fw, l.fw.proxy
	if res.Status() >= 300 {
		res = res.Keep() // it may be the best one in the end, and its contacts be tried
	}
	fw.mu.Lock()
	defer fw.mu.Unlock()
	res.PopFirst(sip.HeaderVia) // §16.7 step 3
	for _, v := range fw.vias {
		res.Add(sip.HeaderVia, v)
	}
	if !res.Has(sip.HeaderVia) {
		return // meant for us: "it MUST NOT be forwarded"
	}
	status := res.Status()
	if l.dest != nil && p.cfg.Watcher != nil {
		p.cfg.Watcher.Answered(l.dest, status)
	}
	// An answer after the branch was given up counts too: it is a sign of overload,
	// and how many of these come is what the destination can do.
	if after := p.deadlines.heard(l, status); after > 0 && l.dest != nil && fw.invite {
		l.dest.Answered(after, time.Now())
	}
	if fw.exchange == nil {
		l.late(res)
		return
	}
	if fw.invite && res.Success() {
		fw.accepted = l
	}
	l.account(res)
	if status/100 == 3 && p.cfg.Recurse {
		if contacts := fw.recursion(res); len(contacts) > 0 {
			fw.do(fw.fork.redirected(int(l.number), contacts))
			return
		}
	}
	before := fw.fork.next
	p.veil.bare(res, fw)
	p.prove(res, fw, l)
	v := fw.fork.response(int(l.number), res)
	if l.dest != nil && fw.fork.next > before {
		p.count.failover.Add(1)
	}
	fw.do(v)
}

// late takes what comes after the exchange: a 2xx to an INVITE is forwarded as
// often as it comes (§16.7 step 5, RFC 6026 §7.2), nothing else is.
func (l *leg) late(res *sip.Response) {
	if _, method, _ := res.CSeq(); method == sip.INVITE && res.Success() {
		l.fw.proxy.veil.bare(res, l.fw)
		l.fw.proxy.prove(res, l.fw, l)
		l.fw.proxy.veil.coverResponse(res, l.fw)
		if l.fw.credit == denied && l.fw.accepted == l {
			return // a copy, to somebody who does not acknowledge
		}
		l.fw.accepted = l
		_ = l.fw.tx.Forward(res) // it fails if the caller was refused
	}
}

// account counts calls: a call that is accepted enters the table, any other is
// over; so is a dialog whose BYE has been answered, or whose peer knows it no more.
func (l *leg) account(res *sip.Response) {
	fw, calls, status := l.fw, l.fw.proxy.calls, res.Status()
	if status < 200 {
		return
	}
	if fw.call != 0 {
		_, method, _ := res.CSeq()
		switch {
		case method == sip.BYE && status != 401 && status != 407, status == 481, status == 408:
			calls.end(fw.call)
		case status < 300:
			calls.find(fw.call, time.Now())
		}
		return
	}
	d := l.dest
	if d == nil {
		return
	}
	if status >= 300 {
		if (status == 401 || status == 407) && l.fw.proxy.cfg.Watcher != nil {
			l.fw.proxy.cfg.Watcher.Challenged(d, fw.req.CallID())
		}
		l.uncount()
		return
	}
	if _, method, _ := res.CSeq(); method != sip.INVITE {
		return
	}
	if !calls.begin(calls.key(&res.Message), d, fw.plan.Uses, time.Now()) {
		return // a retransmission, or no room: then the count ends below
	}
	if !l.counted {
		d.Begin(fw.plan.Uses...) // it had been given up, and was accepted all the same
	}
	l.counted = false // the table counts now
}

func (l *leg) uncount() {
	if l.counted {
		l.counted = false
		l.dest.End(l.fw.plan.Uses...)
	}
}

// Failed implements transaction.ClientWatcher: no response (§16.7 step 8), or
// the request could not be sent (§16.9).
func (l *leg) Failed(_ *transaction.Client, err error) {
	fw := l.fw
	fw.mu.Lock()
	defer fw.mu.Unlock()
	fw.proxy.deadlines.set(l, idle)
	if fw.exchange == nil {
		return
	}
	status := 503
	if errors.Is(err, transaction.ErrTimeout) {
		status = 408
	}
	if fw.call != 0 && status == 408 {
		fw.proxy.calls.end(fw.call) // RFC 5057 §5.1: a 408 ends the dialog
	}
	if fw.way.flow.Valid() && status == 503 {
		status = flowFailed.status
	}
	l.giveUp(status, err)
}

// giveUp ends a branch without a final response. The caller holds mu.
func (l *leg) giveUp(status int, err error) {
	fw, p := l.fw, l.fw.proxy
	l.uncount()
	if l.dest != nil && p.cfg.Watcher != nil && !fw.fork.cancelled {
		p.cfg.Watcher.Silent(l.dest, err)
	}
	before := fw.fork.next
	v := fw.fork.failed(int(l.number), status)
	if fw.fork.next > before {
		p.count.failover.Add(1)
	}
	fw.do(v)
}

// errPatience is why a destination is given up before Timer B.
var errPatience = errors.New("edge: no answer in time")

// overdue: the time of a phase is over. It is called by Proxy.Run.
func (l *leg) overdue(p phase) {
	fw := l.fw
	fw.mu.Lock()
	defer fw.mu.Unlock()
	switch {
	case fw.exchange == nil || fw.fork.branches[l.number].final:
	case p == calling || p == trying:
		if fw.fork.waits(int(l.number)) && !fw.fork.cancelled {
			fw.kept = true
			l.client.Cancel() // as soon as it says anything (§9.1)
			l.giveUp(408, errPatience)
		}
	default:
		// Timer C: "If the client transaction has received a provisional
		// response, the proxy MUST generate a CANCEL request" (§16.8).
		l.client.Cancel()
	}
}

// Cancelled implements transaction.ServerWatcher: §16.10.
func (fw *forwarding) Cancelled(_ *transaction.Server, cancel *sip.Request) {
	fw.mu.Lock()
	defer fw.mu.Unlock()
	if fw.exchange == nil {
		return
	}
	v := fw.fork.cancel()
	if !v.cancel {
		return
	}
	fw.gone = true
	reason := cancel.Get(sip.HeaderReason)
	for _, l := range fw.legs {
		l.cancel(reason)
	}
}

func (l *leg) cancel(reason string) {
	if l.client == nil || l.fw.fork.branches[l.number].final {
		return
	}
	if reason == "" {
		l.client.Cancel()
		return
	}
	l.client.Cancel(transaction.Field{ID: sip.HeaderReason, Value: reason}) // RFC 3326
}

// cancel ends the branches that lost: somebody else answered, or a 6xx came.
func (fw *forwarding) cancel(final int) {
	reason := ""
	if final != 0 {
		reason = `SIP;cause=` + strconv.Itoa(final)
		if final < 300 {
			reason += `;text="Call completed elsewhere"`
		}
	}
	for _, l := range fw.legs {
		l.cancel(reason)
	}
}

// Acked and Ended implement transaction.ServerWatcher; the ACK of a final
// response that is no 2xx ends here (§16.7: the transaction is the proxy's).
func (fw *forwarding) Acked(*transaction.Server, *sip.Request) { fw.paid(false) }

// Ended: nothing is left to be answered; the branches end by themselves.
func (fw *forwarding) Ended(*transaction.Server, error) { fw.paid(false) }
