package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/console"
	"github.com/hometone/hometone/edge"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/dialplan"
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

// ringTime is how long a phone rings that the console calls.
const ringTime = 30 * time.Second

// Originate implements console.Node. It does not wait for the answer.
func (o operated) Originate(endpoint, to string) (console.Answer, error) {
	r, p := o.now()
	if r == nil || r.exchange == nil {
		return console.Answer{}, errors.New("this node is no exchange")
	}
	endpoint = strings.TrimPrefix(endpoint, "PJSIP/")
	if p.pjsip.Endpoints[endpoint] == nil {
		return console.Answer{}, fmt.Errorf("there is no endpoint %q; show endpoints lists them", endpoint)
	}
	exten, where, ok := strings.Cut(to, "@")
	if !ok {
		return console.Answer{}, console.Misused("usage: originate ENDPOINT EXTEN@CONTEXT")
	}
	if !p.settings.Plan.HasContext(where) {
		return console.Answer{}, noContext(p, where)
	}
	if !p.settings.Plan.Exists(where, exten, 1, "", time.Now()) {
		return console.Answer{}, fmt.Errorf("nothing in [%s] or what it includes matches %s", where, exten)
	}
	reached := r.where.Reachable
	if !slices.ContainsFunc(p.pjsip.Endpoints[endpoint].AORs, reached) {
		return console.Answer{}, fmt.Errorf("%s has no contact: it is not registered", endpoint)
	}
	_, err := r.exchange.Originate(context.Background(), pbx.OriginateRequest{
		Destination: "PJSIP/" + endpoint, Timeout: ringTime, Async: true, Place: dialplan.Position{Context: where, Exten: exten, Priority: 1},
	})
	if err != nil {
		return console.Answer{}, err
	}
	return console.Note("%s is being called", endpoint), nil
}

// Hangup implements console.Node.
func (o operated) Hangup(channel string) (console.Answer, error) {
	r, _ := o.now()
	if r == nil || r.exchange == nil || !r.exchange.Hangup(channel) {
		return console.Answer{}, fmt.Errorf("there is no channel %q; show calls lists them", channel)
	}
	return console.Note("%s has been asked to end", channel), nil
}

// Reload implements console.Node.
func (o operated) Reload() (console.Answer, error) {
	problems := o.n.Reload()
	a := console.Answer{Columns: []string{"problem"}}
	for _, p := range problems {
		a.Add(p.String())
	}
	if config.HasErrors(problems) {
		return a, errors.New("reload refused; the node runs on as it was")
	}
	if len(problems) == 0 {
		return console.Note("reloaded"), nil
	}
	return a, nil
}

// LogLevel implements console.Node.
func (o operated) LogLevel(name string) (console.Answer, error) {
	level := o.n.cfg.Level
	if level == nil {
		return console.Answer{}, errors.New("the log of this node has a level that cannot be changed")
	}
	if name != "" {
		var to slog.Level
		if err := to.UnmarshalText([]byte(name)); err != nil {
			return console.Answer{}, console.Misused("%q is no level; debug, info, warn or error", name)
		}
		level.Set(to)
	}
	a := console.About()
	a.Add("log_level", strings.ToLower(level.Level().String()))
	return a, nil
}

// Destination implements console.Node.
func (o operated) Destination(order, set, id string) (console.Answer, error) {
	r, _ := o.now()
	if r == nil || r.edge == nil {
		return console.Answer{}, errors.New("this node is no balancer")
	}
	in := edge.AllSets
	if set != "" {
		number, err := strconv.Atoi(set)
		if err != nil || number < 0 {
			return console.Answer{}, console.Misused("%q is no number of a set", set)
		}
		in = number
	}
	if err := r.edge.Dispatcher.Command(edge.Order(order), in, id); err != nil {
		return console.Answer{}, err
	}
	return console.Note("%s: %s", id, order), nil
}

// Names implements console.Node.
func (o operated) Names(kind console.Kind, before []string) (list []string) {
	r, p := o.now()
	if r == nil {
		return nil
	}
	switch kind {
	case console.Channel, console.AnyCall:
		if r.exchange == nil {
			return nil
		}
		for _, c := range r.exchange.List() {
			if list = append(list, c.Channel); kind == console.AnyCall && c.CallID != "" {
				list = append(list, c.CallID)
			}
		}
	case console.Context:
		for c := range p.settings.Plan.Contexts() {
			list = append(list, c.Name)
		}
	case console.Exten:
		list = extensions(p, before)
	case console.Endpoint:
		list = sorted(p.pjsip.Endpoints)
	case console.Mailbox:
		if p.settings.Voicemail != nil {
			list = sorted(p.settings.Voicemail.Boxes)
		}
	case console.Destination:
		if r.edge != nil {
			for _, d := range r.edge.Dispatcher.Destinations() {
				list = append(list, d.ID)
			}
		}
	}
	return list
}

// extensions are those of the context before, without patterns, which nobody dials.
func extensions(p *plan, before []string) (list []string) {
	if len(before) == 0 {
		return nil
	}
	c := p.settings.Plan.Context(before[len(before)-1])
	if c == nil {
		return nil
	}
	for x := range c.Extensions() {
		if !strings.HasPrefix(x.Name, "_") {
			list = append(list, x.Name)
		}
	}
	return list
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

var _ console.Node = operated{}
