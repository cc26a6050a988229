package sip

import "strings"

// MaxURIBytes is the length of the longest Request-URI taken; longer ones are
// answered 414.
const MaxURIBytes = 8192

// Validate checks what every element checks before it acts on a request (RFC
// 3261 §8.2, §16.3): the mandatory fields are there, fields with one value
// stand once, and those that decide where the request goes are well formed.
// The error is a *Error that says what to answer. Extensions (420), methods
// (405), bodies (415) and hops (483) are for the caller, who knows his role. What
// was found good once is not looked through again, even if it was edited since.
func (r *Request) Validate() error {
	if r.sound {
		return nil
	}
	if err := r.validateFields(); err != nil {
		return err
	}
	if err := r.validateURI(); err != nil {
		return err
	}
	if err := r.validateCSeq(); err != nil {
		return err
	}
	if err := r.validateVia(); err != nil {
		return err
	}
	if err := r.validateParties(); err != nil {
		return err
	}
	if _, _, err := r.MaxForwards(); err != nil {
		return err
	}
	err := r.validateContact()
	r.sound = err == nil
	return err
}

var mandatory = [...]HeaderID{HeaderVia, HeaderTo, HeaderFrom, HeaderCallID, HeaderCSeq}

// validateFields: RFC 3261 §8.1.1, §7.3.1.
func (m *Message) validateFields() error {
	var seen [headerCount]bool
	for i := range m.fields {
		id := m.fields[i].id
		if seen[id] && headers[id].shape == sole {
			return bad(id, "Multiple "+id.String())
		}
		seen[id] = true
	}
	for _, id := range mandatory {
		if !seen[id] {
			return bad(id, "Missing "+id.String())
		}
	}
	if !all(m.CallID(), classCallID) {
		return bad(HeaderCallID, "Malformed Call-ID")
	}
	return nil
}

// validateURI: RFC 3261 §8.2.2.1 and §16.3 ask for 416 on an unknown scheme;
// headers may not stand in a Request-URI (§19.1.1).
func (r *Request) validateURI() error {
	if len(r.uri) > MaxURIBytes {
		return &Error{Status: 414, Reason: ReasonPhrase(414)}
	}
	var u URI
	switch {
	case u.parse(r.uri) != "":
		return &Error{Status: 400, Reason: "Malformed Request-URI"}
	case !u.IsSIP() && !u.IsTel():
		return &Error{Status: 416, Reason: ReasonPhrase(416)}
	case u.Headers != "":
		return &Error{Status: 400, Reason: "Headers in Request-URI"}
	}
	return nil
}

// validateCSeq: the method of CSeq MUST match that of the request (§8.1.1.5).
func (r *Request) validateCSeq() error {
	_, m, err := r.CSeq()
	switch {
	case err != nil:
		return err
	case m == r.method:
		return nil
	case !r.method.Known():
		return &Error{Status: 501, Reason: ReasonPhrase(501), Header: HeaderCSeq}
	}
	return bad(HeaderCSeq, "CSeq Method Does Not Match")
}

// validateVia checks the first Via line. Lines below were written by others
// and are not ours to refuse (§16.3).
func (m *Message) validateVia() error {
	line := m.Get(HeaderVia)
	v, more := line, true
	for first := true; more; first = false {
		var elem string
		elem, v, more = nextElement(v)
		if elem == "" || elem[0] == ';' {
			return bad(HeaderVia, "Malformed Via")
		}
		if !first {
			continue
		}
		via, fault := parseVia(elem)
		if fault != "" || !via.Params.valid() {
			return bad(HeaderVia, "Malformed Via")
		}
		m.via, m.viaFrom = via, line
	}
	return nil
}

// valid reports whether each parameter has a name and each quote its end.
func (p Params) valid() bool {
	s := trim(string(p))
	for s != "" {
		name, value, _, rest, ok := Params(s).next()
		if !ok || !IsToken(name) || s[0] != ';' || unclosed(value) {
			return false
		}
		if after := trim(s[1:]); after == "" || after[0] == ';' {
			return false
		}
		s = string(rest)
	}
	return true
}

// unclosed reports whether a quoted string begins in s and does not end.
func unclosed(s string) bool {
	for i := strings.IndexByte(s, '"'); i >= 0; {
		if i = skipQuoted(s, i); i < 0 {
			return true
		}
		next := strings.IndexByte(s[i:], '"')
		if next < 0 {
			return false
		}
		i += next
	}
	return false
}

func (m *Message) validateParties() error {
	for _, id := range [...]HeaderID{HeaderFrom, HeaderTo} {
		a, err := m.mustAddress(id)
		if err != nil {
			return err
		}
		var u URI
		if fault := u.parse(a.URI); fault != "" {
			return bad(id, fault)
		}
		known := memo{m.Get(id), a.Tag()}
		if id == HeaderFrom {
			m.fromTag = known
		} else {
			m.toTag = known
		}
	}
	return nil
}

// validateContact: each is well formed, and "*" stands in REGISTER alone
// (§20.10).
func (r *Request) validateContact() error {
	star, count := false, 0
	for v := range r.Values(HeaderContact) {
		count++
		if v == "*" {
			star = true
			continue
		}
		a, fault := parseAddress(v)
		if fault == "" {
			var u URI
			fault = u.parse(a.URI)
		}
		if fault != "" {
			return bad(HeaderContact, fault)
		}
	}
	if star && (count > 1 || r.method != REGISTER) {
		return bad(HeaderContact, "Contact * Not Allowed")
	}
	return nil
}

// ValidateRegister checks what a registrar checks besides (RFC 3261 §10.2,
// §10.3): To is a SIP address of record, "Contact: *" comes with Expires 0.
func (r *Request) ValidateRegister() error {
	to, err := r.To()
	if err != nil {
		return err
	}
	u, err := to.ParsedURI()
	if err != nil || !u.IsSIP() && !u.IsTel() {
		return bad(HeaderTo, "Not An Address Of Record")
	}
	list, star, err := r.Contacts()
	if err != nil {
		return err
	}
	if sec, ok, err := r.Expires(); star && (!ok || err != nil || sec != 0) {
		return bad(HeaderContact, "Contact * Needs Expires 0")
	}
	for _, a := range list {
		if _, err := a.Q(); err != nil {
			return bad(HeaderContact, "Malformed q")
		}
	}
	return nil
}

// Unsupported returns the option tags in Require (or Proxy-Require) that are
// not in supported, as the value of the Unsupported field of a 420; "" if all
// are (RFC 3261 §8.2.2.3).
func (m *Message) Unsupported(id HeaderID, supported ...string) string {
	var missing []string
next:
	for tag := range m.Values(id) {
		for _, s := range supported {
			if equalFold(s, tag) {
				continue next
			}
		}
		missing = append(missing, tag)
	}
	return strings.Join(missing, ", ")
}

// Validate checks a received response: mandatory fields and a well-formed CSeq
// and Via. An error means: drop it (RFC 3261 §18.1.2, §8.1.3.3).
func (r *Response) Validate() error {
	err := r.validateFields()
	if err == nil {
		_, _, err = r.CSeq()
	}
	if err == nil {
		err = r.validateVia()
	}
	if err != nil {
		e := *err.(*Error) //nolint:errorlint // the checks make no other
		e.Status = 0
		return &e
	}
	return nil
}
