// Package transporttest is a network in memory that carries SIP messages
// between nodes without sockets, so that whole layers run under
// testing/synctest, where the clock is the test's.
//
// A [Network] delivers after a delay, in the order of sending where the delay
// is the same, and may lose, double or change what a test says. Each [Node] has one address and is what the transaction layer
// asks of a transport: its Run delivers to a transport.Handler until its
// context ends.
package transporttest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// A Packet is one message on its way.
type Packet struct {
	Time     time.Time
	Proto    transport.Proto
	From, To netip.AddrPort
	Data     string
}

// A Network joins nodes. The zero value is ready to use.
type Network struct {
	mu     sync.Mutex // guards the following
	delay  time.Duration
	filter func(Packet) int
	nodes  map[netip.AddrPort]*Node
	sent   []Packet
	queue  []queued // on their way; the next to arrive comes first
}

// queued is a packet and when it arrives where.
type queued struct {
	due time.Time
	to  *Node
	Packet
}

// SetDelay sets how long a packet travels; 0, the default, delivers in no time,
// but never inside Send.
func (n *Network) SetDelay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// SetFilter sets a function that says how often a packet arrives: 0 loses it,
// 2 doubles it. nil: once.
func (n *Network) SetFilter(f func(Packet) int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.filter = f
}

// A Node is one host with one address, for UDP and, as one everlasting
// connection per peer, for the stream transports.
type Node struct {
	Addr netip.AddrPort

	network *Network
	inbox   chan Packet
	fail    func(Packet) error // guarded by network.mu
}

// SetFail sets a function that is asked before each send: its error is what
// Send returns.
func (node *Node) SetFail(f func(Packet) error) {
	node.network.mu.Lock()
	defer node.network.mu.Unlock()
	node.fail = f
}

const inbox = 4096 // packets; what does not fit is lost, as in a socket's buffer

// Node adds a host. The address must be new.
func (n *Network) Node(addr string) *Node {
	node := &Node{Addr: netip.MustParseAddrPort(addr), network: n, inbox: make(chan Packet, inbox)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes == nil {
		n.nodes = make(map[netip.AddrPort]*Node)
	}
	n.nodes[node.Addr] = node
	return node
}

// Sent returns all packets sent so far, those lost included.
func (n *Network) Sent() []Packet {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]Packet(nil), n.sent...)
}

// Run delivers what arrives to h until ctx ends.
func (node *Node) Run(ctx context.Context, h transport.Handler) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-node.inbox:
			node.deliver(p, h)
		}
	}
}

func (node *Node) deliver(p Packet, h transport.Handler) {
	f := node.flow(p.Proto, p.From)
	req, res, err := sip.Parse(p.Data)
	switch {
	case res != nil:
		h.ServeResponse(f, res)
	case req != nil:
		transport.MarkReceived(f, req)
		h.ServeRequest(f, req, err)
	}
}

// Receive returns the next message for a node that no one runs, for scripted
// peers; false if ctx ends first.
func (node *Node) Receive(ctx context.Context) (Packet, bool) {
	select {
	case p := <-node.inbox:
		return p, true
	case <-ctx.Done():
		return Packet{}, false
	}
}

func (node *Node) flow(p transport.Proto, peer netip.AddrPort) transport.Flow {
	var id uint64
	if p.Reliable() {
		id = uint64(peer.Port())
	}
	return transport.NewFlow(p, node.Addr, peer, id)
}

// Send implements transaction.Transport.
func (node *Node) Send(f transport.Flow, msg []byte) error {
	p := Packet{Time: time.Now(), Proto: f.Proto(), From: node.Addr, To: f.Remote(), Data: string(msg)}
	n := node.network
	n.mu.Lock()
	fail, filter, delay := node.fail, n.filter, n.delay
	n.mu.Unlock()
	if fail != nil {
		if err := fail(p); err != nil {
			return err
		}
	}
	times := 1
	if filter != nil {
		times = filter(p)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = append(n.sent, p)
	to := n.nodes[p.To]
	if to == nil {
		return nil
	}
	for range times {
		n.put(queued{due: time.Now().Add(delay), to: to, Packet: p})
		time.AfterFunc(delay, n.deliver)
	}
	return nil
}

// put queues a packet behind all that arrive no later. The caller holds n.mu.
func (n *Network) put(q queued) {
	at := len(n.queue)
	for at > 0 && n.queue[at-1].due.After(q.due) {
		at--
	}
	n.queue = slices.Insert(n.queue, at, q)
}

// deliver hands over the packet that is due first. There is one timer for each
// packet, but timers of the same instant run in any order: which packet
// arrives is the queue's choice.
func (n *Network) deliver() {
	n.mu.Lock()
	defer n.mu.Unlock()
	q := n.queue[0]
	n.queue = slices.Delete(n.queue, 0, 1)
	select {
	case q.to.inbox <- q.Packet:
	default:
	}
}

// SendTo implements transaction.Transport.
func (node *Node) SendTo(t transport.Target, msg []byte, done func(transport.Flow, error)) {
	f, _ := node.Find(t)
	err := node.Send(f, msg)
	if done != nil {
		done(f, err)
	}
}

// Find implements transaction.Transport: every target is reachable.
func (node *Node) Find(t transport.Target) (transport.Flow, bool) {
	if t.Flow.Valid() {
		return t.Flow, true
	}
	return node.flow(t.Proto, t.Addr), true
}

// SentBy implements transaction.Transport.
func (node *Node) SentBy(transport.Target) (string, uint16) {
	return sip.FormatHost(node.Addr.Addr()), node.Addr.Port()
}

// Peer implements transaction.Transport: nobody has a certificate.
func (node *Node) Peer(transport.Flow) (tls.ConnectionState, bool) {
	return tls.ConnectionState{}, false
}

// Target returns the target that reaches the node over p.
func (node *Node) Target(p transport.Proto) transport.Target {
	return transport.Target{Proto: p, Addr: node.Addr}
}

// String writes a packet as a ladder line.
func (p Packet) String() string {
	first, _, _ := cut(p.Data)
	return fmt.Sprintf("%s %s->%s %s", p.Proto, p.From, p.To, first)
}

func cut(s string) (line, rest string, ok bool) {
	for i := range len(s) {
		if s[i] == '\r' || s[i] == '\n' {
			return s[:i], s[i:], true
		}
	}
	return s, "", false
}
