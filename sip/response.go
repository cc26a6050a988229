package sip

// Response is a SIP response (RFC 3261 §7.2).
type Response struct{ Message }

// NewResponse returns a response to req with the fields that RFC 3261 §8.2.6
// asks for: Via, From, To, Call-ID and CSeq, for a 100 also Timestamp. An empty
// reason stands for the standard phrase. The To tag is the caller's: SetToTag.
func NewResponse(req *Request, status int, reason string) *Response {
	r := newResponse(fewFields)
	r.Reset(req, status, reason)
	return r
}

// Reset makes r what NewResponse returns, in the memory it has. Whoever uses a
// response again must be sure that nobody keeps it.
func (r *Response) Reset(req *Request, status int, reason string) {
	fields := r.fields[:0]
	if fields == nil {
		fields = make([]field, 0, 12)
	}
	r.Message = Message{src: req.src, borrowed: req.borrowed, fields: fields, response: true, status: status, reason: reason}
	if reason == "" {
		r.reason = ReasonPhrase(status)
	}
	for i := range req.fields {
		switch req.fields[i].id {
		case HeaderVia, HeaderFrom, HeaderTo, HeaderCallID, HeaderCSeq:
			r.fields = append(r.fields, req.fields[i])
		case HeaderTimestamp:
			if status == 100 {
				r.fields = append(r.fields, req.fields[i])
			}
		}
	}
}

// Status returns the status code.
func (r *Response) Status() int { return r.status }

// Reason returns the reason phrase. It is named as on the start line; the
// Reason header field is read with ReasonHeader.
func (r *Response) Reason() string { return r.reason }

// SetStatus replaces the status line; an empty reason stands for the standard
// phrase.
func (r *Response) SetStatus(status int, reason string) {
	if reason == "" {
		reason = ReasonPhrase(status)
	}
	r.status, r.reason, r.lineEnd = status, reason, 0
}

// Provisional reports whether the status is 1xx.
func (r *Response) Provisional() bool { return r.status < 200 }

// Final reports whether the status is 200 or above.
func (r *Response) Final() bool { return r.status >= 200 }

// Success reports whether the status is 2xx.
func (r *Response) Success() bool { return r.status/100 == 2 }

// Clone returns an independent copy.
func (r *Response) Clone() *Response {
	c := newResponse(len(r.fields) + spareFields)
	r.copyInto(&c.Message)
	return c
}
