package transaction

import "sync"

// scratch holds buffers to write messages into before their size is known.
type scratch struct{ pool sync.Pool }

// A writer is a request or a response.
type writer interface{ Append(dst []byte) []byte }

const scratchMax = 64 << 10 // larger buffers are not kept

// encode writes m into a slice of exactly its size: transactions keep it for
// half a minute, and a guess would keep twice of it.
func (s *scratch) encode(m writer) []byte {
	p, _ := s.pool.Get().(*[]byte)
	if p == nil {
		p = new([]byte)
	}
	b := m.Append((*p)[:0])
	msg := append(make([]byte, 0, len(b)), b...)
	if cap(b) <= scratchMax {
		*p = b
	}
	s.pool.Put(p)
	return msg
}
