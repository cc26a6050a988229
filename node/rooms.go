package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/edge"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/app"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/pbx/mail"
	"github.com/hometone/hometone/pbx/message"
	"github.com/hometone/hometone/pbx/presence"
	"github.com/hometone/hometone/pbx/voicemail"
	"github.com/hometone/hometone/registrar"
	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/records"
	"github.com/hometone/hometone/store/state"
)

// userAgent is what the node calls itself in SIP when pjsip.conf says nothing.
const userAgent = "Hometone"

// rooms are the running parts of a node, in the order in which they depend on
// each other. A balancer alone has wire, shards and edge only.
type rooms struct {
	log      *slog.Logger
	drain    time.Duration
	state    *state.Store
	records  *records.Store
	relay    *relay.Relay
	names    *transport.Resolver
	wire     *transport.Layer
	burst    pbx.Burst
	shards   *transaction.Layer
	dialogs  *dialog.Layer
	places   *registrar.Registrar
	who      *directory
	where    *locator
	exchange *pbx.Server
	outbound *pbx.Outbound
	edge     *edge.Edge // nil: no balancer

	board     *presence.Board
	database  *database
	presence  *presence.Server
	messages  *message.Center
	hosts     pbx.Hosts
	lines     *pbx.Lines
	index     *records.Messages
	voicemail *voicemail.Office
	letters   *mail.Outbox
	reception reception
}

// open makes all rooms and binds the ports; nothing is served yet.
func open(ctx context.Context, cfg Config, p *plan, log *slog.Logger) (_ *rooms, err error) {
	r := &rooms{log: log, drain: max(cfg.Drain, 0)}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if err = os.MkdirAll(p.data, 0o700); err != nil {
		return nil, fmt.Errorf("node: data directory: %w", err)
	}
	if err = r.openWire(p); err != nil {
		return nil, err
	}
	if err = become(cfg.User, p.data, log); err != nil {
		return nil, fmt.Errorf("node: giving up root's rights: %w", err)
	}
	if err = harden(); err != nil {
		return nil, fmt.Errorf("node: hardening: %w", err)
	}
	if p.balances() {
		return r, r.openBalancer(p)
	}
	if err = r.openStores(ctx, p); err != nil {
		return nil, err
	}
	if err = r.openCalls(ctx, p); err != nil {
		return nil, err
	}
	return r, nil
}

// openStores opens what is durable.
func (r *rooms) openStores(ctx context.Context, p *plan) error {
	var err error
	r.state, err = state.Open(ctx, state.Config{Dir: filepath.Join(p.data, "state"), Logger: r.log})
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	dsn := p.file.Records.DSN.Reveal()
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(p.data, "records.db")
	}
	r.records, err = records.Open(ctx, records.Config{DSN: dsn, Spill: filepath.Join(p.data, "records.spill"), Logger: r.log})
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return nil
}

