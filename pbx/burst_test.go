package pbx

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestBurst: a channel is woken or started when a reader has delivered its share, not
// before; without a reader, or without a Burst, at once.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Burst{}
		for _, burst := range []*Burst{nil, b} {
			m := newMailbox()
			m.burst = burst
			m.post(mail{what: 1}, false)
			if !m.wait(time.Now()) && !m.wait(time.Now().Add(time.Second)) {
				t.Errorf("burst %v: not woken although nobody delivers", burst)
			}
		}
		m, started := newMailbox(), false
		m.burst = b
		b.Begin()
		b.Begin() // a second reader
		m.post(mail{what: 2}, false)
		m.post(mail{what: 3}, false)
		b.wake(wakeUp{start: func() { started = true }})
		if m.wait(time.Now().Add(time.Second)) || started {
			t.Error("woken in the middle of a burst")
		}
		if e, ok := m.take(); !ok || e.what != 2 {
			t.Error("who is awake already cannot take what was posted")
		}
		b.End()
		if !m.wait(time.Now().Add(time.Second)) || !started {
			t.Error("not woken when the first reader has ended")
		}
		b.End()
		if b.readers != 0 || b.waiting != nil {
			t.Errorf("after all: %d readers, %d waiting", b.readers, len(b.waiting))
		}
	})
}

// TestBurstLosesNothing: wake-ups from any goroutine while readers come and go.
func TestBurstLosesNothing(t *testing.T) {
	b := &Burst{}
	const channels, rounds = 50, 200
	var readers, woken sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					b.Begin()
					b.End()
				}
			}
		})
	}
	for range channels {
		m := newMailbox()
		m.burst = b
		woken.Go(func() {
			for n := 0; n < rounds; {
				if _, ok := m.take(); ok {
					n++
				} else if !m.wait(time.Now().Add(20 * time.Second)) {
					t.Error("a wake-up was lost")
					return
				}
			}
		})
		woken.Go(func() {
			for i := range rounds {
				m.post(mail{what: i}, false)
			}
		})
	}
	woken.Wait()
	close(stop)
	readers.Wait()
}
