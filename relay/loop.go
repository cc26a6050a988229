package relay

import (
	"errors"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hometone/hometone/internal/rest"
)

// housekeeping is how often a loop looks after all its legs.
const housekeeping = 250 * time.Millisecond

// Kinds of descriptors in an epoll set, in the lowest bit of the event's data.
const (
	kindRTP  = 0
	kindRTCP = 1
	timerKey = -1 // data of the timer
)

// gather is the least time from one round to the next while packets come
// faster than that: what gathers is served together, for a fraction of the
// wake-ups. It is the delay the relay may add to a packet under load.
const gather = 2 * time.Millisecond

// loop is one epoll set with its legs and timers, served by one goroutine that
// waits in the kernel, on a thread of its own: the runtime's poller, which wakes
// and searches with several threads, costs more than the packets do
// (docs/adr/0044-loops-wait-in-the-kernel.md). It works in rounds: it looks at the
// set, takes one packet from each socket that has some, and looks again until there are
// none. A socket that is met twice in a round is read in batches from then on, one for each
// look, so a flood on one port neither costs a system call for every packet
// nor starves the others (docs/adr/0160-one-packet-a-look.md).
type loop struct {
	relay *Relay
	ep    int
	timer int // timerfd in the set

	mu       sync.Mutex // guards the following
	pairs    []*pair    // by slot; nil: free
	free     []int32
	legs     int   // pairs that have one
	dues     []due // heap of players
	armed    time.Duration
	stopping bool
	closed   bool

	// owned by the goroutine
	events   [128]unix.EpollEvent
	targets  [128]target
	batch    *batch
	arrivals arrivals
	frame    [packetSize]byte
	nextKeep time.Duration
	keeping  []*Leg        // used again
	woke     time.Duration // start of the last round
	busy     bool          // packets come faster than gather
	round    uint32        // its number
	again    bool          // the last look found something
}

// target is whom an event is for.
type target struct {
	pair *pair
	leg  *Leg // nil: a spare pair
}

// due is the next frame of a player.
type due struct {
	at  time.Duration
	leg *Leg
	id  uint64 // of the player
}

func newLoop(r *Relay) (*loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	lp := &loop{relay: r, ep: ep, timer: -1, batch: newBatch(), armed: 1<<63 - 1, nextKeep: housekeeping}
	if err := lp.setUp(); err != nil {
		lp.close()
		return nil, err
	}
	return lp, nil
}

func (lp *loop) setUp() (err error) {
	if lp.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return err
	}
	return unix.EpollCtl(lp.ep, unix.EPOLL_CTL_ADD, lp.timer, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: timerKey})
}

// close releases the descriptors; the goroutine has ended.
func (lp *loop) close() {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	if lp.closed {
		return
	}
	lp.closed = true
	_ = unix.Close(lp.ep)
	if lp.timer >= 0 {
		_ = unix.Close(lp.timer)
	}
}

// add takes a pair's sockets into the set.
func (lp *loop) add(p *pair) error {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	if lp.closed {
		return ErrClosed
	}
	p.loop = lp
	if n := len(lp.free); n > 0 {
		p.slot = lp.free[n-1]
		lp.free = lp.free[:n-1]
	} else {
		p.slot = int32(len(lp.pairs))
		lp.pairs = append(lp.pairs, nil)
	}
	lp.pairs[p.slot] = p
	for kind, fd := range [...]int{kindRTP: p.rtp, kindRTCP: p.rtcp} {
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: p.slot<<1 | int32(kind)}
		if err := unix.EpollCtl(lp.ep, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return err
		}
	}
	return nil
}

// drop forgets a pair; its sockets leave the set when they are closed.
func (lp *loop) drop(p *pair) {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	lp.pairs[p.slot] = nil
	lp.free = append(lp.free, p.slot)
}

// attach gives a pair to a leg, detach takes it away.
func (lp *loop) attach(p *pair, l *Leg) {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	p.leg = l
	lp.legs++
}

func (lp *loop) detach(p *pair) {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	p.leg = nil
	lp.legs--
}

// all appends the legs of the loop now.
func (lp *loop) all(out []*Leg) []*Leg {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	for _, p := range lp.pairs {
		if p != nil && p.leg != nil {
			out = append(out, p.leg)
		}
	}
	return out
}

// count is the number of legs of the loop.
func (lp *loop) count() int {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	return lp.legs
}

func (lp *loop) stop() {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	lp.stopping = true
	lp.arm(0)
}

