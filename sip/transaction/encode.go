package transaction

import (
	"sync"

	"github.com/hometone/hometone/sip/transport"
)

// scratch holds buffers to write messages into before their size is known.
type scratch struct{ pool sync.Pool }

// A writer is a request or a response.
type writer interface{ Append(dst []byte) []byte }

const scratchMax = 64 << 10 // larger buffers are not kept

// encode writes m into a slice of exactly its size: transactions keep it for
// half a minute, and a guess would keep twice of it.
func (s *scratch) encode(m writer) []byte {
	p := s.take()
	b := m.Append((*p)[:0])
	msg := append(make([]byte, 0, len(b)), b...)
	s.give(p, b)
	return msg
}

// lent is a message in a buffer of the pool, for those that are kept for a moment:
// a request until it is answered, a response until it has left. The zero value
// holds nothing.
type lent struct {
	room *[]byte // nil: msg is a slice of its own
	msg  []byte
}

// lend writes m into a buffer of the pool. Whoever has it gives it back with
// restore, or leaves it to the collector.
func (s *scratch) lend(m writer) lent {
	p := s.take()
	b := m.Append((*p)[:0])
	if cap(b) <= lentMax {
		return lent{p, b}
	}
	msg := append(make([]byte, 0, len(b)), b...)
	s.give(p, b)
	return lent{nil, msg}
}

// lentMax keeps a small message from holding a large buffer.
const lentMax = 4 << 10

// restore gives the buffer of m back, and m holds nothing.
func (s *scratch) restore(m *lent) {
	if m.room != nil {
		s.give(m.room, m.msg)
	}
	*m = lent{}
}

// send writes m into a buffer of the pool and sends it: for what nobody keeps.
// An error is as good as a loss on the way.
func (s *scratch) send(t Transport, f transport.Flow, m writer) {
	p := s.take()
	b := m.Append((*p)[:0])
	_ = t.Send(f, b)
	s.give(p, b)
}

func (s *scratch) take() *[]byte {
	p, _ := s.pool.Get().(*[]byte)
	if p == nil {
		p = new([]byte)
	}
	return p
}

func (s *scratch) give(p *[]byte, b []byte) {
	if cap(b) <= scratchMax {
		*p = b
	}
	s.pool.Put(p)
}
