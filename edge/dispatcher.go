package edge

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// DispatcherConfig is what a Dispatcher works with.
type DispatcherConfig struct {
	Transport Transport // required; its listeners are bound
	// Locator finds the phones that are registered at this host. With one,
	// REGISTER is for this host, and calls from destinations to an address of
	// record here go to its contacts. nil: everything goes to the destinations.
	Locator Locator
	Names   []string     // host names that mean this host, as in Config
	Logger  *slog.Logger // nil: discard
}

// Locator finds where an address of record can be reached; a registrar's look-up
// fits with a few lines. It must not block.
type Locator interface {
	// Locate returns the contacts of an address of record; known is false if
	// nobody has that address here.
	Locate(aor sip.URI) (contacts []Contact, known bool)
}

// Contact is one place where an address of record can be reached.
type Contact struct {
	URI     string   // becomes the Request-URI
	Route   []string // the Path it registered with, topmost first (RFC 3327 §5.3)
	Targets []transport.Target
	Q       int // preference in thousandths; the highest is tried first, equals in parallel
}

// Dispatcher is the Router of a balancer: it sends requests to the destinations
// of a set and watches these. It is a Watcher too. What it knows of them
// survives Apply, with which a new configuration comes into force.
type Dispatcher struct {
	cfg     DispatcherConfig
	self    *self
	log     *slog.Logger
	board   atomic.Pointer[board]
	sources atomic.Pointer[sources]
	layer   atomic.Pointer[transaction.Layer] // sends the probes; nil: none are sent
	proxy   atomic.Pointer[Proxy]             // is told which destinations are down
	wake    chan struct{}
	// challenges leads credentials to who has asked for them.
	challenges *challenges

	mu     sync.Mutex // guards the following
	places map[placeKey]*place
	// services are the SRV names that destinations are taken from.
	services map[string]*service
	down     []*dispatch.Destination // found dead, the proxy is still to be told
}

// board is a configuration in force; immutable.
type board struct {
	settings Settings
	sets     map[int]*dispatch.Set
	order    []*dispatch.Set // the set calls go to, then those that stand in
	byDest   map[*dispatch.Destination]*place
	failover func(int) bool
}

// placeKey names a destination through all configurations.
type placeKey struct {
	set int
	id  string
}

// place is a destination with what is needed to use and to watch it.
type place struct {
	set      *dispatch.Set
	dest     *dispatch.Destination
	branch   atomic.Pointer[[]Branch] // one
	hop      sip.URI                  // of the outbound proxy or the destination
	listener string                   // attribute socket
	domain   string                   // what its certificate must show; "": its host
	ailing   atomic.Bool              // the last sign was a bad one

	// The following are guarded by Dispatcher.mu.
	health   dispatch.Health
	resolve  time.Time // next look-up; zero: none is needed
	probe    *probe    // under way
	watched  bool      // the operator wants it to be probed, whatever the configuration says
	since    time.Time // of the state
	lastSign string
}

// NewDispatcher returns a Dispatcher without destinations; Apply brings them.
func NewDispatcher(cfg DispatcherConfig) *Dispatcher {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{
		cfg: cfg, self: newSelf(cfg.Names, cfg.Transport.Addrs), log: cfg.Logger,
		wake: make(chan struct{}, 1), challenges: newChallenges(), places: make(map[placeKey]*place),
	}
	d.board.Store(&board{})
	d.sources.Store(&sources{})
	return d
}

// Use names the transaction layer that sends probes, and the proxy that is told
// when a destination is down.
func (d *Dispatcher) Use(layer *transaction.Layer, proxy *Proxy) {
	d.layer.Store(layer)
	d.proxy.Store(proxy)
}

// Apply puts settings into force. Destinations that were there before keep their
// calls, states and what probes have found. It returns what is odd about the
// destinations; they are used all the same.
func (d *Dispatcher) Apply(s Settings, now time.Time) []error {
	d.self.refresh()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serve(s.Services, now)
	return d.apply(s.withDefaults(), now)
}

// apply makes a new board. The caller holds mu.
func (d *Dispatcher) apply(s Settings, now time.Time) []error {
	next := &board{settings: s, sets: make(map[int]*dispatch.Set), byDest: make(map[*dispatch.Destination]*place)}
	next.failover = func(status int) bool { return slices.Contains(s.Failover, status) }
	var faults []error
	old, known := d.board.Load(), d.places
	d.places = make(map[placeKey]*place)
	for _, c := range d.withServices(s) {
		set, bad := dispatch.New(c)
		faults = append(faults, bad...)
		if was := old.sets[c.ID]; was != nil {
			set.Inherit(was)
		}
		next.sets[c.ID] = set
		for _, dest := range set.Destinations() {
			pl, err := d.newPlace(set, dest, next, now)
			if err != nil {
				faults = append(faults, err)
			}
			key := placeKey{c.ID, dest.ID}
			if was := known[key]; was != nil {
				pl.health, pl.since, pl.lastSign, pl.watched = was.health, was.since, was.lastSign, was.watched
				if pl.probe, was.probe = was.probe, nil; pl.probe != nil {
					pl.probe.at = pl
				}
				pl.health.Configure(s.Health)
			}
			d.places[key], next.byDest[dest] = pl, pl
		}
	}
	for _, gone := range known {
		gone.forget()
	}
	for _, id := range append([]int{s.Set}, s.Backup...) {
		if set := next.sets[id]; set != nil {
			next.order = append(next.order, set)
		}
	}
	d.board.Store(next)
	d.learnSources()
	d.kick()
	return faults
}

