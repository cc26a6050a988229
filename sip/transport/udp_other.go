//go:build !linux

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

const datagramMax = 65535

// A udpSocket is the socket of a listener on systems other than Linux: one
// datagram per system call, and replies from a wildcard socket leave from the
// address the routes choose. It serves the client library; servers run on Linux.
type udpSocket struct {
	conn  *net.UDPConn
	local netip.AddrPort
}

// openUDP binds one socket to addr. Without SO_REUSEPORT a listener has one.
func openUDP(network string, addr netip.AddrPort, _, _ bool, _ int) (*udpSocket, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	conn := pc.(*net.UDPConn)
	port := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	return &udpSocket{conn: conn, local: netip.AddrPortFrom(addr.Addr(), port)}, nil
}

// socketsPerListener is how many sockets a listener opens when n are wished.
func socketsPerListener(int) int { return 1 }

func (s *udpSocket) port() uint16 { return s.local.Port() }

func (s *udpSocket) close() { s.conn.Close() }

// read serves the socket until it is closed.
func (s *udpSocket) read(l *Layer, ln *listener) {
	buf := make([]byte, datagramMax+1)
	for {
		n, remote, err := s.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || remote.Port() == 0 {
			continue // an ICMP error of an earlier datagram
		}
		remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
		l.datagram(Flow{proto: UDP, local: s.local, remote: remote, listener: ln.index}, buf[:n], nil)
	}
}

// send sends one datagram.
func (s *udpSocket) send(_ *Layer, f Flow, msg []byte) error {
	if len(msg) == 0 || len(msg) > datagramMax {
		return ErrTooLarge
	}
	if _, err := s.conn.WriteToUDPAddrPort(msg, f.remote); err != nil {
		return fmt.Errorf("transport: send to %s: %w", f.remote, err)
	}
	return nil
}

// A crew is nobody: there is one socket.
type crew struct{}

func (*crew) muster([]*udpSocket) {}

func (*crew) alone() *udpSocket { return nil }
