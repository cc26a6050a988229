package transport

import (
	"context"

	"github.com/hometone/hometone/sip"
)

// A Resolver answers DNS questions for RFC 3263 with a bounded cache.
type Resolver struct{}

// ResolverConfig configures a Resolver.
type ResolverConfig struct{ CacheSize int }

// NewResolver returns a resolver.
func NewResolver(cfg ResolverConfig) *Resolver { return &Resolver{} }

// Resolve finds the targets of uri in the order they are to be tried (RFC
// 3263 §4). It blocks on the network unless ResolveNumeric answers.
func (l *Layer) Resolve(ctx context.Context, uri sip.URI) ([]Target, error) { return nil, ErrNoAddress }

// ResolveNumeric is Resolve for a uri whose host is an IP address.
func (l *Layer) ResolveNumeric(uri sip.URI) (Target, bool) { return Target{}, false }
