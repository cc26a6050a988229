package pbx

import (
	"context"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/records"
)

// Contact is one place an address of record can be reached at.
type Contact struct {
	URI  string   // the Request-URI of an INVITE to it
	Path []string // route set towards it, elements of Route (RFC 3327)
	// Targets is where to send, in order; none: where the first of Path, or
	// URI, resolves to.
	Targets []transport.Target
}

// next is the URI of the next hop towards the contact.
func (c *Contact) next() string {
	if len(c.Path) == 0 {
		return c.URI
	}
	if a, err := sip.ParseAddress(c.Path[0]); err == nil {
		return a.URI
	}
	return c.Path[0]
}

// Locator finds the contacts of an address of record, best first. It answers
// from memory.
type Locator interface {
	Lookup(aor string) []Contact
}

// Recorder takes a call detail record and tells when it is durable.
type Recorder interface {
	Put(ctx context.Context, cdr records.CDR, done func(error)) error
}

// Transport is what the exchange asks of the transport layer.
type Transport interface {
	SentBy(t transport.Target) (host string, port uint16)
	Resolve(ctx context.Context, uri sip.URI) ([]transport.Target, error)
	ResolveNumeric(uri sip.URI) (transport.Target, bool)
	LookupService(ctx context.Context, name string) ([]transport.Service, error)
	LookupPointers(ctx context.Context, name string) ([]transport.Pointer, error)
	LookupText(ctx context.Context, name string) ([]string, error)
}
