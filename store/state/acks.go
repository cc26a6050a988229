package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Done is told the outcome of one write: the revision it got, or why it
// failed. It runs on the goroutine that reads acknowledgements and must not
// block.
type Done func(revision uint64, err error)

// acks pairs acknowledgements with the writes that wait for them. Every write
// carries its own reply subject, inbox.NUMBER, below one subscription.
type acks struct {
	inbox   string // with the final '.'
	sub     *nats.Subscription
	max     int
	timeout time.Duration

	mu      sync.Mutex // guards the following
	next    uint64
	waiting map[uint64]waiting
	sweeper *time.Timer
	closed  bool
	empty   chan struct{} // closed when nothing waits, while drain looks
}

type waiting struct {
	done  Done
	since time.Time
}

func newAcks(conn *nats.Conn, max int, timeout time.Duration) (*acks, error) {
	a := &acks{inbox: conn.NewInbox() + ".", max: max, timeout: timeout, waiting: map[uint64]waiting{}}
	sub, err := conn.Subscribe(a.inbox+"*", a.receive)
	if err != nil {
		return nil, err
	}
	a.sub = sub
	return a, sub.SetPendingLimits(-1, -1)
}

// add registers a write and returns its number.
func (a *acks) add(done Done, now time.Time) (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return 0, ErrClosed
	}
	if len(a.waiting) >= a.max {
		return 0, ErrBusy
	}
	a.next++
	a.waiting[a.next] = waiting{done, now}
	if a.sweeper == nil {
		a.sweeper = time.AfterFunc(a.timeout/2, a.sweep)
	}
	return a.next, nil
}

// reply appends the reply subject of write n.
func (a *acks) reply(n uint64) string {
	b := make([]byte, 0, len(a.inbox)+20)
	return string(strconv.AppendUint(append(b, a.inbox...), n, 36))
}

func (a *acks) receive(m *nats.Msg) {
	n, err := strconv.ParseUint(m.Subject[len(a.inbox):], 36, 64)
	if err != nil {
		return
	}
	revision, err := parseAck(m)
	a.finish(n, revision, err)
}

func (a *acks) finish(n, revision uint64, err error) {
	a.mu.Lock()
	w, ok := a.waiting[n]
	delete(a.waiting, n)
	if len(a.waiting) == 0 && a.empty != nil {
		close(a.empty)
		a.empty = nil
	}
	a.mu.Unlock()
	if ok && w.done != nil {
		w.done(revision, err)
	}
}

// sweep gives up writes that waited too long. It runs while any write waits.
func (a *acks) sweep() {
	var late []uint64
	a.mu.Lock()
	limit := time.Now().Add(-a.timeout)
	for n, w := range a.waiting {
		if w.since.Before(limit) {
			late = append(late, n)
		}
	}
	a.sweeper = nil
	if len(a.waiting) > len(late) && !a.closed {
		a.sweeper = time.AfterFunc(a.timeout/2, a.sweep)
	}
	a.mu.Unlock()
	for _, n := range late {
		a.finish(n, 0, ErrTimeout)
	}
}

// drain waits until nothing waits, but not longer than d.
func (a *acks) drain(d time.Duration) {
	a.mu.Lock()
	if len(a.waiting) == 0 {
		a.mu.Unlock()
		return
	}
	empty := make(chan struct{})
	a.empty = empty
	a.mu.Unlock()
	select {
	case <-empty:
	case <-time.After(d):
	}
}

func (a *acks) close() {
	a.mu.Lock()
	a.closed = true
	if a.sweeper != nil {
		a.sweeper.Stop()
	}
	rest := a.waiting
	a.waiting = nil
	a.mu.Unlock()
	for _, w := range rest {
		if w.done != nil {
			w.done(0, ErrClosed)
		}
	}
}

// parseAck reads a publish acknowledgement. The usual one,
// {"stream":"x","seq":1}, is read without a JSON decoder.
func parseAck(m *nats.Msg) (uint64, error) {
	if len(m.Data) == 0 {
		return 0, fmt.Errorf("state: status %s from the store", m.Header.Get("Status"))
	}
	if rest, ok := bytes.CutSuffix(m.Data, []byte{'}'}); ok && !bytes.Contains(m.Data, []byte(`"error"`)) {
		if i := bytes.LastIndex(rest, []byte(`"seq":`)); i >= 0 {
			if n, err := strconv.ParseUint(string(bytes.TrimSpace(rest[i+6:])), 10, 64); err == nil {
				return n, nil
			}
		}
	}
	return parseAckJSON(m.Data)
}

// errWrongLastSequence is JetStream's error code of a failed
// compare-and-swap.
const errWrongLastSequence = 10071

func parseAckJSON(data []byte) (uint64, error) {
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error *struct {
			Code        int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(data, &ack); err != nil {
		return 0, fmt.Errorf("state: acknowledgement: %w", err)
	}
	if ack.Error == nil {
		return ack.Seq, nil
	}
	if ack.Error.Code == errWrongLastSequence {
		return 0, ErrConflict
	}
	return 0, fmt.Errorf("state: store refused the write: %s (%d)", ack.Error.Description, ack.Error.Code)
}
