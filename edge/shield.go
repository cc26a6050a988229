package edge

import (
	"cmp"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/internal/report"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// ShieldConfig says what strangers may do. The zero value has the defaults.
type ShieldConfig struct {
	Off   bool
	Allow []netip.Prefix // nothing below applies to them
	Deny  []netip.Prefix // they get no answer
	// Trusted is asked for addresses that nothing applies to, such as those of
	// destinations. nil: there are none.
	Trusted func(transport.Flow) bool
	// Rate is how many requests a second one source (IPv4 address, IPv6 /64) may
	// make outside dialogs. 0: 10,000, which stops a flood and no carrier.
	Rate     int
	Burst    int           // of them at once; 0: twice Rate
	Account  int           // requests a second with the same From outside dialogs; 0: no limit
	Ban      time.Duration // 0: 10 min
	Failures int           // points a source may collect in Window until it is banned; 0: 20
	Window   time.Duration // 0: 1 min
	Sources  int           // sources and accounts remembered; 0: 100,000
	Logger   *slog.Logger
}

func (c ShieldConfig) withDefaults() ShieldConfig {
	c.Rate = cmp.Or(c.Rate, 10_000)
	c.Burst = cmp.Or(c.Burst, 2*c.Rate)
	c.Ban = cmp.Or(c.Ban, 10*time.Minute)
	c.Failures = cmp.Or(c.Failures, 20)
	c.Window = cmp.Or(c.Window, time.Minute)
	c.Sources = cmp.Or(c.Sources, 100_000)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// shieldOf translates the section edge.shield.
func shieldOf(s *config.Shield, d *Dispatcher, log *slog.Logger) ShieldConfig {
	return ShieldConfig{
		Off: s.Off, Allow: s.Allow, Deny: s.Deny, Rate: s.Rate, Burst: s.Burst, Account: s.Account, Ban: s.Ban,
		Failures: s.Failures, Window: s.Window, Trusted: d.Trusts, Logger: log,
	}
}

// Shield refuses what would hurt the calls of others: floods, scanners, password
// guessers. It judges by behaviour, because names are the first thing a scanner
// changes: a source collects a point for each login that is refused and each
// number that does not exist, and is not answered any more once it has too many
// (silence gives a scanner nothing, and no amplification). What it remembers is
// bounded: when the tables are full, the longest silent make room, and a ban is
// kept before a rate.
//
// A nil Shield refuses nothing. Its methods are safe for concurrent use.
type Shield struct {
	cfg     atomic.Pointer[ShieldConfig]
	seed    maphash.Seed
	shards  [shieldShards]shieldShard
	report  report.Reporter
	limited *report.Counter
	banned  *report.Counter
}

const shieldShards = 32

type shieldShard struct {
	mu      sync.Mutex // guards the following
	sources map[uint64]*suspect
}

// suspect is what is known of a source or an account: 56 bytes.
type suspect struct {
	tokens float64 // of the bucket
	filled int64   // Unix nanoseconds: when tokens was true
	points float64 // failures, leaking over Window
	marked int64   // when points was true
	banned int64   // until then; 0: not
	owing  int     // answers to INVITEs that wait for their ACK, see owe
	heard  int     // answers that it has heard: it has acknowledged what only they say
}

// NewShield returns a Shield.
func NewShield(cfg ShieldConfig) *Shield {
	s := &Shield{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].sources = make(map[uint64]*suspect)
	}
	s.limited, s.banned = s.report.Counter("limited"), s.report.Counter("banned")
	s.Configure(cfg)
	return s
}

// Configure changes the rules; what is remembered stays.
func (s *Shield) Configure(cfg ShieldConfig) {
	cfg = cfg.withDefaults()
	s.cfg.Store(&cfg)
}

// callAccepted is the status that stands for a 2xx to an INVITE in judge.
const callAccepted = -200

// Guard stands between the transport and the transaction layer: it drops what
// comes from denied and banned sources before anything is done for it, and hears
// of messages that cannot be read. A nil Shield guards nothing.
func (s *Shield) Guard(h transport.Handler) transport.Handler {
	if s == nil {
		return h
	}
	return &guard{Handler: h, shield: s}
}

type guard struct {
	transport.Handler
	shield *Shield
}

// ServeRequest implements transport.Handler.
func (g *guard) ServeRequest(f transport.Flow, req *sip.Request, fault error) {
	now := time.Now()
	if g.shield.shut(f, now) {
		g.shield.banned.Add(1)
		return
	}
	if fault != nil {
		g.shield.judge(f, 400, now)
	}
	g.Handler.ServeRequest(f, req, fault)
}

// shut reports whether a source gets no answer at all.
func (s *Shield) shut(from transport.Flow, now time.Time) bool {
	cfg := s.cfg.Load()
	if s.exempt(cfg, from) {
		return false
	}
	addr := from.Remote().Addr().Unmap()
	if within(cfg.Deny, addr) {
		return true
	}
	source := s.source(addr)
	sh := &s.shards[source%shieldShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	who := sh.sources[source]
	return who != nil && who.banned > now.UnixNano()
}

// exempt reports whether nothing applies to what comes over a flow.
func (s *Shield) exempt(cfg *ShieldConfig, from transport.Flow) bool {
	return cfg.Off || within(cfg.Allow, from.Remote().Addr().Unmap()) || cfg.Trusted != nil && cfg.Trusted(from)
}

// admit limits rates. What comes from a banned source gets here only if there
// is no Guard.
func (s *Shield) admit(from transport.Flow, req *sip.Request, now time.Time) refusal {
	if s == nil {
		return refusal{}
	}
	cfg := s.cfg.Load()
	if s.exempt(cfg, from) {
		return refusal{}
	}
	addr := from.Remote().Addr().Unmap()
	if within(cfg.Deny, addr) {
		return refusal{status: 403}
	}
	source := s.source(addr)
	t := now.UnixNano()
	sh := &s.shards[source%shieldShards]
	sh.mu.Lock()
	who := sh.get(source, cfg, t)
	if who.banned > t {
		sh.mu.Unlock()
		return refusal{status: 403}
	}
	// What belongs to a dialog was let in with it.
	fresh := req.ToTag() == ""
	ok := !fresh || who.take(float64(cfg.Rate), float64(cfg.Burst), t)
	sh.mu.Unlock()
	if ok && fresh && cfg.Account > 0 {
		ok = s.account(req, cfg, t)
	}
	if ok {
		return refusal{}
	}
	s.limited.Note(from.String)
	return refusal{status: 503, field: sip.HeaderRetryAfter, value: "10"}
}

// account limits the requests of one From, whatever sources they come from.
func (s *Shield) account(req *sip.Request, cfg *ShieldConfig, t int64) bool {
	from, err := req.From()
	if err != nil {
		return true
	}
	key := maphash.String(s.seed, from.URI) | 1
	sh := &s.shards[key%shieldShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.get(key, cfg, t).take(float64(cfg.Account), 2*float64(cfg.Account), t)
}

// source is the key of an IPv4 address or an IPv6 /64, which one subscriber
// has as one.
func (s *Shield) source(a netip.Addr) uint64 {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64)
		a = p.Addr()
	}
	b := a.As16()
	return maphash.Bytes(s.seed, b[:]) &^ 1
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// get returns the entry of a key; the caller holds mu.
func (sh *shieldShard) get(key uint64, cfg *ShieldConfig, t int64) *suspect {
	if who := sh.sources[key]; who != nil {
		return who
	}
	if len(sh.sources) >= max(cfg.Sources/shieldShards, 1) {
		sh.makeRoom(t)
	}
	who := &suspect{tokens: float64(cfg.Burst), filled: t, marked: t}
	sh.sources[key] = who
	return who
}

// makeRoom forgets one of a few entries met by chance: the longest silent that
// is not banned, else one that is.
func (sh *shieldShard) makeRoom(t int64) {
	var victim uint64
	var worst *suspect
	seen := 0
	for key, who := range sh.sources {
		if worst == nil || worst.banned > t && who.banned <= t || who.banned <= t && who.filled < worst.filled {
			victim, worst = key, who
		}
		if seen++; seen == 8 {
			break
		}
	}
	delete(sh.sources, victim)
}

// take takes a token from a bucket that fills at rate a second up to burst.
func (w *suspect) take(rate, burst float64, t int64) bool {
	w.tokens = min(w.tokens+rate*float64(t-w.filled)/1e9, burst)
	w.filled = t
	if w.tokens < 1 {
		return false
	}
	w.tokens--
	return true
}

// judge hears how a request of a source ended: refused logins and unknown
// numbers are what scanners and guessers make.
func (s *Shield) judge(from transport.Flow, status int, now time.Time) {
	if s == nil {
		return
	}
	points := pointsOf(status)
	if points == 0 {
		return
	}
	cfg := s.cfg.Load()
	if s.exempt(cfg, from) {
		return
	}
	addr := from.Remote().Addr().Unmap()
	source, t := s.source(addr), now.UnixNano()
	sh := &s.shards[source%shieldShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	who := sh.get(source, cfg, t)
	if who.points > 0 { // what is in the bucket leaks
		who.points = max(who.points-float64(cfg.Failures)*float64(t-who.marked)/float64(cfg.Window), 0)
	}
	who.points = max(who.points+points, -float64(cfg.Failures))
	who.marked = t
	if who.points > float64(cfg.Failures) && who.banned <= t {
		who.banned = t + int64(cfg.Ban)
		cfg.Logger.Warn("edge: source banned", "peer", addr.String(), "last_answer", status, "for", cfg.Ban)
	}
}

// maxOwing bounds the answers to one source's INVITEs that are repeated until their
// ACK comes. Whoever hears us acknowledges within a round trip; an address that does
// not is perhaps not the sender's, and each answer would go there eleven times. Each
// accepted call that was acknowledged allows one more, up to maxHeard, for carriers.
const (
	maxOwing = 100
	maxHeard = 1000
)

// owe notes that an answer to an INVITE goes to a source. It reports whether that
// may be repeated; then paid has to follow.
func (s *Shield) owe(from transport.Flow, now time.Time) bool {
	if s == nil || from.Reliable() {
		return true // an address that has opened a connection is nobody else's
	}
	cfg := s.cfg.Load()
	if s.exempt(cfg, from) {
		return true
	}
	source := s.source(from.Remote().Addr().Unmap())
	sh := &s.shards[source%shieldShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	who := sh.get(source, cfg, now.UnixNano())
	if who.owing >= maxOwing+who.heard {
		return false
	}
	who.owing++
	return true
}

// paid is the counterpart of owe: the ACK has come, or nothing is repeated any more.
// heard: the ACK shows that the source has got the answer.
func (s *Shield) paid(from transport.Flow, heard bool) {
	if s == nil || from.Reliable() {
		return
	}
	source := s.source(from.Remote().Addr().Unmap())
	sh := &s.shards[source%shieldShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if who := sh.sources[source]; who != nil { // else it has made room
		who.owing = max(who.owing-1, 0)
		if heard {
			who.heard = min(who.heard+1, maxHeard)
		}
	}
}

// pointsOf weighs an answer. A 401 is how every login begins, so it takes many.
// An accepted call takes a point back: behind a carrier's or a company's address
// there are wrong numbers among many right ones, a scanner has no right ones.
func pointsOf(status int) float64 {
	switch status {
	case callAccepted:
		return -1
	case 403, 404, 484, 604:
		return 1
	case 400, 405, 416, 420, 481, 482, 483, 485, 505:
		return 0.5
	case 401, 407:
		return 0.25
	}
	return 0
}

// Banned returns the number of sources that are not answered now.
func (s *Shield) Banned(now time.Time) int {
	n, t := 0, now.UnixNano()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, who := range sh.sources {
			if who.banned > t {
				n++
			}
		}
		sh.mu.Unlock()
	}
	return n
}

// Pardon lets a source in again.
func (s *Shield) Pardon(a netip.Addr) {
	source := s.source(a.Unmap())
	sh := &s.shards[source%shieldShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.sources, source)
}

// sweep forgets who has been silent and is not banned.
func (s *Shield) sweep(now time.Time) {
	if s == nil {
		return
	}
	t, window := now.UnixNano(), int64(s.cfg.Load().Window)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for key, who := range sh.sources {
			if who.banned <= t && max(who.filled, who.marked) < t-window {
				delete(sh.sources, key)
			}
		}
		sh.mu.Unlock()
	}
}
