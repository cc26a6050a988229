package pbx

import (
	"sync"
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
