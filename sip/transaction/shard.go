package transaction

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// A shard is a part of the transactions and their timers. Whoever holds busy
// runs it; all fields below busy belong to the holder. Nobody waits for busy:
// who finds it taken leaves an event in the mailbox, and the holder looks
// there before and after he lets go.
//
// Readers and the clock run everything (callers). Other goroutines, that call
// Respond or Request, run only their own kind of events, so that no callback
// ever runs on a goroutine that may hold the caller's locks; what they must
// leave behind, the clock does.
type shard struct {
	layer *Layer
	clock *clock

	mu      sync.Mutex // guards mailbox
	mailbox []event
	waiting atomic.Int32 // length of mailbox

	wake atomic.Int64 // when the wheel wants to turn, as time.Duration

	busy    atomic.Bool
	calls   bool // the holder may run callbacks
	now     time.Duration
	spare   []event
	servers map[key]*Server
	acks    map[key]*Server // 2xx responses that wait for their ACK, or had it
	merged  map[key]*Server // requests outside of dialogs
	clients map[key]*clientTx
	flows   map[uint64][]*clientTx // client transactions over streams
	wheel   wheel
	passing Server // stands for the borrowed ACK that goes through
}

// An event is what happens to a shard.
type event struct {
	kind    eventKind
	retrans bool // respond: the layer retransmits a 2xx
	once    bool // respond: nothing is retransmitted
	status  int
	flow    transport.Flow
	req     *sip.Request
	res     *sip.Response
	via     sip.Via
	server  *Server
	client  *Client
	tx      *clientTx
	msg     lent
	key     key
	fields  []Field
	err     error
	probe   chan<- struct{}
}

type eventKind uint8

const (
	evRequest  eventKind = iota // a request has come
	evResponse                  // a response has come
	evClosed                    // a connection has ended
	evFailed                    // client.watcher is to be told err
	evEnded                     // server.watcher is to be told err
	evConnect                   // tx has been sent over flow, or err

	// The following call nobody back and may run on any goroutine.
	evRespond // server sends msg with status
	evStart   // tx begins
	evCancel  // client is to be cancelled
	evAbandon // client is of no interest any more
	evSent    // server's response went out over a new connection, or err
	evProbe   // probe gets a token
)

func (k eventKind) callsBack() bool { return k < evRespond }

func newShard(l *Layer, c *clock) *shard {
	s := &shard{
		layer: l, clock: c,
		servers: make(map[key]*Server), acks: make(map[key]*Server), merged: make(map[key]*Server),
		clients: make(map[key]*clientTx), flows: make(map[uint64][]*clientTx),
	}
	s.wheel.init()
	s.wake.Store(int64(never))
	return s
}

// arrive runs an event of the network, or leaves it to the holder. Only
// readers and the clock call it.
func (s *shard) arrive(e *event) {
	if s.waiting.Load() == 0 && s.busy.CompareAndSwap(false, true) {
		s.calls = true
		s.now = s.layer.now()
		s.handle(e)
		s.drain()
		if !s.release() {
			return
		}
		s.run(true) // what came between the last look and the letting go
		return
	}
	e.keep()
	s.leave(e)
	s.run(true)
}

// keep makes e's message one that stays.
func (e *event) keep() {
	switch {
	case e.req != nil && e.req.Borrowed():
		e.req = e.req.Keep()
		e.via, _ = e.req.TopVia()
	case e.res != nil && e.res.Borrowed():
		e.res = e.res.Keep()
		e.via, _ = e.res.TopVia()
	}
}

// post runs an event of this host's rooms, or leaves it to the holder.
func (s *shard) post(e *event) {
	s.leave(e)
	s.run(false)
}

func (s *shard) leave(e *event) {
	s.mu.Lock()
	s.mailbox = append(s.mailbox, *e)
	s.waiting.Store(int32(len(s.mailbox)))
	s.mu.Unlock()
}

// run works the mailbox and the wheel off, if nobody else does. Who may not do
// all of it leaves the rest to the clock.
func (s *shard) run(calls bool) {
	for s.busy.CompareAndSwap(false, true) {
		s.calls = calls
		s.now = s.layer.now()
		s.drain()
		if !s.release() {
			return
		}
		if !calls && s.callsBack() {
			s.clock.kick()
			return
		}
	}
}

// callsBack reports whether the next event in the mailbox needs the right to
// call back.
func (s *shard) callsBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mailbox) > 0 && s.mailbox[0].kind.callsBack()
}

// release lets go of the shard. It reports whether there is work that came
// while it was held.
func (s *shard) release() (again bool) {
	next := s.wheel.next()
	s.wake.Store(int64(next))
	s.busy.Store(false)
	if s.waiting.Load() > 0 {
		return true
	}
	s.clock.before(next)
	return false
}

// drain handles the mailbox and turns the wheel. Without the right to call
// back it stops at the first event, or timer, that needs it.
func (s *shard) drain() {
	for s.waiting.Load() > 0 {
		s.mu.Lock()
		if !s.calls && s.mailbox[0].kind.callsBack() {
			s.mu.Unlock()
			return
		}
		batch := s.mailbox
		s.mailbox = s.spare[:0]
		s.waiting.Store(0)
		s.mu.Unlock()
		s.work(batch)
	}
	if s.calls && s.now >= time.Duration(s.wake.Load()) {
		s.wheel.advance(s.now)
	}
}

// work handles a batch. What may not be handled goes back to the front.
func (s *shard) work(batch []event) {
	for i := range batch {
		if !s.calls && batch[i].kind.callsBack() {
			s.putBack(batch[i:])
			break
		}
		s.handle(&batch[i])
	}
	clear(batch)
	s.spare = batch[:0]
	if cap(s.spare) > 1024 {
		s.spare = nil
	}
}

func (s *shard) putBack(rest []event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mailbox = append(append([]event(nil), rest...), s.mailbox...)
	s.waiting.Store(int32(len(s.mailbox)))
}

func (s *shard) handle(e *event) {
	switch e.kind {
	case evRequest:
		s.request(e)
	case evResponse:
		s.response(e.res, &e.via)
	case evClosed:
		s.closed(e.flow.ID(), e.err)
	case evFailed:
		e.client.watcher.Failed(e.client, e.err)
	case evEnded:
		e.server.watcher.Ended(e.server, e.err)
	case evConnect:
		s.connected(e.tx, e.flow, e.err)
	case evRespond:
		s.respond(e)
	case evStart:
		s.start(e.tx)
	case evCancel:
		s.cancel(e.client, e.fields)
	case evAbandon:
		s.abandon(e.client)
	case evSent:
		if e.err != nil {
			e.server.lost = e.err
		}
	case evProbe:
		e.probe <- struct{}{} // there is room for the tokens of all shards
	}
}

// arm sets t for the machine's next deadline. A deadline that moves away a little
// leaves the timer where it is: it finds out when it fires. One that moves far
// takes it along now, while it is in the caches.
func (s *shard) arm(t *timer, deadline time.Duration) {
	switch {
	case deadline == never:
		s.wheel.remove(t)
	case !t.set():
		s.wheel.add(t, deadline, s.now)
	case int64(deadline>>tickShift) < t.at, int64(deadline>>tickShift) > t.at+wheelSlots:
		s.wheel.remove(t)
		s.wheel.add(t, deadline, s.now)
	}
}
