package pbx

import (
	"sync"
	"time"
)

// mailboxLimit is how many droppable events may wait in one mailbox. Events
// that end or answer something are always taken: there are at most a few of
// them per dialog.
const mailboxLimit = 64

// mail is one event with the leg it concerns; leg is nil for events of the
// channel itself.
type mail struct {
	leg  *leg
	what any
}

// mailbox is a channel's queue. Anybody may post; only the channel's goroutine
// takes. The zero value is not ready: use newMailbox.
type mailbox struct {
	wake chan struct{} // holds one token when something has been posted

	mu     sync.Mutex // guards the following
	queue  []mail
	closed bool
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post queues an event and reports whether it was taken. A droppable event is
// refused when mailboxLimit is reached.
func (m *mailbox) post(e mail, droppable bool) bool {
	m.mu.Lock()
	if m.closed || droppable && len(m.queue) >= mailboxLimit {
		m.mu.Unlock()
		return false
	}
	m.queue = append(m.queue, e)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

// take returns the oldest event without waiting.
func (m *mailbox) take() (mail, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return mail{}, false
	}
	e := m.queue[0]
	m.queue[0] = mail{}
	m.queue = m.queue[1:]
	if len(m.queue) == 0 {
		m.queue = nil // an idle call keeps no queue
	}
	return e, true
}

// wait returns true when something may have been posted, false at the
// deadline; a zero deadline waits without end. It is small on purpose: an idle
// call is parked here.
func (m *mailbox) wait(deadline time.Time) bool {
	if !deadline.IsZero() {
		return m.waitUntil(deadline)
	}
	<-m.wake
	return true
}

func (m *mailbox) waitUntil(deadline time.Time) bool {
	left := time.Until(deadline)
	if left <= 0 {
		return false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-m.wake:
		return true
	case <-timer.C:
		return false
	}
}

// extract takes out what concerns a leg, in order.
func (m *mailbox) extract(l *leg) []mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []mail
	kept := m.queue[:0]
	for _, e := range m.queue {
		if e.leg == l {
			out = append(out, e)
		} else {
			kept = append(kept, e)
		}
	}
	clear(m.queue[len(kept):])
	m.queue = kept
	if len(kept) == 0 {
		m.queue = nil
	}
	return out
}

// close refuses everything from now on and returns what was left.
func (m *mailbox) close() []mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := m.queue
	m.queue, m.closed = nil, true
	return left
}
