package transport

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of the batches. A reader touches only the pages that datagrams fill,
// so room for the largest datagram costs address space, not memory.
const (
	readBatch   = 32
	datagramMax = 65535
	controlSize = 64
	bufferSize  = 4 << 20
)

// A udpSocket is one of the SO_REUSEPORT sockets of a listener. Its read side
// belongs to one goroutine (reader_linux.go); send may be called from any.
type udpSocket struct {
	file     *os.File // the socket, unknown to the runtime's poller
	raw      syscall.RawConn
	epoll    *os.File // holds the socket alone; the runtime polls this. nil: the reader waits in the kernel
	ready    syscall.RawConn
	ip4      bool
	wildcard bool // bound to all addresses: ask for and give IP_PKTINFO
	local    netip.AddrPort
	closed   atomic.Bool
	senders  sync.Pool // of *sender
}

// openUDP binds one socket to addr. Without poll its reader waits in the kernel.
func openUDP(network string, addr netip.AddrPort, share, poll bool, buffer int) (*udpSocket, error) {
	s := &udpSocket{ip4: addr.Addr().Is4(), wildcard: addr.Addr().IsUnspecified()}
	if buffer <= 0 {
		buffer = bufferSize
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = s.options(int(fd), share, buffer) }); e != nil {
			return e
		}
		return err
	}}
	pc, err := lc.ListenPacket(context.Background(), network, addr.String())
	if err != nil {
		return nil, err
	}
	conn := pc.(*net.UDPConn)
	bound := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.local = netip.AddrPortFrom(addr.Addr(), bound.Port())
	s.senders.New = func() any { return newSender() }
	err = s.adopt(conn)
	if e := conn.Close(); err == nil {
		err = e
	}
	if err == nil && poll {
		err = s.openPoll()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// adopt takes over conn's socket under a descriptor that the runtime's poller
// does not watch: a blocking one. All our calls say MSG_DONTWAIT.
func (s *udpSocket) adopt(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	if e := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return e
	}
	if err != nil {
		return fmt.Errorf("duplicate descriptor: %w", err)
	}
	err = unix.SetNonblock(fd, false)
	s.file = os.NewFile(uintptr(fd), "udp")
	if err == nil {
		s.raw, err = s.file.SyscallConn()
	}
	return err
}

func (s *udpSocket) options(fd int, share bool, buffer int) error {
	if share {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return fmt.Errorf("SO_REUSEPORT: %w", err)
		}
	}
	for _, o := range [...][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[0], buffer) != nil { // needs CAP_NET_ADMIN
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[1], buffer) // as far as the system allows
		}
	}
	if !s.wildcard {
		return nil
	}
	if s.ip4 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// socketsPerListener is how many sockets a listener opens when n are wished.
func socketsPerListener(n int) int { return n }

func (s *udpSocket) port() uint16 { return s.local.Port() }

// close makes the reader end; the descriptors go with the last who uses them.
func (s *udpSocket) close() {
	s.closed.Store(true)
	if s.raw != nil && s.epoll == nil { // the reader may wait in the kernel: closing does not wake it
		_ = s.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) }) // ENOTCONN, and it wakes all the same
	}
	for _, f := range [...]*os.File{s.epoll, s.file} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// A receiver is the memory of one reader.
type receiver struct {
	hdrs    [readBatch]mmsghdr
	iovs    [readBatch]unix.Iovec
	names   [readBatch]unix.RawSockaddrInet6 // large enough for IPv4
	control [readBatch][controlSize]byte
	data    [readBatch][datagramMax + 1]byte
	lent    *loan // nil: handlers keep what they get
}

func newReceiver(control bool) *receiver {
	r := new(receiver)
	for i := range r.hdrs {
		r.iovs[i].Base = &r.data[i][0]
		r.iovs[i].SetLen(len(r.data[i]))
		h := &r.hdrs[i].hdr
		h.Iov, h.Iovlen = &r.iovs[i], 1
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		if control {
			h.Control = &r.control[i][0]
		}
	}
	return r
}

// ready makes room for a batch.
func (r *receiver) ready(control bool) {
	for i := range r.hdrs {
		h := &r.hdrs[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		if control {
			h.SetControllen(controlSize)
		}
	}
}

// receive fills the receiver and returns the number of datagrams. With flags
// MSG_DONTWAIT it does not wait; with MSG_WAITFORONE it waits for the first, and
// the scheduler is not told.
func (r *receiver) receive(fd uintptr, control bool, flags int) (int, syscall.Errno) {
	r.ready(control)
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.hdrs[0])), readBatch, uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// datagram is the i-th that receive has filled in.
func (r *receiver) datagram(i int) []byte { return r.data[i][:r.hdrs[i].n] }

func (s *udpSocket) deliver(l *Layer, ln *listener, r *receiver, i int) {
	remote := addrPort(&r.names[i])
	if remote.Port() == 0 {
		return // cannot be answered
	}
	f := Flow{proto: UDP, local: s.local, remote: remote, listener: ln.index}
	if s.wildcard {
		if a := packetInfo(r.control[i][:r.hdrs[i].hdr.Controllen]); a.IsValid() {
			f.local = netip.AddrPortFrom(a, s.local.Port())
		}
	}
	l.datagram(f, r.datagram(i), r.lent)
}

