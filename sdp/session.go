package sdp

import (
	"slices"
	"strings"
)

// Session is our side of the descriptions of one dialog. It holds what must
// stay the same from one offer or answer to the next; the zero value with an
// ID is a dialog where nothing was said yet. It is plain data: copy it to
// remember a state to fall back to when a re-offer is refused, or write it to
// a snapshot. It is not safe for use by several goroutines.
type Session struct {
	ID      uint64     // o= session id
	Version uint64     // o= session version of Body
	Body    string     // what we said last
	Agreed  Negotiated // the last outcome
	Offered *Local     // what the last offer was made from, until Settle; not changed, so a copy may share it
}

// Offer writes an offer or a re-offer. RFC 3264 §8: the version grows by one
// if anything changed, and the m-lines keep their number and order. Payload
// types that were agreed keep their meaning (§8.3.2).
func (s *Session) Offer(l Local) string {
	l = s.prepare(l)
	body := s.version(func(v uint64) string {
		l.Version = v
		return Offer(l)
	})
	s.Offered = &l
	return body
}

// Accept reads the answer to the last Offer. On an error nothing changes. An
// answer may come again, as in a 183 and the 200 behind it.
func (s *Session) Accept(answer *Description) (Negotiated, error) {
	if s.Offered == nil {
		return Negotiated{}, ErrNoOffer
	}
	n, err := Accept(*s.Offered, answer)
	if err == nil {
		s.Agreed = n
	}
	return n, err
}

// Settle forgets what the last offer was made from: no answer to it can come any
// more.
func (s *Session) Settle() { s.Offered = nil }

// Answer answers the peer's offer. On an error nothing changes.
func (s *Session) Answer(offer *Description, l Local) (string, Negotiated, error) {
	l.SessionID = s.ID
	n, err := agree(offer, &l)
	if err != nil {
		return "", Negotiated{}, err
	}
	n.Layout = offer.layout(n.Line)
	s.Agreed = n
	body := s.version(func(v uint64) string {
		l.Version = v
		return n.answer(offer, &l)
	})
	return body, n, nil
}

// prepare carries the session's layout and payload types into a new offer.
func (s *Session) prepare(l Local) Local {
	l.SessionID = s.ID
	if len(l.Layout.Lines) == 0 {
		l.Layout = s.Agreed.Layout
	}
	if s.Agreed.DTMF != nil {
		l.DTMFPT = s.Agreed.DTMF.RecvPT
	}
	l.Codecs = keepTypes(l.Codecs, &s.Agreed.Media)
	l.Video = keepTypes(l.Video, &s.Agreed.Media)
	l.Lines = slices.Clone(l.Lines)
	for i := range l.Lines {
		for k := range s.Agreed.Others {
			if m := &s.Agreed.Others[k]; m.Line == i && m.Kind == l.Lines[i].Kind {
				l.Lines[i].Codecs = keepTypes(l.Lines[i].Codecs, m)
			}
		}
	}
	return l
}

// keepTypes gives codecs the payload types that were agreed for them, and
// another one to a codec that would get one of those too.
func keepTypes(codecs []Codec, agreed *Media) []Codec {
	codecs = slices.Clone(codecs)
	var fixed [128]bool
	settled := make([]bool, len(codecs))
	for i := range codecs {
		for _, f := range agreed.Formats {
			if f.Same(codecs[i]) && !fixed[f.RecvPT&127] {
				codecs[i].PT, settled[i] = f.RecvPT, true
				fixed[f.RecvPT&127] = true
			}
		}
	}
	for _, e := range agreed.Events {
		fixed[e.RecvPT&127] = true
	}
	for i := range codecs {
		for pt := uint8(96); !settled[i] && fixed[codecs[i].PT&127] && pt < 128; pt++ {
			codecs[i].PT = pt
		}
		fixed[codecs[i].PT&127] = true
	}
	return codecs
}

// version writes a body with the old version and, if that is not what was
// said before, with the next one.
func (s *Session) version(write func(uint64) string) string {
	if s.Body == "" && s.Version == 0 {
		s.Version = s.ID
	}
	body := write(s.Version)
	if s.Body != "" && body != s.Body {
		s.Version++
		body = write(s.Version)
	}
	s.Body = body
	return body
}

// SameMedia says whether two bodies differ in nothing but their o= line, so
// that a re-INVITE is a mere refresh (RFC 4028 §7.4).
func SameMedia(a, b string) bool {
	return withoutOrigin(a) == withoutOrigin(b)
}

func withoutOrigin(body string) string {
	start := strings.Index(body, "\no=")
	if start < 0 {
		return body
	}
	end := strings.IndexByte(body[start+1:], '\n')
	if end < 0 {
		return body[:start]
	}
	return body[:start] + body[start+1+end:]
}
