package transaction

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// A ServerWatcher is told what happens to a server transaction after ServeSIP
// returned. Its methods run on the shard and must not block.
type ServerWatcher interface {
	// Cancelled brings the CANCEL of a request that has no final response yet.
	// The layer has answered the CANCEL itself; the TU answers the request,
	// usually with 487 (§9.2).
	Cancelled(tx *Server, cancel *sip.Request)
	// Acked brings the ACK to a final response of an INVITE, once.
	Acked(tx *Server, ack *sip.Request)
	// Ended tells that the transaction is over: nil; ErrNoACK; ErrTransport, if
	// the last response could not be sent; ErrTimeout, if a request other than
	// INVITE was not answered while its client waited.
	Ended(tx *Server, err error)
}

// A Server is a server transaction (§17.2), or stands for an ACK that matched
// none (Stateless).
type Server struct {
	timer
	layer   *Layer
	shard   *shard
	flow    transport.Flow
	toTag   string
	invited *Server // of an ACK without transaction: its INVITE's
	port    uint16  // responses go to flow's remote address and this port
	merged  bool
	invite  bool
	entered bool // in the tables of the shard
	flags   atomic.Uint32
	request atomic.Pointer[sip.Request]

	// The following belong to the shard.
	watcher   ServerWatcher
	key       key
	ackKey    key // zero: no 2xx waits for an ACK
	mergeKey  key // zero: not entered
	last      []byte
	lost      error // the last response could not be sent
	cancelled bool
	inv       serverInvite
	other     serverOther
}

// Bits of Server.flags.
const (
	flagResponded uint32 = 1 << iota
	flagTaken
	flagFinal
	flagSuccess // the final response was a 2xx
	flagEnded
	flagStateless
)

// Request returns the request that opened the transaction. It is nil once the
// transaction has no more use for it: after the final response, for an INVITE
// after the ACK.
func (tx *Server) Request() *sip.Request { return tx.request.Load() }

// Flow returns the flow the request came over.
func (tx *Server) Flow() transport.Flow { return tx.flow }

// Layer returns the layer the transaction belongs to.
func (tx *Server) Layer() *Layer { return tx.layer }

// Stateless reports whether there is no transaction: an ACK that matched none.
func (tx *Server) Stateless() bool { return tx.has(flagStateless) }

// Merged reports whether another transaction has brought the same request by
// another way (§8.2.2.2); a UAS answers it with 482.
func (tx *Server) Merged() bool { return tx.merged }

// Invite returns the transaction of the INVITE that an ACK without transaction
// belongs to, by Call-ID, From tag and CSeq; nil if that has ended. Anybody who knows
// these can send such an ACK.
func (tx *Server) Invite() *Server { return tx.invited }

// Watcher returns what Watch has named. It is for the shard's callbacks.
func (tx *Server) Watcher() ServerWatcher { return tx.watcher }

// ToTag returns the tag that the layer puts into the To of responses above 100
// that have none. It is the same for the whole transaction.
func (tx *Server) ToTag() string { return tx.toTag }

// Answered reports whether a final response has been given to Respond or
// Forward.
func (tx *Server) Answered() bool { return tx.has(flagFinal) }

// Watch names the watcher; call it in ServeSIP. nil: nobody; then a CANCEL is
// answered and the request with 487 by the layer.
func (tx *Server) Watch(w ServerWatcher) { tx.watcher = w }

// TakeOver tells the layer that the request will be answered after ServeSIP
// has returned.
func (tx *Server) TakeOver() { tx.flags.Or(flagTaken) }

func (tx *Server) has(flag uint32) bool { return tx.flags.Load()&flag != 0 }

// Respond sends a response; from any goroutine. A 2xx to an INVITE is
// retransmitted until its ACK comes (§13.3.1.4): Acked, or Ended(ErrNoACK). A
// 408 or provisional response to a request other than INVITE is not sent (RFC
// 4320). res must not be changed afterwards.
func (tx *Server) Respond(res *sip.Response) error { return tx.answer(res, true, false) }

// Forward is Respond for a proxy: a 2xx to an INVITE is sent as often as it is
// forwarded, not retransmitted by the layer, and its ACK comes through
// ServeSIP (RFC 6026 §7.1).
func (tx *Server) Forward(res *sip.Response) error { return tx.answer(res, false, false) }

// ForwardOnce is Forward without Timer G: a final response to an INVITE that is no
// 2xx goes out again only if the INVITE comes again. It is for peers who may not be
// at the address they name.
func (tx *Server) ForwardOnce(res *sip.Response) error { return tx.answer(res, false, true) }

