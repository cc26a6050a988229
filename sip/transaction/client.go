package transaction

import (
	"bytes"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// A ClientWatcher is told what becomes of a request. Its methods run on the
// shard and must not block.
type ClientWatcher interface {
	// Response brings every response to be seen by the TU: provisional ones,
	// the final one, and every further 2xx to an INVITE (forks and
	// retransmissions, RFC 6026 §7.2). The topmost Via is still there. It may be
	// borrowed (sip.Response.Borrow): who keeps it takes what Keep returns.
	Response(c *Client, res *sip.Response)
	// Failed tells that no final response will come: ErrTimeout, ErrTransport.
	// It is called at most once and never after a final response.
	Failed(c *Client, err error)
}

// A Field is a header field to be added to a request.
type Field struct {
	ID    sip.HeaderID
	Value string
}

// A Client is a request on its way: one client transaction (§17.1) after the
// other, until a target answers.
type Client struct {
	layer   *Layer
	shard   *shard
	watcher ClientWatcher
	method  sip.Method
	suffix  [suffixRoom]byte // of branches, the rest zeros
	current atomic.Pointer[clientTx]

	// The following belong to the shard.
	req     *sip.Request // nil once no other target can be tried
	targets []transport.Target
	fields  []Field
	hasVia  bool // req's top Via is ours
	wanted  bool // Cancel was called
	done    bool // a final response or a failure was delivered
	first   clientTx
}

// A clientTx is one client transaction. It belongs to the shard.
type clientTx struct {
	timer
	client    *Client
	target    transport.Target
	flow      transport.Flow
	flowAt    int // index in shard.flows; -1: not entered
	key       key
	invite    bool
	ended     bool
	cancelled bool         // the CANCEL has been sent
	req       *sip.Request // as sent; an INVITE's is needed for ACK and CANCEL
	msg       lent         // the request, later the ACK, to be sent again
	inv       clientInvite
	other     clientOther
}

// Target returns the target the request was sent to last.
func (c *Client) Target() transport.Target {
	if tx := c.current.Load(); tx != nil {
		return tx.target
	}
	return transport.Target{}
}

// Layer returns the layer the request left through.
func (c *Client) Layer() *Layer { return c.layer }

// Request sends req in a new client transaction to the first of the targets
// that answers (RFC 3263 §4.3: a timeout, a transport error or a 503 leads to
// the next). It adds a Via with a new branch. req belongs to the layer from
// now on, until w hears a final response or a failure, and is as it was sent last
// when w is called. w is called on the
// shard of req's Call-ID, never before Request returns on another goroutine's
// behalf.
func (l *Layer) Request(req *sip.Request, to []transport.Target, w ClientWatcher) *Client {
	return l.RequestBranch(req, to, w, nil)
}

// suffixRoom is the size of the longest suffix of branches in bytes.
const suffixRoom = 16

// RequestBranch is Request with a text of at most 16 bytes that ends every branch
// it uses; proxies put their loop detection there (§16.6 step 8).
func (l *Layer) RequestBranch(req *sip.Request, to []transport.Target, w ClientWatcher, suffix []byte) *Client {
	c := &Client{layer: l, watcher: w, method: req.Method(), req: req, targets: to}
	copy(c.suffix[:], suffix)
	c.shard = l.shard(req.CallID())
	var err error
	switch {
	case len(to) == 0:
		err = ErrNoTarget
	case l.clients.Load() >= int64(l.cfg.Limits.Client):
		l.count.overload.Add(1)
		err = ErrOverload
	}
	if err != nil {
		c.done = true
		c.shard.post(&event{kind: evFailed, client: c, err: err})
		return c
	}
	if !req.Has(sip.HeaderMaxForwards) {
		req.Add(sip.HeaderMaxForwards, "70") // §8.1.1.6
	}
	c.shard.post(&event{kind: evStart, tx: c.prepare()})
	return c
}

// prepare makes the transaction for the first of the targets left.
func (c *Client) prepare() *clientTx {
	l := c.layer
	tx := &c.first
	if tx.client != nil { // the next target
		tx = new(clientTx)
	}
	*tx = clientTx{client: c, flowAt: -1, invite: c.method == sip.INVITE, req: c.req}
	tx.owner = tx
	t := c.targets[0]
	c.targets = c.targets[1:]
	var room [branchRoom]byte
	branch := bytes.TrimRight(append(sip.AppendBranch(room[:0]), c.suffix[:]...), "\x00")
	tx.encode(t, branch)
	if l.tooLarge(t, len(tx.msg.msg)) {
		// §18.1.1: "If a request is within 200 bytes of the path MTU, or if it is
		// larger than 1300 bytes and the path MTU is unknown, the request MUST be
		// sent using ... TCP"; if that cannot be reached, over UDP after all.
		l.logger.Info("transaction: request goes over TCP, it is large for a datagram", "bytes", len(tx.msg.msg),
			"limit", l.cfg.DatagramSize, "call_id", c.req.CallID(), "peer", t.Addr.String())
		c.targets = append([]transport.Target{{Proto: transport.UDP, Addr: t.Addr, Listener: t.Listener, KeepProto: true}}, c.targets...)
		t.Proto = transport.TCP
		tx.encode(t, branch)
	}
	c.current.Store(tx)
	return tx
}

func (l *Layer) tooLarge(t transport.Target, size int) bool {
	return l.cfg.DatagramSize > 0 && size > l.cfg.DatagramSize && t.Proto == transport.UDP && !t.Flow.Valid() && !t.KeepProto
}

// encode writes the request for t.
func (tx *clientTx) encode(t transport.Target, branch []byte) {
	c := tx.client
	via := c.layer.via(t, branch)
	if c.hasVia {
		c.req.SetFirst(sip.HeaderVia, via)
	} else {
		c.req.Prepend(sip.HeaderVia, via)
		c.hasVia = true
	}
	tx.target = t
	tx.key = c.layer.keys.client(via[len(via)-len(branch):], c.method)
	c.layer.scratch.restore(&tx.msg)
	tx.msg = c.layer.scratch.lend(c.req)
}

// via writes the Via for a request to t: with rport (RFC 3581 §3), over TLS with
// alias (RFC 5923 §5).
func (l *Layer) via(t transport.Target, branch []byte) string {
	host, port := l.transport.SentBy(t)
	proto := t.Proto
	if t.Flow.Valid() {
		proto = t.Flow.Proto()
	}
	var buf [160]byte
	b := append(buf[:0], "SIP/2.0/"...)
	b = append(b, proto.Via()...)
	b = append(b, ' ')
	b = append(b, host...)
	if port != 0 {
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(port), 10)
	}
	b = append(b, ";rport"...)
	if proto == transport.TLS {
		b = append(b, ";alias"...)
	}
	b = append(b, ";branch="...)
	return string(append(b, branch...))
}

