package node

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/mail"
	"github.com/hometone/hometone/pbx/message"
	"github.com/hometone/hometone/pbx/presence"
	"github.com/hometone/hometone/pbx/voicemail"
	"github.com/hometone/hometone/registrar"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/records"
	"github.com/hometone/hometone/store/state"
)

// people is what one configuration says to presence and messages. It is
// immutable.
type people struct {
	settings *pbx.Settings
	where    *locator
	lamps    map[string][]*pjsip.Endpoint // that show a mailbox, by its name in lower case
	reached  map[string][]*pjsip.Endpoint // that are reached at an address of record
}

func newPeople(s *pbx.Settings, where *locator) *people {
	all := s.Endpoints.Endpoints
	p := &people{settings: s, where: where, lamps: map[string][]*pjsip.Endpoint{}, reached: make(map[string][]*pjsip.Endpoint, len(all))}
	alone := make([]*pjsip.Endpoint, 0, len(all)) // memory of the lists of one
	for _, e := range all {
		for _, box := range e.Mailboxes {
			p.lamps[strings.ToLower(box)] = append(p.lamps[strings.ToLower(box)], e)
		}
		for _, aor := range e.AORs {
			if list := p.reached[aor]; list != nil {
				p.reached[aor] = append(list, e)
				continue
			}
			alone = append(alone, e)
			p.reached[aor] = alone[len(alone)-1 : len(alone) : len(alone)]
		}
	}
	return p
}

// Hint implements presence.Directory.
func (p *people) Hint(context, exten string, now time.Time) (string, bool) {
	return p.settings.Plan.Hint(context, exten, now)
}

// List implements presence.Directory.
func (p *people) List(name string) *presence.List {
	l := p.settings.Endpoints.ResourceLists[name]
	if l == nil {
		return nil
	}
	return &presence.List{Name: l.Name, Event: l.Event, Items: l.Items, FullState: l.FullState, Batch: l.Batch, DisplayNames: l.DisplayNames}
}

// Mailboxes implements presence.Directory: those of the address of record, or
// of the endpoint of that name.
func (p *people) Mailboxes(aor string) []string {
	if a := p.settings.Endpoints.AORs[aor]; a != nil && len(a.Mailboxes) > 0 {
		return a.Mailboxes
	}
	if e := p.settings.Endpoints.Endpoints[aor]; e != nil {
		return e.Mailboxes
	}
	return nil
}

// Lamps implements presence.Directory.
func (p *people) Lamps(mailbox, aor string) (list []presence.Lamp) {
	endpoints := p.reached[aor]
	if mailbox != "" {
		endpoints = p.lamps[strings.ToLower(mailbox)]
	}
	for _, e := range endpoints {
		if len(e.Mailboxes) == 0 {
			continue
		}
		l := presence.Lamp{Name: e.Name, Mailboxes: e.Mailboxes}
		for _, c := range p.contacts(e) {
			l.Places = append(l.Places, presence.Place(c))
		}
		if len(l.Places) == 0 {
			continue
		}
		l.From = p.own(e, e.MWIFromUser, message.Place(l.Places[0]))
		l.Account = p.own(e, p.voicemailExtension(e), message.Place(l.Places[0]))
		if e.AggregateMWI {
			list = append(list, l)
			continue
		}
		for _, box := range e.Mailboxes {
			l.Mailboxes = []string{box}
			list = append(list, l)
		}
	}
	return list
}

// voicemailExtension is what a telephone calls to hear its messages.
func (p *people) voicemailExtension(e *pjsip.Endpoint) string {
	for _, name := range e.AORs {
		if a := p.settings.Endpoints.AORs[name]; a != nil && a.VoicemailExtension != "" {
			return a.VoicemailExtension
		}
	}
	if e.VoicemailExtension != "" {
		return e.VoicemailExtension
	}
	return p.settings.Endpoints.Global.DefaultVoicemail
}

// own is our URI for an endpoint, as a telephone at a place sees it; without a
// user, of the endpoint's name.
func (p *people) own(e *pjsip.Endpoint, user string, at message.Place) string {
	if user == "" {
		user = e.Name
	}
	var t transport.Target
	if len(at.Targets) > 0 {
		t = at.Targets[0]
	} else if u, err := sip.ParseURI(at.URI); err == nil {
		t, _ = p.where.wire.ResolveNumeric(u)
	}
	host, port := p.where.wire.SentBy(t)
	if e.FromDomain != "" {
		host, port = e.FromDomain, 0
	}
	u := sip.URI{Scheme: "sip", User: sip.EscapeUser(user), Host: host, Port: port}
	return u.String()
}

// contacts are the places where an endpoint is.
func (p *people) contacts(e *pjsip.Endpoint) (list []message.Place) {
	for _, aor := range e.AORs {
		for _, c := range p.where.Lookup(aor) {
			list = append(list, message.Place{URI: c.URI, Route: c.Path, Targets: c.Targets})
		}
	}
	return list
}

