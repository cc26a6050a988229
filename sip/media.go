package sip

import (
	"iter"
	"strings"
	"time"
)

// Elements yields each element of a list field as value and parameters: Accept,
// Alert-Info, Security-Client, Feature-Caps, Warning, ….
func (m *Message) Elements(id HeaderID) iter.Seq2[string, Params] {
	return func(yield func(string, Params) bool) {
		for v := range m.Values(id) {
			if value, params := splitParams(v); !yield(value, params) {
				return
			}
		}
	}
}

// ContentType returns the media type in lower case, "application/sdp", and its
// parameters; "" if there is none (RFC 3261 §20.15).
func (m *Message) ContentType() (mediaType string, params Params) {
	v, params := splitParams(m.Get(HeaderContentType))
	return mediaName(v), params
}

// mediaName removes white space around the slash.
func mediaName(s string) string {
	kind, sub, _ := strings.Cut(s, "/")
	if sub == "" {
		return strings.ToLower(s)
	}
	return strings.ToLower(trim(kind) + "/" + trim(sub))
}

// Accepts reports whether the Accept field allows the media type, given in
// lower case. Without the field only application/sdp is assumed, an empty one
// allows nothing (RFC 3261 §20.1).
func (m *Message) Accepts(mediaType string) bool {
	if !m.Has(HeaderAccept) {
		return mediaType == "application/sdp"
	}
	kind, _, _ := strings.Cut(mediaType, "/")
	for v, params := range m.Elements(HeaderAccept) {
		if q, ok := params.Get("q"); ok && all(strings.ReplaceAll(q, ".", ""), classDigit) && strings.Trim(q, "0.") == "" {
			continue
		}
		if name := mediaName(v); name == mediaType || name == kind+"/*" || name == "*/*" {
			return true
		}
	}
	return false
}

// Disposition is the value of Content-Disposition (RFC 3261 §20.11).
type Disposition struct {
	Type     string // "session", "render", "early-session", … in lower case
	Optional bool   // handling=optional
}

// ContentDisposition returns the field, or what its absence means: "session"
// for SDP, else "render" (RFC 3261 §20.11).
func (m *Message) ContentDisposition() Disposition {
	v, params := splitParams(m.Get(HeaderContentDisposition))
	if v == "" {
		if t, _ := m.ContentType(); t == "application/sdp" {
			return Disposition{Type: "session"}
		}
		return Disposition{Type: "render"}
	}
	handling, _ := params.Get("handling")
	return Disposition{strings.ToLower(v), equalFold(handling, "optional")}
}

// Warning is one element of the Warning field (RFC 3261 §20.43).
type Warning struct {
	Code  int
	Agent string
	Text  string
}

// Warnings returns the well-formed elements.
func (m *Message) Warnings() []Warning {
	var list []Warning
	for v := range m.Values(HeaderWarning) {
		code, rest, _ := strings.Cut(v, " ")
		agent, text, _ := strings.Cut(trim(rest), " ")
		n, ok := number(code, 999)
		if !ok || len(code) != 3 || agent == "" {
			continue
		}
		list = append(list, Warning{int(n), agent, Unquote(trim(text))})
	}
	return list
}

// String writes the element.
func (w Warning) String() string {
	code := [...]byte{byte('0' + w.Code/100%10), byte('0' + w.Code/10%10), byte('0' + w.Code%10)}
	return string(code[:]) + " " + w.Agent + " " + Quote(w.Text)
}

// Timestamp returns the Timestamp field as it stands (RFC 3261 §20.38), and
// the delay behind it.
func (m *Message) Timestamp() (stamp string, delay time.Duration, ok bool) {
	f := m.find(HeaderTimestamp)
	if f == nil {
		return "", 0, false
	}
	stamp, rest, _ := strings.Cut(m.value(f), " ")
	if d, err := time.ParseDuration(trim(rest) + "s"); err == nil && d > 0 {
		delay = d
	}
	return stamp, delay, true
}
