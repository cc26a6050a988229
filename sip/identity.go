package sip

import (
	"slices"
	"strconv"
	"strings"
)

// Who calls, and by which way the call came here: RFC 3325, RFC 5806, RFC 7044
// and RFC 3323.

// AssertedIdentity returns the P-Asserted-Identity values, at most one SIP or
// SIPS and one tel URI (RFC 3325 §9.1).
func (m *Message) AssertedIdentity() ([]Address, error) {
	return m.Addresses(HeaderPAssertedIdentity)
}

// Private reports whether Privacy asks for the type: "id", "header", "user",
// "session", "none", "critical", "history" (RFC 3323 §4.2).
func (m *Message) Private(kind string) bool {
	for line := range m.Values(HeaderPrivacy) {
		for v := range strings.SplitSeq(line, ";") {
			if equalFold(trim(v), kind) {
				return true
			}
		}
	}
	return false
}

// Diversion is one element of the Diversion field (RFC 5806 §3).
type Diversion struct {
	Address Address
	Reason  string // "user-busy", "no-answer", "unconditional", …
	Counter int    // diversions that this element stands for; at least 1
	Limit   int    // 0 = none
	Privacy string
	Screen  string
}

// Diversions returns the elements, the latest diversion first.
func (m *Message) Diversions() ([]Diversion, error) {
	var list []Diversion
	for v := range m.Values(HeaderDiversion) {
		a, fault := parseAddress(v)
		if fault != "" {
			return nil, bad(HeaderDiversion, fault)
		}
		d := Diversion{Address: a, Counter: 1}
		d.Reason, _ = a.Params.Get("reason")
		d.Privacy, _ = a.Params.Get("privacy")
		d.Screen, _ = a.Params.Get("screen")
		if s, ok := a.Params.Get("counter"); ok {
			n, _ := number(s, 1000)
			d.Counter = max(int(n), 1)
		}
		s, _ := a.Params.Get("limit")
		n, _ := number(s, 1000)
		d.Limit = int(n)
		list = append(list, d)
	}
	return list, nil
}

// HistoryEntry is one element of History-Info (RFC 7044 §5).
type HistoryEntry struct {
	Address Address // the parameters are all those of the element
	Index   []int   // "1.2.1" as numbers; nil if malformed
	From    string  // the rc, mp or np parameter: the index the entry came from
	Tag     string  // "rc", "mp", "np" or ""
	Reason  string  // the Reason header in the URI, without escapes
}

// History returns the entries in order.
func (m *Message) History() ([]HistoryEntry, error) {
	var list []HistoryEntry
	for v := range m.Values(HeaderHistoryInfo) {
		a, fault := parseAddress(v)
		if fault != "" {
			return nil, bad(HeaderHistoryInfo, fault)
		}
		h := HistoryEntry{Address: a}
		index, _ := a.Params.Get("index")
		h.Index = parseIndex(index)
		for _, tag := range [...]string{"rc", "mp", "np"} {
			if from, ok := a.Params.Get(tag); ok {
				h.Tag, h.From = tag, from
			}
		}
		if u, err := a.ParsedURI(); err == nil {
			for name, value := range u.URIHeaders() {
				if equalFold(name, "Reason") {
					h.Reason = value
				}
			}
		}
		list = append(list, h)
	}
	return list, nil
}

func parseIndex(s string) []int {
	var index []int
	for part := range strings.SplitSeq(s, ".") {
		n, ok := number(part, 1<<31-1)
		if !ok {
			return nil
		}
		index = append(index, int(n))
	}
	return index
}

// FormatIndex writes an index of History-Info.
func FormatIndex(index []int) string {
	var b []byte
	for i, n := range index {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return string(b)
}

// String writes the element for History-Info; Index, From and Tag replace what
// the address has.
func (h HistoryEntry) String() string {
	a := h.Address
	a.Params = a.Params.Without("index").Without("rc").Without("mp").Without("np")
	a.Params += Params(";index=" + FormatIndex(h.Index))
	if slices.Contains([]string{"rc", "mp", "np"}, h.Tag) {
		a.Params += Params(";" + h.Tag + "=" + h.From)
	}
	return a.String()
}