// reception is the directory of the message center: people, and their next
// configuration after a reload.
type reception struct{ now atomic.Pointer[people] }

// Known implements message.Directory: every endpoint is a user.
func (r *reception) Known(user string) bool {
	return r.now.Load().settings.Endpoints.Endpoints[user] != nil
}

// Places implements message.Directory.
func (r *reception) Places(user string) []message.Place {
	p := r.now.Load()
	if e := p.settings.Endpoints.Endpoints[user]; e != nil {
		return p.contacts(e)
	}
	return nil
}

// openPeople makes the rooms of presence and messages, and loads what waits.
func (r *rooms) openPeople(ctx context.Context, p *plan) error {
	var err error
	// The office speaks only when a call changes it, long after presence is there.
	r.letters = mail.New(mail.Config{Dir: filepath.Join(p.data, "mail"), Logger: r.log})
	if r.index, err = records.OpenMessages(ctx, filepath.Join(p.data, "voicemail.db")); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	r.voicemail = voicemail.New(voicemail.Config{Changed: func(box string) { r.presence.MailboxChanged(box) }, Letters: r.letters, Index: r.index, Logger: r.log})
	known := newPeople(p.settings, r.where)
	r.presence, err = presence.New(presence.Config{Dialogs: r.dialogs, Board: r.board, Directory: known, Mailboxes: mailboxes{r.voicemail}, Logger: r.log})
	if err != nil {
		return err
	}
	bucket, err := r.state.Bucket(ctx, state.BucketConfig{Name: "messages"})
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	r.messages, err = message.New(message.Config{Network: r.dialogs, Store: bucket, Directory: &r.reception, Logger: r.log})
	if err != nil {
		return err
	}
	r.board.Expect(len(p.settings.Endpoints.Endpoints))
	r.introduce(nil, known)
	if err := r.messages.Load(ctx); err != nil {
		return fmt.Errorf("node: messages: %w", err)
	}
	return nil
}

// introduce puts a configuration into force: the states of its endpoints on
// the board, those of others away, hints anew.
func (r *rooms) introduce(old *pbx.Settings, p *people) {
	new := p.settings
	r.voicemail.Use(new.Voicemail, new.Spool, new.MailFrom)
	r.letters.Use(new.Mail)
	r.reception.now.Store(p)
	if old != nil {
		for name := range old.Endpoints.Endpoints {
			if new.Endpoints.Endpoints[name] == nil {
				r.board.Remove("PJSIP/" + name)
			}
		}
	}
	for _, e := range new.Endpoints.Endpoints {
		r.board.Describe("PJSIP/"+e.Name, p.state(e), e.DeviceStateBusyAt)
	}
	r.presence.Use(p)
}

// greet lights the lamps of all telephones that are known when the node starts,
// unless mwi_disable_initial_unsolicited says not to.
func (r *rooms) greet() {
	p := r.reception.now.Load()
	if p.settings.Endpoints.Global.NoInitialMWI {
		return
	}
	for aor, list := range p.reached {
		if slices.ContainsFunc(list, func(e *pjsip.Endpoint) bool { return len(e.Mailboxes) > 0 }) {
			r.presence.Registered(aor)
		}
	}
}

// state tells whether an endpoint can be called.
func (p *people) state(e *pjsip.Endpoint) presence.DeviceState {
	if slices.ContainsFunc(e.AORs, p.where.Reachable) {
		return presence.NotInUse
	}
	return presence.Unavailable
}

// registration follows the registrar: lamps, and messages that wait.
func (r *rooms) registration(ev registrar.Event) {
	p := r.reception.now.Load()
	if p == nil {
		return // not open yet; introduce looks at all bindings
	}
	switch ev := ev.(type) {
	case registrar.Registered:
		lamps := false
		for _, e := range p.reached[ev.Binding.AOR] {
			r.board.Set("PJSIP/"+e.Name, presence.NotInUse) // no look-up tells more
			r.messages.Registered(e.Name)
			lamps = lamps || len(e.Mailboxes) > 0
		}
		if lamps {
			r.presence.Registered(ev.Binding.AOR)
		}
	case registrar.Refreshed:
		for _, e := range p.reached[ev.Binding.AOR] {
			r.messages.Registered(e.Name)
		}
	case registrar.Unregistered:
		r.left(p, ev.Binding.AOR)
	case registrar.Expired:
		r.left(p, ev.Binding.AOR)
	}
}

// left looks who can still be reached when a binding has gone.
func (r *rooms) left(p *people, aor string) {
	for _, e := range p.reached[aor] {
		r.board.Set("PJSIP/"+e.Name, p.state(e))
	}
}

// mailboxes tells presence how many messages wait.
type mailboxes struct{ office *voicemail.Office }

// Counts implements presence.Mailboxes.
func (m mailboxes) Counts(mailbox string) (presence.Counts, bool) {
	c, ok := m.office.Counts(mailbox)
	return presence.Counts{New: c.New, Old: c.Old, NewUrgent: c.Urgent}, ok
}
