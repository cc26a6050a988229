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
	Encoding   string         // "PCMU" or "PCMA"
	SendPT     uint8          // payload type of what we send
	RecvPT     uint8          // payload type of what we receive
	DTMF       bool           // telephone-event was agreed
	DTMFSendPT uint8
	DTMFRecvPT uint8
	Ptime      time.Duration // of what we send; zero: 20 ms
	Send, Recv bool          // direction
	Also       []Encoding    // other formats that the peer may send
}

// Encoding is a further G.711 format that may be received.
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
	law     media.Law
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
	s := &Stream{cname: c.CNAME, log: c.Logger, start: time.Now()}
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
	s.law, _ = media.LawOf(p.Encoding)
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

// pace is the clock of the stream: one packet per packet time and one frame to
// the recorder per 20 ms, on an absolute schedule.
func (s *Stream) pace(ctx context.Context, ended <-chan struct{}) error {
	now := time.Now()
	nextSend, nextPlay, nextReport := now, now, now.Add(reportInterval/2)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buf [2048]byte
	var frame [160]int16
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return nil
		case now = <-timer.C:
			now = time.Now()
		}
		for !nextSend.After(now) {
			nextSend = after(nextSend, s.sendFrame(buf[:0]), now)
		}
		for !nextPlay.After(now) {
			s.playout(frame[:])
			nextPlay = after(nextPlay, playoutFrame, now)
		}
		if !nextReport.After(now) {
			s.report(false)
			nextReport = now.Add(reportInterval/2 + mrand.N(reportInterval))
		}
		next := nextSend
		if nextPlay.Before(next) {
			next = nextPlay
		}
		timer.Reset(time.Until(next))
	}
}

// reportInterval is the time between RTCP reports (RFC 3550 §6.2: five seconds at least).
const reportInterval = 5 * time.Second

// behind is how far a schedule may lag before it is given up.
const behind = 200 * time.Millisecond

func after(t time.Time, step time.Duration, now time.Time) time.Time {
	if t = t.Add(step); now.Sub(t) > behind {
		return now
	}
	return t
}

// now is the stream's clock of arrivals.
func (s *Stream) now() time.Duration { return time.Since(s.start) }

// sendFrame sends the packet that is due and returns the packet time.
func (s *Stream) sendFrame(buf []byte) time.Duration {
	s.mu.Lock()
	ptime := s.p.Ptime
	if ptime == 0 {
		ptime = 20 * time.Millisecond
	}
	samples := media.Samples(ptime)
	packet, to, ended := s.nextPacket(buf, uint32(samples))
	s.mu.Unlock()
	if ended != nil {
		ended()
	}
	if packet == nil {
		return ptime
	}
	if _, err := s.conn.WriteToUDPAddrPort(packet, to); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Debug("rtp: send", "peer", to, "error", err)
	}
	return ptime
}

// nextPacket builds the packet that is due: a telephone event, what is
// played, or silence. Needs mu.
func (s *Stream) nextPacket(buf []byte, samples uint32) (packet []byte, to netip.AddrPort, ended func()) {
	to = s.p.Remote
	ts := s.h.Timestamp
	s.h.Timestamp += samples
	payload, ended := s.audio(buf[HeaderSize:HeaderSize], int(samples))
	if !s.p.Send || !to.IsValid() || to.Port() == 0 {
		s.resumed = true
		return nil, to, ended
	}
	h := Header{SSRC: s.h.SSRC, Sequence: s.h.Sequence, Timestamp: ts, PT: s.p.SendPT, Marker: s.resumed}
	if e, ok := s.event(ts, samples, &h); ok {
		h.PT = s.p.DTMFSendPT
		payload = e.Append(payload[:0])
		s.resumed = true
	} else {
		s.resumed = false
	}
	s.h.Sequence++
	s.packets++
	s.octets += uint64(len(payload))
	AppendHeader(buf, h)
	return buf[:HeaderSize+len(payload)], to, ended
}

