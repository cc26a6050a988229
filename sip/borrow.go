package sip

import (
	"strings"
	"unsafe"
)

// Borrow is Parse of bytes that their owner uses again: r and every string it
// hands out are valid until then only, and r reuses its memory as well. Whoever
// keeps something of r longer takes it from [Request.Keep]. Borrow is for those
// who have done with a message when the call returns that brought it.
func (r *Request) Borrow(data []byte) error {
	text := unsafe.String(unsafe.SliceData(data), len(data))
	err := r.Parse(text)
	if !r.within(text) { // the parser has made a text of its own of it
		return r.Parse(string(data))
	}
	r.borrowed = true
	return err
}

// Borrow is [Request.Borrow] for a response.
func (r *Response) Borrow(data []byte) error {
	text := unsafe.String(unsafe.SliceData(data), len(data))
	err := r.Parse(text)
	if !r.within(text) {
		return r.Parse(string(data))
	}
	r.borrowed = true
	return err
}

// Borrowed reports whether m is valid only until the bytes it was made of by
// Borrow are used again.
func (m *Message) Borrowed() bool { return m.borrowed }

// Keep returns r, or if it is borrowed an independent copy that stays valid.
func (r *Request) Keep() *Request {
	if !r.borrowed {
		return r
	}
	c := newRequest(len(r.fields) + spareFields)
	r.keepInto(&c.Message)
	return c
}

// Keep returns r, or if it is borrowed an independent copy that stays valid.
func (r *Response) Keep() *Response {
	if !r.borrowed {
		return r
	}
	c := newResponse(len(r.fields) + spareFields)
	r.keepInto(&c.Message)
	return c
}

// within reports whether m's text lies in a text.
func (m *Message) within(text string) bool {
	_, inside := offset(m.src, text)
	return inside
}

// keepInto makes dst a copy of m with a text of its own, into which all strings
// are moved that were views of m's.
func (m *Message) keepInto(dst *Message) {
	m.copyInto(dst)
	dst.src, dst.borrowed = strings.Clone(m.src), false
	move := func(list ...*string) {
		for _, s := range list {
			if at, inside := offset(*s, m.src); inside {
				*s = dst.src[at : at+len(*s)]
			}
		}
	}
	move((*string)(&dst.method), &dst.uri, &dst.reason, &dst.body, &dst.viaFrom, &dst.fromTag.value, &dst.fromTag.tag, &dst.toTag.value, &dst.toTag.tag)
	move(&dst.via.Protocol, &dst.via.Transport, &dst.via.Host, (*string)(&dst.via.Params))
	for i := range dst.fields {
		move(&dst.fields[i].own)
	}
}

// offset finds a piece of a text by where it lies in memory.
func offset(piece, text string) (at int, inside bool) {
	if piece == "" || text == "" {
		return 0, false
	}
	p, t := uintptr(unsafe.Pointer(unsafe.StringData(piece))), uintptr(unsafe.Pointer(unsafe.StringData(text)))
	if p < t || p+uintptr(len(piece)) > t+uintptr(len(text)) {
		return 0, false
	}
	return int(p - t), true
}
