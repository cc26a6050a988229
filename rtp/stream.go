package rtp

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hometone/hometone/media"
)

// StreamConfig says where a Stream works.
type StreamConfig struct {
	Local            netip.Addr   // address to bind; zero: 127.0.0.1
	PortMin, PortMax uint16       // range of the pair of ports; both zero: any
	CNAME            string       // RTCP canonical name; "": random (RFC 7022)
	Logger           *slog.Logger // nil: none
}

// Params is what offer/answer agreed. Set swaps it whole.
type Params struct {
	Remote     netip.AddrPort // where the peer receives RTP; zero: nothing is sent
	RTCP       netip.AddrPort // zero: Remote's port + 1
	RTCPMux    bool           // RTCP goes with the RTP
	Encoding   string         // "PCMU", "PCMA", "G722" or "L16", with a clock rate of 8000
	SendPT     uint8          // payload type of what we send
	RecvPT     uint8          // payload type of what we receive
	DTMF       bool           // telephone-event was agreed
	DTMFSendPT uint8
	DTMFRecvPT uint8
	Ptime      time.Duration // of what we send; zero: 20 ms
	Send, Recv bool          // direction
	Also       []Encoding    // other formats that the peer may send
}

// Encoding is a further format that may be received, with a clock rate of 8000.
type Encoding struct {
	Name   string
	RecvPT uint8
}

// Stream is a phone's end of a call's audio: it sends what is played (silence
// otherwise) at exact packet times, and gives what is received, put in order by
// a jitter buffer, to the recorder in frames of 20 ms. Its methods may be
// called from anywhere.
type Stream struct {
	conn, control *net.UDPConn
	cname         string
	log           *slog.Logger
	start         time.Time

	mu      sync.Mutex // guards the following
	p       Params
	codec   media.Codec
	decoder *media.Decoder // of the codec received last
	decodes media.Codec
	silence media.Source
	source  media.Source
	done    func()
	record  func([]int16)
	onDTMF  func(byte, time.Duration)
	pending []tone
	sender  EventSender
	gap     int // packets to wait before the next digit
	events  EventReceiver
	jb      JitterBuffer
	in      Reception
	rtcp    Control
	h       Header // of the next packet; SSRC is ours
	resumed bool   // the next packet starts a talk spurt
	packets uint64
	octets  uint64
	peer    netip.AddrPort // accepted source
	first   time.Time
}

// tone is a digit to be sent.
type tone struct {
	code     uint8
	duration time.Duration
}

// playoutFrame is the time of what the recorder gets at once.
const playoutFrame = 20 * time.Millisecond

// maxDigits is how many digits may wait.
const maxDigits = 256

// Listen binds an RTP and an RTCP port. Nothing runs before Run.
func Listen(c StreamConfig) (*Stream, error) {
	if !c.Local.IsValid() {
		c.Local = netip.MustParseAddr("127.0.0.1")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.CNAME == "" {
		var b [12]byte
		_, _ = rand.Read(b[:]) // never fails
		c.CNAME = base64.RawURLEncoding.EncodeToString(b[:])
	}
	s := &Stream{cname: c.CNAME, log: c.Logger, start: time.Now(), codec: media.PCMU, silence: media.Silence()}
	var err error
	if s.conn, s.control, err = listenPair(c); err != nil {
		return nil, err
	}
	s.h = Header{SSRC: mrand.Uint32(), Sequence: uint16(mrand.Uint32N(1 << 15)), Timestamp: mrand.Uint32()}
	s.jb = JitterBuffer{Start: 480, Min: 320, Max: 2400}
	s.resumed = true
	return s, nil
}

// listenPair binds an even port and the odd one above it (RFC 3550 §11).
func listenPair(c StreamConfig) (rtp, rtcp *net.UDPConn, err error) {
	low, high := int(c.PortMin), int(c.PortMax)
	if low == 0 {
		low, high = 16384, 32766
	}
	low += low & 1
	pairs := (high - low + 1) / 2
	if pairs <= 0 {
		return nil, nil, fmt.Errorf("rtp: no pair of ports in %d-%d", c.PortMin, c.PortMax)
	}
	offset := mrand.IntN(pairs)
	for i := range pairs {
		port := low + (offset+i)%pairs*2
		if rtp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.Local, uint16(port)))); err != nil {
			continue
		}
		if rtcp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.Local, uint16(port+1)))); err == nil {
			return rtp, rtcp, nil
		}
		_ = rtp.Close()
	}
	return nil, nil, fmt.Errorf("rtp: bind a pair of ports: %w", err)
}

