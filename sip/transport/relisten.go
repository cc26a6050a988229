package transport

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/hometone/hometone/sip"
)

// listening is the listeners at one time. It is immutable; Relisten swaps it.
type listening struct {
	active []*listener // in the order of the configuration: those that new flows use
	// numbered is all that have been, by their number minus one, which flows
	// carry; nil: closed. Numbers are not given twice, so that a flow never
	// leaves through a socket it does not know.
	numbered []*listener
}

// number makes a listener under the next number. It appends to numbered, so
// the receiver is one that nobody sees yet.
func (s *listening) number(ln Listen) *listener {
	n := &listener{Listen: ln, endpoint: &endpoint{bound: ln.Addr}, index: uint16(len(s.numbered) + 1), outside: hostOf(ln.External.Addr())}
	n.host = hostOf(ln.Addr.Addr())
	s.numbered = append(s.numbered, n)
	return n
}

// again enters other settings for the endpoint of a listener.
func (s *listening) again(old *listener, ln Listen) *listener {
	n := &listener{Listen: ln, endpoint: old.endpoint, index: old.index, outside: hostOf(ln.External.Addr())}
	s.numbered[n.index-1] = n
	return n
}

// hostOf writes an address as the host of a URI; "" stands for none and for all.
func hostOf(a netip.Addr) string {
	if !a.IsValid() || a.IsUnspecified() {
		return ""
	}
	return sip.FormatHost(a)
}

// find returns the listener at the address of ln, a retired one too.
func (s *listening) find(ln Listen) *listener {
	for _, old := range s.numbered {
		if old != nil && old.place() == ln.place() && (ln.Proto == UDP || old.retired.Load() == 0) {
			return old
		}
	}
	return nil
}

// place is what makes two Listens the same: the address, and the name where
// the kernel chooses the port.
func (ln *Listen) place() (p struct {
	proto Proto
	addr  netip.AddrPort
	name  string
}) {
	p.proto, p.addr = ln.Proto, ln.Addr
	if ln.Addr.Port() == 0 {
		p.name = ln.Name
	}
	return p
}

// checkAll says what is wrong with a list of listeners.
func checkAll(list []Listen) error {
	names := make(map[string]bool)
	for _, ln := range list {
		if err := ln.check(names); err != nil {
			return err
		}
	}
	if len(list) > math.MaxUint16 {
		return errors.New("transport: too many listeners")
	}
	return nil
}

// bindAll binds all of a list, or nothing.
func (l *Layer) bindAll(list []*listener) error {
	for i, ln := range list {
		if err := ln.bind(l); err != nil {
			for _, bound := range list[:i+1] {
				bound.close()
			}
			return &ListenError{Listen: ln.Listen, Err: err}
		}
	}
	return nil
}

// A ListenError says which address could not be bound.
type ListenError struct {
	Listen Listen
	Err    error
}

// Error implements error.
func (e *ListenError) Error() string {
	return fmt.Sprintf("transport: listen on %s %s: %v", e.Listen.Proto, e.Listen.Addr, e.Err)
}

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.Err }

// Relisten makes the layer listen on want and nothing else, while it runs. New
// addresses are bound first: if one cannot be, nothing has changed. A listener
// whose address stays keeps its sockets and takes the settings of want: another
// certificate holds for the next handshake. An address that goes is retired: a
// stream listener accepts nothing more, its connections go on; a datagram socket
// still serves what knows it, see [Layer.Release].
func (l *Layer) Relisten(want []Listen) error {
	if err := checkAll(want); err != nil {
		return err
	}
	l.change.Lock()
	defer l.change.Unlock()
	if !l.bound {
		return errors.New("transport: Relisten before Listen")
	}
	old := l.listening.Load()
	next := &listening{numbered: slices.Clone(old.numbered)}
	var fresh []*listener
	for _, ln := range want {
		if known := old.find(ln); known != nil {
			next.active = append(next.active, next.again(known, ln))
			continue
		}
		if len(next.numbered) == math.MaxUint16 {
			return errors.New("transport: listeners have changed too often; restart")
		}
		n := next.number(ln)
		fresh = append(fresh, n)
		next.active = append(next.active, n)
	}
	if err := l.bindAll(fresh); err != nil {
		return err
	}
	l.swap(old, next)
	return l.serveAlso(fresh)
}

// swap puts next into force: what is not active any more is retired, what was
// retired and is wanted again is not. The caller holds change.
func (l *Layer) swap(old, next *listening) {
	for _, ln := range next.active {
		if ln.retired.Swap(0) != 0 {
			l.retiring.Add(-1)
		}
	}
	l.listening.Store(next)
	for _, ln := range old.active {
		if slices.ContainsFunc(next.active, func(n *listener) bool { return n.endpoint == ln.endpoint }) {
			continue
		}
		ln.retired.Store(time.Now().UnixNano())
		if ln.Proto == UDP {
			l.retiring.Add(1)
		} else {
			ln.close() // the port is free at once
		}
	}
}

// serveAlso hands listeners to Run, if it runs.
func (l *Layer) serveAlso(list []*listener) error {
	select {
	case <-l.running:
	default:
		return nil // Run will look at the table
	}
	for _, ln := range list {
		select {
		case l.added <- ln:
		case <-l.ended:
			ln.close()
			return ErrClosed
		}
	}
	return nil
}

// lateAfter is how long a retired datagram listener takes requests that open
// something: a call that was being set up when it was retired may still send its
// INVITE again, until Timer B (RFC 3261 §17.1.1.2) with the default T1.
const lateAfter = 32 * time.Second

// tooLate refuses what would open something new at a retired listener, so that
// the client tries another address (RFC 3263 §4.3), and lets pass what belongs to
// a dialog or to a request that is being served.
func (l *Layer) tooLate(f Flow, req *sip.Request) error {
	ln := l.listenerOf(f)
	if f.proto != UDP || ln == nil || req.ToTag() != "" || req.Method() == sip.ACK || req.Method() == sip.CANCEL {
		return nil
	}
	since := ln.retired.Load()
	if since == 0 || time.Now().UnixNano()-since < int64(lateAfter) {
		return nil
	}
	return &sip.Error{Status: 503, Reason: "Address Not In Use Any More"}
}

// Retired returns the datagram listeners that Relisten has taken out of use and
// that still serve what knows them, and since when.
func (l *Layer) Retired(yield func(ln Listen, since time.Time) bool) {
	for _, ln := range l.listening.Load().numbered {
		if ln == nil || ln.Proto != UDP {
			continue
		}
		if since := ln.retired.Load(); since != 0 && !yield(ln.Listen, time.Unix(0, since)) {
			return
		}
	}
}

// Release closes the retired listeners that were retired before a moment: the
// caller knows that no dialog needs them. What their sockets hold is lost.
func (l *Layer) Release(before time.Time) {
	l.change.Lock()
	defer l.change.Unlock()
	next := *l.listening.Load()
	next.numbered = slices.Clone(next.numbered)
	var gone []*listener
	for i, ln := range next.numbered {
		if ln == nil {
			continue
		}
		since := ln.retired.Load()
		if since == 0 || since >= before.UnixNano() {
			continue
		}
		next.numbered[i] = nil
		gone = append(gone, ln)
	}
	if len(gone) == 0 {
		return
	}
	l.listening.Store(&next)
	for _, ln := range gone {
		if ln.Proto == UDP {
			l.retiring.Add(-1)
		}
		ln.close()
	}
}
