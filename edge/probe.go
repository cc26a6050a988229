package edge

import (
	"context"
	"fmt"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// probe is an OPTIONS under way to a destination. It is a ClientWatcher.
type probe struct {
	d    *Dispatcher
	at   *place // guarded by Dispatcher.mu
	sent time.Time
	call *transaction.Client
}

// resolveAfter is how often names of destinations are looked up again; the
// resolver answers from its cache while their TTL lasts.
const resolveAfter = 15 * time.Second

// unknownAfter is the same as long as nothing is known: there is nobody to call.
const unknownAfter = 2 * time.Second

// Run probes the destinations, looks up their names and tells the proxy which
// are down, until ctx ends. It is one goroutine for all, and one more for each
// look-up under way.
func (d *Dispatcher) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	turn := time.NewTicker(dispatch.GovernTime)
	defer turn.Stop()
	found := make(chan func())
	asking, looked := 0, time.Now()
	defer func() {
		for ; asking > 0; asking-- {
			<-found
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-turn.C:
			var refused int64
			if p := d.proxy.Load(); p != nil {
				refused = p.Turned()
			}
			for dest := range d.board.Load().byDest {
				dest.Governor().Turn(refused)
			}
			continue
		case <-timer.C:
		case <-d.wake:
		case learn := <-found:
			asking--
			learn()
		}
		d.tellProxy()
		now := time.Now()
		if now.Sub(looked) > refreshAfter {
			looked = now
			d.self.refresh()
		}
		next, questions := d.round(now)
		for _, ask := range questions {
			asking++
			go func() { // ends when Run has its answer
				inner, cancel := context.WithTimeout(ctx, lookupTime)
				defer cancel()
				found <- ask(inner)
			}()
		}
		timer.Reset(max(time.Until(next), time.Millisecond))
	}
}

// A question is a look-up that is due. It blocks, and returns what is to be done
// with the answer by the goroutine of Run.
type question func(ctx context.Context) (learn func())

// whereIs asks for the addresses of a destination.
func (d *Dispatcher) whereIs(pl *place) question {
	return func(ctx context.Context) func() {
		targets, err := d.cfg.Transport.Resolve(ctx, pl.hop)
		return func() { d.resolved(pl, targets, err) }
	}
}

func (d *Dispatcher) resolved(pl *place, targets []transport.Target, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	pl.resolve = time.Now().Add(resolveAfter)
	if err != nil {
		d.log.Warn("edge: destination not found", "peer", pl.dest.URI, "error", err)
		if len(pl.dest.Targets()) == 0 {
			pl.resolve = time.Now().Add(unknownAfter)
			d.sign(pl, false, err.Error())
		}
		return // what was known stays in use
	}
	for i := range targets {
		targets[i].Listener = pl.listener
		if pl.domain != "" && targets[i].Proto.Secure() {
			targets[i].ServerName = pl.domain
		}
	}
	pl.use(d.board.Load().failover, targets)
	d.learnSources()
}

// tellProxy lets calls that wait for a dead destination go to the next one.
func (d *Dispatcher) tellProxy() {
	d.mu.Lock()
	down := d.down
	d.down = nil
	d.mu.Unlock()
	if p := d.proxy.Load(); p != nil {
		for _, dest := range down {
			p.Abandon(dest)
		}
	}
}

// round sends the probes that are due and counts those that took too long. It
// returns when the next round is, and what is to be looked up.
func (d *Dispatcher) round(now time.Time) (next time.Time, ask []question) {
	s := &d.board.Load().settings
	next = now.Add(resolveAfter)
	soonest := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.services {
		if !now.Before(s.next) {
			ask = append(ask, d.whoServes(s))
			s.next = now.Add(lookupTime + resolveAfter)
		}
		soonest(s.next)
	}
	for _, pl := range d.places {
		if !pl.resolve.IsZero() {
			if !now.Before(pl.resolve) {
				ask = append(ask, d.whereIs(pl))
				pl.resolve = now.Add(lookupTime + resolveAfter)
			}
			soonest(pl.resolve)
		}
		if !s.probes(pl) || pl.dest.State() == dispatch.Disabled {
			pl.forget()
			continue
		}
		if pl.probe != nil {
			if late := pl.probe.sent.Add(s.PingTime); !now.Before(late) {
				pl.forget()
				d.sign(pl, false, "no answer to OPTIONS")
			} else {
				soonest(late)
			}
		}
		if !now.Before(pl.health.Next()) {
			pl.health.Probing(now)
			if pl.probe == nil {
				d.ping(pl, s, now)
			}
			if pl.probe != nil {
				soonest(pl.probe.sent.Add(s.PingTime))
			}
		}
		soonest(pl.health.Next())
	}
	return next, ask
}

