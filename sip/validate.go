package sip

// Validate checks what every element checks before it acts on a request
// (RFC 3261 §8.2, §16.3): the mandatory fields, each at most once, and well
// formed. The error is a *Error that says what to answer.
func (r *Request) Validate() error {
	for _, id := range [...]HeaderID{HeaderVia, HeaderTo, HeaderFrom, HeaderCallID, HeaderCSeq} {
		if !r.Has(id) {
			return bad(id, "Missing "+id.String())
		}
	}
	if _, m, err := r.CSeq(); err != nil {
		return err
	} else if m != r.method {
		return bad(HeaderCSeq, "CSeq Method Does Not Match")
	}
	if _, err := r.From(); err != nil {
		return err
	}
	if _, err := r.To(); err != nil {
		return err
	}
	if _, err := r.TopVia(); err != nil {
		return err
	}
	return nil
}

// Validate checks a received response; an error means: drop it.
func (r *Response) Validate() error {
	for _, id := range [...]HeaderID{HeaderVia, HeaderTo, HeaderFrom, HeaderCallID, HeaderCSeq} {
		if !r.Has(id) {
			return &Error{Reason: "Missing " + id.String(), Header: id}
		}
	}
	return nil
}
