package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/console"
)

// operate serves the console until ctx ends. A node whose console cannot be
// opened serves calls all the same.
func (n *Node) operate(ctx context.Context, data string) {
	srv, err := console.Listen(data, operated{n}, n.bus, n.log)
	if err == nil {
		err = srv.Run(ctx)
	}
	if err != nil {
		n.log.Warn("no console", "error", err)
	}
}

// operated is the node as the console sees it: a console.Node.
type operated struct{ n *Node }

// now returns the rooms and the plan in force; the rooms are nil at the end.
func (o operated) now() (*rooms, *plan) {
	o.n.mu.Lock()
	defer o.n.mu.Unlock()
	return o.n.rooms, o.n.plan
}

// Calls implements console.Node.
func (o operated) Calls() console.Answer {
	a := console.Answer{Columns: []string{"channel", "from", "to", "context", "seconds", "call_id"}}
	if r, _ := o.now(); r != nil && r.exchange != nil {
		for _, c := range r.exchange.List() {
			a.Rows = append(a.Rows, []string{c.Channel, c.From, c.To, c.Context, strconv.Itoa(int(time.Since(c.Start).Seconds())), c.CallID})
		}
	}
	return a
}

// Hangup implements console.Node.
func (o operated) Hangup(channel string) error {
	if r, _ := o.now(); r == nil || r.exchange == nil || !r.exchange.Hangup(channel) {
		return fmt.Errorf("there is no channel %q; show calls lists them", channel)
	}
	return nil
}

// Registrations implements console.Node.
func (o operated) Registrations() console.Answer {
	a := console.Answer{Columns: []string{"aor", "contact", "transport", "source", "expires", "user_agent"}}
	r, p := o.now()
	if r == nil || r.places == nil {
		return a
	}
	for _, aor := range sorted(p.pjsip.AORs) {
		bindings := r.places.Lookup(aor)
		for i := range bindings {
			b := &bindings[i]
			a.Rows = append(a.Rows, []string{aor, b.Contact, b.Proto.String(), b.Source.String(), strconv.Itoa(int(time.Until(b.Expires).Seconds())), b.UserAgent})
		}
	}
	return a
}

// sorted are the names of a table in order.
func sorted[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// Endpoints implements console.Node.
func (o operated) Endpoints() console.Answer {
	a := console.Answer{Columns: []string{"endpoint", "state", "context", "aors"}}
	r, p := o.now()
	if r == nil || r.board == nil {
		return a
	}
	for _, name := range sorted(p.pjsip.Endpoints) {
		e := p.pjsip.Endpoints[name]
		a.Rows = append(a.Rows, []string{name, r.board.State("PJSIP/" + name).String(), e.Context, strings.Join(e.AORs, ",")})
	}
	return a
}

// Transports implements console.Node.
func (o operated) Transports() console.Answer {
	a := console.Answer{Columns: []string{"name", "transport", "address", "state"}}
	r, _ := o.now()
	if r == nil {
		return a
	}
	for _, l := range r.addrs() {
		a.Rows = append(a.Rows, []string{l.Name, l.Proto, l.Addr.String(), "open"})
	}
	for l := range r.wire.Retired {
		a.Rows = append(a.Rows, []string{l.Name, l.Proto.String(), l.Addr.String(), "retired"})
	}
	return a
}

// Status implements console.Node.
func (o operated) Status() console.Answer {
	s := o.n.Status()
	a := console.Answer{Columns: []string{"what", "value"}}
	for _, line := range []struct {
		what  string
		value int
	}{
		{"calls", s.Calls}, {"dialogs", s.Dialogs}, {"transactions", s.Transactions}, {"bindings", s.Bindings},
		{"legs", s.Legs}, {"goroutines", s.Goroutines}, {"heap", int(s.Heap)},
	} {
		a.Rows = append(a.Rows, []string{line.what, strconv.Itoa(line.value)})
	}
	return a
}

// Match implements console.Node.
func (o operated) Match(where, exten string) (console.Answer, error) {
	a := console.Answer{Columns: []string{"context", "extension", "priority", "application", "arguments"}}
	_, p := o.now()
	m, ok := p.settings.Plan.Match(where, exten, 1, "", time.Now())
	if !ok {
		return a, fmt.Errorf("nothing in [%s] matches %s", where, exten)
	}
	for s := range m.Extension.Steps() {
		a.Rows = append(a.Rows, []string{m.Extension.Context.Name, m.Extension.Name, strconv.Itoa(s.Priority), s.App, s.Args})
	}
	return a, nil
}

// Reload implements console.Node.
func (o operated) Reload() (console.Answer, error) {
	problems := o.n.Reload()
	a := console.Answer{Columns: []string{"problem"}}
	for _, p := range problems {
		a.Rows = append(a.Rows, []string{p.String()})
	}
	if config.HasErrors(problems) {
		return a, errors.New("reload refused; the node runs on as it was")
	}
	return a, nil
}

// Destinations implements console.Node.
func (o operated) Destinations() console.Answer {
	a := console.Answer{Columns: []string{"set", "destination", "flags", "state", "calls", "latency_ms", "since", "last_sign"}}
	r, _ := o.now()
	if r == nil || r.edge == nil {
		return a
	}
	for _, d := range r.edge.Dispatcher.Destinations() {
		a.Rows = append(a.Rows, []string{strconv.Itoa(d.Set), d.ID, d.Flags, d.State.String(), strconv.FormatInt(d.Calls, 10),
			strconv.FormatFloat(d.LatencyMS, 'f', 1, 64), d.Since.Format(time.TimeOnly), d.LastSign})
	}
	return a
}

// Destination implements console.Node.
func (o operated) Destination(action, id string) error {
	r, _ := o.now()
	if r == nil || r.edge == nil {
		return errors.New("this node is no balancer")
	}
	switch d := r.edge.Dispatcher; action {
	case "drain":
		return d.Drain(id)
	case "enable":
		return d.Enable(id)
	default:
		return d.Disable(id)
	}
}
