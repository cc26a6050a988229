package transport

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// turn is how long a reader runs, or waits unannounced, without letting the
// scheduler see it: after 10 ms on one processor it would be interrupted by a
// signal, as a computation that does not end.
const turn = 8 * time.Millisecond

// lull is how long a reader waits for the next datagram without telling the
// scheduler, so that it keeps its processor.
const lull = 4 * time.Millisecond

// block serves the socket, until it is closed, on a thread that waits in the
// kernel (Config.Inline). While datagrams come fast the wait is not announced to
// the scheduler: neither end of it costs more than the system call, and nobody
// is woken to take the processor over. The signal by which the runtime stops the
// world or preempts ends such a wait, because a call with SO_RCVTIMEO is not
// restarted (signal(7)).
func (r *reader) block() error {
	wait := unix.NsecToTimeval(int64(lull))
	if err := unix.SetsockoptTimeval(int(r.fd), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return fmt.Errorf("SO_RCVTIMEO: %w", err)
	}
	r.receiver.lent = new(loan)
	seen := time.Now() // by the scheduler
	for {
		n, errno := r.await()
		if r.socket.closed.Load() {
			return nil
		}
		began := time.Now()
		for i := range n {
			r.socket.deliver(r.layer, r.listener, r.receiver, i)
		}
		now := time.Now()
		r.listener.crew.worked(began, now)
		switch {
		case errno != 0 && errno != unix.EINTR && errno != unix.EAGAIN:
			time.Sleep(time.Millisecond) // an ICMP error is gone when it was read; nothing else may spin
		case now.Sub(seen) > turn:
			runtime.Gosched()
			seen = now
		}
	}
}

// await waits for datagrams and returns their number: for as long as lull with
// the processor kept, if one was reserved, and then without.
func (r *reader) await() (n int, errno syscall.Errno) {
	if r.layer.resting.Add(1) <= r.layer.reserved {
		n, errno = r.receiver.receive(r.fd, r.socket.wildcard, unix.MSG_WAITFORONE)
		r.layer.resting.Add(-1)
		if errno != unix.EAGAIN || r.socket.closed.Load() {
			return n, errno
		}
	} else {
		r.layer.resting.Add(-1)
	}
	ready := [1]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
	if _, err := unix.Poll(ready[:], -1); err != nil || r.socket.closed.Load() {
		return 0, unix.EINTR
	}
	return r.receiver.receive(r.fd, r.socket.wildcard, unix.MSG_DONTWAIT)
}

// A crew is the readers of a listener that wait in the kernel. While one of them
// can do the work it gets all datagrams: its caches are warm, nobody else wants
// its locks, and the next message has often come when it has done with one. When
// it is busy the kernel deals the datagrams to all, by the peers' addresses.
//
// The zero value has nobody to steer: one reader, or a kernel that cannot.
type crew struct {
	lead  *udpSocket  // the one that gets all while it can
	dealt atomic.Bool // all get their part
	began time.Time
	busy  atomic.Int64 // what all have worked in this window, in ns
	since atomic.Int64 // when it began, ns after began

	mu   sync.Mutex // guards the following, and changes of dealt
	calm int        // windows in a row in which one reader would have been enough
}

// When the readers of a listener share their work: in each window what all have
// worked, as a part of what one can do, is compared with these.
const (
	crewWindow  = 50 * time.Millisecond
	crewBusy    = 0.7 // more than this is too much for one
	crewCalm    = 0.4 // less is enough for one, if it stays so
	crewWindows = 20  // for so many windows
)

// muster makes the first of a listener's sockets get all datagrams.
func (c *crew) muster(sockets []*udpSocket) {
	if len(sockets) < 2 || sockets[0].steer(true) != nil {
		return
	}
	c.lead, c.began = sockets[0], time.Now()
}

// alone returns the socket whose reader gets everything; nil: all share.
func (c *crew) alone() *udpSocket {
	if c.dealt.Load() {
		return nil
	}
	return c.lead
}

// worked takes how long a reader was at work.
func (c *crew) worked(from, to time.Time) {
	if c.lead == nil {
		return
	}
	busy := c.busy.Add(int64(to.Sub(from)))
	at, since := int64(to.Sub(c.began)), c.since.Load()
	if at-since < int64(crewWindow) || !c.since.CompareAndSwap(since, at) {
		return
	}
	c.busy.Add(-busy)
	c.judge(float64(busy) / float64(at-since))
}

// judge changes how the work is shared by what a window has shown.
func (c *crew) judge(share float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch dealt := c.dealt.Load(); {
	case !dealt && share > crewBusy:
		c.calm = 0
		c.dealt.Store(c.lead.steer(false) == nil)
	case dealt && share < crewCalm:
		if c.calm++; c.calm >= crewWindows {
			c.dealt.Store(c.lead.steer(true) != nil)
		}
	default:
		c.calm = 0
	}
}

// steer makes the kernel give s all datagrams of the sockets that share its
// address, of which it was bound first, or deal them to all: a number that no
// socket has lets it choose as if there were no program.
func (s *udpSocket) steer(all bool) (err error) {
	choice := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: math.MaxUint32}
	if all {
		choice.K = 0
	}
	program := unix.SockFprog{Len: 1, Filter: &choice}
	e := s.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &program)
	})
	return errors.Join(e, err)
}