// openCalls makes the rooms that carry calls and registrations.
func (r *rooms) openCalls(ctx context.Context, p *plan) error {
	var err error
	r.relay, err = relay.New(relay.Config{PortMin: p.file.Media.Ports.Min, PortMax: p.file.Media.Ports.Max, Logger: r.log})
	if err != nil {
		return err
	}
	digest := auth.New(auth.Config{Realm: p.realm, Algorithms: p.algorithms()})
	r.who, r.where, r.board, r.lines = &directory{}, &locator{}, presence.NewBoard(), pbx.NewLines()
	r.use(p)
	bindings, err := r.state.Journal(ctx, state.BucketConfig{Name: "bindings"})
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	r.places, err = registrar.New(registrar.Config{Store: bindings, Auth: digest, Directory: r.who, Notify: r.registration, Logger: r.log})
	if err != nil {
		return err
	}
	if err = r.places.Load(ctx); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	r.where.bindings, r.where.wire = r.places, r.wire
	links := &next{}
	r.dialogs, err = dialog.New(dialog.Config{Transport: &reachable{r.wire, r.where}, Next: links, UserAgent: p.agent, Events: presence.Packages(), Relays: true, AlwaysReferSub: !p.pjsip.Global.NoReferSub, InfoTypes: pbx.InfoTypes(), T1: p.pjsip.System.TimerT1, Logger: r.log})
	if err != nil {
		return err
	}
	if err = r.openPeople(ctx, p); err != nil {
		return err
	}
	if r.database, err = openDatabase(ctx, r.state); err != nil {
		return err
	}
	states, err := newDevices(r.board, r.database)
	if err != nil {
		return err
	}
	r.exchange, err = pbx.New(pbx.Config{
		Dialogs: r.dialogs, Transport: r.wire, Relay: r.relay, Locator: r.where, Records: r.records, Auth: digest,
		Apps: app.All(), Globals: p.globals(), Node: p.name, Drain: r.drain, Logger: r.log, Burst: &r.burst,
		Board: r.board, Presence: r.presence, Messages: r.messages, Voicemail: r.voicemail,
		Services:    dialplan.Services{Database: r.database, States: states, Shared: &dialplan.Shared{}, Groups: &dialplan.Groups{}},
		Unreachable: func(uri string) bool { return r.outbound.Unreachable(uri) },
	}, p.settings)
	if err != nil {
		return err
	}
	links.Handler = handler(chain(gate{r.who, r.places}, r.exchange))
	first, err := r.openEdge(p, r.dialogs)
	if err != nil {
		return err
	}
	r.shards, err = transaction.New(transaction.Config{
		Transport: &watched{Layer: r.wire, closed: r.places.FlowClosed, shield: r.shield()}, Handler: first, RejectMerged: r.edge == nil,
		Timers: p.timers(), DatagramSize: p.datagramSize(), Logger: r.log,
	})
	if err != nil {
		return err
	}
	r.dialogs.Use(r.shards)
	r.outbound = pbx.NewOutbound(pbx.OutboundConfig{Requests: r.shards, Transport: r.wire, Locator: r.where, UserAgent: p.agent, Logger: r.log}, p.settings)
	if r.edge != nil {
		r.edge.Use(r.shards)
	}
	return nil
}

// timers are the SIP timers of pjsip.conf's type=system; timer_b counts only
// when it is set, so that it follows timer_t1 otherwise.
func (p *plan) timers() transaction.Timers {
	t := transaction.Timers{T1: p.pjsip.System.TimerT1}
	if p.pjsip.System.IsSet("timer_b") {
		t.B = p.pjsip.System.TimerB
	}
	return t
}

// algorithms are those of our challenges (default_auth_algorithms_uas); nil = MD5.
func (p *plan) algorithms() (list []auth.Algorithm) {
	for _, name := range p.pjsip.Global.AlgorithmsUAS {
		if a, ok := auth.ParseAlgorithm(name); ok {
			list = append(list, a)
		}
	}
	return list
}

// datagramSize is the size beyond which requests go over TCP; negative if
// disable_tcp_switch keeps them on UDP.
func (p *plan) datagramSize() int {
	if p.pjsip.System.DisableTCPSwitch {
		return -1
	}
	return 0
}

// next is where the dialog layer passes on what is not its own; it is set once,
// before anything is served, because the exchange needs the dialog layer first.
type next struct{ transaction.Handler }

// watched is a transport that tells the registrar of closed connections too.
type watched struct {
	*transport.Layer
	closed func(transport.Flow)
	shield *edge.Shield // nil: none
}

// Run implements transaction.Transport.
func (w *watched) Run(ctx context.Context, h transport.Handler) error {
	return w.Layer.Run(ctx, w.shield.Guard(&closing{Handler: h, closed: w.closed}))
}

// closing passes everything on and FlowClosed to one more.
type closing struct {
	transport.Handler
	closed func(transport.Flow)
}

// FlowClosed implements transport.Handler.
func (c *closing) FlowClosed(f transport.Flow, err error) {
	c.Handler.FlowClosed(f, err)
	c.closed(f)
}

// use makes new calls and registrations follow a plan.
func (r *rooms) use(p *plan) {
	if r.exchange == nil && r.who == nil {
		return // a balancer alone: applyEdge does it all
	}
	p.settings.Hosts, p.settings.Lines = &r.hosts, r.lines
	r.who.settings.Store(p.settings)
	r.where.settings.Store(p.settings)
	if r.exchange != nil {
		r.exchange.Use(p.settings)
		r.outbound.Use(p.settings)
		r.introduce(r.reception.now.Load().settings, newPeople(p.settings, r.where))
	}
}

