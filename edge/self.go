package edge

import (
	"cmp"
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
	names   []string // in lower case
	listen  func() []transport.Listen
	offered func() ([]net.Addr, error) // the host's addresses
	now     atomic.Pointer[addresses]
}

// addresses are what self has found at its last look; immutable.
type addresses struct {
	bound  []transport.Listen
	places places          // with the listeners' names
	ports  map[uint16]bool // of all listeners
}

// places are addresses with a name each. Every message is looked up there several
// times; mostly they are a handful, which is looked through faster than a map.
type places struct {
	few  []named // the first of them
	many map[netip.AddrPort]string
}

type named struct {
	at   netip.AddrPort
	name string
}

const fewPlaces = 8

func (p *places) add(at netip.AddrPort, name string) {
	for i := range p.few {
		if p.few[i].at == at {
			p.few[i].name = name
			return
		}
	}
	if len(p.few) < fewPlaces {
		p.few = append(p.few, named{at, name})
		return
	}
	if p.many == nil {
		p.many = make(map[netip.AddrPort]string)
	}
	p.many[at] = name
}

// find returns the name of an address, and whether it is one of them.
func (p *places) find(at netip.AddrPort) (name string, found bool) {
	for i := range p.few {
		if p.few[i].at == at {
			return p.few[i].name, true
		}
	}
	if p.many == nil {
		return "", false
	}
	name, found = p.many[at]
	return name, found
}

func (p *places) has(at netip.AddrPort) bool {
	_, found := p.find(at)
	return found
}

func newSelf(names []string, listen func() []transport.Listen) *self {
	s := &self{listen: listen, offered: net.InterfaceAddrs}
	for _, n := range names {
		s.names = append(s.names, strings.ToLower(n))
	}
	s.refresh()
	return s
}

// refresh reads listeners and the host's addresses again: both may change, and a
// virtual address may have moved here.
func (s *self) refresh() {
	a := &addresses{bound: s.listen(), ports: make(map[uint16]bool)}
	hosts, _ := s.offered() // without them the bound addresses remain
	for _, l := range a.bound {
		port := l.Addr.Port()
		a.ports[port] = true
		if l.External.Addr().IsValid() {
			outside := netip.AddrPortFrom(l.External.Addr().Unmap(), cmp.Or(l.External.Port(), port))
			a.places.add(outside, l.Name)
			a.ports[outside.Port()] = true
		}
		if !l.Addr.Addr().IsUnspecified() {
			a.places.add(netip.AddrPortFrom(l.Addr.Addr().Unmap(), port), l.Name)
			continue
		}
		for _, h := range hosts {
			prefix, err := netip.ParsePrefix(h.String())
			if at := prefix.Addr().Unmap(); err == nil && at.Is4() == l.Addr.Addr().Is4() {
				a.places.add(netip.AddrPortFrom(at, port), l.Name)
			}
		}
	}
	s.now.Store(a)
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
	listener, yes = s.now.Load().places.find(place)
	return listener, yes || place == over.Local()
}

// listenerAt returns the name of the listener at a local address, "" if there is
// none.
func (s *self) listenerAt(a netip.AddrPort) string {
	name, _ := s.now.Load().places.find(netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	return name
}

// leaving names the listener that t is to leave from, if that can reach it.
func (s *self) leaving(t *transport.Target, listener string) {
	if listener == "" {
		return
	}
	for _, l := range s.now.Load().bound {
		if l.Name == listener && l.Proto == t.Proto && l.Addr.Addr().Is4() == t.Addr.Addr().Is4() {
			t.Listener = listener
		}
	}
}

func (s *self) named(uri *sip.URI) bool {
	for _, n := range s.names {
		if strings.EqualFold(n, uri.Host) {
			return uri.Port == 0 || s.now.Load().ports[uri.Port]
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