func (tx *Server) answer(res *sip.Response, retransmit, once bool) error {
	if err := tx.admit(res.Status(), retransmit); err != nil {
		return err
	}
	if res.Status() > 100 && res.ToTag() == "" {
		res.SetToTag(tx.toTag)
	}
	e := event{kind: evRespond, server: tx, status: res.Status(), retrans: retransmit, once: once}
	if tx.invite && !retransmit && res.Success() {
		e.msg = tx.layer.scratch.lend(res) // it is sent once
	} else {
		e.msg.msg = tx.layer.scratch.encode(res)
	}
	if tx.invite && retransmit && res.Success() {
		seq, _, _ := res.CSeq()
		e.key = tx.layer.keys.ack(res.CallID(), res.FromTag(), res.ToTag(), seq)
	}
	tx.shard.post(&e)
	return nil
}

// admit notes what is being answered, or says why it cannot be.
func (tx *Server) admit(status int, retransmit bool) error {
	for {
		old := tx.flags.Load()
		switch {
		case old&flagStateless != 0:
			return ErrStateless
		case old&flagEnded != 0:
			return ErrTerminated
		case old&flagFinal != 0 && (retransmit || status/100 != 2 || old&flagSuccess == 0 || !tx.invite):
			return ErrAnswered
		}
		next := old | flagResponded
		if status >= 200 {
			next |= flagFinal
		}
		if status/100 == 2 {
			next |= flagSuccess
		}
		if tx.flags.CompareAndSwap(old, next) {
			return nil
		}
	}
}

// respond carries a response out.
func (s *shard) respond(e *event) {
	tx := e.server
	defer s.layer.scratch.restore(&e.msg)
	if tx.has(flagEnded) {
		return
	}
	var act action
	if tx.invite {
		act = tx.inv.respond(s.now, &s.layer.timers, e.status, e.retrans)
		if e.once {
			tx.inv.resend = never
		}
	} else {
		act = tx.other.respond(s.now, &s.layer.timers, e.status)
	}
	if act.has(actSend) {
		tx.last = e.msg.msg
	}
	if e.key != (key{}) && tx.inv.state == stateAccepted && tx.ackKey == (key{}) {
		tx.ackKey = e.key
		s.acks[e.key] = tx
	}
	if e.status >= 200 && (!tx.invite || !e.retrans && e.status < 300) {
		tx.request.Store(nil)
	}
	s.carryOut(tx, act, nil)
	if tx.invite && tx.inv.acked {
		tx.last = nil // a forwarded 2xx is not sent again by us
	}
}

// carryOut does what a machine asked for. ack is the ACK that made it, if any.
func (s *shard) carryOut(tx *Server, act action, ack *sip.Request) {
	if act.has(actSend) && len(tx.last) > 0 {
		s.send(tx)
	}
	if act.has(actTrying) {
		s.trying(tx)
	}
	if act.has(actAcked) {
		tx.request.Store(nil)
		tx.last = nil // nothing is sent any more: RFC 6026 §7.1 absorbs the INVITE
		if tx.watcher != nil {
			tx.watcher.Acked(tx, ack)
		}
	}
	if act.has(actDone) {
		s.end(tx, endError(act, tx.lost))
		return
	}
	s.arm(&tx.timer, tx.deadline())
}

func (tx *Server) deadline() time.Duration {
	if tx.invite {
		return tx.inv.deadline()
	}
	return tx.other.deadline()
}

// endError says how a transaction ended.
func endError(act action, lost error) error {
	switch {
	case lost != nil && act.has(actNoACK|actTimeout):
		return fmt.Errorf("%w: %w", ErrTransport, lost)
	case act.has(actNoACK):
		return ErrNoACK
	case act.has(actTimeout):
		return ErrTimeout
	}
	return nil
}

// expire is called by the wheel.
func (tx *Server) expire(now time.Duration) {
	s := tx.shard
	var act action
	if tx.invite {
		act = tx.inv.timeout(now, &s.layer.timers)
	} else {
		act = tx.other.timeout(now, &s.layer.timers)
	}
	s.carryOut(tx, act, nil)
}

// reply is the flow that responses go to.
func (tx *Server) reply() transport.Flow { return tx.flow.WithRemotePort(tx.port) }

