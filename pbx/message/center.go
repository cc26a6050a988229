package message

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/store/state"
)

// Store keeps the messages that wait; *state.Bucket fits.
type Store interface {
	Put(key string, value []byte, done state.Done) error
	Delete(key string, done state.Done) error
	Load(ctx context.Context, fn func(state.Entry) error) (revision uint64, err error)
}

// Directory finds recipients. It answers from memory.
type Directory interface {
	Known(user string) bool
	Places(user string) []Place
}

// Network sends requests; *dialog.Layer fits.
type Network interface {
	Send(c dialog.SendConfig, reply func(*sip.Response, error)) error
}

// Config is what a Center needs.
type Config struct {
	Network   Network   // required
	Store     Store     // required
	Directory Directory // required; it may change what it answers
	MaxBody   int       // bytes; 0: 16 kB, at most 32 kB
	// MaxPerUser bounds the messages that wait for one recipient, MaxWaiting
	// those of all. 0: 100 and 100,000.
	MaxPerUser, MaxWaiting int
	Lifetime               time.Duration // of a message without Expires, and the longest; 0: seven days
	// Patience is how long a sender waits for a device's answer before it is
	// told 202; 0: four seconds. The transaction gives up after 32 (Timer F).
	Patience time.Duration
	Logger   *slog.Logger // nil: discarded
}

// Center takes messages in and delivers them. Its methods are safe for
// concurrent use; none blocks.
type Center struct {
	cfg  Config
	log  *slog.Logger
	wake chan struct{} // holds one token when there is an earlier deadline

	mu      sync.Mutex // guards the following
	queues  map[string]*queue
	agenda  agenda
	waiting int // entries in all queues
	storing int // writes that are not acknowledged
	stopped bool
}

// New returns a Center that holds no message; Load brings them.
func New(c Config) (*Center, error) {
	if c.Network == nil || c.Store == nil || c.Directory == nil {
		return nil, errors.New("message: Config lacks a required room")
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 16 << 10
	}
	c.MaxBody = min(c.MaxBody, 32<<10) // what a value of the store holds, escaped
	if c.MaxPerUser <= 0 {
		c.MaxPerUser = 100
	}
	if c.MaxWaiting <= 0 {
		c.MaxWaiting = 100_000
	}
	if c.Lifetime <= 0 {
		c.Lifetime = 7 * 24 * time.Hour
	}
	if c.Patience <= 0 {
		c.Patience = 4 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Center{cfg: c, log: c.Logger, wake: make(chan struct{}, 1), queues: map[string]*queue{}}, nil
}

// keyPrefix is what keys in the store begin with.
const keyPrefix = "message."

// Load reads what waits from the store. Call it once, before the first message.
func (c *Center) Load(ctx context.Context) error {
	now := time.Now()
	_, err := c.cfg.Store.Load(ctx, func(e state.Entry) error {
		var m Message
		if err := json.Unmarshal(e.Value, &m); err != nil || keyPrefix+m.ID != e.Key {
			c.log.Warn("message: a stored message cannot be read", "key", e.Key, "error", err)
			return nil
		}
		if !m.Until.After(now) {
			return c.cfg.Store.Delete(e.Key, nil)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		q := c.queue(m.To)
		q.entries = append(q.entries, &entry{Message: m, kept: true, durable: true})
		c.waiting++
		return nil
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.queues {
		q.retry = now.Add(firstRetry) // the devices are about to register
		c.plan(q)
	}
	return nil
}

// Run looks after deadlines until ctx ends; then what nobody has taken yet goes
// into the store, for at most two seconds. The store must run until after that.
func (c *Center) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(c.due(time.Now()))
		select {
		case <-ctx.Done():
			c.settle()
			return nil
		case <-timer.C:
		case <-c.wake:
		}
	}
}

// settle keeps everything.
func (c *Center) settle() {
	c.mu.Lock()
	c.stopped = true
	for _, q := range slices.Collect(maps.Values(c.queues)) {
		for _, e := range q.entries {
			c.keep(q, e)
		}
		c.carryOut(q)
	}
	c.mu.Unlock()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		c.mu.Lock()
		left := c.storing
		c.mu.Unlock()
		if left == 0 {
			return
		}
		<-tick.C
	}
}

// due looks at the queues whose deadline has come, and returns how long there
// is nothing to do.
func (c *Center) due(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.agenda) > 0 {
		q := c.agenda[0]
		if q.next.After(now) {
			return q.next.Sub(now)
		}
		c.turn(q, now)
	}
	return time.Hour
}

