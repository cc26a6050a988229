package sip

import "strconv"

// Append writes the message behind dst. Untouched lines and the untouched body
// are copied from what was received, neighbours in one run. A message without
// Content-Length gets one (RFC 3261 §20.14 requires it on streams). CR and LF
// in an edited value are written as spaces, so that no value can add a line.
func (m *Message) Append(dst []byte) []byte {
	dst, to := m.appendStart(dst)
	from := 0
	length := false
	for i := range m.fields {
		f := &m.fields[i]
		length = length || f.id == HeaderContentLength
		if !f.edited {
			if int(f.start) == to {
				to = int(f.end)
				continue
			}
			dst = append(dst, m.src[from:to]...)
			from, to = int(f.start), int(f.end)
			continue
		}
		dst = append(dst, m.src[from:to]...)
		from, to = 0, 0
		dst = f.append(dst)
	}
	if length && m.bodyStart > 0 && m.sepStart == to && to > 0 {
		return append(dst, m.src[from:m.bodyStart+len(m.body)]...)
	}
	dst = append(dst, m.src[from:to]...)
	if !length {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(m.body)), 10)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	return append(dst, m.body...)
}

// appendStart writes the start line, or returns its span to be written.
func (m *Message) appendStart(dst []byte) (out []byte, to int) {
	if m.lineEnd > 0 {
		return dst, m.lineEnd
	}
	if m.response {
		dst = append(dst, "SIP/2.0 "...)
		dst = strconv.AppendInt(dst, int64(m.status), 10)
		dst = append(dst, ' ')
		dst = appendClean(dst, m.reason)
	} else {
		dst = append(dst, m.method...)
		dst = append(dst, ' ')
		dst = appendClean(dst, m.uri)
		dst = append(dst, " SIP/2.0"...)
	}
	return append(dst, "\r\n"...), 0
}

func (f *field) append(dst []byte) []byte {
	if f.id != HeaderOther {
		dst = append(dst, headers[f.id].name...)
		dst = append(dst, ": "...)
	}
	dst = appendClean(dst, f.own)
	return append(dst, "\r\n"...)
}

// appendClean appends a text with CR and LF as spaces.
func appendClean(dst []byte, s string) []byte {
	at := len(dst)
	dst = append(dst, s...)
	for i := at; i < len(dst); i++ {
		if dst[i] == '\r' || dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return dst
}

// Bytes writes the message into a fresh slice.
func (m *Message) Bytes() []byte {
	return m.Append(make([]byte, 0, m.sizeHint()))
}

// String writes the message.
func (m *Message) String() string { return string(m.Bytes()) }

func (m *Message) sizeHint() int {
	n := len(m.src) + len(m.body) + 128
	for i := range m.fields {
		n += len(m.fields[i].own)
	}
	return n
}