// send sends the last response: over the connection of the request, and if that
// is gone over a new one to the source address and the port of the sent-by
// (§18.2.2).
func (s *shard) send(tx *Server) {
	err := s.layer.transport.Send(tx.reply(), tx.last)
	if err == nil || !tx.flow.Reliable() {
		tx.lost = err
		return
	}
	t := transport.Target{Proto: tx.flow.Proto(), Addr: netip.AddrPortFrom(tx.flow.Remote().Addr(), tx.port)}
	if t.Addr.Port() == 0 {
		tx.lost = err
		return
	}
	s.layer.transport.SendTo(t, tx.last, func(_ transport.Flow, err error) {
		s.post(&event{kind: evSent, server: tx, err: err})
	})
}

// trying answers 100. It carries no To tag of ours (§8.2.6.2).
func (s *shard) trying(tx *Server) {
	req := tx.Request()
	if req == nil {
		return
	}
	tx.last = s.layer.scratch.encode(sip.NewResponse(req, 100, ""))
	s.send(tx)
}

// end takes tx out of the tables and tells its watcher.
func (s *shard) end(tx *Server, err error) {
	tx.flags.Or(flagEnded)
	if tx.entered {
		s.leaveTables(tx)
	}
	s.layer.servers.Add(-1)
	tx.request.Store(nil)
	tx.last = nil
	if tx.watcher == nil {
		return
	}
	if s.calls {
		tx.watcher.Ended(tx, err)
		return
	}
	s.leave(&event{kind: evEnded, server: tx, err: err})
}

func (s *shard) leaveTables(tx *Server) {
	s.wheel.remove(&tx.timer)
	delete(s.servers, tx.key)
	if s.acks[tx.ackKey] == tx {
		delete(s.acks, tx.ackKey)
	}
	if s.merged[tx.mergeKey] == tx {
		delete(s.merged, tx.mergeKey)
	}
}

// request takes a request to its transaction, or opens one.
func (s *shard) request(e *event) {
	l := s.layer
	k := l.keys.server(e.req, &e.via, e.req.Method())
	tx := s.servers[k]
	switch {
	case e.req.Method() == sip.ACK:
		s.ack(e, tx)
	case tx != nil:
		s.again(tx)
	case e.req.Method() == sip.CANCEL:
		s.cancelled(e)
	case l.servers.Load() >= int64(l.cfg.Limits.Server) || l.draining.Load() && e.req.ToTag() == "":
		l.count.overload.Add(1)
		after := strconv.Itoa(int((l.cfg.Limits.RetryAfter + time.Second - 1) / time.Second))
		l.stateless(e.flow, &e.via, e.req, 503, "", Field{sip.HeaderRetryAfter, after})
	default:
		s.open(e, k)
	}
}

// again: the request of tx has come again.
func (s *shard) again(tx *Server) {
	var act action
	if tx.invite {
		act = tx.inv.request()
	} else {
		act = tx.other.request()
	}
	s.carryOut(tx, act, nil)
}

// open begins a server transaction and brings the request through the door.
func (s *shard) open(e *event, k key) {
	l := s.layer
	tx := newServer(l, s, e)
	tx.key = k
	l.servers.Add(1)
	if e.req.ToTag() == "" {
		tx.mergeKey = l.keys.merged(e.req)
		if s.merged[tx.mergeKey] != nil {
			tx.merged, tx.mergeKey = true, key{}
		}
	}
	if tx.merged && l.cfg.RejectMerged && e.req.Method() != sip.REGISTER { // a registrar orders by Call-ID and CSeq, §10.3 step 7
		s.enter(tx, e)
		_ = tx.Respond(sip.NewResponse(e.req, 482, "")) // "(Loop Detected) response", §8.2.2.2
		return
	}
	l.handler.ServeSIP(l.ctx, tx, e.req)
	if tx.has(flagEnded) {
		return // RespondOnce: nothing is kept, so nothing was entered
	}
	s.enter(tx, e)
	if tx.flags.Load()&(flagResponded|flagTaken) == 0 {
		s.forgotten(tx, e.req)
	}
}

// enter takes tx into the tables and starts its machine. It comes after the
// door, since most of what comes through is answered once and forgotten. What
// the handler has asked for meanwhile waits in the mailbox of the shard.
func (s *shard) enter(tx *Server, e *event) {
	tx.entered = true
	s.servers[tx.key] = tx
	if tx.mergeKey != (key{}) {
		s.merged[tx.mergeKey] = tx
	}
	var act action
	if tx.invite {
		act = tx.inv.start(s.now, &s.layer.timers, e.flow.Reliable())
	} else {
		act = tx.other.start(s.now, &s.layer.timers, e.flow.Reliable())
	}
	s.carryOut(tx, act, nil)
}

