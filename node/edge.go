package node

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/edge"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// readEdge reads what edge: names.
func (p *plan) readEdge() []config.Problem {
	if p.file.Edge == nil {
		return nil
	}
	settings, problems := edge.Load(p.file.Edge, p.file)
	p.edge = &settings
	return problems
}

// balances reports whether the node is a balancer and nothing else: then it
// has no exchange, no registrar, no media and nothing durable but its secret.
func (p *plan) balances() bool { return p.edge != nil && p.asterisk == "" }

// shardsPerReader is fewer than an exchange has: nobody but the readers and the
// clock meets there, and the clock looks at each of them at every tick.
const shardsPerReader = 2

// openBalancer makes the rooms of such a node.
func (r *rooms) openBalancer(p *plan) error {
	first, err := r.openEdge(p, nil)
	if err != nil {
		return err
	}
	r.shards, err = transaction.New(transaction.Config{
		Transport: &watched{Layer: r.wire, closed: func(transport.Flow) {}, shield: r.shield()}, Handler: first,
		Timers: p.timers(), DatagramSize: p.datagramSize(), Logger: r.log,
		Shards: shardsPerReader * runtime.GOMAXPROCS(0),
	})
	if err != nil {
		return err
	}
	r.edge.Use(r.shards)
	return nil
}

// serveBalancer runs the rooms of a balancer until ctx ends or one of them
// fails. Requests under way are finished for as long as the node may drain, new
// ones are refused meanwhile; the calls themselves need nobody.
func (r *rooms) serveBalancer(ctx context.Context, ready func()) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	below, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	run := func(name string, ctx context.Context, f func(context.Context) error) {
		group.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				fail(fmt.Errorf("node: %s: %w", name, err))
			}
		})
	}
	run("transport", below, r.shards.Run)
	run("edge", below, r.edge.Run)
	run("status", ctx, r.reportStatus)
	run("listeners", ctx, r.release)
	run("watchdog", ctx, func(ctx context.Context) error { return watch(ctx, r.alive) })
	run("memory", ctx, func(ctx context.Context) error { return tend(ctx, balancerHeadroom) })
	ready()
	notify("READY=1")
	r.log.Debug("pages of the start given back", "bytes", forget())
	<-ctx.Done()
	notify("STOPPING=1")
	rest, enough := context.WithTimeout(below, r.drain)
	group.Go(func() { // ends with the last request under way
		r.edge.Proxy.Idle(rest)
		enough()
	})
	_ = r.shards.Drain(rest) // refuses new requests; it ends with rest
	enough()
	stop()
	group.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// openEdge puts the balancer in front of what the node has otherwise: the
// handler it returns is the first to see a request. Without edge: in the
// configuration that is what stands behind.
func (r *rooms) openEdge(p *plan, behind transaction.Handler) (transaction.Handler, error) {
	if p.edge == nil {
		return behind, nil
	}
	role := edge.Role{Transport: everywhere{r.wire}, Data: p.data, Logger: r.log}
	if behind != nil {
		role.Next, role.Locator, role.Instance = behind, located{r.where}, r.where.instance
	}
	var err error
	r.edge, err = edge.Open(role, p.file.Edge, *p.edge)
	return r.edge, err
}

// shield is the edge's, which drops what banned sources send; nil: none.
func (r *rooms) shield() *edge.Shield {
	if r.edge == nil {
		return nil
	}
	return r.edge.Shield
}

// applyEdge puts a reloaded section edge into force.
func (r *rooms) applyEdge(old, p *plan) []config.Problem {
	if (r.edge == nil) != (p.edge == nil) || (r.exchange == nil) != p.balances() {
		return []config.Problem{{
			File: p.file.File, Severity: config.Warning, Text: "edge: or pbx: has come or gone; the node goes on as it was", Hint: "restart it",
		}}
	}
	if r.edge == nil {
		return nil
	}
	r.edge.Apply(p.file.Edge, *p.edge, r.log)
	var problems []config.Problem
	for _, name := range edge.Fixed(old.file.Edge, p.file.Edge) {
		problems = append(problems, config.Problem{
			File: p.file.File, Severity: config.Warning, Text: "edge." + name + " has changed; the node goes on with the old value", Hint: "restart it to use the new one",
		})
	}
	return problems
}

// located is what the edge sees of the registered phones: an edge.Locator.
type located struct{ *locator }

// Locate implements edge.Locator.
func (l located) Locate(aor sip.URI) (contacts []edge.Contact, known bool) {
	name := aor.Username()
	if known = l.settings.Load().Endpoints.AORs[name] != nil; !known {
		return nil, false
	}
	for _, c := range l.Lookup(name) {
		contacts = append(contacts, edge.Contact{URI: c.URI, Route: c.Path, Targets: append([]transport.Target(nil), c.Targets...)})
	}
	return contacts, true
}