// audio takes the next samples of what is played. Needs mu.
func (s *Stream) audio(dst []byte, samples int) (payload []byte, ended func()) {
	if s.source != nil {
		payload, more := s.source.Next(dst, s.law.String(), samples)
		if !more {
			ended = s.done
			s.source, s.done = nil, nil
		}
		return payload, ended
	}
	for range samples {
		dst = append(dst, s.law.Silence())
	}
	return dst, nil
}

// event makes the telephone-event report that is due, if any. Needs mu.
func (s *Stream) event(ts, samples uint32, h *Header) (EventPayload, bool) {
	const volume, gap = 10, 60 * time.Millisecond
	if !s.sender.Active() {
		if s.gap > 0 {
			s.gap--
			return EventPayload{}, false
		}
		if len(s.pending) == 0 {
			return EventPayload{}, false
		}
		next := s.pending[0]
		s.pending = s.pending[1:]
		s.sender.Start(next.code, ts, uint32(media.Samples(next.duration)), volume)
	}
	e, ok := s.sender.Next(samples, h)
	if !s.sender.Active() {
		s.gap = int(gap/s.p.Ptime) + 1
	}
	return e, ok
}

// playout gives one frame to the recorder.
func (s *Stream) playout(frame []int16) {
	s.mu.Lock()
	record, digit := s.record, s.onDTMF
	started := s.jb.started
	if started {
		s.jb.Get(frame)
	}
	var over []Event
	s.events.Expire(s.now(), func(e Event) { over = append(over, e) })
	s.mu.Unlock()
	if started && record != nil {
		record(frame)
	}
	tell(over, digit)
}

func tell(over []Event, f func(byte, time.Duration)) {
	for _, e := range over {
		if d, ok := EventDigit(e.Code); ok && f != nil {
			f(d, media.Duration(int(e.Duration)))
		}
	}
}

// readRTP receives until the socket is closed.
func (s *Stream) readRTP() {
	buf := make([]byte, 2048)
	pcm := make([]int16, 0, 2048)
	for {
		n, src, err := s.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier packet
		}
		src = netip.AddrPortFrom(src.Addr().Unmap(), src.Port())
		if IsRTCP(buf[:n]) {
			s.receiveRTCP(buf[:n], src)
			continue
		}
		s.receive(buf[:n], src, pcm)
	}
}

// receive takes one RTP packet.
func (s *Stream) receive(b []byte, src netip.AddrPort, pcm []int16) {
	h, ok := Parse(b)
	if !ok {
		return
	}
	now := s.now()
	var over []Event
	s.mu.Lock()
	digit := s.onDTMF
	isEvent := s.p.DTMF && h.PT == s.p.DTMFRecvPT
	law, isAudio := s.lawOf(h.PT)
	if !(isEvent || isAudio) || !s.accept(src, now) || !s.p.Recv {
		s.mu.Unlock()
		return
	}
	if s.first.IsZero() {
		s.first = s.start.Add(now)
	}
	switch v := s.in.Update(h, now, media.Rate, isEvent); {
	case v == Duplicate || v == Jumped:
	case isEvent:
		s.events.Receive(h, b[h.Start:h.End], now, func(e Event) { over = append(over, e) })
	default:
		s.jb.Put(h.Timestamp, law.Decode(pcm, b[h.Start:h.End]), v == Restarted)
	}
	s.mu.Unlock()
	tell(over, digit)
}

// lawOf finds the law of an incoming payload type. Needs mu.
func (s *Stream) lawOf(pt uint8) (media.Law, bool) {
	if s.p.Encoding != "" && pt == s.p.RecvPT {
		return s.law, true
	}
	for _, e := range s.p.Also {
		if e.RecvPT == pt {
			return media.LawOf(e.Name)
		}
	}
	return media.ULaw, false
}

