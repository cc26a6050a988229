package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hometone/hometone/sip"
)

// Errors of sending. They reach callers wrapped; test with errors.Is.
var (
	ErrFlowClosed = errors.New("transport: flow closed")
	ErrQueueFull  = errors.New("transport: write queue full")
	ErrTooLarge   = errors.New("transport: message too large for a datagram")
	ErrNoListener = errors.New("transport: no listener fits the target")
	ErrClosed     = errors.New("transport: layer closed")
	ErrNoAddress  = errors.New("transport: no address found")
	ErrLimit      = errors.New("transport: too many connections")
)

// A Handler takes what arrives. Its methods run on the goroutine that reads
// the flow and must not block.
type Handler interface {
	// ServeRequest takes a request. Its top Via carries received and rport
	// (RFC 3261 §18.2.1, RFC 3581 §4). If err is not nil it is the *sip.Error
	// to be answered.
	ServeRequest(f Flow, req *sip.Request, err error)
	// ServeResponse takes a response.
	ServeResponse(f Flow, res *sip.Response)
	// FlowClosed tells that the connection f is gone. UDP flows never close.
	FlowClosed(f Flow, err error)
}

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
	// Origins lists the values of the Origin header field that browsers may
	// come with (WS and WSS); empty: any.
	Origins []string
}

// Limits bounds what strangers can grow. Zero fields take the default.
type Limits struct {
	Message          int           // bytes of one message; default 65,535
	Head             int           // bytes of start line and header fields on streams; default 32 KiB
	HeadTime         time.Duration // from a message's first byte to its last; default 10 s
	Connections      int           // open connections in total; default 20,000
	ConnectionsPerIP int           // open accepted connections per source address; default 1,000
	Handshakes       int           // TLS and WebSocket handshakes under way; default 1,000
	HandshakeTime    time.Duration // for one of them; default 10 s
	Unproven         time.Duration // a connection that has brought no valid message is closed; default 32 s
	Idle             time.Duration // a connection silent in both directions is closed; default 65 min
	WriteQueue       int           // bytes queued per connection; default 256 KiB
	WriteTime        time.Duration // for a write to make progress; default 10 s
	ConnectTime      time.Duration // for opening a connection; default 5 s
	Resolver         int           // entries of the DNS cache; default 10,000
}

// A TapEvent is one message as it was on the wire, decrypted.
type TapEvent struct {
	Time time.Time
	Flow Flow
	Sent bool   // sent by this host
	Data []byte // valid only during the call
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
	// Sockets is the number of UDP sockets per listener; 0: one per core.
	Sockets int
	// ReadBuffer is the kernel's receive buffer in bytes for each UDP socket;
	// 0: 4 MiB, or what the system allows.
	ReadBuffer int
}

// A Layer is the transport layer of one node.
type Layer struct {
	cfg Config
}

// New checks cfg and returns a Layer that has bound nothing yet.
func New(cfg Config) (*Layer, error) { return &Layer{cfg: cfg}, nil }

// Listen binds all listeners.
func (l *Layer) Listen() error { return nil }

// Run serves until ctx ends, then closes everything and returns when all of
// the layer's goroutines have ended. It calls Listen if nobody did.
func (l *Layer) Run(ctx context.Context, h Handler) error { <-ctx.Done(); return nil }

// Addrs returns the listeners with the addresses they are bound to.
func (l *Layer) Addrs() []Listen { return nil }

// Send sends msg over f. It never blocks and does not keep msg.
func (l *Layer) Send(f Flow, msg []byte) error { return ErrFlowClosed }

// SendTo sends msg to t, over an open connection if there is one, else over a
// new one. It never blocks and does not keep msg. done, if not nil, is called
// once: before SendTo returns for datagrams and open connections, from another
// goroutine after connecting.
func (l *Layer) SendTo(t Target, msg []byte, done func(Flow, error)) { done(Flow{}, ErrNoListener) }

// Find returns the flow that reaches t at once: always for UDP, for streams if
// a connection is open.
func (l *Layer) Find(t Target) (Flow, bool) { return Flow{}, false }

// SentBy returns host and port for a Via or Contact towards t, without
// connecting. An IPv6 host comes in brackets.
func (l *Layer) SentBy(t Target) (host string, port uint16) { return "", 0 }

// Resolve finds the targets of uri in the order they are to be tried (RFC
// 3263 §4). It blocks on the network unless ResolveNumeric answers.
func (l *Layer) Resolve(ctx context.Context, uri sip.URI) ([]Target, error) { return nil, ErrNoAddress }

// ResolveNumeric is Resolve for a uri whose host is an IP address.
func (l *Layer) ResolveNumeric(uri sip.URI) (Target, bool) { return Target{}, false }

// Peer returns the TLS state of the connection f, if it has one.
func (l *Layer) Peer(f Flow) (tls.ConnectionState, bool) { return tls.ConnectionState{}, false }

// Close closes the connection f.
func (l *Layer) Close(f Flow) {}
