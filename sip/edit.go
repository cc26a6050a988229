package sip

import (
	"slices"
	"strconv"
)

// Add appends a line at the end of the header.
func (m *Message) Add(id HeaderID, value string) {
	if id == HeaderOther {
		return
	}
	m.fields = append(m.fields, newField(id, value))
}

// AddName is Add by name.
func (m *Message) AddName(name, value string) {
	if validFieldName(name) {
		m.fields = append(m.fields, newNamedField(name, value))
	}
}

// Prepend inserts a line above the first of the same field; if there is none,
// at the top of the header.
func (m *Message) Prepend(id HeaderID, value string) {
	if id == HeaderOther {
		return
	}
	m.fields = slices.Insert(m.fields, max(m.index(id), 0), newField(id, value))
}

// Set makes value the only line of the field, in the place of its first.
func (m *Message) Set(id HeaderID, value string) {
	if id == HeaderOther {
		return
	}
	at := m.index(id)
	if at < 0 {
		m.Add(id, value)
		return
	}
	m.fields[at].edit(value)
	for i := len(m.fields) - 1; i > at; i-- {
		if m.fields[i].id == id {
			m.fields = slices.Delete(m.fields, i, i+1)
		}
	}
}

func (m *Message) index(id HeaderID) int {
	for i := range m.fields {
		if m.fields[i].id == id {
			return i
		}
	}
	return -1
}

// SetName is Set by name.
func (m *Message) SetName(name, value string) {
	if id := LookupHeader(name); id != HeaderOther {
		m.Set(id, value)
		return
	}
	if !validFieldName(name) {
		return
	}
	if f := m.findName(name); f != nil {
		*f = newNamedField(name, value)
		return
	}
	m.AddName(name, value)
}

// Del removes all lines of the field.
func (m *Message) Del(id HeaderID) {
	if id != HeaderOther && m.Has(id) {
		m.fields = slices.DeleteFunc(m.fields, func(f field) bool { return f.id == id })
	}
}

// DelName is Del by name.
func (m *Message) DelName(name string) {
	if id := LookupHeader(name); id != HeaderOther {
		m.Del(id)
		return
	}
	m.fields = slices.DeleteFunc(m.fields, func(f field) bool {
		return f.id == HeaderOther && equalFold(m.name(&f), name)
	})
}

// PopFirst removes the topmost list element of the field and returns it.
func (m *Message) PopFirst(id HeaderID) (string, bool) {
	if id == HeaderOther {
		return "", false
	}
	for i := m.index(id); i >= 0; i = m.index(id) {
		elem, rest := firstElement(id, m.value(&m.fields[i]))
		if rest == "" {
			m.fields = slices.Delete(m.fields, i, i+1)
		} else {
			m.fields[i].edit(rest)
		}
		if elem != "" {
			return elem, true
		}
	}
	return "", false
}

// firstElement cuts the first list element that is not empty off a value.
func firstElement(id HeaderID, value string) (elem, rest string) {
	if !id.List() {
		return value, ""
	}
	for more := true; more && elem == ""; {
		elem, value, more = nextElement(value)
	}
	return elem, trim(value)
}

// SetFirst replaces the topmost list element of the field, or adds the field
// at the top.
func (m *Message) SetFirst(id HeaderID, value string) {
	f := m.find(id)
	if f == nil {
		m.Prepend(id, value)
		return
	}
	if _, rest := firstElement(id, m.value(f)); rest != "" {
		value += ", " + rest
	}
	f.edit(value)
}

// SetTopVia replaces the topmost Via element by a text, and remembers that it says
// via, so that TopVia need not read it.
func (m *Message) SetTopVia(text string, via Via) {
	m.SetFirst(HeaderVia, text)
	m.via, m.viaFrom = via, m.Get(HeaderVia)
}

func (f *field) edit(value string) {
	f.own, f.edited, f.folded = value, true, false
}

// SetBody replaces the body and sets Content-Type and Content-Length; an empty
// contentType removes Content-Type.
func (m *Message) SetBody(contentType, body string) {
	m.body = body
	m.sepStart, m.bodyStart = 0, 0
	if contentType == "" {
		m.Del(HeaderContentType)
	} else {
		m.Set(HeaderContentType, contentType)
	}
	m.Set(HeaderContentLength, strconv.Itoa(len(body)))
}

// CopyFrom appends all lines of the fields from another message, in its order.
func (m *Message) CopyFrom(from *Message, ids ...HeaderID) {
	for i := range from.fields {
		f := from.fields[i]
		if !slices.Contains(ids, f.id) {
			continue
		}
		if m.src != from.src {
			own := from.value(&f)
			if f.id == HeaderOther {
				own = from.name(&f) + ": " + own
			}
			f = field{own: own, id: f.id, edited: true, nameEnd: f.nameEnd - f.start}
			f.valueStart = f.nameEnd + 2
		}
		m.fields = append(m.fields, f)
	}
}