// addrPort converts a kernel socket address.
func addrPort(sa *unix.RawSockaddrInet6) netip.AddrPort {
	if sa.Family == unix.AF_INET {
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(sa4.Addr), swap(sa4.Port))
	}
	a := netip.AddrFrom16(sa.Addr)
	if sa.Scope_id != 0 && a.IsLinkLocalUnicast() {
		a = a.WithZone(strconv.Itoa(int(sa.Scope_id)))
	}
	return netip.AddrPortFrom(a, swap(sa.Port))
}

// setAddrPort is the inverse of addrPort and returns the length.
func setAddrPort(sa *unix.RawSockaddrInet6, ap netip.AddrPort) uint32 {
	if ap.Addr().Is4() {
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		*sa4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap(ap.Port()), Addr: ap.Addr().As4()}
		return unix.SizeofSockaddrInet4
	}
	*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: swap(ap.Port()), Addr: ap.Addr().As16(), Scope_id: scope(ap.Addr())}
	return unix.SizeofSockaddrInet6
}

func scope(a netip.Addr) uint32 {
	zone := a.Zone()
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return 0
	}
	return uint32(ifi.Index)
}

// swap changes between the host's order and the network's of a port in a
// kernel structure.
func swap(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// packetInfo finds the address a datagram was sent to (ip(7), ipv6(7)).
func packetInfo(control []byte) netip.Addr {
	if len(control) < unix.SizeofCmsghdr {
		return netip.Addr{}
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	data := control[unix.CmsgLen(0):]
	switch {
	case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		return netip.AddrFrom4((*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0])).Spec_dst)
	case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		return netip.AddrFrom16((*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0])).Addr)
	}
	return netip.Addr{}
}

// A sender is the memory of one sendmsg(2) or sendto(2).
type sender struct {
	hdr     unix.Msghdr
	iov     unix.Iovec
	name    unix.RawSockaddrInet6
	control [controlSize]byte
	errno   syscall.Errno
	call    func(fd uintptr) // made once, so that sending allocates nothing
}

const sendFlags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL

func newSender() *sender {
	s := new(sender)
	s.hdr.Iov, s.hdr.Iovlen = &s.iov, 1
	s.hdr.Name = (*byte)(unsafe.Pointer(&s.name))
	s.call = func(fd uintptr) {
		for {
			if s.hdr.Control == nil { // the kernel has less to copy and to check
				_, _, s.errno = unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(s.iov.Base)), uintptr(s.iov.Len),
					sendFlags, uintptr(unsafe.Pointer(&s.name)), uintptr(s.hdr.Namelen))
			} else {
				_, _, s.errno = unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&s.hdr)), sendFlags)
			}
			if s.errno != unix.EINTR {
				return
			}
		}
	}
	return s
}

// source makes the datagram leave from local (RFC 3261 §18.2.2: a response
// leaves from the address the request was sent to).
func (s *sender) source(local netip.Addr) {
	s.hdr.Control = nil
	s.hdr.SetControllen(0)
	if !local.IsValid() || local.IsUnspecified() || local.IsMulticast() {
		return
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&s.control[0]))
	data := unsafe.Pointer(&s.control[unix.CmsgLen(0)])
	size := unix.SizeofInet4Pktinfo
	if local.Is4() {
		h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		*(*unix.Inet4Pktinfo)(data) = unix.Inet4Pktinfo{Spec_dst: local.As4()}
	} else {
		size = unix.SizeofInet6Pktinfo
		h.Level, h.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		*(*unix.Inet6Pktinfo)(data) = unix.Inet6Pktinfo{Addr: local.As16(), Ifindex: scope(local)}
	}
	h.SetLen(unix.CmsgLen(size))
	s.hdr.Control = &s.control[0]
	s.hdr.SetControllen(unix.CmsgSpace(size))
}

// send sends one datagram without waiting. When the kernel has no room it is
// dropped and counted: UDP promises nothing, and transactions send again.
func (s *udpSocket) send(l *Layer, f Flow, msg []byte) error {
	if len(msg) == 0 || len(msg) > datagramMax {
		return ErrTooLarge
	}
	w := s.senders.Get().(*sender)
	defer s.senders.Put(w)
	w.iov.Base = &msg[0]
	w.iov.SetLen(len(msg))
	w.hdr.Namelen = setAddrPort(&w.name, f.remote)
	if s.wildcard {
		w.source(f.local.Addr())
	}
	err := s.raw.Control(w.call)
	w.iov.Base = nil
	switch {
	case err != nil:
		return ErrClosed
	case w.errno == unix.EAGAIN || w.errno == unix.ENOBUFS:
		l.count.blocked.Add(1)
		return nil
	case w.errno == unix.EMSGSIZE:
		return ErrTooLarge
	case w.errno != 0:
		return fmt.Errorf("transport: send to %s: %w", f.remote, w.errno)
	}
	return nil
}
