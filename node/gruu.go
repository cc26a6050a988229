package node

import (
	"context"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// reachable is the transport as dialogs see it: it knows the way to the GRUUs
// that our registrar gave out. A phone that has one puts it into its Contact
// (RFC 5627 §4.4.1), so ACK, BYE and re-INVITE go to a URI with our own
// address in it; §5.1: it stands for the phone's registered contact.
type reachable struct {
	*transport.Layer
	where *locator
}

// ResolveNumeric implements dialog.Transport.
func (r *reachable) ResolveNumeric(u sip.URI) (transport.Target, bool) {
	if t, ok := r.where.instance(u); ok {
		return t, true
	}
	return r.Layer.ResolveNumeric(u)
}

// Resolve implements dialog.Transport.
func (r *reachable) Resolve(ctx context.Context, u sip.URI) ([]transport.Target, error) {
	if t, ok := r.where.instance(u); ok {
		return []transport.Target{t}, nil
	}
	return r.Layer.Resolve(ctx, u)
}

// instance is where the phone is that a GRUU of ours names.
func (l *locator) instance(u sip.URI) (transport.Target, bool) {
	list, ok := l.bindings.LookupGRUU(u, u.Username())
	if !ok {
		return transport.Target{}, false
	}
	for i := range list {
		b := &list[i]
		if b.Lost() {
			continue
		}
		if t, ok := b.Target(); ok {
			t.Listener = l.listener(b)
			return t, true
		}
		if contact, err := sip.ParseURI(b.Contact); err == nil {
			if t, ok := l.wire.ResolveNumeric(contact); ok {
				return t, true
			}
		}
	}
	return transport.Target{}, false
}