// probes reports whether a destination is probed: all are, unless the configuration
// or flag 32 of its line says otherwise; flag 8, or the operator's P, asks for it.
func (s *Settings) probes(pl *place) bool {
	flags := pl.dest.Flags
	return pl.watched || flags&dispatch.FlagProbing != 0 || !s.NoPing && flags&dispatch.FlagNoPing == 0
}

// forget gives up a probe under way. The caller holds mu.
func (pl *place) forget() {
	if pl.probe != nil {
		pl.probe.call.Abandon()
		pl.probe = nil
	}
}

// ping sends one OPTIONS. The caller holds mu.
func (d *Dispatcher) ping(pl *place, s *Settings, now time.Time) {
	layer, targets := d.layer.Load(), pl.dest.Targets()
	if layer == nil || len(targets) == 0 {
		return
	}
	from := s.PingFrom
	if from == "" {
		host, port := d.cfg.Transport.SentBy(targets[0])
		from = fmt.Sprintf("sip:ping@%s:%d", host, port)
	}
	req := sip.NewRequest(sip.OPTIONS, pl.dest.URI)
	req.Add(sip.HeaderFrom, "<"+from+">;tag="+sip.NewTag())
	req.Add(sip.HeaderTo, "<"+pl.dest.URI+">")
	req.Add(sip.HeaderCallID, sip.NewCallID(""))
	req.Add(sip.HeaderCSeq, sip.FormatCSeq(1, sip.OPTIONS))
	req.Add(sip.HeaderMaxForwards, "70")
	pl.probe = &probe{d: d, at: pl, sent: now}
	pl.probe.call = layer.Request(req, targets, pl.probe)
}

// Response implements transaction.ClientWatcher.
func (p *probe) Response(_ *transaction.Client, res *sip.Response) {
	if !res.Final() {
		return
	}
	now := time.Now()
	s := &p.d.board.Load().settings
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	if p.at.probe != p {
		return // counted as lost already
	}
	p.at.probe = nil
	p.at.dest.Measured(now.Sub(p.sent))
	p.d.sign(p.at, s.PingGood(res.Status()), fmt.Sprintf("OPTIONS answered %d", res.Status()))
}

// Failed implements transaction.ClientWatcher.
func (p *probe) Failed(_ *transaction.Client, err error) {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	if p.at.probe == p {
		p.at.probe = nil
		p.d.sign(p.at, false, err.Error())
	}
}

// sign takes a good or bad sign of a destination. The caller holds mu.
func (d *Dispatcher) sign(pl *place, good bool, what string) {
	was := pl.dest.State()
	count := pl.health.Bad
	if good {
		count = pl.health.Good
	}
	to := count(was)
	pl.ailing.Store(!good || to != dispatch.Active)
	pl.lastSign = what
	if to == was {
		return
	}
	d.change(pl, to, what)
}

// change gives a destination another state. The caller holds mu.
func (d *Dispatcher) change(pl *place, to dispatch.State, why string) {
	was, now := pl.dest.State(), time.Now()
	if !pl.set.SetState(pl.dest, to, now) {
		return
	}
	pl.since = now
	level := d.log.Info
	if to == dispatch.Inactive {
		level = d.log.Warn
		d.down = append(d.down, pl.dest)
		d.kick()
	}
	level("edge: destination "+to.String(), "peer", pl.dest.URI, "was", was.String(), "reason", why)
}

// Answered implements Watcher: whoever answers a call lives, unless he says that
// he cannot serve.
func (d *Dispatcher) Answered(dest *dispatch.Destination, status int) {
	pl := d.board.Load().byDest[dest]
	if pl == nil {
		return // of a configuration that is gone
	}
	good := status != 503
	if good && !pl.ailing.Load() {
		return // the usual case takes no lock
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sign(pl, good, fmt.Sprintf("a call answered %d", status))
}

// Silent implements Watcher.
func (d *Dispatcher) Silent(dest *dispatch.Destination, err error) {
	pl := d.board.Load().byDest[dest]
	if pl == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sign(pl, false, err.Error())
}
