package sip

import (
	"strings"
	"time"
)

// The accessors of this file follow one rule: ok tells whether the field is
// there, err (a *Error with status 400) whether it is there and malformed.

// CallID returns the Call-ID.
func (m *Message) CallID() string { return m.Get(HeaderCallID) }

// CSeq returns sequence number and method (RFC 3261 §20.16).
func (m *Message) CSeq() (seq uint32, method Method, err error) {
	v := m.Get(HeaderCSeq)
	end := indexSpace(v)
	if end < 0 {
		return 0, "", bad(HeaderCSeq, "Malformed CSeq")
	}
	n, ok := number(v[:end], 1<<32-1)
	name := trim(v[end:])
	if !ok || !IsToken(name) {
		return 0, "", bad(HeaderCSeq, "Malformed CSeq")
	}
	return uint32(n), internMethod(name), nil
}

// TopVia returns the topmost Via element.
func (m *Message) TopVia() (Via, error) {
	f := m.find(HeaderVia)
	if f == nil {
		return Via{}, bad(HeaderVia, "Missing Via")
	}
	if same(m.viaFrom, m.value(f)) {
		return m.via, nil
	}
	v, ok := m.First(HeaderVia)
	if !ok {
		return Via{}, bad(HeaderVia, "Missing Via")
	}
	return ParseVia(v)
}

// From returns the From address.
func (m *Message) From() (Address, error) { return m.mustAddress(HeaderFrom) }

// To returns the To address.
func (m *Message) To() (Address, error) { return m.mustAddress(HeaderTo) }

func (m *Message) mustAddress(id HeaderID) (Address, error) {
	f := m.find(id)
	if f == nil {
		return Address{}, bad(id, "Missing "+id.String())
	}
	a, fault := parseAddress(m.value(f))
	if fault != "" {
		return Address{}, bad(id, fault)
	}
	return a, nil
}

// FromTag returns the From tag, or "".
func (m *Message) FromTag() string { return m.tag(HeaderFrom) }

// ToTag returns the To tag, or "".
func (m *Message) ToTag() string { return m.tag(HeaderTo) }

func (m *Message) tag(id HeaderID) string {
	known, value := &m.fromTag, m.Get(id)
	if id == HeaderTo {
		known = &m.toTag
	}
	if same(known.value, value) {
		return known.tag
	}
	a, fault := parseAddress(value)
	if fault != "" {
		return ""
	}
	return a.Tag()
}

// SetToTag adds the tag to To, or replaces the one there; what else stands in
// To is left as it is.
func (m *Message) SetToTag(tag string) { m.setTag(HeaderTo, tag) }

// SetFromTag is SetToTag for From.
func (m *Message) SetFromTag(tag string) { m.setTag(HeaderFrom, tag) }

func (m *Message) setTag(id HeaderID, tag string) {
	f := m.find(id)
	if f == nil {
		return
	}
	v := m.value(f)
	a, fault := parseAddress(v)
	if fault != "" {
		return
	}
	if !a.Params.Has("tag") {
		f.edit(v + ";tag=" + tag)
		return
	}
	f.edit(v[:len(v)-len(a.Params)] + string(a.Params.With("tag", tag)))
}

// Address returns the first element of a field that holds addresses: Route,
// Record-Route, Path, Refer-To, P-Asserted-Identity, ….
func (m *Message) Address(id HeaderID) (a Address, ok bool, err error) {
	v, ok := m.First(id)
	if !ok {
		return Address{}, false, nil
	}
	a, fault := parseAddress(v)
	if fault != "" {
		return Address{}, true, bad(id, fault)
	}
	return a, true, nil
}

// Addresses returns all elements of a field that holds addresses, in order.
func (m *Message) Addresses(id HeaderID) ([]Address, error) {
	var list []Address
	for v := range m.Values(id) {
		a, fault := parseAddress(v)
		if fault != "" {
			return nil, bad(id, fault)
		}
		list = append(list, a)
	}
	return list, nil
}

// Contacts returns the contact addresses, or star for "Contact: *" (RFC 3261
// §20.10).
func (m *Message) Contacts() (list []Address, star bool, err error) {
	for v := range m.Values(HeaderContact) {
		if v == "*" {
			star = true
			continue
		}
		a, fault := parseAddress(v)
		if fault != "" {
			return nil, false, bad(HeaderContact, fault)
		}
		list = append(list, a)
	}
	if star && len(list) > 0 {
		return nil, false, bad(HeaderContact, "Contact * With Others")
	}
	return list, star, nil
}

