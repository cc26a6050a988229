package node

import (
	"cmp"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/console"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/pbx/voicemail"
)

// This file is what the console shows of a node.

// secondsSince are whole seconds, as tables have them.
func secondsSince(t time.Time) int { return int(time.Since(t).Seconds()) }

// Calls implements console.Node.
func (o operated) Calls() console.Answer {
	a := console.Answer{Columns: []string{"channel", "from", "to", "context", "seconds", "call_id"}}
	if r, _ := o.now(); r != nil && r.exchange != nil {
		for _, c := range r.exchange.List() {
			a.Add(c.Channel, c.From, c.To, c.Context, secondsSince(c.Start), c.CallID)
		}
	}
	return a
}

// Call implements console.Node.
func (o operated) Call(id string) (console.Answer, error) {
	r, _ := o.now()
	var d pbx.CallDetail
	ok := false
	if r != nil && r.exchange != nil {
		d, ok = r.exchange.Describe(id)
	}
	if !ok {
		return console.Answer{}, fmt.Errorf("there is no call %q; show calls lists them", id)
	}
	a := console.About()
	a.Add("channel", d.Channel)
	a.Add("call_id", d.CallID)
	a.Add("from", d.From)
	a.Add("to", d.To)
	a.Add("context", d.Context)
	a.Add("started", d.Start.Format(time.RFC3339))
	a.Add("seconds", secondsSince(d.Start))
	if d.Busy {
		a.Note = "the call is busy and has not said more"
		return a, nil
	}
	a.Add("unique_id", d.UniqueID)
	a.Add("state", d.State)
	if !d.Answered.IsZero() {
		a.Add("answered", d.Answered.Format(time.RFC3339))
	}
	a.Add("at", d.At.Exten+"@"+d.At.Context+":"+strconv.Itoa(d.At.Priority))
	a.Add("application", d.App+"("+d.AppData+")")
	for i, l := range d.Legs {
		leg := fmt.Sprintf("leg%d_", i+1)
		a.Add(leg+"name", l.Name)
		a.Add(leg+"number", l.Number)
		if l.CallID != "" {
			a.Add(leg+"call_id", l.CallID)
		}
		a.Add(leg+"connected_with", l.Peer)
		a.Add(leg+"codec", l.Codec)
		a.Add(leg+"rtp_address", address(l.Sound.Source))
		a.Add(leg+"packets_received", l.Sound.Received)
		a.Add(leg+"packets_sent", l.Sound.Sent)
		a.Add(leg+"packets_lost", l.Sound.Lost)
		a.Add(leg+"jitter_ms", milliseconds(l.Sound.Jitter))
		a.Add(leg+"mos", l.Sound.MOS)
	}
	return a, nil
}

// address is an address, "" for none.
func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// milliseconds with one decimal.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

// registrationColumns are those of Registrations and of an endpoint's contacts.
var registrationColumns = [...]string{"aor", "contact", "transport", "source", "expires", "user_agent"}

// Registrations implements console.Node.
func (o operated) Registrations() console.Answer {
	a := console.Answer{Columns: registrationColumns[:]}
	if r, p := o.now(); r != nil && r.places != nil {
		for _, aor := range sorted(p.pjsip.AORs) {
			r.contacts(&a, aor)
		}
	}
	return a
}

// contacts adds the bindings of an address of record.
func (r *rooms) contacts(a *console.Answer, aor string) {
	bindings := r.places.Lookup(aor)
	for i := range bindings {
		b := &bindings[i]
		a.Add(aor, b.Contact, b.Proto.String(), b.Source.String(), int(time.Until(b.Expires).Seconds()), b.UserAgent)
	}
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
		a.Add(name, r.board.State("PJSIP/"+name).String(), e.Context, strings.Join(e.AORs, ","))
	}
	return a
}

