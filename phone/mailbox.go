package phone

import "sync"

// mailbox is an unblocking queue with one reader. Items beyond its limit are
// refused, unless they must arrive.
type mailbox[T any] struct {
	mu    sync.Mutex
	items []T // guarded by mu
	limit int
	wake  chan struct{} // holds a token while items is not empty
}

func newMailbox[T any](limit int) *mailbox[T] {
	return &mailbox[T]{limit: limit, wake: make(chan struct{}, 1)}
}

// put appends an item; false says that the box is full. must is for items that
// only we create, so that their number is bounded by our own doing.
func (b *mailbox[T]) put(item T, must bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !must && len(b.items) >= b.limit {
		return false
	}
	b.items = append(b.items, item)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// take removes and returns all items. The reader calls it after a receive from
// wake.
func (b *mailbox[T]) take() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = nil
	return items
}
