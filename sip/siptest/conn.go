package siptest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Conn carries whole messages between a peer and the system under test.
type Conn interface {
	Send(message []byte) error
	// Receive waits for one message, at most for the time given.
	Receive(patience time.Duration) ([]byte, error)
	// Local is the address that goes into Via and Contact.
	Local() netip.AddrPort
	// Proto is the transport as Via names it: UDP, TCP.
	Proto() string
	// Close ends it; a second call does no harm.
	Close() error
}

// ErrSilence means that no message came in time.
var ErrSilence = errors.New("siptest: no message")

// inbox is a queue of received messages.
type inbox struct {
	messages chan []byte
	done     chan struct{} // closed by end
	end      func()
}

// inboxSize bounds what a peer may have unread.
const inboxSize = 4096

func newInbox() inbox {
	done := make(chan struct{})
	return inbox{make(chan []byte, inboxSize), done, sync.OnceFunc(func() { close(done) })}
}

func (b *inbox) put(m []byte) {
	select {
	case b.messages <- m:
	case <-b.done:
	}
}

func (b *inbox) Receive(patience time.Duration) ([]byte, error) {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case m := <-b.messages:
		return m, nil
	case <-t.C:
		return nil, ErrSilence
	case <-b.done:
		return nil, net.ErrClosed
	}
}

// udpConn is a socket of its own for every peer.
type udpConn struct {
	inbox
	socket *net.UDPConn
	to     netip.AddrPort
}

// DialUDP opens a UDP socket on the same loopback address family as to.
func DialUDP(to netip.AddrPort) (Conn, error) { return DialUDPFrom(loopback(to), to) }

// DialUDPFrom opens a UDP socket on an address of this host.
func DialUDPFrom(local netip.Addr, to netip.AddrPort) (Conn, error) {
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, err
	}
	c := &udpConn{inbox: newInbox(), socket: socket, to: to}
	go c.read() // owns the socket's reading side; ends when Close closes it
	return c, nil
}

func loopback(to netip.AddrPort) netip.Addr {
	if to.Addr().Is6() {
		return netip.IPv6Loopback()
	}
	return netip.MustParseAddr("127.0.0.1")
}

func (c *udpConn) read() {
	buf := make([]byte, 65536)
	for {
		n, from, err := c.socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if !c.to.IsValid() || c.to.Port() == 0 {
			c.to = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		}
		c.put(append([]byte(nil), buf[:n]...))
	}
}

func (c *udpConn) Send(m []byte) error {
	_, err := c.socket.WriteToUDPAddrPort(m, c.to)
	return err
}

func (c *udpConn) Local() netip.AddrPort {
	return c.socket.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (c *udpConn) Proto() string { return "UDP" }

func (c *udpConn) Close() error {
	c.end()
	return c.socket.Close()
}

// streamConn is one connection: TCP, or what runs on it.
type streamConn struct {
	inbox
	socket net.Conn
	proto  string
}

// DialTCP connects to the system under test.
func DialTCP(to netip.AddrPort) (Conn, error) {
	socket, err := net.DialTimeout("tcp", to.String(), dialTime)
	if err != nil {
		return nil, err
	}
	return newStream(socket, "TCP"), nil
}

// newStream frames messages on a stream connection.
func newStream(socket net.Conn, proto string) Conn {
	c := &streamConn{inbox: newInbox(), socket: socket, proto: proto}
	go c.read() // owns the reading side; ends when Close closes it
	return c
}

func (c *streamConn) read() {
	r := bufio.NewReader(c.socket)
	for {
		m, err := readMessage(r)
		if err != nil {
			return
		}
		c.put(m)
	}
}

// readMessage reads one message by its Content-Length (RFC 3261 §18.3).
func readMessage(r *bufio.Reader) ([]byte, error) {
	var head []byte
	length := 0
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" && len(head) == 0 {
			continue // keep-alive
		}
		head = append(head, line...)
		if text == "" {
			break
		}
		name, value, _ := strings.Cut(text, ":")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "content-length" || name == "l" {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	body := make([]byte, min(max(length, 0), 1<<20))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return append(head, body...), nil
}

func (c *streamConn) Send(m []byte) error {
	_, err := c.socket.Write(m)
	return err
}

// Local is a place that leads nowhere for a WebSocket, whose own address a
// browser does not know either (RFC 7118 §5.2.1).
func (c *streamConn) Local() netip.AddrPort {
	if a, ok := c.socket.LocalAddr().(*net.TCPAddr); ok {
		return a.AddrPort()
	}
	return netip.MustParseAddrPort("192.0.2.1:9")
}

func (c *streamConn) Proto() string { return c.proto }

func (c *streamConn) Close() error {
	c.end()
	return c.socket.Close()
}