// Endpoint implements console.Node.
func (o operated) Endpoint(name string) (console.Answer, error) {
	r, p := o.now()
	var e *pjsip.Endpoint
	if r != nil && r.board != nil {
		e = p.pjsip.Endpoints[name]
	}
	if e == nil {
		hint := cmp.Or(config.DidYouMean(name, sorted(p.pjsip.Endpoints)), "show endpoints lists them")
		return console.Answer{}, fmt.Errorf("there is no endpoint %q; %s", name, hint)
	}
	a := console.About()
	a.Add("endpoint", name)
	a.Add("state", r.board.State("PJSIP/"+name).String())
	a.Add("from", fmt.Sprintf("%s:%d", e.File, e.Line))
	a.Add("context", e.Context)
	a.Add("codecs", e.Codecs)
	a.Add("dtmf_mode", e.DTMFMode)
	a.Add("authenticates", len(e.Auth) > 0)
	a.Add("mailboxes", append([]string{}, e.Mailboxes...))
	if e.Transport != "" {
		a.Add("transport", e.Transport)
	}
	contacts, calls := []string{}, []string{}
	for _, aor := range e.AORs {
		if s := p.pjsip.AORs[aor]; s != nil {
			contacts = append(contacts, s.Contacts...)
		}
		for _, b := range r.places.Lookup(aor) {
			contacts = append(contacts, b.Contact)
		}
	}
	for _, c := range r.exchange.List() {
		if strings.HasPrefix(c.Channel, "PJSIP/"+name+"-") {
			calls = append(calls, c.Channel)
		}
	}
	a.Add("aors", e.AORs)
	a.Add("contacts", contacts)
	a.Add("calls", calls)
	return a, nil
}

// Dialplan implements console.Node.
func (o operated) Dialplan(where string) (console.Answer, error) {
	_, p := o.now()
	if where == "" {
		a := console.Answer{Columns: []string{"context", "extensions", "includes"}}
		for c := range p.settings.Plan.Contexts() {
			n := 0
			for range c.Extensions() {
				n++
			}
			var includes []string
			for name := range c.Includes() {
				includes = append(includes, name)
			}
			a.Add(c.Name, n, strings.Join(includes, ","))
		}
		return a, nil
	}
	a := console.Answer{Columns: []string{"extension", "priority", "label", "application", "arguments", "line"}}
	c := p.settings.Plan.Context(where)
	if c == nil {
		return a, noContext(p, where)
	}
	for x := range c.Extensions() {
		name := x.Name
		if x.CallerID != "" {
			name += "/" + x.CallerID
		}
		if x.Hint != "" {
			at := x.HintPos()
			a.Add(name, "hint", "", x.Hint, "", fmt.Sprintf("%s:%d", at.File, at.Line))
		}
		for s := range x.Steps() {
			a.Add(name, s.Priority, s.Label, s.App, pbx.Shown(s.App, s.Args), fmt.Sprintf("%s:%d", s.File, s.Line))
		}
	}
	for name := range c.Includes() {
		a.Add("include", "", "", name, "", "")
	}
	return a, nil
}

// noContext says what to do about a context that does not exist.
func noContext(p *plan, name string) error {
	var names []string
	for c := range p.settings.Plan.Contexts() {
		names = append(names, c.Name)
	}
	return fmt.Errorf("there is no context %q; %s", name, cmp.Or(config.DidYouMean(name, names), "show dialplan lists them"))
}

// Hints implements console.Node.
func (o operated) Hints() console.Answer {
	a := console.Answer{Columns: []string{"extension", "context", "devices", "state"}}
	r, p := o.now()
	if r == nil || r.board == nil {
		return a
	}
	for c := range p.settings.Plan.Contexts() {
		for x := range c.Extensions() {
			if x.Hint != "" {
				a.Add(x.Name, c.Name, x.Hint, r.board.Extension(x.Hint).String())
			}
		}
	}
	return a
}

// Match implements console.Node.
func (o operated) Match(where, exten string) (console.Answer, error) {
	a := console.Answer{Columns: []string{"context", "extension", "priority", "application", "arguments", "line"}}
	_, p := o.now()
	if !p.settings.Plan.HasContext(where) {
		return a, noContext(p, where)
	}
	m, ok := p.settings.Plan.Match(where, exten, 1, "", time.Now())
	if !ok {
		return a, fmt.Errorf("nothing in [%s] or what it includes matches %s", where, exten)
	}
	addSteps(&a, m.Extension)
	return a, nil
}

