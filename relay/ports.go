package relay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pair is a bound pair of sockets in the set of a loop.
type pair struct {
	mark      mark // guarded by the mu of the leg that has it
	rtp, rtcp int  // non-blocking descriptors
	local     netip.AddrPort
	any       bool // bound to an unspecified address: replies must name their source
	loop      *loop
	slot      int32 // in the loop's table
	leg       *Leg  // guarded by loop.mu; nil: nobody's

	// of a spare, guarded by ports.mu
	since time.Duration
	heard time.Duration // latest datagram; at first as since
}

// ports hands out the pairs of a range. Free pairs stand in a queue: what was
// closed goes to its end, so a port rests as long as the range allows before
// somebody else gets it, and late packets of the old call meet nobody. Which
// one is next cannot be guessed: the queue starts shuffled, and one of the first few
// is taken. Before they are closed, pairs wait as spares for another leg.
type ports struct {
	first, last uint16 // even
	mu          sync.Mutex
	free        []uint16 // ring: even ports
	head, n     int
	spares      spares // open, not in the ring
}

// pick is among how many of the longest rested ports one is drawn.
const pick = 32

func newPorts(low, high uint16) (*ports, error) {
	first := low + low&1
	last := (high - 1) &^ 1
	if low == 0 || high == 0 || high <= low || first < low || last < first {
		return nil, fmt.Errorf("relay: %d-%d holds no pair of an even and an odd port", low, high)
	}
	p := &ports{first: first, last: last}
	for port := int(first); port <= int(last); port += 2 {
		p.free = append(p.free, uint16(port))
	}
	p.n = len(p.free)
	rand.Shuffle(p.n, func(i, j int) { p.free[i], p.free[j] = p.free[j], p.free[i] })
	return p, nil
}

// draw takes one of the longest rested ports; false if all are in use.
func (p *ports) draw() (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n == 0 {
		return 0, false
	}
	k := (p.head + rand.IntN(min(pick, p.n))) % len(p.free)
	p.free[p.head], p.free[k] = p.free[k], p.free[p.head]
	port := p.free[p.head]
	p.head = (p.head + 1) % len(p.free)
	p.n--
	return port, true
}

func (p *ports) put(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free[(p.head+p.n)%len(p.free)] = port
	p.n++
}

// counts are the pairs in use and in all.
func (p *ports) counts() (used, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free) - p.n - len(p.spares.list), len(p.free)
}

// open finds a pair for a leg on lp: a spare that has rested, or a new one. If the range is used up
// or the system has no more sockets, a spare that has not rested is better than none.
func (p *ports) open(lp *loop, local netip.Addr, dscp uint8, now time.Duration) (*pair, error) {
	if spare := p.takeSpare(lp, local, now); spare != nil {
		return spare, nil
	}
	fresh, err := p.bind(local, dscp)
	if scarce(err) {
		if spare := p.takeAnySpare(local); spare != nil {
			return spare, nil
		}
		p.expire(nil, now) // those on another address
		fresh, err = p.bind(local, dscp)
	}
	if err != nil {
		return nil, err
	}
	return p.enter(lp, fresh)
}

// enter puts a new pair into the set of lp; on an error the pair is closed.
func (p *ports) enter(lp *loop, fresh *pair) (*pair, error) {
	if err := lp.add(fresh); err != nil {
		p.close(fresh)
		return nil, fmt.Errorf("relay: watch the ports: %w", err)
	}
	return fresh, nil
}

// bind binds a new pair. Ports that somebody else on the machine holds are passed
// over, each once.
func (p *ports) bind(local netip.Addr, dscp uint8) (*pair, error) {
	if !local.IsValid() {
		return nil, errors.New("relay: no local address")
	}
	var taken []uint16
	defer func() {
		for _, port := range taken {
			p.put(port)
		}
	}()
	for range len(p.free) {
		port, ok := p.draw()
		if !ok {
			break
		}
		out, err := bindPair(local, port, dscp)
		if err == nil {
			return out, nil
		}
		taken = append(taken, port)
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("relay: bind %v: %w", netip.AddrPortFrom(local, port), err)
		}
	}
	used, total := p.counts()
	return nil, fmt.Errorf("%w in %d-%d: %d of %d are in use by calls, %d by other programs",
		ErrNoPort, p.first, p.last+1, used-len(taken), total, len(taken))
}

// close closes the sockets and lets the ports rest. The loop forgets them first: the system may give their
// numbers to other descriptors at once.
func (p *ports) close(c *pair) {
	if c.loop != nil {
		c.loop.drop(c)
	}
	_ = unix.Close(c.rtp)
	_ = unix.Close(c.rtcp)
	p.put(c.local.Port())
}

func bindPair(local netip.Addr, port uint16, dscp uint8) (*pair, error) {
	rtp, err := bindSocket(netip.AddrPortFrom(local, port), dscp)
	if err != nil {
		return nil, err
	}
	rtcp, err := bindSocket(netip.AddrPortFrom(local, port+1), dscp)
	if err != nil {
		_ = unix.Close(rtp)
		return nil, err
	}
	return &pair{rtp: rtp, rtcp: rtcp, local: netip.AddrPortFrom(local, port), any: local.IsUnspecified()}, nil
}
