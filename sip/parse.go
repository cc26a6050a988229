package sip

import "strings"

// Limits of what the parser accepts. They bound the memory that one message
// of a stranger can cost; larger ones are answered 400 or dropped.
const (
	MaxHeaderBytes = 65535 // start line and header fields
	MaxFields      = 256   // header field lines
)

// Parse parses one datagram or frame. Exactly one of request and response is
// set on success. For a request that can still be answered both the request
// and a *Error are returned; any other failure has Status 0: drop it.
func Parse(src string) (*Request, *Response, error) {
	src = skipBlank(src)
	if isResponse(src) {
		res := newResponse(fieldLines(src))
		if err := res.Parse(src); err != nil {
			return nil, nil, err
		}
		return nil, res, nil
	}
	req := newRequest(fieldLines(src))
	err := req.Parse(src)
	if e, ok := err.(*Error); ok && e.Status == 0 { //nolint:errorlint // Parse's own, as it made it
		return nil, nil, err
	}
	return req, nil, err
}

// Parse parses a request and reuses the memory of r. See the function Parse
// for the meaning of the error.
func (r *Request) Parse(src string) error {
	src = skipBlank(src)
	r.reset(src)
	if isResponse(src) {
		return &Error{Reason: "response where a request was expected"}
	}
	var fault *Error
	r.parseRequestLine(&fault)
	if fault == nil || fault.Status != 0 {
		r.parseHeader(r.bodyStart, &fault)
	}
	return r.finish(fault)
}

// Parse parses a response and reuses the memory of r. A faulty response is
// always to be dropped.
func (r *Response) Parse(src string) error {
	src = skipBlank(src)
	r.reset(src)
	r.response = true
	var fault *Error
	r.parseStatusLine(&fault)
	if fault == nil {
		r.parseHeader(r.bodyStart, &fault)
	}
	if err := r.finish(fault); err != nil {
		fault = err.(*Error) //nolint:errorlint // finish makes no other
		return &Error{Reason: fault.Reason, Header: fault.Header, Pos: fault.Pos}
	}
	return nil
}

func (m *Message) reset(src string) {
	fields := m.fields[:0]
	if fields == nil {
		fields = make([]field, 0, manyFields)
	}
	*m = Message{src: src, fields: fields}
}

// Messages come with their fields in one piece of memory, and copies with room for
// those that a proxy adds.
const (
	spareFields = 4
	fewFields   = 14
	manyFields  = 24
)

// fieldLines counts the lines between the start line and the body.
func fieldLines(src string) int {
	if end := strings.Index(src, "\r\n\r\n"); end >= 0 {
		src = src[:end]
	}
	return strings.Count(src, "\n")
}

// newRequest returns a request with room for so many fields.
func newRequest(fields int) *Request {
	if fields <= fewFields {
		r := new(struct {
			Request
			room [fewFields]field
		})
		r.fields = r.room[:0]
		return &r.Request
	}
	r := new(struct {
		Request
		room [manyFields]field
	})
	r.fields = r.room[:0]
	return &r.Request
}

// newResponse is newRequest for a response.
func newResponse(fields int) *Response {
	if fields <= fewFields {
		r := new(struct {
			Response
			room [fewFields]field
		})
		r.fields = r.room[:0]
		return &r.Response
	}
	r := new(struct {
		Response
		room [manyFields]field
	})
	r.fields = r.room[:0]
	return &r.Response
}

// skipBlank drops empty lines before the start line (RFC 3261 §7.5), and the
// blanks and zero bytes that some peers send as keep-alives.
func skipBlank(s string) string {
	for len(s) > 0 && isFiller(s[0]) {
		s = s[1:]
	}
	return s
}

func isFiller(c byte) bool { return c == 0 || isSpace(c) }

func isResponse(s string) bool { return len(s) >= 4 && equalFold(s[:4], "SIP/") }

// line returns the line that starts at pos: its text ends at end, the next
// starts at next. A bare LF ends a line too.
func (m *Message) line(pos int) (end, next int, ok bool) {
	n := strings.IndexByte(m.src[pos:], '\n')
	if n < 0 {
		return len(m.src), len(m.src), false
	}
	end, next = pos+n, pos+n+1
	if end > pos && m.src[end-1] == '\r' {
		end--
	}
	return end, next, true
}