func (d *Dispatcher) kick() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// newPlace makes the place of a destination.
func (d *Dispatcher) newPlace(set *dispatch.Set, dest *dispatch.Destination, b *board, now time.Time) (*place, error) {
	pl := &place{set: set, dest: dest, since: now, health: dispatch.NewHealth(b.settings.Health, now)}
	uri := dest.URI
	for _, a := range dest.Attrs {
		switch a.Name {
		case "socket":
			pl.listener = d.listener(a.Value)
		case "obproxy":
			uri = a.Value
		case domainAttr:
			pl.domain = a.Value
		}
	}
	var err error
	pl.hop, err = sip.ParseURI(uri)
	pl.use(b.failover, nil)
	if err != nil {
		return pl, err
	}
	if t, ok := d.cfg.Transport.ResolveNumeric(pl.hop); ok {
		t.Listener = pl.listener
		pl.use(b.failover, []transport.Target{t})
		return pl, nil
	}
	if list := dest.Targets(); len(list) > 0 { // found out before the reload
		pl.use(b.failover, list)
	}
	pl.resolve = now
	return pl, nil
}

// use notes where the destination is. With flag NoDNS, or while nothing is
// known, its name is looked up for each request.
func (pl *place) use(failover func(int) bool, targets []transport.Target) {
	b := Branch{Dest: pl.dest, Failover: failover, NextHop: pl.hop.String()}
	if len(targets) > 0 {
		pl.dest.SetTargets(targets)
		if pl.dest.Flags&dispatch.FlagNoDNS == 0 {
			b.Targets = targets
		}
	}
	pl.branch.Store(&[]Branch{b})
}

// listener returns the name of the listener that a socket attribute means,
// proto:host:port.
func (d *Dispatcher) listener(socket string) string {
	proto, rest, _ := strings.Cut(socket, ":")
	kind, ok := transport.ParseProto(proto)
	addr, err := netip.ParseAddrPort(rest)
	if !ok || err != nil {
		return ""
	}
	for _, l := range d.cfg.Transport.Addrs() {
		if l.Proto == kind && (l.Addr == addr || l.Addr.Addr().IsUnspecified() && l.Addr.Port() == addr.Port()) {
			return l.Name
		}
	}
	return ""
}

// Route implements Router.
func (d *Dispatcher) Route(_ context.Context, req *sip.Request, from transport.Flow, plan *Plan) {
	b := d.board.Load()
	if d.cfg.Locator != nil && req.Method() == sip.REGISTER {
		plan.Mine = true
		return
	}
	if d.Trusts(from) {
		d.fromDestination(req, from, plan)
		return
	}
	d.dispatch(b, req, plan)
}

// sources are the addresses of all destinations; immutable.
type sources struct {
	exact places
	hosts map[netip.Addr]bool // of destinations reached over streams, which call back from any port
}

// learnSources notes the destinations' addresses. The caller holds mu.
func (d *Dispatcher) learnSources() {
	s := &sources{hosts: make(map[netip.Addr]bool)}
	for _, pl := range d.places {
		for _, t := range pl.dest.Targets() {
			s.exact.add(t.Addr, "")
			if t.Proto.Reliable() {
				s.hosts[t.Addr.Addr()] = true
			}
		}
	}
	d.sources.Store(s)
}

// Trusts reports whether what comes over a flow comes from a destination: such
// requests may name their own way. It fits Config.Relay.
func (d *Dispatcher) Trusts(from transport.Flow) bool {
	s, remote := d.sources.Load(), from.Remote()
	addr := remote.Addr().Unmap()
	return s.exact.has(netip.AddrPortFrom(addr, remote.Port())) || from.Reliable() && s.hosts[addr]
}

// Serves reports whether a target is a destination. It fits Config.Inside.
func (d *Dispatcher) Serves(t transport.Target) bool {
	return d.sources.Load().exact.has(netip.AddrPortFrom(t.Addr.Addr().Unmap(), t.Addr.Port()))
}

