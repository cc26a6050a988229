package transport

import (
	"net/netip"
	"strconv"
	"strings"
)

// Proto is a transport protocol a SIP message travels over.
type Proto uint8

// The transports of RFC 3261 §18 and RFC 7118. The zero value is none.
const (
	UDP Proto = iota + 1
	TCP
	TLS
	WS
	WSS
)

var protoNames = [...]string{"", "udp", "tcp", "tls", "ws", "wss"}

// String returns the name of p as a transport parameter writes it: "udp".
func (p Proto) String() string {
	if int(p) < len(protoNames) {
		return protoNames[p]
	}
	return "proto" + strconv.Itoa(int(p))
}

var protoVia = [...]string{"", "UDP", "TCP", "TLS", "WS", "WSS"}

// Via returns the name of p as a Via header field writes it: "UDP".
func (p Proto) Via() string {
	if int(p) < len(protoVia) {
		return protoVia[p]
	}
	return p.String()
}

// ParseProto returns the protocol with the name s, in any case.
func ParseProto(s string) (Proto, bool) {
	for p := UDP; p <= WSS; p++ {
		if strings.EqualFold(s, protoNames[p]) {
			return p, true
		}
	}
	return 0, false
}

// Reliable reports whether p delivers in order or tells that it failed, so
// that transactions over it need no retransmission (RFC 3261 §17).
func (p Proto) Reliable() bool { return p >= TCP }

// Secure reports whether p is encrypted.
func (p Proto) Secure() bool { return p == TLS || p == WSS }

// DefaultPort returns the port used when none is written (RFC 3261 §19.1.2,
// RFC 7118 §5.2.1).
func (p Proto) DefaultPort() uint16 {
	switch p {
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	}
	return 5060
}

// A Flow names one way messages travel between this host and a peer: for UDP
// a pair of addresses and the listener, for streams one connection. It is a
// small comparable value, valid as a map key. The zero Flow is not valid.
type Flow struct {
	id       uint64
	local    netip.AddrPort
	remote   netip.AddrPort
	listener uint16 // its number in listening; 0 for outgoing streams
	proto    Proto
}

// NewFlow returns a UDP flow from local to remote that belongs to no listener
// of a Layer; in-memory networks of tests and tools build flows with it.
func NewFlow(p Proto, local, remote netip.AddrPort, id uint64) Flow {
	return Flow{proto: p, local: local, remote: remote, id: id}
}

// Proto returns the flow's transport protocol.
func (f Flow) Proto() Proto { return f.proto }

// Local returns the address at this host. For UDP sockets bound to all
// addresses it is the one the datagram was sent to.
func (f Flow) Local() netip.AddrPort { return f.local }

// Remote returns the peer's address as seen from this host.
func (f Flow) Remote() netip.AddrPort { return f.remote }

// ID numbers the connections of a Layer from 1; it is 0 for UDP.
func (f Flow) ID() uint64 { return f.id }

// Reliable reports whether the flow's protocol is reliable.
func (f Flow) Reliable() bool { return f.proto.Reliable() }

// Valid reports whether f names anything.
func (f Flow) Valid() bool { return f.proto != 0 && f.remote.IsValid() }

// WithRemotePort returns f with another port of the peer, for UDP; a connection
// is what it is.
func (f Flow) WithRemotePort(port uint16) Flow {
	if f.proto == UDP {
		f.remote = netip.AddrPortFrom(f.remote.Addr(), port)
	}
	return f
}

// String returns "udp 127.0.0.1:5060<-192.0.2.1:5060", with the number of the
// connection after a '#' for streams. It serves logs and traces.
func (f Flow) String() string {
	b := make([]byte, 0, 64)
	b = append(b, f.proto.String()...)
	b = append(b, ' ')
	b = f.local.AppendTo(b)
	b = append(b, "<-"...)
	b = f.remote.AppendTo(b)
	if f.id != 0 {
		b = append(b, '#')
		b = strconv.AppendUint(b, f.id, 10)
	}
	return string(b)
}

// A Target is a place to send a request to: the outcome of RFC 3263, or a flow
// that is to be reused.
type Target struct {
	Proto Proto
	Addr  netip.AddrPort
	// ServerName is the name a TLS certificate must show (RFC 5922); empty
	// means the address.
	ServerName string
	// Flow, if valid, is used instead of the other fields (RFC 5626 §5.3).
	Flow Flow
	// Listener is the name of the listener whose socket sends datagrams and
	// whose address is written into Via and Contact; "" means any that fits.
	Listener string
	// KeepProto forbids the switch from UDP to TCP for large requests (RFC 3261
	// §18.1.1).
	KeepProto bool
}

// String returns "udp 192.0.2.1:5060" or the flow's text.
func (t Target) String() string {
	if t.Flow.Valid() {
		return t.Flow.String()
	}
	return t.Proto.String() + " " + t.Addr.String()
}
