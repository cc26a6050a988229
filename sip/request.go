package sip

// Request is a SIP request (RFC 3261 §7.1).
type Request struct{ Message }

// NewRequest returns a request that has only its start line.
func NewRequest(m Method, uri string) *Request {
	return &Request{Message{method: m, uri: uri, fields: make([]field, 0, 16)}}
}

// Method returns the method of the start line.
func (r *Request) Method() Method { return r.method }

// SetMethod changes the method of the start line, not of CSeq.
func (r *Request) SetMethod(m Method) {
	r.method = m
	r.lineEnd = 0
}

// URI returns the Request-URI as it stands.
func (r *Request) URI() string { return r.uri }

// SetURI replaces the Request-URI.
func (r *Request) SetURI(uri string) {
	if uri != r.uri {
		r.uri = uri
		r.lineEnd = 0
	}
}

// ParsedURI parses the Request-URI.
func (r *Request) ParsedURI() (URI, error) { return ParseURI(r.uri) }

// Clone returns an independent copy.
func (r *Request) Clone() *Request {
	c := newRequest(len(r.fields) + spareFields)
	r.copyInto(&c.Message)
	return c
}

// CopyInto makes dst an independent copy and reuses its memory.
func (r *Request) CopyInto(dst *Request) {
	r.copyInto(&dst.Message)
}
