// Package relay carries RTP between two legs of a call, and between a leg and
// an application, without a goroutine per leg.
//
// A Leg is one stream towards one peer: a pair of UDP ports (RTP even, RTCP
// odd), a Description of what was negotiated, and explicit state of what was
// received and sent. Two joined legs forward to each other: the header is
// rewritten in place, payload types are translated, and nothing else of a packet
// is touched. If the peers have no codec in common it is transcoded: G.711 from one
// law into the other by table, all others of package media sample by sample. An application may play a
// media.Source on a leg, echo it, or listen to it with a sink; that needs no
// goroutine either.
//
// Towards each peer a leg is a sender of its own: one SSRC for its life,
// sequence numbers and timestamps that go on without a break when the source
// behind it changes (join, hold, play); and an RTCP session of its own, in which
// we report on what the peer sends (docs/adr/0041-rtcp-per-leg.md).
//
// A few loops, one per core, own all sockets: each is a thread over one
// epoll set with batched, non-blocking reads; Run adds to GOMAXPROCS for them. Legs are spread over the loops;
// Leg.mu guards a leg's state, is held for less than a batch, and two of them
// are never held together, so every method may be called from anywhere, also
// from sinks, sources and watchers. These are called on a loop, with no lock
// held, and must not block.
//
// What a stranger can do: packets from a source that is not the peer's are
// counted and dropped (latch.go says who is the peer); they cost no memory.
package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/internal/rest"
)

// Config of a Relay. The zero value works.
type Config struct {
	PortMin, PortMax uint16        // range of ports, even ones RTP, odd ones RTCP; zero: 10000 and 20000
	Loops            int           // loops; zero: one per core
	Timeout          time.Duration // no RTP on a leg that should receive: Timeout event; zero: never
	HoldTimeout      time.Duration // nothing at all on a leg that is on hold: HoldTimeout event; zero: never
	Spares           int           // port pairs kept open for the next leg; zero: up to 8,192 as descriptors allow; negative: none
	RTCPInterval     time.Duration // between our RTCP reports, varied by half; zero: 5 s; negative: none
	DSCP             uint8         // differentiated services code point, 0-63 (46 is EF); zero: the system's
	Logger           *slog.Logger  // nil: none
}

// Errors of Open.
var (
	ErrNoPort = errors.New("relay: no free port pair")
	ErrClosed = errors.New("relay: closed")
)

// Relay owns the loops and the ports.
type Relay struct {
	config Config
	start  time.Time
	ports  *ports
	loops  []*loop
	ids    atomic.Uint64 // identities of sources, see origin

	joins sync.Mutex // makes Join, Part and Close one step each

	mu     sync.Mutex // guards the following
	closed bool
}

// New checks the configuration and prepares the loops. No port is bound
// before Open, nothing runs before Run.
func New(c Config) (*Relay, error) {
	if c.PortMin == 0 && c.PortMax == 0 {
		c.PortMin, c.PortMax = 10000, 20000
	}
	if c.Loops <= 0 {
		c.Loops = runtime.GOMAXPROCS(0)
	}
	if c.RTCPInterval == 0 {
		c.RTCPInterval = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.DSCP > 63 {
		return nil, fmt.Errorf("relay: DSCP %d is over 63", c.DSCP)
	}
	p, err := newPorts(c.PortMin, c.PortMax)
	if err != nil {
		return nil, err
	}
	if c.Spares == 0 {
		c.Spares = spareLimit()
	}
	p.spares.most = max(c.Spares, 0)
	r := &Relay{config: c, start: time.Now(), ports: p}
	for range c.Loops {
		lp, err := newLoop(r)
		if err != nil {
			r.release()
			return nil, fmt.Errorf("relay: set up a loop: %w", err)
		}
		r.loops = append(r.loops, lp)
	}
	return r, nil
}

// Run serves the legs until ctx ends; then it closes what is left. It may be
// called once.
func (r *Relay) Run(ctx context.Context) error {
	// A loop under load keeps its processor, so the others get as many more.
	defer rest.Reserve(len(r.loops))()
	var all sync.WaitGroup
	for _, lp := range r.loops {
		all.Go(lp.run) // owns lp's epoll set and a thread; ends by lp.stop
	}
	<-ctx.Done()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for _, lp := range r.loops {
		for _, l := range lp.all(nil) {
			l.Close()
		}
		lp.stop()
	}
	all.Wait()
	r.release()
	return nil
}

func (r *Relay) release() {
	r.ports.end()
	for _, lp := range r.loops {
		lp.close()
	}
}

// now is the relay's clock: monotonic time since New.
func (r *Relay) now() time.Duration { return time.Since(r.start) }

// Open binds a port pair on local, which decides IPv4 or IPv6, and takes the
// leg into service. A specific address is better than an unspecified one,
// which costs more per packet. watch (may be nil) gets the leg's events, on a
// loop; it must not block. Errors: ErrNoPort (with the figures), ErrClosed, or
// what the system says of the address.
func (r *Relay) Open(local netip.Addr, watch func(Event)) (*Leg, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	pair, err := r.ports.open(r.roomiest(), local.Unmap(), r.config.DSCP, r.now())
	if err != nil {
		return nil, err
	}
	return r.adopt(pair, watch), nil
}

// adopt makes a leg of a pair.
func (r *Relay) adopt(pair *pair, watch func(Event)) *Leg {
	now := r.now()
	l := &Leg{relay: r, pair: pair, watch: watch, id: r.ids.Add(1)}
	l.out = newOutput()
	l.active, l.heard = now, now
	l.reportAt = now + r.reportDelay()/2
	pair.loop.attach(pair, l)
	return l
}

// fill is how many legs a loop gets before the next one is used: a few calls
// then cost the wake-ups of one loop, not of all.
const fill = 512

// roomiest is the loop for a new leg.
func (r *Relay) roomiest() *loop {
	least, n := r.loops[0], 1<<31
	for _, lp := range r.loops {
		k := lp.count()
		if k < fill {
			return lp
		}
		if k < n {
			least, n = lp, k
		}
	}
	return least
}

// reportDelay is the time to the next RTCP report: the interval, varied over
// half to one and a half of it (RFC 3550 §6.2: to avoid synchronisation).
func (r *Relay) reportDelay() time.Duration {
	if r.config.RTCPInterval < 0 {
		return 1<<63 - 1
	}
	return r.config.RTCPInterval/2 + rand.N(r.config.RTCPInterval)
}

// Join forwards between a and b, both ways, from now on. It ends what either
// was joined to, and an echo. A source that plays on a leg goes on, and what
// comes from the other leg waits behind it.
func (r *Relay) Join(a, b *Leg) error {
	if a == b || a == nil || b == nil {
		return errors.New("relay: join needs two legs")
	}
	r.joins.Lock()
	defer r.joins.Unlock()
	a.leave()
	b.leave()
	if !a.forwardTo(b) {
		return fmt.Errorf("relay: join: %w", ErrClosed)
	}
	if !b.forwardTo(a) {
		a.forwardTo(nil)
		return fmt.Errorf("relay: join: %w", ErrClosed)
	}
	return nil
}

// Part ends a leg's join or echo; both legs then send nothing.
func (r *Relay) Part(l *Leg) {
	r.joins.Lock()
	defer r.joins.Unlock()
	l.leave()
}
