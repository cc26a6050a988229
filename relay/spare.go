package relay

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Figures of spare pairs.
const (
	quarantine = 2 * time.Second  // silence before a spare pair serves another leg
	spareLife  = 10 * time.Second // a spare pair that nobody has taken is closed
	spareScan  = 4 * pick         // of how many spares one is chosen
	spareClose = 64               // are closed at a time
	maxSpares  = 8192
)

// spares are the pairs that have been given back and stay open, and in the set of their
// loop, for the next leg: opening and closing two sockets costs more than all else that the
// relay does for a call (docs/adr/0161-spare-port-pairs.md). Their loop throws away
// what arrives, so a late packet of the old call never waits for the next one; and a pair
// is not taken before it has been silent for the quarantine, however long its old peer goes on.
// It is plain data and a machine without a clock.
type spares struct {
	most int
	list []*pair // about in the order they were given back
}

// put takes a pair; false if there are enough.
func (s *spares) put(p *pair, now time.Duration) bool {
	if len(s.list) >= s.most {
		return false
	}
	p.since, p.heard = now, now
	s.list = append(s.list, p)
	return true
}

// take hands out a pair of the loop on local that has rested, one of at least that many so that nobody
// can tell which; nil if there are fewer.
func (s *spares) take(lp *loop, local netip.Addr, now time.Duration, least int) *pair {
	var fit [spareScan]int
	n := 0
	for i, p := range s.list[:min(spareScan, len(s.list))] {
		if p.loop == lp && p.local.Addr() == local && now-p.heard >= quarantine {
			fit[n] = i
			n++
		}
	}
	if n < least {
		return nil
	}
	return s.cut(fit[rand.IntN(n)])
}

// takeAny hands out the pair on local that has rested longest, for when the range is used up: on any loop, and
// rested or not.
func (s *spares) takeAny(local netip.Addr) *pair {
	best := -1
	for i, p := range s.list {
		if p.local.Addr() == local && (best < 0 || p.heard < s.list[best].heard) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return s.cut(best)
}

// takeAt hands out the pair with an RTP port, nil if it is no spare.
func (s *spares) takeAt(port uint16) *pair {
	for i, p := range s.list {
		if p.local.Port() == port {
			return s.cut(i)
		}
	}
	return nil
}

func (s *spares) cut(i int) *pair {
	p := s.list[i]
	s.list[i], s.list[0] = s.list[0], nil
	s.list = s.list[1:]
	return p
}

// expire hands out those of a loop (nil: all) that have waited since a time, a limited number at once.
func (s *spares) expire(lp *loop, since time.Duration) (old []*pair) {
	s.list = slices.DeleteFunc(s.list, func(p *pair) bool {
		if len(old) == spareClose || p.since > since || lp != nil && p.loop != lp {
			return false
		}
		old = append(old, p)
		return true
	})
	return old
}

// spareLimit is how many spares there may be if nothing else is asked for: with two sockets
// each half of the descriptors that the process may have: calls take spares when there are no others.
func spareLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(maxSpares, limit.Cur/4))
}

// scarce says whether an error of opening is one that a spare pair helps against.
func scarce(err error) bool {
	return errors.Is(err, ErrNoPort) || errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) ||
		errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// takeSpare finds a spare that has rested. What has come for it meanwhile is thrown away.
func (p *ports) takeSpare(lp *loop, local netip.Addr, now time.Duration) *pair {
	p.mu.Lock()
	spare := p.spares.take(lp, local, now, pick)
	p.mu.Unlock()
	return p.drained(spare)
}

func (p *ports) takeAnySpare(local netip.Addr) *pair {
	p.mu.Lock()
	spare := p.spares.takeAny(local)
	p.mu.Unlock()
	return p.drained(spare)
}

// drained empties a spare that has been taken; one that does not get empty is closed. It may be nil.
func (p *ports) drained(spare *pair) *pair {
	if spare == nil {
		return nil
	}
	if !drain(spare.rtp) || !drain(spare.rtcp) {
		p.close(spare)
		return nil
	}
	return spare
}

// release takes a pair back from its leg, as a spare if there is room.
func (p *ports) release(c *pair, now time.Duration) {
	c.loop.detach(c)
	p.mu.Lock()
	kept := p.spares.put(c, now)
	p.mu.Unlock()
	if !kept {
		p.close(c)
	}
}

// late records that something came for a spare pair.
func (p *ports) late(c *pair, now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.heard = now
}

// expire closes the spares of a loop (nil: all) that nobody has taken since a time.
func (p *ports) expire(lp *loop, since time.Duration) {
	p.mu.Lock()
	old := p.spares.expire(lp, since)
	p.mu.Unlock()
	for _, c := range old {
		p.close(c)
	}
}

// end closes all spares and keeps none from now on.
func (p *ports) end() {
	p.mu.Lock()
	old := p.spares.list
	p.spares = spares{}
	p.mu.Unlock()
	for _, c := range old {
		p.close(c)
	}
}

// drain throws away what waits on a socket; false if there is no end to it.
func drain(fd int) bool {
	const many = 256
	var none [1]byte
	for range many {
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&none)), 1, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 && errno != unix.EINTR {
			return true
		}
	}
	return false
}