// Addr is where the stream receives RTP; RTCP is one port above.
func (s *Stream) Addr() netip.AddrPort {
	a := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Set swaps what was negotiated.
func (s *Stream) Set(p Params) {
	if p.Ptime <= 0 {
		p.Ptime = 20 * time.Millisecond
	}
	p.Remote = netip.AddrPortFrom(p.Remote.Addr().Unmap(), p.Remote.Port())
	if p.RTCPMux {
		p.RTCP = p.Remote
	} else if !p.RTCP.IsValid() && p.Remote.IsValid() {
		p.RTCP = netip.AddrPortFrom(p.Remote.Addr(), p.Remote.Port()+1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Remote != s.p.Remote {
		s.peer = netip.AddrPort{}
	}
	if !s.p.Send {
		s.resumed = true
	}
	if s.codec = media.CodecOf(p.Encoding, media.Rate); s.codec == media.NoCodec {
		s.codec = media.PCMU
	}
	s.p = p
}

// Play sends src from the next packet on; nil sends silence. done (may be
// nil) is called when src has ended by itself.
func (s *Stream) Play(src media.Source, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source, s.done = src, done
}

// Record gives received audio to frame, 160 samples at a time, losses
// concealed, from the first packet on; nil stops it. It is called on the
// stream's goroutine, must not block, and must not keep the slice.
func (s *Stream) Record(frame func([]int16)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record = frame
}

// OnDTMF sets who hears of received digits, each once, when it has ended.
func (s *Stream) OnDTMF(f func(digit byte, duration time.Duration)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onDTMF = f
}

// Errors of SendDTMF.
var (
	ErrNoDTMF   = errors.New("rtp: telephone-event was not negotiated")
	ErrBadDigit = errors.New("rtp: no DTMF digit")
	ErrTooMany  = errors.New("rtp: too many digits wait")
)

// SendDTMF queues digits (0-9 * # A-D, ! for flash) as telephone events of
// duration (zero: 100 ms), with 60 ms between them.
func (s *Stream) SendDTMF(digits string, duration time.Duration) error {
	if duration <= 0 {
		duration = 100 * time.Millisecond
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.p.DTMF {
		return ErrNoDTMF
	}
	if len(s.pending)+len(digits) > maxDigits {
		return ErrTooMany
	}
	tones := make([]tone, 0, len(digits))
	for i := range len(digits) {
		code, ok := EventCode(digits[i])
		if !ok {
			return fmt.Errorf("%w: %q", ErrBadDigit, digits[i])
		}
		tones = append(tones, tone{code, duration})
	}
	s.pending = append(s.pending, tones...)
	return nil
}

// Close ends Run and releases the ports.
func (s *Stream) Close() error {
	return errors.Join(closed(s.conn.Close()), closed(s.control.Close()))
}

func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Run sends and receives until ctx ends or Close is called; then it says
// goodbye by RTCP and releases the ports.
func (s *Stream) Run(ctx context.Context) error {
	var readers sync.WaitGroup
	ended := make(chan struct{})
	readers.Go(func() { s.readRTP(); close(ended) }) // owns the RTP socket's reading; ends when it is closed
	readers.Go(s.readRTCP)                           // the same for RTCP
	err := s.pace(ctx, ended)
	s.report(true)
	_ = s.Close()
	readers.Wait()
	return err
}