// accept keeps to one source: the negotiated address at once, another one only
// while nothing comes from the present one. Needs mu.
func (s *Stream) accept(src netip.AddrPort, now time.Duration) bool {
	const patience = time.Second
	if src == s.peer {
		return true
	}
	if src == s.p.Remote || !s.peer.IsValid() || now-s.in.Last > patience {
		s.peer = src
		return true
	}
	return false
}

// readRTCP receives reports until the socket is closed.
func (s *Stream) readRTCP() {
	buf := make([]byte, 2048)
	for {
		n, src, err := s.control.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.receiveRTCP(buf[:n], netip.AddrPortFrom(src.Addr().Unmap(), src.Port()))
		}
	}
}

func (s *Stream) receiveRTCP(b []byte, src netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if IsRTCP(b) && (src.Addr() == s.p.Remote.Addr() || src.Addr() == s.peer.Addr()) {
		s.rtcp.Receive(b, time.Now(), s.now(), s.h.SSRC)
	}
}

// report sends an RTCP report, or the goodbye.
func (s *Stream) report(bye bool) {
	s.mu.Lock()
	to, conn := s.p.RTCP, s.control
	if s.p.RTCPMux {
		conn = s.conn
	}
	out := Sender{
		SSRC: s.h.SSRC, Timestamp: s.h.Timestamp, Packets: uint32(s.packets), Octets: uint32(s.octets),
		Active: s.packets > 0 && s.p.Send,
	}
	idle := s.packets == 0 && s.in.Packets == 0
	packet := s.rtcp.Append(nil, time.Now(), s.now(), out, &s.in, s.cname, bye)
	s.mu.Unlock()
	if idle || !to.IsValid() {
		return
	}
	if _, err := conn.WriteToUDPAddrPort(packet, to); err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Debug("rtp: send report", "peer", to, "error", err)
	}
}

// Stats are the figures of one call.
type Stats struct {
	Sent, SentBytes         uint64 // packets, octets of payload
	Received                uint64 // packets
	Lost                    int64
	Duplicates, Reordered   uint64
	Late                    uint64 // came after their time to be played
	Concealed               uint64 // frames of 20 ms that were not there in time, wholly or in part
	Jitter, MaxJitter       time.Duration
	LargestGap              time.Duration // longest time between two packets received
	BufferDelay             time.Duration // of the jitter buffer now
	RTT                     time.Duration // from RTCP; 0: unknown
	MOS                     float64       // of what is heard here, see media.MOS; 0: nothing was received
	FirstPacket, LastPacket time.Time     // received
	Source                  netip.AddrPort
	SSRC, OurSSRC           uint32
	RemoteLost              int64   // of ours, as the peer reports
	RemoteFraction          float64 // share of ours lost lately
	RemoteJitter            time.Duration
}

// Stats returns the figures so far; also after Close.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Stats{
		Sent: s.packets, SentBytes: s.octets, Received: s.in.Packets,
		Lost: s.in.Lost(), Duplicates: s.in.Duplicates, Reordered: s.in.Reordered,
		Late: s.jb.Late, Concealed: s.jb.Missing, LargestGap: s.in.LargestGap,
		Jitter: s.in.JitterTime(media.Rate), MaxJitter: media.Duration(int(s.in.MaxJitter)),
		BufferDelay: s.jb.DelayTime(media.Rate), RTT: s.rtcp.RTT,
		FirstPacket: s.first, Source: s.peer, SSRC: s.in.SSRC, OurSSRC: s.h.SSRC,
		RemoteLost: s.rtcp.RemoteLost, RemoteFraction: s.rtcp.RemoteFraction,
		RemoteJitter: media.Duration(int(s.rtcp.RemoteJitter)),
	}
	if s.in.Packets > 0 {
		out.LastPacket = s.start.Add(s.in.Last)
		expected := float64(s.in.Packets) + float64(max(s.in.Lost(), 0))
		out.MOS = media.MOS(float64(max(out.Lost, 0))/expected, out.Jitter, out.RTT/2)
	}
	return out
}
