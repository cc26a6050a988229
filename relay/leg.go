package relay

import (
	"net/netip"
	"sync"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
)

// EventKind says what happened on a leg.
type EventKind uint8

// The kinds of events.
const (
	Timeout     EventKind = iota // no RTP for Config.Timeout although the peer may send
	HoldTimeout                  // neither RTP nor RTCP for Config.HoldTimeout while on hold
	Played                       // a source has ended
	Latched                      // the peer's packets come from a new address
	Dialled                      // all digits of SendDTMF have been sent
)

// Event of a leg, delivered on a loop: the receiver must not block.
type Event struct {
	Leg    *Leg
	Kind   EventKind
	Source media.Source   // Played: the source that ended
	Remote netip.AddrPort // Latched: the address
}

// Packet as an application's sink or tap sees it, as it came from the peer. Payload
// is valid during the call only.
type Packet struct {
	Payload   []byte
	Encoding  string // RTP encoding name; "telephone-event" for those
	ClockRate int    // of Timestamp, Hz
	Timestamp uint32
	Sequence  uint16
	SSRC      uint32
	Marker    bool
	Sent      bool // to the peer; see Leg.Tap
}

// Leg is one stream towards one peer. Its methods may be called from anywhere.
type Leg struct {
	relay *Relay
	pair  *pair
	id    uint64
	watch func(Event)

	mu          sync.Mutex // guards the following
	closed      bool
	desc        Description
	described   bool
	routed      routed  // of the latest packet
	round       uint32  // of the loop, in which RTP was read last
	heeded      bool    // somebody has heard what it receives
	early       []early // what came before that
	stale       bool    // nothing more is kept
	peer        *Leg    // forwards to; itself for an echo; nil: nobody
	sink        func(Packet)
	keepsEvents bool   // see KeepEvents
	taps        []*tap // replaced, never changed
	player      player
	over        *overlay // nil: none
	dial        *dialler // nil: nothing to send

	latch    latch
	in       rtp.Reception
	out      output
	coding   *recoding // nil: nothing was recoded
	control  rtp.Control
	to       rawAddr        // where RTP goes
	toRTCP   rawAddr        // where RTCP goes
	rtcpFrom netip.AddrPort // learnt source of the peer's RTCP
	replyAs  netip.Addr     // local address to send from, of an unspecified socket
	octets   uint64         // received, of payload
	set      time.Duration  // when the description was set first
	raw      rawCount
	drops    Drops
	active   time.Duration // latest RTP, or when it was last allowed to come
	heard    time.Duration // latest packet of any kind, or when hold began
	reportAt time.Duration // next RTCP report
	reported uint64        // out.Packets at the last one
	quiet    bool          // the timeout was told
}

// Addr is where the leg receives RTP.
func (l *Leg) Addr() netip.AddrPort { return l.pair.local }

// RTCPAddr is where the leg receives RTCP, unless it goes with the RTP.
func (l *Leg) RTCPAddr() netip.AddrPort {
	return netip.AddrPortFrom(l.pair.local.Addr(), l.pair.local.Port()+1)
}

// Set swaps the description. A Remote other than before makes the leg forget
// the address it learnt, and send to the new one at once.
func (l *Leg) Set(d Description) {
	d = d.normal()
	now := l.relay.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.described {
		l.set = now
	}
	if !l.described || d.Recv != l.desc.Recv {
		l.active, l.heard, l.quiet = now, now, false
	}
	if d.Send != l.desc.Send {
		l.out.interrupt()
	}
	if d.Remote != l.desc.Remote || d.RTCP != l.desc.RTCP {
		l.rtcpFrom = netip.AddrPort{}
	}
	l.desc, l.described, l.routed = d, true, routed{}
	l.latch.describe(d.Remote, d.Signalling)
	l.aim()
}

// aim works out where RTP and RTCP go. Needs mu.
func (l *Leg) aim() {
	local := l.pair.local.Addr()
	to, control := l.desc.Remote, l.desc.RTCP
	if l.desc.Symmetric && l.latch.Source.IsValid() {
		to = l.latch.Source
		switch {
		case l.desc.RTCPMux:
			control = to
		case l.rtcpFrom.IsValid():
			control = l.rtcpFrom
		case to != l.desc.Remote:
			// The peer is behind a NAT: what it announced is not reachable. The port
			// above is the best guess until its RTCP shows the right one.
			control = netip.AddrPortFrom(to.Addr(), to.Port()+1)
		}
	}
	l.to, l.toRTCP = rawOf(to, local), rawOf(control, local)
}

// routed is how packets of one format go to a leg's peer, see Description.route.
type routed struct {
	from, to  *Format
	transcode bool
}

// route is Description.route, which is worked out when the format is another than
// that of the packet before. Needs mu.
func (l *Leg) route(f *Format) (to *Format, transcode bool) {
	if l.routed.from != f {
		l.routed.from = f
		l.routed.to, l.routed.transcode = l.desc.route(f)
	}
	return l.routed.to, l.routed.transcode
}

// forwardTo sets who gets what this leg receives; false if it is closed.
func (l *Leg) forwardTo(peer *Leg) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peer = peer
	return !l.closed
}