// Send sends req outside of a transaction: the ACK to a 2xx (§13.2.2.4). The
// Via it is sent with is not left in req; sent again, the same ACK has the
// same branch.
func (l *Layer) Send(req *sip.Request, to transport.Target) error {
	p := l.scratch.take()
	msg := l.appendAlone((*p)[:0], req, to)
	defer l.scratch.give(p, msg)
	return l.SendEncoded(msg, to) // it does not keep msg
}

// Encode writes what Send sends, for those who keep it to send it again.
func (l *Layer) Encode(req *sip.Request, to transport.Target) []byte {
	p := l.scratch.take()
	b := l.appendAlone((*p)[:0], req, to)
	defer l.scratch.give(p, b)
	return append(make([]byte, 0, len(b)), b...)
}

// appendAlone appends a request outside of a transaction.
func (l *Layer) appendAlone(dst []byte, req *sip.Request, to transport.Target) []byte {
	var room [branchRoom]byte
	req.Prepend(sip.HeaderVia, l.via(to, l.keys.appendBranch(room[:0], req)))
	dst = req.Append(dst)
	req.PopFirst(sip.HeaderVia)
	return dst
}

// SendEncoded sends what Encode wrote.
func (l *Layer) SendEncoded(msg []byte, to transport.Target) error {
	if f, ok := l.transport.Find(to); ok {
		return l.transport.Send(f, msg)
	}
	l.transport.SendTo(to, msg, nil) // it does not keep msg
	return nil
}

// start enters tx and sends its request.
func (s *shard) start(tx *clientTx) {
	s.clients[tx.key] = tx
	s.layer.clients.Add(1)
	proto := tx.target.Proto
	if tx.target.Flow.Valid() {
		proto = tx.target.Flow.Proto()
	}
	if tx.invite {
		tx.inv.start(s.now, &s.layer.timers, proto.Reliable())
	} else {
		tx.other.start(s.now, &s.layer.timers, proto.Reliable())
	}
	s.sendRequest(tx)
	if tx.ended {
		return
	}
	s.arm(&tx.timer, tx.deadline())
}

// sendRequest sends what tx has to send, at once or after connecting.
func (s *shard) sendRequest(tx *clientTx) {
	l := s.layer
	if tx.flow.Valid() {
		s.sent(tx, tx.flow, l.transport.Send(tx.flow, tx.msg.msg))
		return
	}
	if f, ok := l.transport.Find(tx.target); ok {
		s.sent(tx, f, l.transport.Send(f, tx.msg.msg))
		return
	}
	l.transport.SendTo(tx.target, tx.msg.msg, func(f transport.Flow, err error) {
		s.post(&event{kind: evConnect, tx: tx, flow: f, err: err})
	})
}

// sent notes the flow that tx uses, or that it failed.
func (s *shard) sent(tx *clientTx, f transport.Flow, err error) {
	if err != nil {
		s.lost(tx, err)
		return
	}
	if tx.flow = f; f.ID() != 0 && tx.flowAt < 0 && !tx.ended {
		list := s.flows[f.ID()]
		tx.flowAt = len(list)
		s.flows[f.ID()] = append(list, tx)
	}
}

