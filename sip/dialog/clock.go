package dialog

import (
	"container/heap"
	"sync"
	"time"
)

// A clock wakes the machines of this package at their deadlines. One goroutine,
// Layer.Run, serves all of them; a machine costs one entry in a heap, and none
// while it waits for nothing.
type clock struct {
	wake chan struct{} // holds one token when the first deadline has changed

	mu    sync.Mutex // guards the following
	queue alarms
}

// alarm is the place of one machine in the heap.
type alarm struct {
	at    time.Time
	index int // place in the heap plus one; 0 = not in it
	owner sleeper
}

// sleeper is a machine with deadlines.
type sleeper interface {
	// awake runs everything that is due. It takes the strand's lock itself.
	awake()
}

// set moves the alarm to another time; zero takes it out.
func (c *clock) set(a *alarm, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.queue.first()
	switch {
	case at.IsZero() && a.index != 0:
		heap.Remove(&c.queue, a.index-1)
	case at.IsZero():
	case a.index != 0:
		a.at = at
		heap.Fix(&c.queue, a.index-1)
	default:
		a.at = at
		heap.Push(&c.queue, a)
	}
	if now := c.queue.first(); !now.IsZero() && !now.Equal(first) {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// due takes the alarms out that have gone off, and returns when the next one
// will (zero: none).
func (c *clock) due(now time.Time) (list []sleeper, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 && !c.queue[0].at.After(now) {
		a := heap.Pop(&c.queue).(*alarm)
		list = append(list, a.owner)
	}
	return list, c.queue.first()
}

// alarms is a heap ordered by time; it implements heap.Interface.
type alarms []*alarm

func (q alarms) first() time.Time {
	if len(q) == 0 {
		return time.Time{}
	}
	return q[0].at
}

func (q alarms) Len() int           { return len(q) }
func (q alarms) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q alarms) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i+1, j+1
}

// Push implements heap.Interface.
func (q *alarms) Push(x any) {
	a := x.(*alarm)
	*q = append(*q, a)
	a.index = len(*q)
}

// Pop implements heap.Interface.
func (q *alarms) Pop() any {
	n := len(*q) - 1
	a := (*q)[n]
	(*q)[n] = nil
	*q = (*q)[:n]
	a.index = 0
	return a
}

// deadline names what a machine waits for.
type deadline uint8

const (
	deadlineRefresh  deadline = iota + 1 // refresh the session or subscription
	deadlineExpiry                       // the session or subscription has run out
	deadlineRetry                        // send the re-INVITE again after 491 or 500
	deadlineParting                      // the BYE waits no longer for the end of our change
	deadlineChange                       // a re-INVITE of ours that only rings
	deadlineReliable                     // retransmit the reliable provisional (RFC 3262 §3)
	deadlineNoPrack                      // 64*T1 after the first transmission
	deadlineAnswer                       // the application must have answered an offer
	deadlineGoodbye                      // the BYE that waited for an ACK, byePause after it
	deadlineNotify                       // Timer N: the first NOTIFY must have come (RFC 6665 §4.1.2.4)
)

// schedule is the short list of what one machine waits for, with its place in
// the clock. It is guarded by the strand.
type schedule struct {
	alarm alarm
	list  []pending
}

type pending struct {
	what deadline
	at   time.Time
}

// set moves a deadline; zero time removes it.
func (s *schedule) set(c *clock, what deadline, at time.Time) {
	if dropped := s.drop(what); at.IsZero() {
		if dropped {
			c.set(&s.alarm, s.next())
		}
		return
	}
	s.put(what, at)
	c.set(&s.alarm, s.next())
}

// put notes a deadline that is not set, without telling the clock.
func (s *schedule) put(what deadline, at time.Time) {
	if s.list == nil {
		s.list = make([]pending, 0, 2) // refresh and expiry, or a retransmission and its end
	}
	s.list = append(s.list, pending{what, at})
}

// drop reports whether the deadline was set.
func (s *schedule) drop(what deadline) bool {
	for i, p := range s.list {
		if p.what == what {
			s.list = append(s.list[:i], s.list[i+1:]...)
			return true
		}
	}
	return false
}

// clear removes all deadlines.
func (s *schedule) clear(c *clock) {
	if s.list != nil {
		s.list = nil
		c.set(&s.alarm, time.Time{})
	}
}

// has reports whether the deadline is set.
func (s *schedule) has(what deadline) bool {
	for _, p := range s.list {
		if p.what == what {
			return true
		}
	}
	return false
}

// at returns when the deadline is, or zero.
func (s *schedule) at(what deadline) time.Time {
	for _, p := range s.list {
		if p.what == what {
			return p.at
		}
	}
	return time.Time{}
}

func (s *schedule) next() (t time.Time) {
	for _, p := range s.list {
		if t.IsZero() || p.at.Before(t) {
			t = p.at
		}
	}
	return t
}

// take removes and returns one deadline that is due, or 0.
func (s *schedule) take(now time.Time) deadline {
	for _, p := range s.list {
		if !p.at.After(now) {
			s.drop(p.what)
			return p.what
		}
	}
	return 0
}

// rest puts the alarm back for what is left.
func (s *schedule) rest(c *clock) { c.set(&s.alarm, s.next()) }
