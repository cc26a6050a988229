package registrar

// schedule is a binary heap of entries by the time they are to be looked at.
// A place in it is never moved: a refreshed AOR is looked at when its old
// expiry comes and then gets a new place, so a refresh costs the heap nothing.
type schedule []place

type place struct {
	at int64 // Unix milliseconds
	e  *entry
}

// schedule makes e be looked at no later than at. sh.mu is held.
func (sh *shard) schedule(e *entry, at int64) {
	if e.due != 0 && e.due <= at {
		return
	}
	e.due = at
	sh.due.push(place{at, e})
}

// next returns an entry whose time has come and removes its place, or nil.
func (s *schedule) next(now int64) *entry {
	for len(*s) > 0 && (*s)[0].at <= now {
		p := s.pop()
		if p.e.due == p.at { // otherwise it has another, earlier place
			p.e.due = 0
			return p.e
		}
	}
	return nil
}

func (s *schedule) push(p place) {
	h := append(*s, p)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
	*s = h
}

func (s *schedule) pop() place {
	h := *s
	top := h[0]
	last := len(h) - 1
	h[0], h[last] = h[last], place{}
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	*s = h
	return top
}
