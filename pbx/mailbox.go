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
	wake  chan struct{} // holds one token when something has been posted
	burst *Burst        // holds wake-ups back; nil = nobody

	mu     sync.Mutex  // guards the following
	first  mail        // the oldest event, so that one that comes alone needs no queue
	queue  []mail      // those behind it
	resume func()      // goes on with a channel that rests; nil = it has a goroutine
	alarm  *time.Timer // rings while it rests; nil = there is no deadline
	closed bool
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post queues an event and reports whether it was taken. A droppable event is
// refused when mailboxLimit is reached.
func (m *mailbox) post(e mail, droppable bool) bool {
	m.mu.Lock()
	if m.closed || droppable && m.first.what != nil && len(m.queue) >= mailboxLimit-1 {
		m.mu.Unlock()
		return false
	}
	if m.first.what == nil {
		m.first = e
	} else {
		m.queue = append(m.queue, e)
	}
	m.mu.Unlock()
	m.burst.wake(wakeUp{box: m})
	return true
}

// rest lets the channel be without a goroutine: when something is posted, or at
// the deadline (zero: never), resume is called once on a new one. False: something
// waits already, and the channel goes on at once. If true the caller does not own
// the channel any more.
func (m *mailbox) rest(deadline time.Time, resume func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.first.what != nil {
		return false
	}
	m.resume = resume
	if !deadline.IsZero() {
		m.alarm = time.AfterFunc(time.Until(deadline), m.ring)
	}
	return true
}

// ring wakes the channel.
func (m *mailbox) ring() {
	m.mu.Lock()
	resume, alarm := m.resume, m.alarm
	m.resume, m.alarm = nil, nil
	m.mu.Unlock()
	if alarm != nil {
		alarm.Stop()
	}
	if resume != nil {
		// The goroutine owns the channel until it rests again, or the call has ended.
		go resume()
		return
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns the oldest event without waiting.
func (m *mailbox) take() (mail, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.first
	m.next()
	return e, e.what != nil
}

// next moves up what is behind the first event. The lock is held.
func (m *mailbox) next() {
	m.first = mail{}
	if len(m.queue) == 0 {
		return
	}
	m.first, m.queue[0] = m.queue[0], mail{}
	if m.queue = m.queue[1:]; len(m.queue) == 0 {
		m.queue = nil // an idle call keeps no queue
	}
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

// extract takes out some of the events, in order.
func (m *mailbox) extract(wanted func(mail) bool) []mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out, kept []mail
	for ; m.first.what != nil; m.next() {
		if wanted(m.first) {
			out = append(out, m.first)
		} else {
			kept = append(kept, m.first)
		}
	}
	if len(kept) > 0 {
		m.first, m.queue = kept[0], kept[1:]
	}
	return out
}

// close refuses everything from now on and returns what was left.
func (m *mailbox) close() []mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	var left []mail
	if m.first.what != nil {
		left = append([]mail{m.first}, m.queue...)
	}
	m.first, m.queue, m.closed = mail{}, nil, true
	return left
}