// parseRequestLine parses Method SP Request-URI SP SIP-Version (§7.1). A fault
// in it is a 400 as long as method and version can be told.
func (m *Message) parseRequestLine(fault **Error) {
	end, next, ok := m.line(0)
	text := m.src[:end]
	m.lineEnd, m.bodyStart = next, next
	first := strings.IndexByte(text, ' ')
	if !ok || first <= 0 || !IsToken(text[:first]) {
		*fault = &Error{Reason: "not a SIP message"}
		return
	}
	m.method = internMethod(text[:first])
	text = text[first+1:]
	var version string
	if second := strings.IndexByte(text, ' '); second > 0 {
		m.uri, version = text[:second], text[second+1:]
	}
	if !equalFold(version, "SIP/2.0") || strings.IndexByte(m.uri, '\r') >= 0 {
		*fault = m.requestLineFault(text)
	}
}

// requestLineFault tells what is wrong with a request line behind the method.
func (m *Message) requestLineFault(text string) *Error {
	m.uri = trim(text)
	last := strings.LastIndexByte(m.uri, ' ')
	version := m.uri[last+1:]
	if last < 0 || len(version) < 4 || !equalFold(version[:4], "SIP/") {
		return notSIP(m.uri)
	}
	m.uri = trim(m.uri[:last])
	if text != m.uri+" "+version || indexSpace(m.uri) >= 0 || equalFold(version, "SIP/2.0") {
		return &Error{Status: 400, Reason: "Malformed Request Line"}
	}
	return &Error{Status: 505, Reason: ReasonPhrase(505)}
}

// notSIP is the fault of a request line without SIP-Version: a 400 if it
// names a URI that only SIP uses, else no message of ours.
func notSIP(uri string) *Error {
	for _, scheme := range [...]string{"sip:", "sips:"} {
		if len(uri) > len(scheme) && equalFold(uri[:len(scheme)], scheme) {
			return &Error{Status: 400, Reason: "Missing SIP-Version"}
		}
	}
	return &Error{Reason: "not a SIP message"}
}

// parseStatusLine parses SIP-Version SP Status-Code SP Reason-Phrase (§7.2).
func (m *Message) parseStatusLine(fault **Error) {
	end, next, ok := m.line(0)
	version, rest, _ := strings.Cut(m.src[:end], " ")
	code, reason, _ := strings.Cut(rest, " ")
	n, numeric := number(code, 699)
	if !ok || !equalFold(version, "SIP/2.0") || !numeric || len(code) != 3 || n < 100 || strings.IndexByte(reason, '\r') >= 0 {
		*fault = &Error{Reason: "malformed status line"}
		return
	}
	m.status, m.reason = int(n), reason
	m.lineEnd, m.bodyStart = next, next
}

// parseHeader splits the header into fields. It goes on behind a fault, so
// that the message can be answered.
func (m *Message) parseHeader(pos int, fault **Error) {
	first, lines, returns := pos, 0, 0 // returns counts the CR that belong to line ends
	for {
		end, next, ok := m.line(pos)
		returns += max(next-end-1, 0)
		lines++
		if end == pos && next <= MaxHeaderBytes {
			if !ok && m.complete() {
				m.src += "\r\n"
				next, ok, returns = len(m.src), true, returns+1
			}
			m.sepStart, m.bodyStart = pos, next
			if !ok {
				setFault(fault, "Header Does Not End", HeaderOther, pos)
			}
			m.checkLineEnds(first, lines, returns, fault)
			return
		}
		folded := false
		for ok && next < len(m.src) && (m.src[next] == ' ' || m.src[next] == '\t') && next <= MaxHeaderBytes {
			end, next, ok = m.line(next) // a folded line goes on (§7.3.1)
			returns += max(next-end-1, 0)
			lines++
			folded = true
		}
		if next > MaxHeaderBytes {
			m.sepStart, m.bodyStart = pos, len(m.src)
			setFault(fault, "Header Too Large", HeaderOther, pos)
			return
		}
		m.parseField(pos, end, next, folded, fault)
		pos = next
	}
}

