package sip

import (
	"strconv"
	"strings"
)

// SessionExpires is the value of Session-Expires (RFC 4028 §4).
type SessionExpires struct {
	Interval  uint32 // seconds
	Refresher string // "uac", "uas" or ""
	Params    Params
}

// String writes the value.
func (s SessionExpires) String() string {
	v := strconv.FormatUint(uint64(s.Interval), 10) + string(s.Params.Without("refresher"))
	if s.Refresher != "" {
		v += ";refresher=" + s.Refresher
	}
	return v
}

// SessionExpires returns the Session-Expires field.
func (m *Message) SessionExpires() (s SessionExpires, ok bool, err error) {
	f := m.find(HeaderSessionExpires)
	if f == nil {
		return s, false, nil
	}
	v, params := splitParams(m.value(f))
	n, good := number(v, 1<<32-1)
	refresher, _ := params.Get("refresher")
	refresher = strings.ToLower(refresher)
	if !good || refresher != "" && refresher != "uac" && refresher != "uas" {
		return s, true, bad(HeaderSessionExpires, "Malformed Session-Expires")
	}
	return SessionExpires{uint32(n), refresher, params}, true, nil
}

// MinSE returns Min-SE in seconds (RFC 4028 §5).
func (m *Message) MinSE() (sec uint32, ok bool, err error) {
	f := m.find(HeaderMinSE)
	if f == nil {
		return 0, false, nil
	}
	v, _ := splitParams(m.value(f))
	n, good := number(v, 1<<32-1)
	if !good {
		return 0, true, bad(HeaderMinSE, "Malformed Min-SE")
	}
	return uint32(n), true, nil
}

// ReferTo returns the Refer-To field (RFC 3515 §2.1).
func (m *Message) ReferTo() (a Address, ok bool, err error) { return m.Address(HeaderReferTo) }

// ReferredBy returns the Referred-By field (RFC 3892 §3).
func (m *Message) ReferredBy() (a Address, ok bool, err error) { return m.Address(HeaderReferredBy) }

// DialogRef names a dialog: the value of Replaces (RFC 3891 §6.1), Join (RFC
// 3911 §7.1) and Target-Dialog (RFC 4538 §7).
type DialogRef struct {
	CallID    string
	ToTag     string // remote-tag of Target-Dialog
	FromTag   string // local-tag of Target-Dialog
	EarlyOnly bool   // Replaces only
}

// Replaces is the value of the Replaces field.
type Replaces = DialogRef

// ParseReplaces parses the value of Replaces or Join, as it also stands
// (unescaped) in a Refer-To URI.
func ParseReplaces(s string) (DialogRef, error) {
	return parseDialogRef(HeaderReplaces, s, "to-tag", "from-tag")
}

func parseDialogRef(id HeaderID, s, to, from string) (DialogRef, error) {
	callID, params := splitParams(s)
	toTag, ok1 := params.Get(to)
	fromTag, ok2 := params.Get(from)
	if !all(callID, classCallID) || !ok1 || !ok2 {
		return DialogRef{}, bad(id, "Malformed "+id.String())
	}
	return DialogRef{callID, toTag, fromTag, params.Has("early-only")}, nil
}

// String writes the value for Replaces or Join.
func (d DialogRef) String() string {
	s := d.CallID + ";to-tag=" + d.ToTag + ";from-tag=" + d.FromTag
	if d.EarlyOnly {
		s += ";early-only"
	}
	return s
}

func (m *Message) dialogRef(id HeaderID, to, from string) (d DialogRef, ok bool, err error) {
	f := m.find(id)
	if f == nil {
		return d, false, nil
	}
	d, err = parseDialogRef(id, m.value(f), to, from)
	return d, true, err
}

// Replaces returns the Replaces field.
func (m *Message) Replaces() (d Replaces, ok bool, err error) {
	return m.dialogRef(HeaderReplaces, "to-tag", "from-tag")
}

// Join returns the Join field.
func (m *Message) Join() (d DialogRef, ok bool, err error) {
	return m.dialogRef(HeaderJoin, "to-tag", "from-tag")
}

// TargetDialog returns the Target-Dialog field.
func (m *Message) TargetDialog() (d DialogRef, ok bool, err error) {
	return m.dialogRef(HeaderTargetDialog, "remote-tag", "local-tag")
}

