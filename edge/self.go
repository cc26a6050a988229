package edge

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// self knows which URIs mean this host: the addresses of the listeners, their
// external addresses and the configured names.
type self struct {
	names   []string                                  // in lower case
	bound   []transport.Listen                        // as they were at the start; they do not change
	places  atomic.Pointer[map[netip.AddrPort]string] // address → listener's name
	ports   map[uint16]bool                           // of all listeners
	offered func() ([]net.Addr, error)                // the host's addresses
}

func newSelf(names []string, listen func() []transport.Listen) *self {
	s := &self{bound: listen(), ports: make(map[uint16]bool), offered: net.InterfaceAddrs}
	for _, n := range names {
		s.names = append(s.names, strings.ToLower(n))
	}
	for _, l := range s.bound {
		s.ports[l.Addr.Port()] = true
		s.ports[l.External.Port()] = true
	}
	delete(s.ports, 0)
	s.refresh()
	return s
}

// refresh reads the host's addresses again: a virtual address may have moved
// here.
func (s *self) refresh() {
	places := make(map[netip.AddrPort]string)
	hosts, _ := s.offered() // without them the bound addresses remain
	for _, l := range s.bound {
		port := l.Addr.Port()
		if l.External.Addr().IsValid() {
			outside := netip.AddrPortFrom(l.External.Addr().Unmap(), l.External.Port())
			if outside.Port() == 0 {
				outside = netip.AddrPortFrom(outside.Addr(), port)
			}
			places[outside] = l.Name
		}
		if !l.Addr.Addr().IsUnspecified() {
			places[netip.AddrPortFrom(l.Addr.Addr().Unmap(), port)] = l.Name
			continue
		}
		for _, h := range hosts {
			prefix, err := netip.ParsePrefix(h.String())
			if a := prefix.Addr().Unmap(); err == nil && a.Is4() == l.Addr.Addr().Is4() {
				places[netip.AddrPortFrom(a, port)] = l.Name
			}
		}
	}
	s.places.Store(&places)
}

// is reports whether uri means this host, and the name of the listener if it
// names one. A request that came over a flow has been sent to the flow's local
// address, so that is ours too.
func (s *self) is(uri *sip.URI, over transport.Flow) (listener string, yes bool) {
	if !uri.IsSIP() {
		return "", false
	}
	addr, numeric := uri.Addr()
	if !numeric {
		return "", s.named(uri)
	}
	port := uri.Port
	if port == 0 {
		port = defaultPort(uri)
	}
	place := netip.AddrPortFrom(addr.Unmap(), port)
	listener, yes = (*s.places.Load())[place]
	return listener, yes || place == over.Local()
}

// listenerAt returns the name of the listener at a local address, "" if there is
// none.
func (s *self) listenerAt(a netip.AddrPort) string {
	return (*s.places.Load())[netip.AddrPortFrom(a.Addr().Unmap(), a.Port())]
}

// leaving names the listener that t is to leave from, if that can reach it.
func (s *self) leaving(t *transport.Target, listener string) {
	if listener == "" {
		return
	}
	for _, l := range s.bound {
		if l.Name == listener && l.Proto == t.Proto && l.Addr.Addr().Is4() == t.Addr.Addr().Is4() {
			t.Listener = listener
		}
	}
}

func (s *self) named(uri *sip.URI) bool {
	for _, n := range s.names {
		if strings.EqualFold(n, uri.Host) {
			return uri.Port == 0 || s.ports[uri.Port]
		}
	}
	return false
}

// defaultPort is the port of a URI that names none (RFC 3261 §19.1.2).
func defaultPort(uri *sip.URI) uint16 {
	if p, ok := transport.ParseProto(uri.Transport()); ok {
		return p.DefaultPort()
	}
	if uri.IsSIPS() {
		return transport.TLS.DefaultPort()
	}
	return transport.UDP.DefaultPort()
}