// Contact returns the first contact address.
func (m *Message) Contact() (a Address, ok bool, err error) { return m.Address(HeaderContact) }

func (m *Message) number(id HeaderID, max uint64) (n uint32, ok bool, err error) {
	f := m.find(id)
	if f == nil {
		return 0, false, nil
	}
	v, good := number(m.value(f), max)
	if !good {
		return 0, true, bad(id, "Malformed "+id.String())
	}
	return uint32(v), true, nil
}

// Expires returns the Expires field in seconds (RFC 3261 §20.19); a value
// above 2^32-1 counts as that.
func (m *Message) Expires() (sec uint32, ok bool, err error) {
	return m.clamped(HeaderExpires, 1<<32-1)
}

// clamped is number for fields where a large value is as good as the largest.
func (m *Message) clamped(id HeaderID, max uint32) (n uint32, ok bool, err error) {
	f := m.find(id)
	if f == nil {
		return 0, false, nil
	}
	n, good := clamped(m.value(f))
	if !good {
		return 0, true, bad(id, "Malformed "+id.String())
	}
	return min(n, max), true, nil
}

// MinExpires returns Min-Expires in seconds (RFC 3261 §20.23).
func (m *Message) MinExpires() (sec uint32, ok bool, err error) {
	return m.number(HeaderMinExpires, 1<<32-1)
}

// MaxForwards returns Max-Forwards (RFC 3261 §20.22), 0..255; a larger value
// counts as 255.
func (m *Message) MaxForwards() (n uint32, ok bool, err error) {
	return m.clamped(HeaderMaxForwards, 255)
}

// MaxBreadth returns Max-Breadth (RFC 5393 §5.3.1).
func (m *Message) MaxBreadth() (n uint32, ok bool, err error) {
	return m.number(HeaderMaxBreadth, 1<<31-1)
}

// RSeq returns the sequence number of a reliable provisional response, 1 to
// 2^32-1 (RFC 3262 §7.1).
func (m *Message) RSeq() (n uint32, ok bool, err error) {
	n, ok, err = m.number(HeaderRSeq, 1<<32-1)
	if ok && err == nil && n == 0 {
		err = bad(HeaderRSeq, "Malformed RSeq")
	}
	return n, ok, err
}

// FlowTimer returns Flow-Timer in seconds (RFC 5626 §10).
func (m *Message) FlowTimer() (sec uint32, ok bool, err error) {
	return m.number(HeaderFlowTimer, 1<<32-1)
}

// RAck is the value of the RAck field (RFC 3262 §7.2).
type RAck struct {
	RSeq   uint32
	CSeq   uint32
	Method Method
}

// RAck returns the RAck field.
func (m *Message) RAck() (r RAck, ok bool, err error) {
	f := m.find(HeaderRAck)
	if f == nil {
		return RAck{}, false, nil
	}
	parts := strings.Fields(m.value(f))
	if len(parts) != 3 || !IsToken(parts[2]) {
		return RAck{}, true, bad(HeaderRAck, "Malformed RAck")
	}
	rseq, ok1 := number(parts[0], 1<<32-1)
	cseq, ok2 := number(parts[1], 1<<32-1)
	if !ok1 || !ok2 || rseq == 0 {
		return RAck{}, true, bad(HeaderRAck, "Malformed RAck")
	}
	return RAck{uint32(rseq), uint32(cseq), internMethod(parts[2])}, true, nil
}

// splitParams cuts "value;params"; a semicolon in quotes or angle brackets does
// not count.
func splitParams(s string) (value string, params Params) {
	if strings.IndexByte(s, ';') < 0 {
		return trim(s), ""
	}
	for i := 0; i < len(s); {
		switch s[i] {
		case ';':
			return trim(s[:i]), Params(s[i:])
		case '"':
			if i = skipQuoted(s, i); i < 0 {
				return trim(s), ""
			}
		case '<':
			n := strings.IndexByte(s[i:], '>')
			if n < 0 {
				return trim(s), ""
			}
			i += n + 1
		default:
			i++
		}
	}
	return trim(s), ""
}

// Date returns the Date field; RFC 3261 §20.17 allows GMT only.
func (m *Message) Date() (t time.Time, ok bool, err error) {
	f := m.find(HeaderDate)
	if f == nil {
		return time.Time{}, false, nil
	}
	t, e := time.Parse(dateFormat, m.value(f))
	if e != nil {
		return time.Time{}, true, bad(HeaderDate, "Malformed Date")
	}
	return t.UTC(), true, nil
}

const dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// FormatDate writes t as the value of a Date field.
func FormatDate(t time.Time) string { return t.UTC().Format(dateFormat) }
