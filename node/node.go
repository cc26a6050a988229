// Package node wires one running node from its configuration: transports,
// transactions, dialogs, store, records, registrar, relay and exchange. A node
// with edge: and no pbx: is a balancer alone and has none of the latter six.
//
// New reads and validates; it opens nothing. Run opens everything in the
// order of dependence, serves until its context ends, lets the calls in progress
// end, and closes in the opposite order, so that a call's record is durable
// before the records close and a REGISTER's binding before the store does. The
// order in which a request passes the rooms is one literal in chain.go. Reload
// reads the configuration again and swaps it as a whole, or not at all.
//
// The node owns the goroutines it starts in Run, one for the Run of each room,
// and all have ended when Run returns.
package node

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/console"
)

// Config says what node to run.
type Config struct {
	// File is the path of hometone.yaml. "" = hometone.yaml in the working
	// directory if there is one, else the built-in defaults.
	File string
	// Asterisk is a directory with pjsip.conf and extensions.conf; it takes
	// the place of pbx.asterisk in File. "" = as the file says.
	Asterisk string
	// Data takes the place of node.data. "" = as the file says.
	Data string
	// Drain is how long calls in progress may go on when Run's context ends;
	// what is left then is hung up. 0 = 10 s; negative = not at all.
	Drain time.Duration
	// User is whom to run as once the ports are bound, if the node is started
	// as root. "" = stay as started.
	User string
	// Out is where a first start prints its next steps. nil = nowhere.
	Out io.Writer
	// Logger is the root of all logs. nil = discarded.
	Logger *slog.Logger
	// Level is what Logger lets through, for the console to change. nil = it
	// cannot be changed.
	Level *slog.LevelVar
	// Version is what the console says the node is.
	Version string
}

// defaultDrain is how long calls may go on after the end has been asked for.
const defaultDrain = 10 * time.Second

// Addr is one address the node listens on.
type Addr struct {
	Name  string // the transport's name
	Proto string // udp tcp tls ws wss
	Addr  netip.AddrPort
}

// Node is one node: its configuration until Run, then the rooms too.
type Node struct {
	cfg   Config
	log   *slog.Logger
	ready chan struct{}
	bus   *console.Bus // what is logged, for consoles

	reloads sync.Mutex // one at a time; held while files are read, which may take long

	mu    sync.Mutex // guards the following
	plan  *plan      // the configuration in force
	rooms *rooms     // nil before and after Run
	began time.Time  // when Run was called
	read  time.Time  // when plan came into force
}

// New reads and validates the configuration. The node is nil if any problem is
// an error. With no configuration at all it makes the demo's files in the data
// directory; otherwise it writes nothing. It starts and binds nothing.
func New(cfg Config) (*Node, []config.Problem) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	if cfg.Drain == 0 {
		cfg.Drain = defaultDrain
	}
	p, problems := readPlan(cfg, true)
	if config.HasErrors(problems) {
		return nil, problems
	}
	bus := console.NewBus()
	log := slog.New(bus.Handler(cfg.Logger.Handler())).With("node", p.name)
	return &Node{cfg: cfg, log: log, ready: make(chan struct{}), bus: bus, plan: p}, problems
}

// Run starts the node and serves until ctx ends; then it refuses new calls,
// lets the calls in progress end for as long as Config.Drain allows, and
// returns when everything is closed. It can be called once.
func (n *Node) Run(ctx context.Context) error {
	n.mu.Lock()
	p := n.plan
	n.began = time.Now()
	n.read = n.began
	n.mu.Unlock()
	r, err := open(ctx, n.cfg, p, n.log)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.rooms = r
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.rooms = nil
		n.mu.Unlock()
	}()
	var consoles sync.WaitGroup
	defer consoles.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop() // consoles end before the rooms are forgotten
	return r.serve(ctx, func() {
		consoles.Go(func() { n.operate(ctx, p.data) })
		p.welcome(n.cfg.Out)
		close(n.ready)
	})
}

// Ready is closed when the node serves.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Addrs returns the addresses the node listens on; valid after Ready.
func (n *Node) Addrs() []Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rooms == nil {
		return nil
	}
	return n.rooms.addrs()
}

// Calls returns how many calls are in progress.
func (n *Node) Calls() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rooms == nil {
		return 0
	}
	return n.rooms.calls()
}

// Reload reads the configuration again. If any of the problems is an error the
// running node is as it was; else the new configuration holds for new calls
// and registrations, and calls in progress go on undisturbed.
func (n *Node) Reload() []config.Problem {
	n.reloads.Lock()
	defer n.reloads.Unlock()
	next, problems := readPlan(n.cfg, false)
	if config.HasErrors(problems) {
		return problems
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rooms != nil {
		problems = append(problems, n.rooms.apply(n.plan, next)...)
		if config.HasErrors(problems) {
			return problems
		}
	}
	n.plan, n.read = next, time.Now()
	n.log.Info("configuration reloaded", "problems", len(problems))
	return problems
}
