// Package rtp is the real-time transport protocol of RFC 3550 as a phone and a
// relay need it: reception statistics, RTCP, telephone events (RFC 4733), and
// Stream, one end of a call's audio.
package rtp

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hometone/hometone/media"
)

// StreamConfig says where and how a Stream works.
type StreamConfig struct {
	Local            netip.Addr // address to bind
	PortMin, PortMax uint16     // range of even RTP ports; zero: any free pair
	CNAME            string     // RTCP canonical name; "": random (RFC 7022)
	Logger           *slog.Logger
}

// Params is what offer/answer agreed; Set swaps it.
type Params struct {
	Remote     netip.AddrPort
	RTCP       netip.AddrPort // zero: Remote's port + 1
	RTCPMux    bool
	Encoding   string // "PCMU" or "PCMA"
	SendPT     uint8
	RecvPT     uint8
	DTMF       bool // telephone-event agreed
	DTMFSendPT uint8
	DTMFRecvPT uint8
	Ptime      time.Duration // zero: 20 ms
	Send, Recv bool          // direction
}

// Stream is one phone's end of a call's audio.
type Stream struct{}

// Listen binds an RTP and an RTCP port. Nothing runs before Run.
func Listen(c StreamConfig) (*Stream, error) { return nil, errors.New("rtp: not ready") }

// Addr is where the stream receives RTP; RTCP is one port above.
func (s *Stream) Addr() netip.AddrPort { return netip.AddrPort{} }

// Set swaps what was negotiated; it may be called at any time.
func (s *Stream) Set(p Params) {}

// Run sends and receives until ctx ends or Close is called.
func (s *Stream) Run(ctx context.Context) error { return nil }

// Play sends src; nil sends silence. done (may be nil) is called when src has ended or was replaced.
func (s *Stream) Play(src media.Source, done func()) {}

// Listen to what was received, in playout order, 20 ms frames, losses filled: called on the stream's goroutine, must not block.
func (s *Stream) Record(frame func([]int16)) {}

// SendDTMF queues digits (0-9 * # A-D) as telephone events.
func (s *Stream) SendDTMF(digits string, duration time.Duration) error { return nil }

// OnDTMF sets who hears of received digits.
func (s *Stream) OnDTMF(f func(digit byte, duration time.Duration)) {}

// Stats returns the figures so far.
func (s *Stream) Stats() Stats { return Stats{} }

// Close releases the ports.
func (s *Stream) Close() error { return nil }

// Stats are the figures of one call.
type Stats struct {
	Sent, Received             uint64
	SentBytes, RecvBytes       uint64
	Lost                       int64
	Duplicate, Reordered, Late uint64
	Jitter                     time.Duration
	LargestGap                 time.Duration // longest time between two packets while receiving
	RTT                        time.Duration // from RTCP; 0 if unknown
	MOS                        float64
	FirstPacket                time.Time
	LastPacket                 time.Time
	Source                     netip.AddrPort
	SSRC                       uint32
	RemoteLost                 int64 // as the peer reports in RTCP
	RemoteFraction             float64
	RemoteJitter               time.Duration
}