// Waiting returns how many messages are here.
func (c *Center) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

// Serve takes a MESSAGE of a sender that is known. from is what the recipient
// sees; "" is the request's From. It runs on the transaction's shard.
func (c *Center) Serve(tx *transaction.Server, req *sip.Request, from string) {
	m, status := c.read(req, from, time.Now())
	switch {
	case tx.Merged():
		status = 482
	case status != 0:
	case !c.cfg.Directory.Known(m.To):
		status = 404
	}
	if status != 0 {
		answer(tx, req, status)
		return
	}
	tx.TakeOver()
	c.post(m, func(status int) { answer(tx, req, status) })
}

// answer answers a MESSAGE. A 2xx carries neither body nor Contact (RFC 3428
// §7).
func answer(tx *transaction.Server, req *sip.Request, status int) {
	res := sip.NewResponse(req, status, "")
	switch status {
	case 415:
		res.Add(sip.HeaderAcceptEncoding, "identity")
	case 420:
		for tag := range req.Values(sip.HeaderRequire) {
			res.Add(sip.HeaderUnsupported, tag)
		}
	case 480:
		res.Add(sip.HeaderRetryAfter, "600")
	}
	_ = tx.Respond(res) // the transaction tells its own failures
}

// Registered tells that a recipient can be reached (again).
func (c *Center) Registered(aor string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[strings.ToLower(aor)]
	if q == nil {
		return
	}
	q.registered()
	c.turn(q, time.Now())
}

// post puts a message into its queue.
func (c *Center) post(m Message, report func(int)) {
	now := time.Now()
	c.mu.Lock()
	q := c.queue(m.To)
	if c.stopped || c.waiting >= c.cfg.MaxWaiting || len(q.entries) >= c.cfg.MaxPerUser {
		c.plan(q)
		c.mu.Unlock()
		report(480)
		return
	}
	defer c.mu.Unlock()
	q.entries = append(q.entries, &entry{Message: m, answer: report, patience: now.Add(c.cfg.Patience)})
	c.waiting++
	c.turn(q, now)
}

// queue returns the queue of a recipient, which it makes. Names do not care
// about case here, so that nobody misses a message.
func (c *Center) queue(to string) *queue {
	key := strings.ToLower(to)
	q := c.queues[key]
	if q == nil {
		q = &queue{to: key}
		c.queues[key] = q
	}
	return q
}

// turn does everything that a queue has to do now. The lock is held; it is
// released and taken again while actions run.
func (c *Center) turn(q *queue, now time.Time) {
	for _, e := range q.expire(now) {
		c.tell(q, e, 480)
		c.drop(q, e)
	}
	if e := q.ready(now); e != nil {
		if places := c.cfg.Directory.Places(e.To); len(places) > 0 {
			c.deliver(q, e, places)
		} else {
			c.outcome(q, now, 0)
		}
	}
	for _, e := range q.impatient(now) {
		c.keep(q, e)
	}
	c.plan(q)
	c.carryOut(q)
}

// outcome takes the answer to the first message of a queue; status 0 is none.
func (c *Center) outcome(q *queue, now time.Time, status int) {
	e, gone := q.outcome(now, fateOf(status))
	if !gone {
		return
	}
	if status == 0 || status/100 == 3 { // we do not follow a device's redirection
		status = 480
	}
	c.tell(q, e, status)
	c.drop(q, e)
}

// tell answers the sender, once.
func (c *Center) tell(q *queue, e *entry, status int) {
	if f := e.answer; f != nil {
		e.answer = nil
		q.do(func() { f(status) })
	}
}

// drop forgets an entry that has left its queue.
func (c *Center) drop(q *queue, e *entry) {
	c.waiting--
	if !e.kept {
		return
	}
	q.do(func() {
		if err := c.cfg.Store.Delete(keyPrefix+e.ID, nil); err != nil {
			c.log.Error("message: not removed from the store; it will be delivered again", "to", e.To, "error", err)
		}
	})
}