func newServer(l *Layer, s *shard, e *event) *Server {
	tx := new(Server)
	tx.fill(l, s, e)
	if tx.toTag == "" {
		tx.toTag = sip.NewTag()
	}
	return tx
}

// fill makes tx, which is zero, stand for the request of e.
func (tx *Server) fill(l *Layer, s *shard, e *event) {
	tx.layer, tx.shard, tx.flow, tx.port = l, s, e.flow, e.flow.Reply(e.via).Remote().Port()
	if e.flow.Reliable() {
		tx.port = e.via.Port // for a new connection, if this one ends
		if tx.port == 0 {
			tx.port = e.flow.Proto().DefaultPort()
		}
	}
	tx.owner = tx
	tx.invite = e.req.Method() == sip.INVITE
	tx.request.Store(e.req)
	if tx.toTag = e.req.ToTag(); !e.req.Borrowed() {
		tx.toTag = strings.Clone(tx.toTag) // so that it does not hold the whole message for half a minute
	}
}

// Keep returns tx, or if it stands for a borrowed ACK, which is valid in ServeSIP
// only, a copy that stays valid and has the ACK's own copy as its Request.
func (tx *Server) Keep() *Server {
	req := tx.Request()
	if !tx.Stateless() || req == nil || !req.Borrowed() {
		return tx
	}
	c := &Server{layer: tx.layer, shard: tx.shard, flow: tx.flow, port: tx.port, invited: tx.invited}
	c.owner = c
	c.flags.Store(flagStateless)
	req = req.Keep()
	c.request.Store(req)
	c.toTag = req.ToTag()
	return c
}

// forgotten: a handler neither answered nor took over. That is a bug of ours,
// and the client must not wait for it.
func (s *shard) forgotten(tx *Server, req *sip.Request) {
	s.layer.count.unanswered.Add(1)
	s.layer.logger.Error("transaction: bug: no handler answered a request",
		"method", string(req.Method()), "uri", req.URI(), "call_id", req.CallID(), "flow", tx.flow.String())
	_ = tx.Respond(sip.NewResponse(req, 500, ""))
}

// ack takes an ACK to the INVITE it belongs to: that of a final response that
// is no 2xx has the INVITE's branch (§17.1.1.3), that of a 2xx its dialog
// and sequence number. Others go through the door.
func (s *shard) ack(e *event, tx *Server) {
	req := e.req
	if tx != nil && tx.invite && tx.inv.state != stateAccepted {
		if e.via.RFC3261() || tx.toTag == req.ToTag() || tx.inv.state != stateCompleted {
			s.carryOut(tx, tx.inv.ack(s.now, &s.layer.timers), req)
			return
		}
	}
	seq, _, _ := req.CSeq()
	if tx = s.acks[s.layer.keys.ack(req.CallID(), req.FromTag(), req.ToTag(), seq)]; tx != nil {
		s.carryOut(tx, tx.inv.ack(s.now, &s.layer.timers), req)
		return
	}
	if !req.Borrowed() {
		tx = newServer(s.layer, s, e)
	} else {
		tx = &s.passing
		tx.fill(s.layer, s, e)
		defer func() { s.passing = Server{} }()
	}
	tx.flags.Store(flagStateless)
	tx.invited = s.merged[s.layer.keys.merged(req)]
	s.layer.handler.ServeSIP(s.layer.ctx, tx, req)
}

// cancelled answers a CANCEL (§9.2) and tells the request's TU. The answer is
// the same for every copy, so it needs no transaction.
func (s *shard) cancelled(e *event) {
	l := s.layer
	tx := s.servers[l.keys.server(e.req, &e.via, sip.INVITE)]
	if tx == nil {
		l.stateless(e.flow, &e.via, e.req, 481, "")
		return
	}
	res := sip.NewResponse(e.req, 200, "")
	res.SetToTag(tx.toTag) // "the To tag of the response to the CANCEL and ... to the original request SHOULD be the same"
	_ = l.transport.Send(e.flow.Reply(e.via), res.Bytes())
	if tx.cancelled || tx.Answered() {
		return
	}
	tx.cancelled = true
	if tx.watcher != nil {
		tx.watcher.Cancelled(tx, e.req)
		return
	}
	if req := tx.Request(); req != nil {
		_ = tx.Respond(sip.NewResponse(req, 487, ""))
	}
}
