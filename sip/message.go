package sip

import (
	"iter"
	"unsafe"
)

// Message is what requests and responses share: an ordered list of header
// fields and a body. A parsed message is a set of views of one string; what
// nobody edits is written back byte for byte. A Message is not safe for
// concurrent edits; the strings it hands out stay valid for ever.
type Message struct {
	src       string // the message as received, without leading CRLF
	fields    []field
	body      string
	sepStart  int // the empty line: src[sepStart:bodyStart]
	bodyStart int
	lineEnd   int // the start line: src[:lineEnd]; 0 = written from the parts below

	// What Validate has found out, for as long as the values it comes from stand
	// there (same): a message is asked for it by every room it passes.
	via     Via
	viaFrom string // value of the topmost Via line
	fromTag memo
	toTag   memo

	borrowed bool // src is used again by others: see Borrow
	sound    bool // Validate has found nothing
	response bool
	method   Method
	uri      string
	status   int
	reason   string
}

// memo is a tag and the value of From or To that it stands in.
type memo struct{ value, tag string }

// same reports whether a and b are the same piece of memory.
func same(a, b string) bool {
	return len(a) == len(b) && len(a) > 0 && unsafe.StringData(a) == unsafe.StringData(b)
}

// field is one header field line. Offsets are into Message.src; an added or
// edited field has its own text instead.
type field struct {
	own        string // value of an edited or folded field; "Name: value" if HeaderOther
	start      uint16
	nameEnd    uint16
	valueStart uint16
	valueEnd   uint16
	end        uint16
	id         HeaderID
	edited     bool // written from own, not from src
	folded     bool // own is the unfolded value; src is still written
}

func (m *Message) value(f *field) string {
	switch {
	case f.edited && f.id == HeaderOther:
		return f.own[f.valueStart:]
	case f.edited, f.folded:
		return f.own
	}
	return m.src[f.valueStart:f.valueEnd]
}

func (m *Message) name(f *field) string {
	switch {
	case !f.edited:
		return m.src[f.start:f.nameEnd]
	case f.id == HeaderOther:
		return f.own[:f.nameEnd]
	}
	return headers[f.id].name
}

func newField(id HeaderID, value string) field {
	return field{id: id, own: value, edited: true}
}

func newNamedField(name, value string) field {
	if id := LookupHeader(name); id != HeaderOther {
		return newField(id, value)
	}
	return field{
		own: name + ": " + value, edited: true,
		nameEnd: uint16(len(name)), valueStart: uint16(len(name) + 2),
	}
}

func (m *Message) find(id HeaderID) *field {
	for i := range m.fields {
		if m.fields[i].id == id {
			return &m.fields[i]
		}
	}
	return nil
}

func (m *Message) findName(name string) *field {
	if id := LookupHeader(name); id != HeaderOther {
		return m.find(id)
	}
	for i := range m.fields {
		if f := &m.fields[i]; f.id == HeaderOther && equalFold(m.name(f), name) {
			return f
		}
	}
	return nil
}

// Get returns the value of the first line of the field, or "". Folded lines
// are joined (RFC 3261 §7.3.1).
func (m *Message) Get(id HeaderID) string {
	if f := m.find(id); f != nil {
		return m.value(f)
	}
	return ""
}

// GetName is Get by name, in any case or compact form.
func (m *Message) GetName(name string) string {
	if f := m.findName(name); f != nil {
		return m.value(f)
	}
	return ""
}

// Has reports whether the field is there.
func (m *Message) Has(id HeaderID) bool { return m.find(id) != nil }

// HasName is Has by name.
func (m *Message) HasName(name string) bool { return m.findName(name) != nil }

// Count returns the number of lines of the field.
func (m *Message) Count(id HeaderID) int {
	n := 0
	for i := range m.fields {
		if m.fields[i].id == id {
			n++
		}
	}
	return n
}

// Values yields the values of the field in order, across its lines; the
// elements of a comma-separated list one by one, empty ones left out.
func (m *Message) Values(id HeaderID) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range m.fields {
			f := &m.fields[i]
			if f.id != id {
				continue
			}
			value, more := m.value(f), true
			for more {
				elem := value
				if id.List() {
					elem, value, more = nextElement(value)
				} else {
					more = false
				}
				if elem != "" && !yield(elem) {
					return
				}
			}
		}
	}
}

// First returns the topmost list element of the field.
func (m *Message) First(id HeaderID) (string, bool) {
	for v := range m.Values(id) {
		return v, true
	}
	return "", false
}

// Fields yields name and value of each line in order.
func (m *Message) Fields() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range m.fields {
			f := &m.fields[i]
			if !yield(m.name(f), m.value(f)) {
				return
			}
		}
	}
}

// HasToken reports whether the comma-separated field holds the token, without
// regard to case: option tags in Supported and Require, methods in Allow.
func (m *Message) HasToken(id HeaderID, token string) bool {
	for v := range m.Values(id) {
		if equalFold(v, token) {
			return true
		}
	}
	return false
}

// Body returns the body.
func (m *Message) Body() string { return m.body }

// IsResponse reports whether the message is a response.
func (m *Message) IsResponse() bool { return m.response }

// copyInto makes dst an independent copy that uses the room it has; the strings
// are shared.
func (m *Message) copyInto(dst *Message) {
	fields := append(dst.fields[:0], m.fields...)
	*dst = *m
	dst.fields = fields
}
