package siptest

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"sync"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Memory is a network without sockets for tests of timers: it takes the place
// of transport.Layer below a transaction layer, and everything it does happens
// on channels, so time in a synctest bubble passes through it. The system has
// one address, peers have others; all speak UDP unless Proto says else.
type Memory struct {
	Local netip.AddrPort
	Proto transport.Proto           // 0: UDP
	Names map[string]netip.AddrPort // what Resolve finds
	// Lose, if not nil, decides about each message whether it gets lost.
	Lose func(from, to netip.AddrPort, message []byte) bool

	mu      sync.Mutex // guards the following
	handler transport.Handler
	conns   map[netip.AddrPort]*memoryConn
	running chan struct{}
}

// NewMemory returns a network with the system at 192.0.2.1:5060.
func NewMemory() *Memory {
	return &Memory{Local: netip.MustParseAddrPort("192.0.2.1:5060"), Proto: transport.UDP,
		conns: make(map[netip.AddrPort]*memoryConn), running: make(chan struct{})}
}

// Dial returns a peer at 192.0.2.10 and up.
func (n *Memory) Dial(name string) *Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + len(n.conns))}), 5060)
	c := &memoryConn{inbox: newInbox(), net: n, addr: addr}
	n.conns[addr] = c
	return NewPeer(name, c)
}

// Run implements transaction.Transport.
func (n *Memory) Run(ctx context.Context, h transport.Handler) error {
	n.mu.Lock()
	n.handler = h
	close(n.running)
	n.mu.Unlock()
	<-ctx.Done()
	return nil
}

// Ready waits until Run has been called.
func (n *Memory) Ready() { <-n.running }

// Send implements transaction.Transport.
func (n *Memory) Send(f transport.Flow, msg []byte) error { return n.out(f.Remote(), msg) }

// SendTo implements transaction.Transport.
func (n *Memory) SendTo(t transport.Target, msg []byte, done func(transport.Flow, error)) {
	to := t.Addr
	if t.Flow.Valid() {
		to = t.Flow.Remote()
	}
	err := n.out(to, msg)
	if done != nil {
		done(n.flow(to), err)
	}
}

var errNoPeer = errors.New("siptest: no peer at that address")

func (n *Memory) out(to netip.AddrPort, msg []byte) error {
	n.mu.Lock()
	c := n.conns[to]
	n.mu.Unlock()
	if c == nil {
		return errNoPeer
	}
	if n.Lose == nil || !n.Lose(n.Local, to, msg) {
		c.put(append([]byte(nil), msg...))
	}
	return nil
}

func (n *Memory) flow(peer netip.AddrPort) transport.Flow {
	return transport.NewFlow(n.Proto, n.Local, peer, 0)
}

// Flow returns the flow between the system and a peer's address.
func (n *Memory) Flow(peer string) transport.Flow { return n.flow(netip.MustParseAddrPort(peer)) }

// Find implements transaction.Transport.
func (n *Memory) Find(t transport.Target) (transport.Flow, bool) {
	if t.Flow.Valid() {
		return t.Flow, true
	}
	return n.flow(t.Addr), true
}

// SentBy implements transaction.Transport and dialog.Transport.
func (n *Memory) SentBy(transport.Target) (string, uint16) {
	return sip.FormatHost(n.Local.Addr()), n.Local.Port()
}

// Peer implements transaction.Transport: there is no TLS.
func (n *Memory) Peer(transport.Flow) (tls.ConnectionState, bool) {
	return tls.ConnectionState{}, false
}

// Resolve implements dialog.Transport; only Names exist.
func (n *Memory) Resolve(_ context.Context, u sip.URI) ([]transport.Target, error) {
	if a, ok := n.Names[u.Host]; ok {
		return []transport.Target{{Proto: n.Proto, Addr: a}}, nil
	}
	return nil, transport.ErrNoAddress
}

// ResolveNumeric implements dialog.Transport.
func (n *Memory) ResolveNumeric(u sip.URI) (transport.Target, bool) {
	a, ok := u.Addr()
	port := u.Port
	if port == 0 {
		port = 5060
	}
	return transport.Target{Proto: n.Proto, Addr: netip.AddrPortFrom(a, port)}, ok
}

// memoryConn is a peer's end.
type memoryConn struct {
	inbox
	net  *Memory
	addr netip.AddrPort
}

func (c *memoryConn) Send(m []byte) error {
	n := c.net
	if n.Lose != nil && n.Lose(c.addr, n.Local, m) {
		return nil
	}
	req, res, err := sip.Parse(string(m))
	switch {
	case req != nil:
		if err == nil {
			err = req.Validate()
		}
		n.handler.ServeRequest(n.flow(c.addr), req, err)
	case res != nil && err == nil:
		n.handler.ServeResponse(n.flow(c.addr), res)
	}
	return nil
}

func (c *memoryConn) Local() netip.AddrPort { return c.addr }
func (c *memoryConn) Proto() string         { return c.net.Proto.Via() }

func (c *memoryConn) Close() error {
	c.end()
	return nil
}