// complete reports whether a message whose empty line is missing is all there:
// it says that it has no body. Some peers send no empty line then.
func (m *Message) complete() bool {
	f := m.find(HeaderContentLength)
	return f != nil && m.value(f) == "0" && m.src[len(m.src)-1] == '\n'
}

// checkLineEnds refuses a CR that ends no line, and makes sure that a message
// with bare LF is written with CRLF: other elements may cut such lines
// otherwise (RFC 3261 §7 asks for CRLF).
func (m *Message) checkLineEnds(first, lines, returns int, fault **Error) {
	if strings.Count(m.src[first:m.bodyStart], "\r") > returns {
		setFault(fault, "Bare CR in Header Field", HeaderOther, first)
	}
	if returns == lines && m.lineEnd >= 2 && m.src[m.lineEnd-2] == '\r' {
		return
	}
	m.lineEnd = 0
	for i := range m.fields {
		f := &m.fields[i]
		value := m.value(f)
		if f.id == HeaderOther {
			*f = newNamedField(m.name(f), value)
		} else {
			f.edit(value)
		}
	}
}

func setFault(fault **Error, reason string, id HeaderID, pos int) {
	if *fault == nil {
		*fault = &Error{Status: 400, Reason: reason, Header: id, Pos: pos}
	}
}

// parseField records one field: name, white space, colon, value.
func (m *Message) parseField(start, end, next int, folded bool, fault **Error) {
	src := m.src
	colon := start + max(strings.IndexByte(src[start:end], ':'), 0)
	nameEnd := colon
	for nameEnd > start && (src[nameEnd-1] == ' ' || src[nameEnd-1] == '\t') {
		nameEnd--
	}
	id := LookupHeader(src[start:nameEnd])
	if id == HeaderOther && !all(src[start:nameEnd], classToken) {
		setFault(fault, "Malformed Header Field", HeaderOther, start)
		return
	}
	if len(m.fields) >= MaxFields {
		setFault(fault, "Too Many Header Fields", HeaderOther, start)
		return
	}
	from, to := colon+1, end
	for from < to && isSpace(src[from]) {
		from++
	}
	for to > from && isSpace(src[to-1]) {
		to--
	}
	f := m.nextField()
	f.id, f.edited, f.folded, f.own = id, false, folded, ""
	f.start, f.nameEnd, f.end = uint16(start), uint16(nameEnd), uint16(next)
	f.valueStart, f.valueEnd = uint16(from), uint16(to)
	if folded {
		f.own = unfold(src[from:to])
	}
}

// nextField appends a field in place, which is cheaper than to copy one.
func (m *Message) nextField() *field {
	n := len(m.fields)
	if n == cap(m.fields) {
		m.fields = append(m.fields, field{})
	}
	m.fields = m.fields[:n+1]
	return &m.fields[n]
}

// unfold replaces each line break with the white space around it by one space
// (RFC 3261 §7.3.1).
func unfold(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\r' && s[i] != '\n' {
			b = append(b, s[i])
			continue
		}
		for len(b) > 0 && isSpace(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
		for i+1 < len(s) && isSpace(s[i+1]) {
			i++
		}
		b = append(b, ' ')
	}
	return string(b)
}

func validFieldName(s string) bool { return IsToken(s) && len(s) < 1024 }

// finish cuts the body: what lies behind Content-Length is not part of the
// message, too little is a fault (RFC 3261 §18.3).
func (m *Message) finish(fault *Error) error {
	m.body = m.src[m.bodyStart:]
	if fault != nil && fault.Status == 0 {
		return fault
	}
	if f := m.find(HeaderContentLength); f != nil {
		n, ok := number(m.value(f), 1<<31-1)
		switch {
		case !ok:
			setFault(&fault, "Malformed Content-Length", HeaderContentLength, int(f.start))
		case int(n) > len(m.body):
			setFault(&fault, "Body Shorter Than Content-Length", HeaderContentLength, int(f.start))
		default:
			m.body = m.body[:n]
		}
	}
	if fault != nil {
		return fault
	}
	return nil
}
