package transport

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hometone/hometone/internal/rest"
)

// While datagrams come faster than one per longestRest, the reader leaves the
// poller and looks at its socket at intervals instead: one wake-up of a thread,
// which costs more than a message, serves all that has come meanwhile. The
// interval grows while a look finds few datagrams and shrinks while it finds
// many, so the delay that a busy node adds to a message is at most longestRest,
// far below RFC 3261's T1, and falls as the load rises. REGISTERs are in less of
// a hurry, since nobody waits at the telephone for their answer: while nothing
// else comes patientRest takes the place of longestRest.
const (
	shortestRest = time.Millisecond
	longestRest  = 2 * time.Millisecond   // times a power of two as the shortest
	patientRest  = 8 * time.Millisecond   // likewise
	calm         = 250 * time.Millisecond // without an urgent datagram, before patientRest holds
	few, many    = 8, 32
	busyStreak   = 8 // datagrams in a row, each within the longest rest of the last, that make a reader busy
	idleLooks    = 3 // looks in a row that find nothing end that
)

// A reader serves one socket. It belongs to the goroutine of read.
type reader struct {
	socket   *udpSocket
	layer    *Layer
	listener *listener
	receiver *receiver
	fd       uintptr
	last     time.Time // of the last wake-up
	streak   int
	urgent   bool      // the last round found a datagram that is in a hurry
	hurry    time.Time // when one did last
}

// openPoll makes the epoll set that tells when there is something to read. The
// runtime's poller watches the set, so a reader that waits holds no thread, and
// so the watch can be put off without the runtime's doing.
func (s *udpSocket) openPoll() error {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	err = unix.SetNonblock(ep, true) // makes os.NewFile register it with the poller
	s.epoll = os.NewFile(uintptr(ep), "epoll")
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if s.ready, err = s.epoll.SyscallConn(); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return s.watch(unix.EPOLL_CTL_ADD, unix.EPOLLIN)
}

// watch sets what the epoll set looks for: unix.EPOLLIN, or nothing. What
// has come before is told at once.
func (s *udpSocket) watch(op int, events uint32) error {
	var err error
	use := func(fd uintptr) error {
		return s.ready.Control(func(ep uintptr) {
			err = unix.EpollCtl(int(ep), op, int(fd), &unix.EpollEvent{Events: events})
		})
	}
	var closed error
	if e := s.raw.Control(func(fd uintptr) { closed = use(fd) }); e != nil {
		return e
	}
	return errors.Join(closed, err)
}

// read serves the socket until it is closed.
func (s *udpSocket) read(l *Layer, ln *listener) {
	r := &reader{socket: s, layer: l, listener: ln, receiver: newReceiver(s.wildcard)}
	var err error
	run := r.run
	if l.cfg.Inline {
		run = r.block
	}
	if e := s.raw.Control(func(fd uintptr) { r.fd = fd; err = run() }); e != nil {
		err = e
	}
	if err != nil && !s.closed.Load() {
		l.logger.Error("transport: reading stopped", "listener", ln.Name, "addr", ln.bound.String(), "err", err)
	}
}

// run reads on every wake-up, or at intervals, until the socket is closed.
func (r *reader) run() error {
	for {
		// The function says "done" only when the reader is busy: within one call
		// the poller's readiness is never reset behind our back, and a batch that
		// was not full needs no further system call before waiting.
		if err := r.socket.ready.Read(r.woken); err != nil {
			return err
		}
		if err := r.socket.watch(unix.EPOLL_CTL_MOD, 0); err != nil {
			return err
		}
		r.atIntervals()
		if err := r.socket.watch(unix.EPOLL_CTL_MOD, unix.EPOLLIN); err != nil {
			return err
		}
	}
}

// woken reads what has come and reports whether the reader has become busy.
func (r *reader) woken(uintptr) (busy bool) {
	return r.came(r.round(), time.Now())
}

// came takes what a wake-up has found and reports whether the reader has become
// busy.
func (r *reader) came(n int, now time.Time) (busy bool) {
	r.note(now)
	if now.Sub(r.last) > r.longest(now) {
		r.streak = 0
	}
	r.last = now
	r.streak += n
	return r.streak >= busyStreak
}

// atIntervals reads at intervals as long as something comes. The moments are
// multiples of the interval on the wall clock, so that the readers, and others
// of the process who round likewise, share their wake-ups.
func (r *reader) atIntervals() {
	r.streak = 0
	interval := shortestRest
	for empty := 0; empty < idleLooks && !r.socket.closed.Load(); {
		now := time.Now()
		r.layer.rest(interval - time.Duration(now.UnixNano())%interval)
		n := r.round()
		r.note(now)
		longest := r.longest(now)
		switch {
		case n > many:
			interval = max(interval/2, shortestRest)
		case n < few || longest == patientRest:
			interval *= 2
		}
		interval = min(interval, longest)
		if empty++; n > 0 {
			empty = 0
		}
	}
}

// note keeps what the round of now has found.
func (r *reader) note(now time.Time) {
	if r.urgent {
		r.hurry = now
	}
}

// longest is how far apart looks may be.
func (r *reader) longest(now time.Time) time.Duration {
	if now.Sub(r.hurry) > calm {
		return patientRest
	}
	return longestRest
}

// rest waits for d. As many readers as processors were reserved for wait in the
// kernel, the others, and those of a layer that is not run, by the runtime's timers.
func (l *Layer) rest(d time.Duration) {
	if l.resting.Add(1) <= l.reserved {
		rest.For(d)
	} else {
		time.Sleep(d)
	}
	l.resting.Add(-1)
}

var register = []byte("REGISTER ")

// urgent reports whether a datagram is in a hurry: all are but REGISTERs and
// what keeps NAT bindings open.
func urgent(data []byte) bool {
	return len(data) > len(register) && data[0] >= 'A' && !bytes.HasPrefix(data, register)
}

// deliver hands on the n datagrams of one batch.
func (r *reader) deliver(n int) {
	if b := r.layer.cfg.Burst; b != nil {
		b.Begin()
		defer b.End()
	}
	for i := range n {
		r.urgent = r.urgent || urgent(r.receiver.datagram(i))
		r.socket.deliver(r.layer, r.listener, r.receiver, i)
	}
}

// round reads until nothing is left and returns the number of datagrams.
func (r *reader) round() (count int) {
	r.urgent = false
	for failed := 0; failed < readBatch; {
		n, errno := r.receiver.receive(r.fd, r.socket.wildcard, unix.MSG_DONTWAIT)
		if n > 0 {
			r.deliver(n)
		}
		count += n
		switch {
		case errno == unix.EAGAIN, errno == 0 && n < readBatch:
			return count
		case errno != 0:
			failed++ // EINTR, or an ICMP error of an earlier datagram: reading clears it
		}
	}
	return count
}
