package sdp

import (
	"net/netip"
	"slices"
	"strings"
)

// Fax is one side of a T.38 stream over UDPTL: m=image <port> udptl t38 (ITU-T
// T.38 Annex D, RFC 3362).
type Fax struct {
	Line       int            // number of its m-line, from 0
	Addr       netip.AddrPort // where its owner receives UDPTL; port 0: declined
	Attributes []string       // "T38FaxVersion:0" …, in their order, only those of T.38
}

// imageMedia and udptl are the m-line of a fax.
const (
	imageMedia = "image"
	udptl      = "udptl"
	t38Format  = "t38"
)

// maxFaxAttributes bounds what a stranger may have us repeat; T.38 has ten.
const maxFaxAttributes = 16

// newFax reads an m-line that may be a fax's; nil if it is none.
func newFax(m mline, line int, session, media string) *Fax {
	if !strings.EqualFold(m.media, imageMedia) || !strings.EqualFold(m.proto, udptl) || !strings.EqualFold(m.rest, t38Format) {
		return nil
	}
	host := connectionHost(media)
	if host == "" {
		host = connectionHost(session)
	}
	f := &Fax{Line: line, Addr: address(host, portOf(m.port))}
	for text := range linesOf(media) {
		value := text[2:]
		if text[0] == 'a' && strings.HasPrefix(value, "T38") && len(value) <= 64 && len(f.Attributes) < maxFaxAttributes {
			f.Attributes = append(f.Attributes, strings.Clone(value))
		}
	}
	return f
}

// Fax returns the fax that a description is about: an image stream with a port,
// and no sound with one. As an answer a fax may be declined, with port 0.
func (d *Description) Fax() (Fax, bool) {
	var f *Fax
	for i := range d.streams {
		s := &d.streams[i]
		if s.known && s.kind == Audio && !s.remote.Rejected {
			return Fax{}, false
		}
		if f == nil || f.Addr.Port() == 0 {
			if s.fax != nil {
				f = s.fax
			}
		}
	}
	if f == nil {
		return Fax{}, false
	}
	return *f, true
}

// Attribute returns the value of a T.38 attribute, and whether it is there.
func (f *Fax) Attribute(name string) (string, bool) {
	for _, a := range f.Attributes {
		n, value, _ := strings.Cut(a, ":")
		if strings.EqualFold(n, name) {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// With returns a fax whose attribute has another value; "" takes it out.
func (f Fax) With(name, value string) Fax {
	f.Attributes = slices.Clone(f.Attributes)
	at := slices.IndexFunc(f.Attributes, func(a string) bool {
		n, _, _ := strings.Cut(a, ":")
		return strings.EqualFold(n, name)
	})
	switch {
	case at >= 0 && value == "":
		f.Attributes = slices.Delete(f.Attributes, at, at+1)
	case at >= 0:
		f.Attributes[at] = name + ":" + value
	case value != "":
		f.Attributes = append(f.Attributes, name+":"+value)
	}
	return f
}

// OfferFax writes an offer of a fax in the place of the main stream: when the
// same is conveyed in another form, its media type changes (RFC 3264 §8.3.3).
// Of l the identity is used, of f address and attributes. What was agreed about
// sound stays, to be offered again afterwards.
func (s *Session) OfferFax(l Local, f Fax) string {
	l.SessionID = s.ID
	l.Addr = f.Addr
	layout := s.Agreed.Layout
	if len(layout.Lines) == 0 {
		layout = Layout{Lines: []string{""}}
	}
	s.Offered = nil
	return s.version(func(v uint64) string {
		l.Version = v
		var room [usualBody]byte
		w := writer(room[:0])
		w.session(&l, "0 0")
		for i, old := range layout.Lines {
			if i == layout.Audio {
				w.fax(&f)
			} else {
				w.line('m', rejected(old))
			}
		}
		return string(w)
	})
}

// AcceptFax reads the answer to OfferFax. ErrRejected: the peer set the port to
// 0; ErrNoAudio: the answer is about something else.
func (s *Session) AcceptFax(answer *Description) (Fax, error) {
	at := s.Agreed.Layout.Audio
	if at >= len(answer.streams) || answer.streams[at].fax == nil {
		return Fax{}, ErrNoAudio
	}
	s.Agreed.Layout = answer.layout(at)
	f := *answer.streams[at].fax
	if f.Addr.Port() == 0 {
		return f, ErrRejected
	}
	return f, nil
}

// AnswerFax answers an offer that is a fax, of which at is the m-line, with our
// side of it.
func (s *Session) AnswerFax(offer *Description, l Local, at int, f Fax) string {
	l.SessionID = s.ID
	l.Addr = f.Addr
	s.Agreed.Layout = offer.layout(at)
	return s.version(func(v uint64) string {
		l.Version = v
		var room [usualBody]byte
		w := writer(room[:0])
		w.session(&l, offer.timing)
		for i := range offer.streams {
			if i == at {
				w.fax(&f)
			} else {
				w.line('m', rejected(offer.streams[i].text))
			}
		}
		return string(w)
	})
}

// fax writes the m-line of a fax and its attributes.
func (w *writer) fax(f *Fax) {
	w.begin('m')
	w.text(imageMedia + " ")
	w.number(uint64(f.Addr.Port()))
	w.text(" " + udptl + " " + t38Format)
	w.end()
	for _, a := range f.Attributes {
		w.line('a', a)
	}
}
