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
	queue   []action
	running bool // somebody is carrying out the queue
}

// action is something decided under the lock of a strand.
type action interface{ run(l *Layer) }

// enter takes the lock and reads the clock, once for the whole step.
func (st *strand) enter() time.Time {
	st.mu.Lock()
	return st.layer.now()
}

// do queues an action. The lock is held.
func (st *strand) do(a action) { st.queue = append(st.queue, a) }

// leave releases the lock and carries out what was decided.
func (st *strand) leave() {
	if st.running || len(st.queue) == 0 {
		st.mu.Unlock()
		return
	}
	st.running = true
	st.drain()
}

// drain carries out the queue. It is entered with the lock and leaves without.
func (st *strand) drain() {
	for len(st.queue) > 0 {
		a := st.queue[0]
		st.queue = st.queue[1:]
		st.mu.Unlock()
		if m, ok := a.(router); ok && !m.route(st.layer) {
			if st.layer.later(lookup{st, m}) {
				return // the lookup goes on with the queue
			}
			m.lost(transport.ErrNoAddress)
		} else {
			a.run(st.layer)
		}
		st.mu.Lock()
	}
	st.queue, st.running = nil, false
	st.mu.Unlock()
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

// deliver gives an event to its sink.
type deliver struct {
	to Sink
	ev Event
}

func (a deliver) run(*Layer) {
	if a.to != nil {
		a.to.Deliver(a.ev)
	}
}

// respond answers a server transaction.
type respond struct {
	tx  *transaction.Server
	res *sip.Response
}

func (a respond) run(l *Layer) {
	if err := a.tx.Respond(a.res); err != nil {
		l.log.Debug("dialog: response not sent", "call_id", a.res.CallID(), "status", a.res.Status(), "err", err)
	}
}

// acknowledge sends the ACK to a 2xx.
type acknowledge struct {
	req *sip.Request
	to  hop
}

func (a *acknowledge) route(l *Layer) bool { return a.to.route(l) }
func (a *acknowledge) hop() *hop           { return &a.to }
func (a *acknowledge) lost(error)          {}

func (a *acknowledge) run(l *Layer) {
	if err := l.tx().Send(a.req, a.to.targets[0]); err != nil {
		l.log.Debug("dialog: ACK not sent", "call_id", a.req.CallID(), "err", err)
	}
}