// connected: the connection for tx is open, or could not be opened.
func (s *shard) connected(tx *clientTx, f transport.Flow, err error) {
	if !tx.ended {
		s.sent(tx, f, err)
	}
}

// lost: tx could not send. Without the right to call back, the clock goes on.
func (s *shard) lost(tx *clientTx, err error) {
	if !s.calls {
		s.leave(&event{kind: evConnect, tx: tx, err: err})
		return
	}
	var act action
	if tx.invite {
		act = tx.inv.failed()
	} else {
		act = tx.other.failed()
	}
	s.carryOutClient(tx, act, nil, err)
}

// closed: a connection has ended; what waits for an answer over it fails.
func (s *shard) closed(id uint64, err error) {
	list := s.flows[id]
	delete(s.flows, id)
	for _, tx := range list {
		tx.flowAt = -1
	}
	for _, tx := range list {
		if !tx.ended {
			s.lost(tx, err)
		}
	}
}

func (tx *clientTx) deadline() time.Duration {
	if tx.invite {
		return tx.inv.deadline()
	}
	return tx.other.deadline()
}

// expire is called by the wheel.
func (tx *clientTx) expire(now time.Duration) {
	s := tx.client.shard
	var act action
	if tx.invite {
		act = tx.inv.timeout(now, &s.layer.timers)
	} else {
		act = tx.other.timeout(now, &s.layer.timers)
	}
	s.carryOutClient(tx, act, nil, ErrTimeout)
}

// response takes a response to its transaction (§17.1.3). One that belongs to
// none is dropped (RFC 6026 §7.2).
func (s *shard) response(res *sip.Response, via *sip.Via) {
	_, method, err := res.CSeq()
	tx := s.clients[s.layer.keys.client(via.Branch(), method)]
	if tx == nil || err != nil {
		s.layer.count.stray.Add(1)
		return
	}
	var act action
	if tx.invite {
		act = tx.inv.response(s.now, &s.layer.timers, res.Status())
		if tx.inv.state == stateProceeding {
			s.layer.scratch.restore(&tx.msg) // Timer A has ended: it is not sent again
		}
	} else {
		act = tx.other.response(s.now, &s.layer.timers, res.Status())
	}
	s.carryOutClient(tx, act, res, nil)
}

// carryOutClient does what a machine asked for; res and err are what made it.
func (s *shard) carryOutClient(tx *clientTx, act action, res *sip.Response, err error) {
	if act.has(actACK) {
		s.sendACK(tx, res)
	}
	if act.has(actSend) {
		s.sendRequest(tx)
	}
	if act.has(actCancel) {
		s.sendCancel(tx, tx.client.fields)
	}
	if act.has(actDone) {
		s.endClient(tx)
	} else if !tx.ended {
		s.arm(&tx.timer, tx.deadline())
	}
	c := tx.client
	switch {
	case act.has(actDeliver):
		s.deliver(c, tx, res)
	case act.has(actTimeout):
		s.goOn(c, ErrTimeout)
	case act.has(actFail):
		s.goOn(c, fmt.Errorf("%w: %w", ErrTransport, err))
	}
}

// deliver hands a response to the TU, or tries the next target after a 503.
func (s *shard) deliver(c *Client, tx *clientTx, res *sip.Response) {
	if res.Status() == 503 && len(c.targets) > 0 && !c.wanted {
		s.next(c)
		return
	}
	if res.Provisional() && c.wanted {
		s.sendCancel(tx, c.fields)
	}
	if res.Final() {
		c.done, c.req, c.targets = true, nil, nil
		tx.req = nil // the ACK has been written; that to a 2xx is the TU's
		if !tx.invite || res.Success() {
			s.layer.scratch.restore(&tx.msg)
		}
	}
	c.watcher.Response(c, res)
}

// goOn tries the next target, or gives up.
func (s *shard) goOn(c *Client, err error) {
	if len(c.targets) > 0 && !c.wanted && !c.done {
		s.next(c)
		return
	}
	if c.watcher != nil && !c.done {
		c.done, c.req = true, nil
		c.watcher.Failed(c, err)
	}
}

// next sends the request to the next target: a new transaction with a new
// branch (RFC 3263 §4.3).
func (s *shard) next(c *Client) { s.start(c.prepare()) }

// endClient takes tx out of the tables.
func (s *shard) endClient(tx *clientTx) {
	if tx.ended {
		return
	}
	tx.ended, tx.req = true, nil
	s.layer.scratch.restore(&tx.msg)
	s.wheel.remove(&tx.timer)
	delete(s.clients, tx.key)
	s.layer.clients.Add(-1)
	if tx.flowAt >= 0 {
		s.leaveFlow(tx)
	}
}

// leaveFlow takes tx off the list of its connection.
func (s *shard) leaveFlow(tx *clientTx) {
	id := tx.flow.ID()
	list := s.flows[id]
	last := len(list) - 1
	list[tx.flowAt] = list[last]
	list[tx.flowAt].flowAt = tx.flowAt
	list[last] = nil
	tx.flowAt = -1
	if last == 0 {
		delete(s.flows, id)
		return
	}
	s.flows[id] = list[:last]
}