// Event is the value of the Event field (RFC 6665 §8.2.1).
type Event struct {
	Package string // with template packages: "presence.winfo"
	ID      string
	Params  Params
}

// Event returns the Event field.
func (m *Message) Event() (e Event, ok bool, err error) {
	f := m.find(HeaderEvent)
	if f == nil {
		return e, false, nil
	}
	e.Package, e.Params = splitParams(m.value(f))
	e.ID, _ = e.Params.Get("id")
	if !IsToken(e.Package) {
		return Event{}, true, bad(HeaderEvent, "Malformed Event")
	}
	return e, true, nil
}

// String writes the value.
func (e Event) String() string {
	if e.ID != "" {
		return e.Package + string(e.Params.With("id", e.ID))
	}
	return e.Package + string(e.Params)
}

// SubscriptionState is the value of Subscription-State (RFC 6665 §8.2.3).
type SubscriptionState struct {
	State         string // "active", "pending", "terminated", in lower case
	Reason        string
	Expires       uint32 // seconds; see HasExpires
	HasExpires    bool
	RetryAfter    uint32 // seconds; see HasRetryAfter
	HasRetryAfter bool
}

// SubscriptionState returns the Subscription-State field.
func (m *Message) SubscriptionState() (s SubscriptionState, ok bool, err error) {
	f := m.find(HeaderSubscriptionState)
	if f == nil {
		return s, false, nil
	}
	v, params := splitParams(m.value(f))
	if !IsToken(v) {
		return s, true, bad(HeaderSubscriptionState, "Malformed Subscription-State")
	}
	s.State = strings.ToLower(v)
	s.Reason, _ = params.Get("reason")
	s.Expires, s.HasExpires = seconds(params, "expires")
	s.RetryAfter, s.HasRetryAfter = seconds(params, "retry-after")
	return s, true, nil
}

func seconds(p Params, name string) (uint32, bool) {
	v, ok := p.Get(name)
	n, good := number(v, 1<<32-1)
	return uint32(n), ok && good
}

// String writes the value.
func (s SubscriptionState) String() string {
	v := s.State
	if s.Reason != "" {
		v += ";reason=" + s.Reason
	}
	if s.HasExpires {
		v += ";expires=" + strconv.FormatUint(uint64(s.Expires), 10)
	}
	if s.HasRetryAfter {
		v += ";retry-after=" + strconv.FormatUint(uint64(s.RetryAfter), 10)
	}
	return v
}

// Reason is one element of the Reason field (RFC 3326 §2).
type Reason struct {
	Protocol string // "SIP", "Q.850", …
	Cause    int    // -1 = none given
	Text     string
}

// Reasons returns the elements of the Reason field; malformed ones are left
// out.
func (m *Message) Reasons() []Reason {
	var list []Reason
	for v := range m.Values(HeaderReason) {
		protocol, params := splitParams(v)
		if !IsToken(protocol) {
			continue
		}
		r := Reason{Protocol: protocol, Cause: -1}
		r.Text, _ = params.Get("text")
		if c, ok := params.Get("cause"); ok {
			if n, good := number(c, 1<<16); good {
				r.Cause = int(n)
			}
		}
		list = append(list, r)
	}
	return list
}

// String writes the element.
func (r Reason) String() string {
	s := r.Protocol
	if r.Cause >= 0 {
		s += ";cause=" + strconv.Itoa(r.Cause)
	}
	if r.Text != "" {
		s += ";text=" + Quote(r.Text)
	}
	return s
}

// RetryAfter returns Retry-After in seconds, without comment and duration
// (RFC 3261 §20.33).
func (m *Message) RetryAfter() (sec uint32, ok bool, err error) {
	f := m.find(HeaderRetryAfter)
	if f == nil {
		return 0, false, nil
	}
	v := m.value(f)
	end := 0
	for end < len(v) && is(v[end], classDigit) {
		end++
	}
	n, good := number(v[:end], 1<<32-1)
	if !good || end < len(v) && !isSpace(v[end]) && v[end] != ';' && v[end] != '(' {
		return 0, true, bad(HeaderRetryAfter, "Malformed Retry-After")
	}
	return uint32(n), true, nil
}
