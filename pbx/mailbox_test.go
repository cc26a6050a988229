package pbx

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Events come out in the order they went in, from any number of goroutines,
// and a full mailbox refuses only what may be dropped.
func TestMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox()
		next := func(deadline time.Time) (mail, bool) {
			for {
				if e, ok := m.take(); ok {
					return e, true
				}
				if !m.wait(deadline) {
					return mail{}, false
				}
			}
		}
		if _, ok := next(time.Now().Add(time.Second)); ok {
			t.Error("an empty mailbox gave something")
		}
		var group sync.WaitGroup
		for i := range mailboxLimit {
			group.Go(func() { m.post(mail{what: i}, true) })
		}
		group.Wait()
		if m.post(mail{what: "dropped"}, true) {
			t.Error("a full mailbox took a droppable event")
		}
		if !m.post(mail{what: "kept"}, false) {
			t.Error("a full mailbox refused an event that must not be lost")
		}
		var last any
		for range mailboxLimit + 1 {
			e, ok := next(time.Now().Add(time.Second))
			if !ok {
				t.Fatal("an event was lost")
			}
			last = e.what
		}
		if last != "kept" {
			t.Errorf("the last event is %v", last)
		}
		go func() { time.Sleep(time.Minute); m.post(mail{what: "late"}, false) }()
		if e, ok := next(time.Time{}); !ok || e.what != "late" {
			t.Errorf("waiting without end gave %v %v", e.what, ok)
		}
		m.post(mail{what: "left"}, false)
		if left := m.close(); len(left) != 1 || m.post(mail{}, false) {
			t.Errorf("close left %v, or the mailbox takes on", left)
		}
	})
}

// A channel that rests goes on once, for an event or at its deadline, whichever
// comes first; with an event that waits it does not rest.
func TestMailboxRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox()
		m.burst = &Burst{}
		var resumed atomic.Int32
		resume := func() { resumed.Add(1) }
		expect := func(what string, want int32) {
			t.Helper()
			if synctest.Wait(); resumed.Load() != want {
				t.Fatalf("%s: resumed %d times, want %d", what, resumed.Load(), want)
			}
		}
		m.post(mail{what: 1}, false)
		if m.rest(time.Time{}, resume) {
			t.Fatal("it rests although an event waits")
		}
		m.take()
		if !m.rest(time.Now().Add(time.Minute), resume) {
			t.Fatal("it does not rest")
		}
		m.burst.Begin()
		m.post(mail{what: 2}, false)
		expect("while a burst is delivered", 0)
		m.burst.End()
		expect("after the burst", 1)
		time.Sleep(2 * time.Minute)
		expect("the deadline of a rest that has ended", 1)
		m.take()
		m.rest(time.Now().Add(time.Minute), resume)
		time.Sleep(59 * time.Second)
		expect("before the deadline", 1)
		time.Sleep(time.Second)
		expect("at the deadline", 2)
		m.rest(time.Time{}, resume)
		time.Sleep(24 * time.Hour)
		expect("without a deadline", 2)
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() { m.post(mail{what: i}, false) })
		}
		group.Wait()
		expect("several events", 3)
	})
}
