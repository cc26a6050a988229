package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many datagrams one system call carries.
const batch = 64

// packetSize is an RTP header and 20 ms of G.711.
const packetSize = 12 + 160

// RTP sends 20 ms G.711 packets to many destinations from one socket and
// counts what comes back on it, by source. Two of them, one for the callers
// and one for the callees, load a server that anchors the media of many calls.
type RTP struct {
	fd   int
	addr netip.AddrPort

	mu    sync.Mutex // guards dests
	dests []netip.AddrPort

	sent, received, lost, wrong atomic.Uint64
	payload                     byte
}

// NewRTP opens the socket on 127.0.0.1. Payload is the octet that fills the
// sender's packets, so that the receiver can tell whose audio arrived.
func NewRTP(payload byte) (*RTP, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("load: open a media socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4*socketBuffer)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4*socketBuffer)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000})
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("load: bind a media socket: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("load: name of a media socket: %w", err)
	}
	v4 := name.(*unix.SockaddrInet4)
	return &RTP{fd: fd, addr: netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port)), payload: payload}, nil
}

// Addr returns the address to put into session descriptions.
func (r *RTP) Addr() netip.AddrPort { return r.addr }

// Add starts a stream towards dest with the next 20 ms step.
func (r *RTP) Add(dest netip.AddrPort) {
	if !dest.IsValid() || !dest.Addr().Is4() {
		return
	}
	r.mu.Lock()
	r.dests = append(r.dests, dest)
	r.mu.Unlock()
}

// RTPResult counts packets. Lost is what the sequence numbers of the received
// streams lack; Wrong had another payload than the peer sends.
type RTPResult struct{ Sent, Received, Lost, Wrong uint64 }

// Result returns the counts so far.
func (r *RTP) Result() RTPResult {
	return RTPResult{Sent: r.sent.Load(), Received: r.received.Load(), Lost: r.lost.Load(), Wrong: r.wrong.Load()}
}

// Run sends until sendFor has passed, then receives for another half second,
// then closes the socket. expect is the payload octet of the other side.
func (r *RTP) Run(ctx context.Context, sendFor time.Duration, expect byte) {
	var reader sync.WaitGroup
	stop := make(chan struct{})
	reader.Go(func() { r.receive(stop, expect) })
	ctx, cancel := context.WithTimeout(ctx, sendFor)
	defer cancel()
	r.send(ctx)
	time.Sleep(500 * time.Millisecond)
	close(stop)
	reader.Wait()
	unix.Close(r.fd)
}

type messages struct {
	headers [batch]mmsghdr
	iovecs  [batch]unix.Iovec
	names   [batch]unix.RawSockaddrInet4
	packets [batch][packetSize + 100]byte
}

type mmsghdr struct {
	hdr    unix.Msghdr
	length uint32
	_      [4]byte
}

func newMessages(size int) *messages {
	m := new(messages)
	for i := range m.headers {
		m.iovecs[i].Base = &m.packets[i][0]
		m.iovecs[i].SetLen(size)
		m.headers[i].hdr.Iov = &m.iovecs[i]
		m.headers[i].hdr.SetIovlen(1)
		m.headers[i].hdr.Name = (*byte)(unsafe.Pointer(&m.names[i]))
		m.headers[i].hdr.Namelen = unix.SizeofSockaddrInet4
	}
	return m
}

// send spreads each 20 ms step over twenty 1 ms slices, as independent phones would.
func (r *RTP) send(ctx context.Context) {
	const slices = 20
	out := newMessages(packetSize)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	for slice := 0; ctx.Err() == nil; {
		<-tick.C
		for due := int(time.Since(begin) / time.Millisecond); slice <= due; slice++ {
			r.mu.Lock()
			dests := r.dests
			r.mu.Unlock()
			r.sendSlice(out, dests, slice%slices, slices, uint16(slice/slices), begin)
		}
	}
}

func (r *RTP) sendSlice(out *messages, dests []netip.AddrPort, from, step int, seq uint16, _ time.Time) {
	n := 0
	for i := from; i < len(dests); i += step {
		packet := out.packets[n][:packetSize]
		packet[0], packet[1] = 0x80, 0
		binary.BigEndian.PutUint16(packet[2:], seq)
		binary.BigEndian.PutUint32(packet[4:], uint32(seq)*160)
		binary.BigEndian.PutUint32(packet[8:], uint32(i)+1)
		for j := 12; j < packetSize; j++ {
			packet[j] = r.payload
		}
		name := &out.names[n]
		name.Family = unix.AF_INET
		name.Addr = dests[i].Addr().As4()
		port := dests[i].Port()
		name.Port = port<<8 | port>>8
		if n++; n == batch {
			r.flush(out, n)
			n = 0
		}
	}
	r.flush(out, n)
}

func (r *RTP) flush(out *messages, n int) {
	for done := 0; done < n; {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(r.fd), uintptr(unsafe.Pointer(&out.headers[done])), uintptr(n-done), 0, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			done++ // a refused destination costs its own packet only
			continue
		}
		done += int(sent)
		r.sent.Add(uint64(sent))
	}
}

func (r *RTP) receive(stop chan struct{}, expect byte) {
	in := newMessages(packetSize + 100)
	last := make(map[[6]byte]uint16)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(r.fd), uintptr(unsafe.Pointer(&in.headers[0])), batch, unix.MSG_WAITFORONE, 0, 0)
		if errno != 0 {
			continue // the receive time-out: look at stop again
		}
		for i := range int(n) {
			r.count(in.packets[i][:in.headers[i].length], &in.names[i], last, expect)
			in.headers[i].hdr.Namelen = unix.SizeofSockaddrInet4
		}
	}
}

func (r *RTP) count(packet []byte, from *unix.RawSockaddrInet4, last map[[6]byte]uint16, expect byte) {
	if len(packet) < 13 || packet[0]>>6 != 2 || packet[1]&0x7f > 127 || packet[1] >= 192 && packet[1] < 224 {
		return // not RTP: RTCP comes here only if a server mixes the ports
	}
	r.received.Add(1)
	if packet[len(packet)-1] != expect {
		r.wrong.Add(1)
	}
	var key [6]byte
	copy(key[:4], from.Addr[:])
	binary.BigEndian.PutUint16(key[4:], from.Port)
	seq := binary.BigEndian.Uint16(packet[2:])
	if previous, seen := last[key]; seen && seq != previous+1 && seq-previous < 1<<15 {
		r.lost.Add(uint64(seq - previous - 1))
	}
	last[key] = seq
}
