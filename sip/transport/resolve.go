package transport

// A Resolver answers DNS questions for RFC 3263 with a bounded cache.
type Resolver struct{}