// serve runs all rooms until ctx ends or one of them fails. The exchange ends
// first, with its calls; the rooms below it run until then, the records to the
// very last.
func (r *rooms) serve(ctx context.Context, ready func()) error {
	if r.exchange == nil {
		return r.serveBalancer(ctx, ready)
	}
	defer r.close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	upper, stopUpper := context.WithCancel(below)
	last, stopLast := context.WithCancel(context.WithoutCancel(ctx))
	var group, people, ending sync.WaitGroup
	run := func(g *sync.WaitGroup, name string, ctx context.Context, f func(context.Context) error) {
		g.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				fail(fmt.Errorf("node: %s: %w", name, err))
			}
		})
	}
	run(&ending, "records", last, r.records.Run)
	run(&group, "relay", below, r.relay.Run)
	run(&group, "transport", below, r.shards.Run)
	run(&group, "dialogs", below, r.dialogs.Run)
	run(&group, "registrar", below, r.places.Run)
	if r.edge != nil {
		run(&group, "edge", below, r.edge.Run)
	}
	run(&people, "presence", upper, r.presence.Run)
	run(&people, "messages", upper, r.messages.Run)
	run(&people, "mail", upper, r.letters.Run)
	run(&people, "outbound", upper, r.outbound.Run)
	run(&group, "status", ctx, r.reportStatus)
	run(&group, "listeners", ctx, r.release)
	run(&group, "watchdog", ctx, func(ctx context.Context) error { return watch(ctx, r.alive) })
	run(&group, "memory", ctx, func(ctx context.Context) error { return tend(ctx, headroom) })
	r.greet()
	ready()
	notify("READY=1")
	err := r.exchange.Run(ctx) // returns when ctx has ended and the last call has gone
	notify("STOPPING=1")
	stopUpper()
	people.Wait()
	r.settle()
	stopBelow()
	group.Wait()
	stopLast()
	ending.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return err
}

// settleTime is how long the dialogs may take to end after the last call has:
// a BYE that waits for an ACK, and its 200.
const settleTime = time.Second

// settle waits until no dialog is left, or settleTime has passed.
func (r *rooms) settle() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); r.dialogs.Len() > 0 && time.Since(start) < settleTime; {
		<-tick.C
	}
}

// close closes what is durable; everything else has ended with its Run.
func (r *rooms) close() {
	if r.records != nil {
		if err := r.records.Close(); err != nil {
			r.log.Error("records not closed", "error", err)
		}
	}
	if r.index != nil {
		if err := r.index.Close(); err != nil {
			r.log.Error("index of voice messages not closed", "error", err)
		}
	}
	if r.state != nil {
		if err := r.state.Close(); err != nil {
			r.log.Error("store not closed", "error", err)
		}
	}
}

// addrs are the addresses the transport layer is bound to.
func (r *rooms) addrs() []Addr {
	bound := r.wire.Addrs()
	list := make([]Addr, 0, len(bound))
	for _, l := range bound {
		list = append(list, Addr{Name: l.Name, Proto: l.Proto.String(), Addr: l.Addr})
	}
	return list
}

// apply puts a new plan into force, or nothing of it if a problem is an error:
// an address that cannot be bound. What cannot change while the node runs is
// named with a warning and stays as it was.
func (r *rooms) apply(old, new *plan) []config.Problem {
	notify(reloading())
	defer notify("READY=1")
	problems := r.relisten(new)
	if config.HasErrors(problems) {
		return problems
	}
	for _, fixed := range []struct{ name, was, is string }{
		{"node.data", old.data, new.data},
		{"node.name", old.name, new.name},
		{"media.ports", fmt.Sprint(old.file.Media.Ports), fmt.Sprint(new.file.Media.Ports)},
		{"records.dsn", old.file.Records.DSN.Reveal(), new.file.Records.DSN.Reveal()},
		{"default_realm", old.realm, new.realm},
	} {
		if fixed.was != fixed.is {
			problems = append(problems, config.Problem{
				File: new.file.File, Severity: config.Warning, Text: fixed.name + " has changed; the node goes on with the old value", Hint: "restart it to use the new one",
			})
		}
	}
	r.names.Use(new.file.SIP.DNS)
	r.use(new)
	return append(problems, r.applyEdge(old, new)...)
}