// fromDestination routes what a PBX sends: to a phone that is registered here,
// or to where the Request-URI leads.
func (d *Dispatcher) fromDestination(req *sip.Request, from transport.Flow, plan *Plan) {
	uri, err := req.ParsedURI()
	if err != nil {
		plan.Status = 400
		return
	}
	if _, mine := d.self.is(&uri, from); !mine {
		plan.Groups = append(plan.Groups, []Branch{{}})
		return
	}
	if d.cfg.Locator == nil {
		plan.Status = 404
		return
	}
	contacts, known := d.cfg.Locator.Locate(uri)
	switch {
	case !known:
		plan.Status = 404
	case len(contacts) == 0:
		plan.Status = 480
	default:
		plan.Groups = append(plan.Groups, byPreference(contacts)...)
	}
}

// byPreference makes groups of contacts: those of the same q are tried in
// parallel, a lower one after all higher have failed (RFC 3261 §16.6).
func byPreference(contacts []Contact) [][]Branch {
	slices.SortStableFunc(contacts, func(a, b Contact) int { return cmp.Compare(b.Q, a.Q) })
	var groups [][]Branch
	for i, c := range contacts {
		b := Branch{URI: c.URI, Route: c.Route, Targets: c.Targets}
		if i > 0 && contacts[i-1].Q == c.Q {
			groups[len(groups)-1] = append(groups[len(groups)-1], b)
			continue
		}
		groups = append(groups, []Branch{b})
	}
	return groups
}

// dispatch chooses destinations.
func (d *Dispatcher) dispatch(b *board, req *sip.Request, plan *Plan) {
	now := time.Now()
	var room [16]*dispatch.Destination
	chosen := room[:0]
	alg := b.settings.Algorithm
	key := b.key(alg, req)
	chosen = d.challenger(chosen, b, key, req, now)
	for _, set := range b.order {
		if len(chosen) > 0 {
			break
		}
		chosen = set.Select(chosen, alg, key, now)
	}
	if len(chosen) == 0 {
		b.unavailable(plan)
		return
	}
	if req.Method() == sip.INVITE && !govern(chosen) {
		plan.Status, plan.Reason, plan.RetryAfter, plan.Shed = 503, "Overload", overloadFor, true
		if p := d.proxy.Load(); p != nil && len(chosen) == b.usable() {
			p.Full()
		}
		return
	}
	if alg == dispatch.Parallel {
		all := make([]Branch, 0, len(chosen))
		for _, dest := range chosen {
			all = append(all, (*b.byDest[dest].branch.Load())...)
		}
		plan.Groups = append(plan.Groups, all)
		return
	}
	for _, dest := range chosen[:min(len(chosen), b.settings.Tries)] {
		plan.Groups = append(plan.Groups, *b.byDest[dest].branch.Load())
	}
	plan.Uses = key.Resources
}

// usable is how many destinations a request can be sent to, by any way.
func (b *board) usable() (n int) {
	for _, set := range b.order {
		if k := set.Usable(); k > 0 {
			return k // the sets behind it do not stand in
		}
	}
	return 0
}

// overloadFor is how long a call that is shed has to wait, in seconds.
const overloadFor = 1

// govern moves the first destination that is not overloaded to the front; false if
// all are.
func govern(chosen []*dispatch.Destination) bool {
	for i, dest := range chosen {
		if dest.Governor().Admit() {
			copy(chosen[1:i+1], chosen[:i])
			chosen[0] = dest
			return true
		}
	}
	return false
}

// unavailable answers when no destination takes calls.
func (b *board) unavailable(plan *Plan) {
	if b.settings.NotFound {
		plan.Status, plan.Reason = 404, "No destination dispatcher"
		return
	}
	plan.Status, plan.RetryAfter = 503, int((b.settings.RetryAfter+time.Second-1)/time.Second)
}

// key takes from a request what the algorithm looks at.
func (b *board) key(alg dispatch.Algorithm, req *sip.Request) dispatch.Key {
	var k dispatch.Key
	switch alg {
	case dispatch.HashCallID, dispatch.BoundedHash:
		k.CallID = req.CallID()
	case dispatch.HashFrom:
		if a, err := req.From(); err == nil {
			k.From = a.URI
		}
	case dispatch.HashTo:
		if a, err := req.To(); err == nil {
			k.To = a.URI
		}
	case dispatch.HashRequestURI:
		if u, err := req.ParsedURI(); err == nil {
			k.User = u.User
		}
	case dispatch.HashAuthUser:
		k.AuthUser = authUser(req)
	case dispatch.HashCustom:
		if k.Custom = req.GetName(b.settings.HashHeader); k.Custom == "" {
			k.Custom = req.CallID()
		}
	case dispatch.Resources:
		k.Resources = b.settings.uses(req)
	}
	return k
}

func authUser(req *sip.Request) string {
	for _, id := range []sip.HeaderID{sip.HeaderAuthorization, sip.HeaderProxyAuthorization} {
		if c, err := sip.ParseCredentials(req.Get(id)); err == nil && c.Username != "" {
			return c.Username
		}
	}
	return ""
}
