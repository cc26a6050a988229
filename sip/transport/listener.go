package transport

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// A listener is one bound address with its settings. Other settings for the
// same address are another listener with the same endpoint.
type listener struct {
	Listen
	*endpoint
	index   uint16 // its number in listening
	outside string // External as the host of a URI; "": none
}

// An endpoint is what is bound: several UDP sockets, or one stream listener.
type endpoint struct {
	bound netip.AddrPort // Addr with the port the kernel chose
	host  string         // bound as the host of a URI; "": all addresses

	udp    []*udpSocket
	crew   crew // of the readers of udp, if they wait in the kernel
	stream net.Listener

	retired   atomic.Int64 // when Relisten took it out of use, Unix nanoseconds; 0: in use
	closeOnce sync.Once
}

// network returns the name of the address family for package net. "udp6" and
// "tcp6" sockets take no IPv4 (IPV6_V6ONLY), so both families can be bound.
func (ln *listener) network(proto string) string {
	if ln.Addr.Addr().Is4() {
		return proto + "4"
	}
	return proto + "6"
}

func (ln *listener) bind(l *Layer) (err error) {
	if ln.Proto != UDP {
		return ln.bindStream()
	}
	n := l.cfg.Sockets
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	n = socketsPerListener(n)
	if err := ln.free(n); err != nil {
		return err
	}
	for range n {
		s, err := openUDP(ln.network("udp"), ln.bound, n > 1, !l.cfg.Inline, l.cfg.Buffer)
		if err != nil {
			return err
		}
		ln.udp = append(ln.udp, s)
		ln.bound = netip.AddrPortFrom(ln.bound.Addr(), s.port())
	}
	if l.cfg.Inline {
		ln.crew.muster(ln.udp)
	}
	return nil
}

// free fails if somebody has the address. Sockets that share it
// (SO_REUSEPORT) would not: another node of the same user would get half of our
// datagrams, and nobody would be told.
func (ln *listener) free(sockets int) error {
	if sockets < 2 || ln.bound.Port() == 0 {
		return nil
	}
	alone, err := openUDP(ln.network("udp"), ln.bound, false, false, 0)
	if err != nil {
		return err
	}
	alone.close()
	return nil
}

func (ln *listener) bindStream() (err error) {
	host := ln.Addr.Addr().String()
	port := strconv.Itoa(int(ln.Addr.Port()))
	ln.stream, err = net.Listen(ln.network("tcp"), net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	bound := ln.stream.Addr().(*net.TCPAddr).AddrPort()
	ln.bound = netip.AddrPortFrom(ln.bound.Addr(), bound.Port())
	return nil
}

// serve starts the listener's goroutines; they end when ln is closed.
func (ln *listener) serve(ctx context.Context, l *Layer) {
	switch ln.Proto {
	case UDP:
		for _, s := range ln.udp {
			l.wg.Go(func() { s.read(l, ln) })
		}
	case TCP, TLS:
		l.wg.Go(func() { l.accept(ctx, ln) })
	case WS, WSS:
		l.wg.Go(func() { l.serveWebSocket(ctx, ln) })
	}
}

func (e *endpoint) close() {
	e.closeOnce.Do(func() {
		for _, s := range e.udp {
			s.close()
		}
		if e.stream != nil {
			e.stream.Close()
		}
	})
}

// sendDatagram sends msg over one of the sockets; all are bound alike.
func (ln *listener) sendDatagram(l *Layer, f Flow, msg []byte) error {
	if len(ln.udp) == 0 {
		return ErrNoListener
	}
	s := ln.crew.alone()
	if s == nil {
		s = ln.udp[int(f.remote.Port())%len(ln.udp)]
	}
	return s.send(l, f, msg)
}
