package node

import (
	"context"
	"sync/atomic"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/registrar"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// directory tells the registrar who may register what, by pjsip.conf. It is
// a registrar.Directory; Reload swaps what it reads.
type directory struct{ settings atomic.Pointer[pbx.Settings] }

// Identify implements registrar.Directory: the endpoint a REGISTER comes from,
// found as for an INVITE, and the addresses of record it may register.
func (d *directory) Identify(req *sip.Request, flow transport.Flow) (registrar.Endpoint, bool) {
	set := d.settings.Load()
	e := set.Known(req, flow.Remote())
	if e == nil {
		return registrar.Endpoint{}, false
	}
	out := registrar.Endpoint{Name: e.Name, DropUserOptions: set.Endpoints.Global.IgnoreURIUserOptions, AORs: func(yield func(registrar.AOR) bool) {
		for _, name := range e.AORs {
			if a := set.Endpoints.AORs[name]; a != nil && !yield(policy(a)) {
				return
			}
		}
	}}
	if len(e.Auth) > 0 {
		out.Secret = func(user, _ string) (auth.Secret, bool) { return set.Secret(e, user) }
	}
	return out, true
}

// gate refuses a REGISTER that a section type=acl denies, before the registrar.
type gate struct {
	who *directory
	to  transaction.Handler
}

// ServeSIP implements transaction.Handler.
func (g gate) ServeSIP(ctx context.Context, tx *transaction.Server, req *sip.Request) {
	if !g.who.settings.Load().Permitted(req, tx.Flow().Remote().Addr()) {
		_ = tx.RespondOnce(req, sip.NewResponse(req, 403, ""))
		return
	}
	g.to.ServeSIP(ctx, tx, req)
}

// policy translates an aor section.
func policy(a *pjsip.AOR) registrar.AOR {
	p := registrar.AOR{
		Name: a.Name, MaxContacts: a.MaxContacts,
		MinExpires: a.MinimumExpiration, MaxExpires: a.MaximumExpiration, DefaultExpires: a.DefaultExpiration,
	}
	switch {
	case a.RemoveExistingSet && !a.RemoveExisting && a.RemoveUnavailable:
		p.WhenFull = registrar.ReplaceUnavailable
	case a.RemoveExistingSet && !a.RemoveExisting:
		p.WhenFull = registrar.Refuse
	}
	return p
}

// locator tells the exchange where an address of record is: the contacts
// written in pjsip.conf and those that are registered. It is a pbx.Locator.
type locator struct {
	settings atomic.Pointer[pbx.Settings]
	bindings *registrar.Registrar
	wire     *transport.Layer
}

// Lookup implements pbx.Locator.
func (l *locator) Lookup(aor string) []pbx.Contact {
	var list []pbx.Contact
	if a := l.settings.Load().Endpoints.AORs[aor]; a != nil {
		for _, uri := range a.Contacts {
			list = append(list, pbx.Contact{URI: uri})
		}
	}
	bindings := l.bindings.Lookup(aor)
	for i := range bindings {
		b := &bindings[i]
		if b.Lost() {
			continue
		}
		c := pbx.Contact{URI: b.Contact, Path: b.Path}
		if t, ok := b.Target(); ok {
			t.Listener = l.listener(b)
			c.Targets = []transport.Target{t}
		}
		list = append(list, c)
	}
	return list
}

// Reachable reports whether Lookup returns anything.
func (l *locator) Reachable(aor string) bool {
	if a := l.settings.Load().Endpoints.AORs[aor]; a != nil && len(a.Contacts) > 0 {
		return true
	}
	return l.bindings.Reachable(aor)
}

// listener names the UDP listener that a NAT lets through: the one the
// binding's REGISTER came to.
func (l *locator) listener(b *registrar.Binding) string {
	if b.Proto != transport.UDP {
		return ""
	}
	for _, ln := range l.wire.Addrs() {
		if ln.Proto == b.Proto && ln.Addr.Port() == b.Local.Port() && (ln.Addr.Addr() == b.Local.Addr() || ln.Addr.Addr().IsUnspecified()) {
			return ln.Name
		}
	}
	return ""
}