// leave ends the join or echo of a leg. Needs Relay.joins.
func (l *Leg) leave() {
	l.mu.Lock()
	peer := l.peer
	l.peer = nil
	l.mu.Unlock()
	if peer == nil || peer == l {
		return
	}
	peer.mu.Lock()
	if peer.peer == l {
		peer.peer = nil
	}
	peer.mu.Unlock()
}

// Echo sends back to the peer what it sends, until Part, Join or Echo(false).
func (l *Leg) Echo(on bool) {
	l.relay.joins.Lock()
	defer l.relay.joins.Unlock()
	l.leave()
	if on {
		l.forwardTo(l)
	}
}

// Sink gives the packets received on the leg to f, beside forwarding; nil
// stops that. f is called on a loop and must not block. It may be called once
// more after Sink(nil) has returned.
func (l *Leg) Sink(f func(Packet)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sink = f
}

// KeepEvents says whether telephone events received on the leg go to its sink and
// taps only, and are not forwarded.
func (l *Leg) KeepEvents(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keepsEvents = on
}

// Play sends src to the peer, frame by frame, in the place of what is
// forwarded; nil stops it. When src ends by itself, Played is told. While the leg may
// not send (hold), time passes and src goes on unheard. Source.Next is called on a
// loop, once more perhaps after Play(nil) has returned.
func (l *Leg) Play(src media.Source) {
	now := l.relay.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.player = player{}
	if src != nil {
		l.player = player{source: src, id: l.relay.ids.Add(1), due: now}
		l.pair.loop.schedule(due{at: now, leg: l, id: l.player.id})
	}
}

// Close says goodbye by RTCP, ends the join, and gives the ports back.
func (l *Leg) Close() {
	l.relay.joins.Lock()
	l.leave()
	l.relay.joins.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.report(l.relay.now(), true)
	l.closed = true
	l.sink, l.taps, l.player, l.over, l.dial, l.coding = nil, nil, player{}, nil, nil, nil
	l.relay.ports.release(l.pair, l.relay.now())
}

// Drops counts packets that were not used, by reason.
type Drops struct {
	Malformed uint64 // neither RTP nor RTCP nor STUN, or cut off
	STUN      uint64 // STUN on a leg without ICE
	Source    uint64 // not from the peer
	Direction uint64 // the peer may not send now
	Format    uint64 // a payload type that was not agreed on, or that the other leg has not
	Duplicate uint64 // received twice
	Unsent    uint64 // could not be sent: no address yet, hold, or the system refused
}

// Total is the sum of all reasons.
func (d Drops) Total() uint64 {
	return d.Malformed + d.STUN + d.Source + d.Direction + d.Format + d.Duplicate + d.Unsent
}

// Stats are the figures of a leg.
type Stats struct {
	Received, ReceivedBytes uint64 // RTP packets of the peer, octets of payload
	Sent, SentBytes         uint64
	Lost                    int64         // of the peer's
	Duplicates, Reordered   uint64        // of the peer's
	Jitter                  time.Duration // interarrival, RFC 3550 §6.4.1
	MaxJitter               time.Duration
	LargestGap              time.Duration // between two packets of the peer
	LastReceived            time.Time     // zero: nothing yet
	SSRC                    uint32        // of the peer
	OurSSRC                 uint32
	Remote                  netip.AddrPort // where we send; invalid if unknown
	Source                  netip.AddrPort // where the peer's packets come from; invalid if none came
	RTT                     time.Duration  // by RTCP; 0: unknown
	RemoteLost              int64          // of ours, as the peer reports
	RemoteFraction          float64        // share of ours lost lately, as the peer reports
	RemoteJitter            time.Duration
	Drops                   Drops
	Dropped                 uint64  // Drops.Total()
	MOS                     float64 // of what we receive, see media.MOS
}

// Stats returns the figures of the leg; they stay readable after Close.
func (l *Leg) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	clock := l.clock()
	s := Stats{
		Received: l.in.Packets + l.raw.received, ReceivedBytes: l.octets,
		Sent: l.out.Packets + l.raw.sent, SentBytes: l.out.Octets,
		Lost: l.in.Lost(), Duplicates: l.in.Duplicates, Reordered: l.in.Reordered,
		Jitter: l.in.JitterTime(clock), MaxJitter: ticks(l.in.MaxJitter, clock), LargestGap: l.in.LargestGap,
		SSRC: l.in.SSRC, OurSSRC: l.out.SSRC,
		Remote: l.to.addrPort(), Source: l.latch.Source,
		RTT: l.control.RTT, RemoteLost: l.control.RemoteLost, RemoteFraction: l.control.RemoteFraction,
		RemoteJitter: ticks(l.control.RemoteJitter, clock), Drops: l.drops, Dropped: l.drops.Total(),
	}
	if l.in.Packets > 0 {
		s.LastReceived = l.relay.start.Add(l.in.Last)
	}
	if expected := float64(l.in.Packets) + float64(s.Lost); expected > 0 {
		s.MOS = media.MOS(float64(max(s.Lost, 0))/expected, s.Jitter, s.RTT/2)
	}
	return s
}

func ticks(n uint32, clock int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(clock)
}

// clock is the timestamp rate of the leg. Needs mu.
func (l *Leg) clock() int {
	if len(l.desc.Formats) > 0 {
		return l.desc.Formats[0].ClockRate
	}
	return media.Rate
}
