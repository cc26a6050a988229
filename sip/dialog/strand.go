package dialog

import (
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// A strand makes everything of one call happen one after the other: its lock
// guards an invitation, its sessions and their subscriptions. What is decided
// under the lock (messages, events) waits in a queue and is carried out after
// the lock is released, in order and by one goroutine at a time, so no foreign
// code ever runs under the lock and sinks may call back.
type strand struct {
	layer *Layer

	mu      sync.Mutex // guards the dialogs of this strand and the following
	queue   *steps     // nil: nothing waits
	running bool       // somebody is carrying out the queue
}

// step is one thing that was decided under the lock: a response, an event, or
// any other action. The first two are most of a call and need no allocation here.
type step struct {
	tx   *transaction.Server // is answered
	res  *sip.Response
	kept bool // res is not to be used again
	to   Sink // is told ev
	ev   Event
	act  action // else
}

// action is something decided under the lock of a strand.
type action interface{ run(l *Layer) }

// steps are what waits in a strand. They are pooled: a strand has some for a few
// moments of its life.
type steps struct {
	list []step
	next int
}

// enter takes the lock and reads the clock, once for the whole step.
func (st *strand) enter() time.Time {
	st.mu.Lock()
	return st.layer.now()
}

func (st *strand) add(x step) {
	if st.queue == nil {
		if st.queue, _ = st.layer.steps.Get().(*steps); st.queue == nil {
			st.queue = &steps{list: make([]step, 0, 4)}
		}
	}
	st.queue.list = append(st.queue.list, x)
}

// do queues an action. The lock is held.
func (st *strand) do(a action) { st.add(step{act: a}) }

// respond queues a response; it is used for another one when it has been sent.
func (st *strand) respond(tx *transaction.Server, res *sip.Response) { st.add(step{tx: tx, res: res}) }

// deliver queues an event.
func (st *strand) deliver(to Sink, ev Event) { st.add(step{to: to, ev: ev}) }

// leave releases the lock and carries out what was decided.
func (st *strand) leave() {
	if st.running || st.queue == nil {
		st.mu.Unlock()
		return
	}
	st.running = true
	st.drain()
}

// drain carries out the queue. It is entered with the lock and leaves without.
func (st *strand) drain() {
	q := st.queue
	for q.next < len(q.list) {
		x := q.list[q.next]
		q.list[q.next] = step{}
		q.next++
		st.mu.Unlock()
		if m, ok := x.act.(router); ok && !m.route(st.layer) {
			if st.layer.later(lookup{st, m}) {
				return // the lookup goes on with the queue
			}
			m.lost(transport.ErrNoAddress)
		} else {
			x.run(st.layer)
		}
		st.mu.Lock()
	}
	st.queue, st.running = nil, false
	st.mu.Unlock()
	q.list, q.next = q.list[:0], 0
	st.layer.steps.Put(q)
}

func (x *step) run(l *Layer) {
	switch {
	case x.act != nil:
		x.act.run(l)
	case x.tx != nil:
		l.send(x.tx, x.res, x.kept)
	case x.to != nil:
		x.to.Deliver(x.ev)
	}
}

// send answers a server transaction.
func (l *Layer) send(tx *transaction.Server, res *sip.Response, kept bool) {
	if err := tx.Respond(res); err != nil {
		l.log.Debug("dialog: response not sent", "call_id", res.CallID(), "status", res.Status(), "err", err)
	}
	if !kept {
		l.responses.Put(res) // the transaction has its bytes
	}
}

// router is an action that sends a request and may have to ask the DNS first.
type router interface {
	action
	route(l *Layer) bool // finds the targets if that takes no time
	hop() *hop
	lost(err error) // there is no target
}

// lookup is a strand that waits for the DNS.
type lookup struct {
	st *strand
	r  router
}

// hop is where a request goes: targets, or a URI to find them for.
type hop struct {
	uri      string
	targets  []transport.Target
	listener string
}

// route fills in the targets of a URI with a numeric host.
func (h *hop) route(l *Layer) bool {
	if len(h.targets) > 0 {
		return true
	}
	u, err := sip.ParseURI(h.uri)
	if err != nil {
		return false
	}
	t, ok := l.cfg.Transport.ResolveNumeric(u)
	if ok {
		t.Listener = h.listener
		h.targets = []transport.Target{t}
	}
	return ok
}

// acknowledge sends the ACK to a 2xx, and the same ACK to a repeated one.
type acknowledge struct {
	tag string       // of the peer
	req *sip.Request // until it has been sent for the first time
	msg []byte       // from then on
	to  hop
}

func (a *acknowledge) route(l *Layer) bool { return a.to.route(l) }
func (a *acknowledge) hop() *hop           { return &a.to }
func (a *acknowledge) lost(error)          {}

func (a *acknowledge) run(l *Layer) {
	to := a.to.targets[0]
	if a.msg == nil {
		a.msg, a.req = l.tx().Encode(a.req, to), nil
	}
	if err := l.tx().SendEncoded(a.msg, to); err != nil {
		l.log.Debug("dialog: ACK not sent", "peer", to.Addr.String(), "err", err)
	}
}
