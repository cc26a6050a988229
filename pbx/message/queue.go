package message

import (
	"slices"
	"time"
)

// The intervals between tries while a recipient does not register anew.
const (
	firstRetry = time.Minute
	lastRetry  = 30 * time.Minute
)

// An entry is one message in a queue.
type entry struct {
	Message
	kept     bool      // it is in the store, or on its way there
	durable  bool      // the store has it
	answer   func(int) // tells the sender a status; nil: the sender has gone or knows
	patience time.Time // the sender is told 202 then; meaningful with answer
}

// A queue is what waits for one recipient: a machine that is given the time.
type queue struct {
	to      string
	entries []*entry
	sending bool          // the first entry is under way
	retry   time.Time     // when to try again; zero: at the next occasion
	wait    time.Duration // interval after the next failure
	again   bool          // it registered while we were sending
	index   int           // place in the Center's agenda plus one
	next    time.Time     // its deadline there
	actions []func()
	busy    bool
}

// do appends an action; the Center carries them out in order.
func (q *queue) do(f func()) { q.actions = append(q.actions, f) }

// deadline is when the queue wants to be looked at.
func (q *queue) deadline() (t time.Time) {
	if len(q.entries) == 0 {
		return t
	}
	earlier := func(x time.Time) {
		if !x.IsZero() && (t.IsZero() || x.Before(t)) {
			t = x
		}
	}
	if !q.sending {
		earlier(q.retry)
	}
	for i, e := range q.entries {
		if i > 0 || !q.sending {
			earlier(e.Until)
		}
		if e.answer != nil && !e.kept {
			earlier(e.patience)
		}
	}
	return t
}

// expire removes and returns entries whose time is over; the one that is under
// way stays until its outcome.
func (q *queue) expire(now time.Time) (gone []*entry) {
	keep := q.entries[:0]
	for i, e := range q.entries {
		if (i > 0 || !q.sending) && !e.Until.After(now) {
			gone = append(gone, e)
		} else {
			keep = append(keep, e)
		}
	}
	clear(q.entries[len(keep):])
	q.entries = keep
	return gone
}

// remove takes an entry out, unless it is under way.
func (q *queue) remove(e *entry) bool {
	i := slices.Index(q.entries, e)
	if i < 0 || i == 0 && q.sending {
		return false
	}
	q.entries = slices.Delete(q.entries, i, i+1)
	return true
}

// impatient returns the entries that must go to the store now, because their
// sender has waited long enough or because they have to wait in line.
func (q *queue) impatient(now time.Time) (list []*entry) {
	for i, e := range q.entries {
		if !e.kept && (i > 0 || !q.sending || !e.patience.After(now)) {
			list = append(list, e)
		}
	}
	return list
}

// ready returns the entry to send now, or nil, and marks it.
func (q *queue) ready(now time.Time) *entry {
	if q.sending || len(q.entries) == 0 || q.retry.After(now) {
		return nil
	}
	q.sending, q.again = true, false
	return q.entries[0]
}

// outcome takes the answer to the first entry. gone is true if the entry has
// left the queue.
func (q *queue) outcome(now time.Time, f fate) (e *entry, gone bool) {
	e, q.sending = q.entries[0], false
	if f != later || !e.Until.After(now) {
		q.entries[0] = nil
		q.entries = q.entries[1:]
		q.retry, q.wait = time.Time{}, 0
		return e, true
	}
	if q.again { // it is there anew: at once
		q.retry = time.Time{}
		return e, false
	}
	q.wait = min(max(2*q.wait, firstRetry), lastRetry)
	q.retry = now.Add(q.wait)
	return e, false
}

// registered makes the queue try at once.
func (q *queue) registered() { q.retry, q.wait, q.again = time.Time{}, 0, true }