func addSteps(a *console.Answer, x *dialplan.Extension) {
	for s := range x.Steps() {
		a.Add(x.Context.Name, x.Name, s.Priority, s.App, pbx.Shown(s.App, s.Args), fmt.Sprintf("%s:%d", s.File, s.Line))
	}
}

// Voicemail implements console.Node.
func (o operated) Voicemail(mailbox string) (console.Answer, error) {
	r, p := o.now()
	if r == nil || p.settings.Voicemail == nil {
		return console.Answer{}, fmt.Errorf("there are no mailboxes: %s has no voicemail.conf", p.asterisk)
	}
	if mailbox == "" {
		a := console.Answer{Columns: []string{"mailbox", "name", "new", "urgent", "old", "most"}}
		for _, id := range sorted(p.settings.Voicemail.Boxes) {
			b := p.settings.Voicemail.Boxes[id]
			c, _ := r.voicemail.Counts(id)
			a.Add(id, b.Name, c.New, c.Urgent, c.Old, b.MaxMessages)
		}
		return a, nil
	}
	b := r.voicemail.Box(mailbox)
	if b == nil {
		return console.Answer{}, fmt.Errorf("there is no mailbox %q; show voicemail lists them", mailbox)
	}
	a := console.Answer{Columns: []string{"folder", "message", "caller", "at", "seconds"}}
	for _, folder := range voicemail.Folders() {
		list, err := r.voicemail.List(b, folder)
		if err != nil {
			return a, err
		}
		for i, m := range list {
			a.Add(folder, i+1, cmp.Or(m.CallerID, m.Number), m.At.Format(time.RFC3339), int(m.Length.Seconds()))
		}
	}
	return a, nil
}

// Transports implements console.Node.
func (o operated) Transports() console.Answer {
	a := console.Answer{Columns: []string{"name", "transport", "address", "state"}}
	r, _ := o.now()
	if r == nil {
		return a
	}
	for _, l := range r.addrs() {
		a.Add(l.Name, l.Proto, l.Addr.String(), "open")
	}
	for l := range r.wire.Retired {
		a.Add(l.Name, l.Proto.String(), l.Addr.String(), "retired")
	}
	return a
}

// Status implements console.Node.
func (o operated) Status() console.Answer {
	s := o.n.Status()
	a := console.About()
	a.Add("calls", s.Calls)
	a.Add("dialogs", s.Dialogs)
	a.Add("transactions", s.Transactions)
	a.Add("bindings", s.Bindings)
	a.Add("legs", s.Legs)
	a.Add("goroutines", s.Goroutines)
	a.Add("heap", s.Heap)
	return a
}

// Version implements console.Node.
func (o operated) Version() console.Answer {
	a := console.About()
	_, p := o.now()
	a.Add("node", p.name)
	a.Add("version", o.n.cfg.Version)
	a.Add("go", runtime.Version())
	a.Add("system", runtime.GOOS+"/"+runtime.GOARCH)
	return a
}

// Uptime implements console.Node.
func (o operated) Uptime() console.Answer {
	o.n.mu.Lock()
	began, read := o.n.began, o.n.read
	o.n.mu.Unlock()
	a := console.About()
	a.Add("started", began.Format(time.RFC3339))
	a.Add("seconds", secondsSince(began))
	a.Add("configured", read.Format(time.RFC3339))
	return a
}

// Destinations implements console.Node.
func (o operated) Destinations() console.Answer {
	a := console.Answer{Columns: []string{"set", "destination", "flags", "state", "calls", "latency_ms", "since", "last_sign"}}
	r, _ := o.now()
	if r == nil || r.edge == nil {
		return a
	}
	for _, d := range r.edge.Dispatcher.Destinations() {
		a.Add(d.Set, d.ID, d.Flags, d.State.String(), d.Calls, d.LatencyMS, d.Since.Format(time.TimeOnly), d.LastSign)
	}
	return a
}
