package transport

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Listen describes one address to listen on.
type Listen struct {
	Name  string // chosen by the user; used in Target.Listener and logs
	Proto Proto
	Addr  netip.AddrPort // port 0: chosen by the kernel, see Layer.Addrs
	TLS   *tls.Config    // required for TLS and WSS
	// External is what is written into Via and Contact towards peers outside
	// Local, when this host is behind a NAT; zero: the socket's own address. A
	// port of 0 means the listener's port.
	External netip.AddrPort
	Local    []netip.Prefix // networks that reach this host without the NAT
	Path     string         // WS and WSS: the path of the URL; "": any
	// Origins lists the hosts (patterns of path.Match) that the Origin header
	// field of a browser may name (WS and WSS); empty: any.
	Origins []string
}

// check says what is wrong with ln; names collects the names seen so far.
func (ln Listen) check(names map[string]bool) error {
	switch {
	case ln.Proto < UDP || ln.Proto > WSS:
		return fmt.Errorf("transport: listener %q: unknown protocol", ln.Name)
	case !ln.Addr.Addr().IsValid():
		return fmt.Errorf("transport: listener %q: no address", ln.Name)
	case ln.Addr.Addr().Is4In6():
		return fmt.Errorf("transport: listener %q: %s: write the IPv4 address without ::ffff: before it", ln.Name, ln.Addr)
	case ln.Proto.Secure() && ln.TLS == nil:
		return fmt.Errorf("transport: listener %q: %s needs a TLS configuration", ln.Name, ln.Proto)
	case ln.Name != "" && names[ln.Name]:
		return fmt.Errorf("transport: two listeners are named %q", ln.Name)
	}
	names[ln.Name] = true
	return nil
}

// Limits bounds what strangers can grow. Zero fields take the default.
type Limits struct {
	Message          int           // bytes of one message on streams; default 65,535
	Head             int           // bytes of start line and header fields on streams; default 32 KiB
	HeadTime         time.Duration // from a message's first byte to its last; default 10 s
	Connections      int           // open connections in total; default 20,000
	ConnectionsPerIP int           // open accepted connections per IPv4 address or IPv6 /64; default 1,000
	Handshakes       int           // TLS and WebSocket handshakes and connects under way; default 1,000
	HandshakeTime    time.Duration // for one of them; default 10 s
	Unproven         time.Duration // a connection that has brought no SIP message is closed; default 32 s
	Idle             time.Duration // a connection silent in both directions is closed; default 65 min
	WriteQueue       int           // bytes queued per connection; default 256 KiB
	WriteTime        time.Duration // for queued bytes to leave; default 10 s
	ConnectTime      time.Duration // for opening a connection; default 5 s
	PongTime         time.Duration // for the answer to a keep-alive (RFC 5626 §4.4.1); default 10 s
	Resolver         int           // entries of the DNS cache; default 10,000
}

func (l Limits) withDefaults() Limits {
	l.Message = cmp.Or(l.Message, 65535)
	l.Head = cmp.Or(l.Head, 32<<10)
	l.HeadTime = cmp.Or(l.HeadTime, 10*time.Second)
	l.Connections = cmp.Or(l.Connections, 20_000)
	l.ConnectionsPerIP = cmp.Or(l.ConnectionsPerIP, 1_000)
	l.Handshakes = cmp.Or(l.Handshakes, 1_000)
	l.HandshakeTime = cmp.Or(l.HandshakeTime, 10*time.Second)
	l.Unproven = cmp.Or(l.Unproven, 32*time.Second)
	l.Idle = cmp.Or(l.Idle, 65*time.Minute)
	l.WriteQueue = cmp.Or(l.WriteQueue, 256<<10)
	l.WriteTime = cmp.Or(l.WriteTime, 10*time.Second)
	l.ConnectTime = cmp.Or(l.ConnectTime, 5*time.Second)
	l.PongTime = cmp.Or(l.PongTime, 10*time.Second)
	l.Resolver = cmp.Or(l.Resolver, 10_000)
	return l
}

// A Burst may put off what costs less when it is done for many messages at once.
type Burst interface {
	Begin()
	End()
}

// Config configures a Layer.
type Config struct {
	Listen   []Listen
	Resolver *Resolver // nil: one that follows the system's configuration
	Limits   Limits
	// Tap sees every message once, on the goroutine that reads or sends it. It
	// must not block nor keep Data. nil: nobody watches.
	Tap func(TapEvent)
	// TLS is the configuration for outgoing TLS and WSS connections; nil: the
	// system's roots, TLS 1.2 or newer.
	TLS    *tls.Config
	Logger *slog.Logger // nil: discard
	// Inline says that the Handler has done its work when it returns and wakes no
	// other goroutine, as a proxy's does. The readers of datagrams then wait in the
	// kernel, a thread for each, instead of gathering what comes (Linux), one of
	// them alone while it can. Responses and ACKs are then borrowed: a Handler that
	// puts one aside takes what sip.Request.Keep returns.
	Inline bool
	// Burst is told when a reader of datagrams begins to deliver a batch and when it
	// has delivered it, on that reader's goroutine; several readers do so at a time.
	// nil: nobody.
	Burst Burst
	// Sockets is the number of UDP sockets per listener; 0: one per core.
	Sockets int
	// Buffer is the kernel's receive and send buffer in bytes for each UDP
	// socket; 0: 4 MiB, or what the system allows.
	Buffer int
}
