// Package relay forwards RTP between legs and plays to and listens on legs.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hometone/hometone/media"
)

// Config of a Relay.
type Config struct {
	PortMin, PortMax uint16        // range of ports, even ones RTP, odd ones RTCP; zero: 10000-20000
	Loops            int           // epoll loops; zero: one per core
	Quarantine       time.Duration // a closed port stays unused for this time; zero: 5 s
	Timeout          time.Duration // no RTP on a leg that should receive: Timeout event; zero: never
	HoldTimeout      time.Duration // the same while the leg is on hold; zero: never
	RTCPInterval     time.Duration // between our RTCP reports; zero: 5 s; negative: none
	DSCP             uint8         // differentiated services code point (EF is 46); zero: default
	Logger           *slog.Logger  // nil: none
}

// Format is a payload format a leg speaks.
type Format struct {
	Encoding  string // RTP encoding name, "PCMU"; "telephone-event"
	ClockRate int    // Hz; zero: 8000
	SendPT    uint8  // in packets we send to the peer
	RecvPT    uint8  // in packets the peer sends
}

// Description is what a leg was negotiated to. It is a value; Set swaps it whole.
type Description struct {
	Remote    netip.AddrPort // where the peer receives RTP by its SDP
	RTCP      netip.AddrPort // zero: Remote's port + 1
	RTCPMux   bool
	Symmetric bool          // learn the peer's address from what it sends (RFC 4961)
	Formats   []Format      // best first; telephone-event among them
	Ptime     time.Duration // of what we generate; zero: 20 ms
	Send      bool          // we may send to the peer
	Recv      bool          // the peer may send to us
}

// EventKind says what happened on a leg.
type EventKind uint8

// The kinds of events.
const (
	Timeout     EventKind = iota // nothing received for Config.Timeout
	HoldTimeout                  // nothing received for Config.HoldTimeout, on hold
	Played                       // a source has ended
	Latched                      // the peer's real address was learnt
)

// Event of a leg, delivered on the loop: the receiver must not block.
type Event struct {
	Leg    *Leg
	Kind   EventKind
	Source media.Source   // Played: the source that ended
	Remote netip.AddrPort // Latched: the address
}

// Packet as an application's sink sees it. Payload is valid during the call only.
type Packet struct {
	Payload   []byte
	Encoding  string
	Timestamp uint32
	Sequence  uint16
	SSRC      uint32
	Marker    bool
}

// Errors of Open.
var (
	ErrNoPort = errors.New("relay: no free port pair in the range")
	ErrClosed = errors.New("relay: closed")
)

// Relay owns the loops and the ports.
type Relay struct{}

// New checks the configuration. Nothing is opened before Run or Open.
func New(c Config) (*Relay, error) { return &Relay{}, nil }

// Run serves the legs until ctx ends; then closes what is left.
func (r *Relay) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Open binds a port pair on local. watch (may be nil) gets the leg's events.
func (r *Relay) Open(local netip.Addr, watch func(Event)) (*Leg, error) { return nil, ErrNoPort }

// Join forwards between a and b, both ways, from now on. It ends what either was joined to.
func (r *Relay) Join(a, b *Leg) error { return nil }

// Part ends a leg's join; both legs go silent.
func (r *Relay) Part(l *Leg) {}

// Leg is one stream towards one peer.
type Leg struct{}

// Addr is where the leg receives RTP.
func (l *Leg) Addr() netip.AddrPort { return netip.AddrPort{} }

// RTCPAddr is where the leg receives RTCP.
func (l *Leg) RTCPAddr() netip.AddrPort { return netip.AddrPort{} }

// Set swaps the description.
func (l *Leg) Set(d Description) {}

// Play sends src to the peer, instead of what is forwarded; nil stops it.
func (l *Leg) Play(src media.Source) {}

// Sink gives the leg's received packets to f (on the loop, must not block); nil stops it.
func (l *Leg) Sink(f func(Packet)) {}

// Echo sends what the leg receives back to its peer.
func (l *Leg) Echo(on bool) {}

// Stats returns the figures of the leg.
func (l *Leg) Stats() Stats { return Stats{} }

// Close releases the ports.
func (l *Leg) Close() {}

// Stats are the figures of a leg.
type Stats struct {
	Received, ReceivedBytes uint64
	Sent, SentBytes         uint64
	Dropped                 uint64 // not RTP, wrong source, no route, by direction
	Lost                    int64
	Jitter                  time.Duration
	LastReceived            time.Time
	SSRC                    uint32
	Remote                  netip.AddrPort // where we send
}
