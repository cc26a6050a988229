package pbx

import "sync"

// A Burst holds back the wake-ups of channels while readers of the transport
// deliver what has come together, and does them when a reader has delivered its
// share (docs/adr/0157-channels-wake-after-the-burst.md). It is a
// transport.Burst. Its zero value is ready, and nil holds nothing back.
type Burst struct {
	mu      sync.Mutex // guards the following
	readers int        // that deliver now
	waiting []wakeUp
}

// wakeUp is a channel to wake, or one to start.
type wakeUp struct {
	box   *mailbox
	start func()
}

func (w wakeUp) do() {
	if w.start != nil {
		w.start()
		return
	}
	w.box.ring()
}

// Begin implements transport.Burst.
func (b *Burst) Begin() {
	b.mu.Lock()
	b.readers++
	b.mu.Unlock()
}

// End implements transport.Burst: what waits goes on, also if another reader
// still delivers.
func (b *Burst) End() {
	b.mu.Lock()
	b.readers--
	list := b.waiting
	b.waiting = nil
	b.mu.Unlock()
	for _, w := range list {
		w.do()
	}
}

// wake does a wake-up, now or at the end of the burst.
func (b *Burst) wake(w wakeUp) {
	if b == nil || !b.holds(w) {
		w.do()
	}
}

// holds takes a wake-up in, if a reader delivers. End looks under the same lock,
// so none is left behind.
func (b *Burst) holds(w wakeUp) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.readers == 0 {
		return false
	}
	b.waiting = append(b.waiting, w)
	return true
}
