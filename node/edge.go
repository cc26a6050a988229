package node

import (
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

// openEdge puts the balancer in front of what the node has otherwise: the
// handler it returns is the first to see a request. Without edge: in the
// configuration that is what stands behind.
func (r *rooms) openEdge(p *plan, behind transaction.Handler) (transaction.Handler, error) {
	if p.edge == nil {
		return behind, nil
	}
	role := edge.Role{Transport: r.wire, Data: p.data, Logger: r.log}
	if p.asterisk != "" {
		role.Next, role.Locator = behind, located{r.where}
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
func (r *rooms) applyEdge(p *plan) []config.Problem {
	if (r.edge == nil) != (p.edge == nil) {
		return []config.Problem{{
			File: p.file.File, Severity: config.Warning, Text: "edge: has come or gone; the node goes on as it was", Hint: "restart it",
		}}
	}
	if r.edge != nil {
		r.edge.Apply(p.file.Edge, *p.edge, r.log)
	}
	return nil
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
