package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transport"
)

// transports translates the listeners of a plan.
func (p *plan) transports() ([]transport.Listen, error) {
	list := make([]transport.Listen, 0, len(p.listen))
	for _, l := range p.listen {
		t, err := p.listenOn(l)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// listenOn translates one listener.
func (p *plan) listenOn(l listener) (transport.Listen, error) {
	t := transport.Listen{Name: l.name, Proto: l.proto, Addr: l.addr, External: l.external, Local: l.local, Path: l.path}
	if l.proto.Secure() {
		var err error
		if t.TLS, err = p.tlsFor(l); err != nil {
			return t, err
		}
	}
	return t, nil
}

// openWire binds the listeners, first of all because some ports are
// privileged.
func (r *rooms) openWire(p *plan) error {
	listen, err := p.transports()
	if err != nil {
		return err
	}
	r.names = transport.NewResolver(transport.ResolverConfig{Servers: p.file.SIP.DNS})
	if r.wire, err = transport.New(transport.Config{Listen: listen, Resolver: r.names, Logger: r.log, Inline: p.balances(), Burst: &r.burst}); err != nil {
		return err
	}
	if err := r.wire.Listen(); err != nil {
		return p.unbound(err).asError()
	}
	return nil
}

// relisten makes the node listen on what a new plan says. If one address cannot
// be bound, nothing has changed and the problem is an error.
func (r *rooms) relisten(p *plan) []config.Problem {
	listen, err := p.transports()
	if err == nil {
		err = r.wire.Relisten(listen)
	}
	if err != nil {
		return []config.Problem{p.unbound(err).Problem}
	}
	return nil
}

// fault is a listener that could not be opened, and what to do about it.
type fault struct{ config.Problem }

func (f fault) asError() error { return errors.New(f.String()) }

// unbound explains why a listener of the plan could not be opened.
func (p *plan) unbound(err error) fault {
	f := fault{config.Problem{File: p.file.File, Severity: config.Error, Text: err.Error()}}
	var refused *transport.ListenError
	if !errors.As(err, &refused) {
		return f
	}
	change := "change sip.listen in hometone.yaml"
	if i := slices.IndexFunc(p.listen, func(l listener) bool { return l.name == refused.Listen.Name }); i >= 0 && p.listen[i].transport != nil {
		t := p.listen[i].transport
		f.File, f.Line = t.File, t.Line
		change = fmt.Sprintf("change bind= of [%s]", t.Name)
	}
	f.Text = fmt.Sprintf("cannot listen on %s %s: %v", refused.Listen.Proto, refused.Listen.Addr, cause(refused.Err))
	f.Hint = advice(refused, change)
	return f
}

// cause is the system's error without what the message says already.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// advice says what to do next.
func advice(refused *transport.ListenError, change string) string {
	at := refused.Listen.Addr
	switch {
	case errors.Is(refused.Err, syscall.EADDRINUSE):
		network, list := "tcp", "ss -lntp"
		if refused.Listen.Proto == transport.UDP {
			network, list = "udp", "ss -lnup"
		}
		who := holder(network, at.Port())
		if who == "" {
			who = fmt.Sprintf("another program has it: sudo %s 'sport = :%d' tells which", list, at.Port())
		}
		return who + "; stop it, or " + change
	case errors.Is(refused.Err, syscall.EACCES):
		return "ports below 1024 are for root: start as root with --user NAME, or " + change
	case errors.Is(refused.Err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("no interface of this host has the address %s: ip address tells which there are; %s", at.Addr(), change)
	}
	return change
}

// How a datagram listener that a reload has taken away ends: when the dialogs
// that may know it have ended. A proxy does not know all of its dialogs; they
// are given the time in which a session timer must have refreshed them (RFC 4028
// §4, 30 minutes by default) twice.
const (
	listenerLook    = 5 * time.Second
	listenerGrace   = 32 * time.Second // an INVITE under way has a dialog by then
	listenerOfProxy = time.Hour
)

// release closes retired listeners when nothing needs them any more, until ctx
// ends.
func (r *rooms) release(ctx context.Context) error {
	tick := time.NewTicker(listenerLook)
	defer tick.Stop()
	waiting := map[time.Time][]dialog.ID{} // by the time of retirement
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			r.releaseAt(now, waiting)
		}
	}
}

// releaseAt is one look.
func (r *rooms) releaseAt(now time.Time, waiting map[time.Time][]dialog.ID) {
	grace := listenerGrace
	if r.edge != nil {
		grace = listenerOfProxy
	}
	still := map[time.Time]bool{}
	for ln, since := range r.wire.Retired {
		still[since] = true
		if now.Sub(since) < grace {
			continue
		}
		ids, known := waiting[since]
		if !known && r.dialogs != nil {
			ids = r.dialogs.IDs()
		}
		ids = slices.DeleteFunc(ids, func(id dialog.ID) bool { return !r.dialogs.Has(id) })
		if waiting[since] = ids; len(ids) == 0 {
			r.log.Info("listener closed", "listener", ln.Name, "addr", ln.Addr.String())
			r.wire.Release(since.Add(1)) // and those retired before, whose dialogs are among these
		}
	}
	for since := range waiting {
		if !still[since] {
			delete(waiting, since)
		}
	}
}

// everywhere is the transport as the edge sees it: an address that calls in
// progress still use is this host's, too.
type everywhere struct{ *transport.Layer }

// Addrs implements edge.Transport.
func (e everywhere) Addrs() []transport.Listen {
	list := e.Layer.Addrs()
	for ln := range e.Layer.Retired {
		list = append(list, ln)
	}
	return list
}