// keep writes a message to the store; the sender is told 202 when it is
// durable: "the message has been accepted, but not delivered" (RFC 3428 §7).
func (c *Center) keep(q *queue, e *entry) {
	if e.kept {
		return
	}
	e.kept = true
	value, err := json.Marshal(e.Message)
	if err != nil {
		c.log.Error("message: not written", "to", e.To, "error", err)
		c.tell(q, e, 500)
		return
	}
	c.storing++
	stored := func(_ uint64, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.storing--
		if err != nil {
			c.log.Error("message: not stored", "to", e.To, "error", err)
			c.tell(q, e, 500)
			if e.kept = false; q.remove(e) {
				c.waiting--
			}
		} else {
			e.durable = true
			c.tell(q, e, 202)
		}
		c.carryOut(q)
	}
	q.do(func() {
		if err := c.cfg.Store.Put(keyPrefix+e.ID, value, stored); err != nil {
			stored(0, err)
		}
	})
}

// deliver sends a message to all devices of the recipient.
func (c *Center) deliver(q *queue, e *entry, places []Place) {
	m := e.Message
	q.do(func() {
		left, best := len(places), -1
		var mu sync.Mutex // guards left and best; the devices answer on different shards
		reply := func(status int) {
			mu.Lock()
			defer mu.Unlock()
			if left--; best < 0 || better(best, status) {
				best = status
			}
			if left > 0 {
				return
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			now := time.Now()
			c.outcome(q, now, best)
			c.turn(q, now)
		}
		for _, p := range places {
			c.send(m, p, reply)
		}
	})
}

// lateAfter is from when on a message carries the time it was written.
const lateAfter = 10 * time.Second

// send sends a message to one device.
func (c *Center) send(m Message, p Place, reply func(status int)) {
	out := dialog.SendConfig{Method: sip.MESSAGE, URI: p.URI, From: m.From, Route: p.Route, Targets: p.Targets,
		MaxForwards: m.Hops, ContentType: m.ContentType, Body: m.Body}
	if time.Since(m.Created) > lateAfter { // RFC 3428 §4: Date tells the age
		out.Headers = []dialog.Header{{Name: "Date", Value: m.Created.UTC().Format(http.TimeFormat)}}
	}
	err := c.cfg.Network.Send(out, func(res *sip.Response, err error) {
		if err != nil {
			reply(0)
			return
		}
		reply(res.Status())
	})
	if err != nil {
		c.log.Info("message: not sent", "to", m.To, "uri", p.URI, "error", err)
		reply(0)
	}
}

// carryOut runs the actions of a queue, in order and by one goroutine at a
// time. The lock is held, but not while they run.
func (c *Center) carryOut(q *queue) {
	if q.busy {
		return
	}
	q.busy = true
	for len(q.actions) > 0 {
		f := q.actions[0]
		q.actions = q.actions[1:]
		c.mu.Unlock()
		f()
		c.mu.Lock()
	}
	q.actions, q.busy = nil, false
	c.plan(q)
}

// plan enters the queue's deadline into the agenda, or forgets an empty queue.
func (c *Center) plan(q *queue) {
	t := q.deadline()
	switch {
	case !t.IsZero() && q.index == 0:
		q.next = t
		heap.Push(&c.agenda, q)
	case !t.IsZero():
		q.next = t
		heap.Fix(&c.agenda, q.index-1)
	case q.index != 0:
		heap.Remove(&c.agenda, q.index-1)
	}
	if len(q.entries) == 0 && !q.busy && len(q.actions) == 0 && c.queues[q.to] == q {
		delete(c.queues, q.to)
	}
	if q.index == 1 {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// agenda is a heap of queues by deadline; it implements heap.Interface.
type agenda []*queue

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].next.Before(a[j].next) }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i+1, j+1
}

// Push implements heap.Interface.
func (a *agenda) Push(x any) {
	q := x.(*queue)
	*a = append(*a, q)
	q.index = len(*a)
}

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	n := len(*a) - 1
	q := (*a)[n]
	(*a)[n] = nil
	*a = (*a)[:n]
	q.index = 0
	return q
}