// run serves until stop.
func (lp *loop) run() {
	lp.mu.Lock()
	lp.nextKeep = lp.relay.now() + housekeeping
	lp.arm(lp.nextKeep)
	lp.mu.Unlock()
	for {
		n := lp.ready()
		if n < 0 {
			return
		}
		now := lp.relay.now()
		timers := lp.resolve(n)
		for i, t := range lp.targets[:n] {
			switch {
			case t.leg == nil && t.pair == nil:
			case t.leg == nil:
				lp.discard(t.pair, int(lp.events[i].Fd&1), now)
			case lp.events[i].Fd&1 == kindRTCP:
				lp.readRTCP(t.leg, now)
			default:
				lp.readRTP(t.leg, now)
			}
		}
		clear(lp.targets[:n])
		if timers && !lp.tick(lp.relay.now()) {
			return
		}
	}
}

// ready waits for events and returns how many there are, 0 when it was
// interrupted; -1 if the set is gone.
func (lp *loop) ready() int {
	if lp.again {
		if n := lp.look(); n > 0 {
			return n // of the same round
		}
	}
	lp.round++
	if since := lp.relay.now() - lp.woke; lp.busy && since < gather {
		rest.For(gather - since)
	}
	began := lp.relay.now()
	n := lp.look()
	if n == 0 {
		n = lp.wait()
	}
	lp.woke = lp.relay.now()
	lp.busy = lp.woke-began < gather
	lp.again = n > 0
	return n
}

// look takes the events there are. It cannot block.
func (lp *loop) look() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(lp.ep), uintptr(unsafe.Pointer(&lp.events[0])), uintptr(len(lp.events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// wait takes events when there are some; meanwhile the scheduler may have the processor.
func (lp *loop) wait() int {
	n, err := unix.EpollWait(lp.ep, lp.events[:], -1)
	switch {
	case err == nil:
		return n
	case errors.Is(err, unix.EINTR):
		return 0
	}
	return -1
}

// resolve finds the legs of n events, and whether the timer is among them.
func (lp *loop) resolve(n int) (timers bool) {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	for i := range n {
		key := lp.events[i].Fd
		if key == timerKey {
			timers = true
			continue
		}
		if slot := int(key >> 1); slot < len(lp.pairs) && lp.pairs[slot] != nil {
			lp.targets[i] = target{lp.pairs[slot], lp.pairs[slot].leg}
		}
	}
	return timers
}

// discard throws away what comes late, for a pair that has no leg any more.
func (lp *loop) discard(p *pair, kind int, now time.Duration) {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	if p.leg != nil || lp.pairs[p.slot] != p {
		return // it has one again, or is closed
	}
	fd := p.rtp
	if kind == kindRTCP {
		fd = p.rtcp
	}
	lp.batch.receive(fd, false)
	lp.relay.ports.late(p, now)
}

// tick plays what is due and looks after the legs; false when it is time to stop.
func (lp *loop) tick(now time.Duration) bool {
	var count [8]byte
	_, _ = unix.Read(lp.timer, count[:])
	lp.mu.Lock()
	lp.armed = 1<<63 - 1
	lp.mu.Unlock()
	for {
		d, ok, stopping := lp.pop(now)
		if stopping {
			return false
		}
		if !ok {
			break
		}
		if next := lp.playNext(d.leg, d.id, now); next > 0 {
			lp.schedule(due{at: next, leg: d.leg, id: d.id})
		}
	}
	if now >= lp.nextKeep {
		lp.keep(now)
		lp.nextKeep = now + housekeeping
	}
	lp.mu.Lock()
	defer lp.mu.Unlock()
	next := lp.nextKeep
	if len(lp.dues) > 0 {
		next = min(next, lp.dues[0].at)
	}
	lp.arm(next)
	return !lp.stopping
}

// keep looks after all legs, and closes spare pairs that are not needed.
func (lp *loop) keep(now time.Duration) {
	lp.keeping = lp.all(lp.keeping[:0])
	for _, l := range lp.keeping {
		l.keep(now)
	}
	clear(lp.keeping)
	lp.relay.ports.expire(lp, now-spareLife)
}

// arm sets the timer to at, unless it stands earlier. Times within a
// millisecond are one. Needs mu.
func (lp *loop) arm(at time.Duration) {
	const grain = time.Millisecond
	at = (at + grain - 1) / grain * grain
	if at >= lp.armed || lp.closed {
		return
	}
	lp.armed = at
	in := max(at-lp.relay.now(), 1)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(in))}
	_ = unix.TimerfdSettime(lp.timer, 0, &spec, nil)
}

// schedule puts a player's next frame on the heap.
func (lp *loop) schedule(d due) {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	h := append(lp.dues, d)
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if h[up].at <= h[i].at {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
	lp.dues = h
	lp.arm(h[0].at)
}

// pop takes the first player that is due.
func (lp *loop) pop(now time.Duration) (d due, ok, stopping bool) {
	lp.mu.Lock()
	defer lp.mu.Unlock()
	h := lp.dues
	if lp.stopping || len(h) == 0 || h[0].at > now {
		return due{}, false, lp.stopping
	}
	d = h[0]
	last := len(h) - 1
	h[0], h[last] = h[last], due{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(h) && h[child].at < h[least].at {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	lp.dues = h
	return d, true, false
}
