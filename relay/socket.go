package relay

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bindSocket opens a non-blocking UDP socket.
func bindSocket(at netip.AddrPort, dscp uint8) (fd int, err error) {
	family := unix.AF_INET
	if at.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := prepare(fd, at.Addr(), dscp); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare sets the options of a socket.
func prepare(fd int, local netip.Addr, dscp uint8) error {
	level, tos, info := unix.IPPROTO_IP, unix.IP_TOS, unix.IP_PKTINFO
	if local.Is6() {
		level, tos, info = unix.IPPROTO_IPV6, unix.IPV6_TCLASS, unix.IPV6_RECVPKTINFO
		if err := unix.SetsockoptInt(fd, level, unix.IPV6_V6ONLY, 1); err != nil {
			return err
		}
	}
	if dscp != 0 {
		if err := unix.SetsockoptInt(fd, level, tos, int(dscp)<<2); err != nil {
			return err
		}
	}
	if local.IsUnspecified() {
		return unix.SetsockoptInt(fd, level, info, 1)
	}
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		scope, _ := strconv.ParseUint(a.Addr().Zone(), 10, 32)
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: uint32(scope)}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// rawAddr is a socket address as the kernel has it, big enough for both families.
type rawAddr struct {
	b [unix.SizeofSockaddrInet6]byte
	n uint32 // length; 0: none
}

// rawOf encodes a for a socket of the family of local; none if that cannot send to it.
func rawOf(a netip.AddrPort, local netip.Addr) (r rawAddr) {
	switch {
	case !a.IsValid() || a.Port() == 0 || a.Addr().IsUnspecified() || a.Addr().Is4() != local.Is4():
		return r
	case a.Addr().Is4():
		binary.NativeEndian.PutUint16(r.b[:], unix.AF_INET)
		v4 := a.Addr().As4()
		copy(r.b[4:], v4[:])
		r.n = unix.SizeofSockaddrInet4
	default:
		binary.NativeEndian.PutUint16(r.b[:], unix.AF_INET6)
		v6 := a.Addr().As16()
		copy(r.b[8:], v6[:])
		scope, _ := strconv.ParseUint(a.Addr().Zone(), 10, 32)
		binary.NativeEndian.PutUint32(r.b[24:], uint32(scope))
		r.n = unix.SizeofSockaddrInet6
	}
	binary.BigEndian.PutUint16(r.b[2:], a.Port())
	return r
}

// addrPort decodes a socket address from the kernel.
func (r *rawAddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(r.b[2:])
	switch binary.NativeEndian.Uint16(r.b[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(r.b[4:8])), port)
	case unix.AF_INET6:
		a := netip.AddrFrom16([16]byte(r.b[8:24]))
		if scope := binary.NativeEndian.Uint32(r.b[24:]); scope != 0 && a.IsLinkLocalUnicast() {
			a = a.WithZone(strconv.FormatUint(uint64(scope), 10))
		}
		return netip.AddrPortFrom(a, port)
	}
	return netip.AddrPort{}
}

// Sizes of a batch.
const (
	batchSize  = 16
	packetSize = 2048 // octets; a longer datagram is cut off and then no RTP of ours
)

// batch receives several datagrams of one socket with one system call. It
// belongs to one loop.
type batch struct {
	heads   [batchSize]unix.Mmsghdr
	vectors [batchSize]unix.Iovec
	from    [batchSize]rawAddr
	control [batchSize][64]byte
	packets [batchSize][packetSize]byte
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.heads {
		b.vectors[i].Base = &b.packets[i][0]
		b.vectors[i].SetLen(packetSize)
		h := &b.heads[i].Hdr
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Name = &b.from[i].b[0]
	}
	return b
}

// receive reads what waits on fd; control says that the destination addresses are wanted.
// The calls do not block, so the scheduler need not know of them.
func (b *batch) receive(fd int, control bool) int {
	for i := range b.heads {
		h := &b.heads[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.Control, h.Controllen = nil, 0
		if control {
			h.Control = &b.control[i][0]
			h.SetControllen(len(b.control[i]))
		}
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.heads[0])),
		batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// receiveOne reads one datagram of fd, which costs less than a batch of one.
func (b *batch) receiveOne(fd int) int {
	h := &b.heads[0]
	h.Hdr.Namelen = unix.SizeofSockaddrInet6
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b.packets[0])), packetSize,
		unix.MSG_DONTWAIT|unix.MSG_TRUNC, uintptr(unsafe.Pointer(&b.from[0])), uintptr(unsafe.Pointer(&h.Hdr.Namelen)))
	if errno != 0 {
		return 0
	}
	h.Len, h.Hdr.Flags = uint32(n), 0
	if n > packetSize { // MSG_TRUNC: the length it had
		h.Hdr.Flags = unix.MSG_TRUNC
	}
	return 1
}

// packet is the i-th datagram; it is valid until the next receive.
func (b *batch) packet(i int) []byte {
	if b.heads[i].Hdr.Flags&unix.MSG_TRUNC != 0 {
		return nil
	}
	return b.packets[i][:b.heads[i].Len]
}

// source is the sender of the i-th datagram.
func (b *batch) source(i int) netip.AddrPort { return b.from[i].addrPort() }

// destination is the local address that the i-th datagram was sent to.
func (b *batch) destination(i int) netip.Addr {
	h := &b.heads[i].Hdr
	messages, err := unix.ParseSocketControlMessage(b.control[i][:h.Controllen])
	if err != nil {
		return netip.Addr{}
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(m.Data[4:8]))
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(m.Data[:16]))
		}
	}
	return netip.Addr{}
}

// send sends one datagram; false if the system did not take it.
func send(fd int, packet []byte, to *rawAddr) bool {
	if len(packet) == 0 || to.n == 0 {
		return false
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&to.b[0])), uintptr(to.n))
	return errno == 0
}

// sendFrom sends one datagram from a chosen local address of an unspecified socket.
func sendFrom(fd int, packet []byte, to *rawAddr, local netip.Addr) bool {
	if to.n == 0 {
		return false
	}
	var oob []byte
	if local.Is4() {
		oob = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: local.As4()})
	} else {
		oob = unix.PktInfo6(&unix.Inet6Pktinfo{Addr: local.As16()})
	}
	return unix.Sendmsg(fd, packet, oob, sockaddr(to.addrPort()), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) == nil
}
