package transport

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
)

// SentBy returns host and port for a Via or Contact towards t, without
// connecting. An IPv6 host comes in brackets. The listener's external address
// stands in for its own towards peers outside of its local networks.
func (l *Layer) SentBy(t Target) (host string, port uint16) {
	ln, remote, local := l.listenerFor(t), t.Addr.Addr(), netip.Addr{}
	if t.Flow.Valid() {
		remote, local = t.Flow.remote.Addr(), t.Flow.local.Addr()
		ln = l.listenerOf(t.Flow)
		if ln == nil {
			ln = l.listenerFor(Target{Proto: t.Flow.proto, Addr: t.Flow.remote, Listener: t.Listener})
		}
	}
	if ln != nil {
		port = ln.bound.Port()
		if ln.External.Addr().IsValid() && !ln.isLocal(remote) {
			if ln.External.Port() != 0 {
				port = ln.External.Port()
			}
			return ln.outside, port
		}
		if ln.host != "" {
			return ln.host, port
		}
	}
	if !local.IsValid() || local.IsUnspecified() {
		local = l.sources.towards(remote)
	}
	if port == 0 {
		port = t.Proto.DefaultPort()
		if t.Flow.Valid() {
			port = t.Flow.local.Port()
		}
	}
	return sip.FormatHost(local.WithZone("")), port
}

// isLocal reports whether a is reached without the NAT.
func (ln *listener) isLocal(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	for _, p := range ln.Local {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// sources remembers which local address the kernel's routes choose for a peer.
type sources struct {
	mu    sync.Mutex // guards the following
	known map[netip.Addr]source
}

type source struct {
	local   netip.Addr
	expires time.Time
}

const (
	sourceLife  = 10 * time.Second // routes change
	sourceCount = 4096
)

// towards returns the local address used towards peer, by connecting a UDP
// socket, which sends nothing.
func (s *sources) towards(peer netip.Addr) netip.Addr {
	now := time.Now()
	s.mu.Lock()
	known, ok := s.known[peer]
	s.mu.Unlock()
	if ok && now.Before(known.expires) {
		return known.local
	}
	local := routeTo(peer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= sourceCount {
		s.known = make(map[netip.Addr]source)
	}
	s.known[peer] = source{local, now.Add(sourceLife)}
	return local
}

func routeTo(peer netip.Addr) netip.Addr {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, 9)))
	if err != nil {
		if peer.Is6() {
			return netip.IPv6Loopback()
		}
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
