package registrar

import (
	"slices"
	"time"

	"github.com/hometone/hometone/sip"
)

// apply is RFC 3261 §10.3 step 7 as a pure function: what the bindings of an
// AOR become by a REGISTER, and what happened on the way. A refusal means that
// nothing changes: "all the changes are made or none". A nil change only lets
// lapsed bindings go.
func apply(old []Binding, c *change, now time.Time) (next []Binding, events []Event, no *refusal) {
	next = make([]Binding, 0, len(old)+1)
	for _, b := range old {
		if b.Expires.After(now) {
			next = append(next, b)
		} else {
			events = append(events, Expired{b})
		}
	}
	if c == nil || !c.writes() {
		return next, events, nil
	}
	// A retransmission whose transaction was lost with the process it ran in:
	// it has been carried out, and is answered as then.
	if slices.ContainsFunc(next, c.repeats) {
		return next, events, nil
	}
	if c.star {
		return applyStar(next, c, events)
	}
	for i := range c.contacts {
		if next, events, no = applyContact(next, c, &c.contacts[i], events, now); no != nil {
			return nil, nil, no
		}
	}
	return limit(next, c, events)
}

// applyStar removes all bindings (step 6 and 7): "if the Call-ID agrees with
// the value stored, only if the CSeq is higher; otherwise the request fails".
func applyStar(next []Binding, c *change, events []Event) ([]Binding, []Event, *refusal) {
	for i := range next {
		if !c.newer(&next[i]) {
			return nil, nil, refuseOrder
		}
		events = append(events, Unregistered{Binding: next[i]})
	}
	return nil, events, nil
}

func applyContact(next []Binding, c *change, n *contact, events []Event, now time.Time) ([]Binding, []Event, *refusal) {
	i := slices.IndexFunc(next, func(b Binding) bool { return n.matches(&b) })
	if i >= 0 && !c.newer(&next[i]) {
		return nil, nil, refuseOrder
	}
	switch {
	case n.expires == 0 && i < 0: // nothing to remove
	case n.expires == 0:
		events = append(events, Unregistered{Binding: next[i]})
		next = slices.Delete(next, i, i+1)
	case i >= 0:
		created := next[i].Created
		next[i] = c.binding(n, now)
		next[i].Created = created
		events = append(events, Refreshed{next[i]})
	default:
		next = append(next, c.binding(n, now))
		events = append(events, Registered{next[len(next)-1]})
	}
	return next, events, nil
}

// limit holds the AOR to its number of contacts.
func limit(next []Binding, c *change, events []Event) ([]Binding, []Event, *refusal) {
	for len(next) > c.aor.MaxContacts {
		i := displaceable(next, c)
		if i < 0 {
			return nil, nil, refuseFull
		}
		events = append(events, Unregistered{Binding: next[i], Displaced: true})
		next = slices.Delete(next, i, i+1)
	}
	return next, events, nil
}

// displaceable returns the binding that gives way: lost ones first, then the
// one that expires the soonest, never one of this very request. -1 = none may.
func displaceable(next []Binding, c *change) int {
	best := -1
	for i := range next {
		b := &next[i]
		if c.owns(b) || c.aor.WhenFull != ReplaceOldest && !(c.aor.WhenFull == ReplaceUnavailable && b.Lost()) {
			continue
		}
		if best < 0 || b.Lost() && !next[best].Lost() ||
			b.Lost() == next[best].Lost() && sooner(b, &next[best]) {
			best = i
		}
	}
	return best
}

// sooner reports whether a gives way before b.
func sooner(a, b *Binding) bool {
	if c := a.Expires.Compare(b.Expires); c != 0 {
		return c < 0
	}
	return a.Refreshed.Before(b.Refreshed)
}

// matches reports whether b is the binding that the contact stands for: the
// same instance and reg-id (RFC 5626 §6), otherwise the same URI by the rules
// of RFC 3261 §19.1.4.
func (n *contact) matches(b *Binding) bool {
	if n.regID != 0 && b.RegID != 0 {
		return n.regID == b.RegID && n.instance == b.Instance
	}
	if n.regID != 0 || b.Contact == n.uri {
		return n.regID == 0
	}
	u, err := sip.ParseURI(b.Contact)
	return err == nil && n.parsed.Equal(u)
}

// newer is the ordering rule of §10.3 step 7: within one Call-ID the CSeq must
// grow, so that a REGISTER that was overtaken changes nothing. The same CSeq in
// another transaction tells no order, and clients exist that never count; it is
// taken (docs/adr/0175).
func (c *change) newer(b *Binding) bool {
	return b.CallID != c.callID || c.cseq > b.CSeq || c.cseq == b.CSeq && c.branch != b.branch
}

// repeats reports whether b was written by this very request.
func (c *change) repeats(b Binding) bool {
	return c.branch != 0 && c.owns(&b)
}

// owns reports whether b was written by this transaction.
func (c *change) owns(b *Binding) bool {
	return b.CallID == c.callID && b.CSeq == c.cseq && b.branch == c.branch
}

func (c *change) binding(n *contact, now time.Time) Binding {
	return Binding{
		AOR: c.aor.Name, Contact: n.uri, Params: n.params, Path: c.path,
		Q: n.q, Expires: now.Add(n.expires), Created: now, Refreshed: now,
		Instance: n.instance, RegID: n.regID,
		CallID: c.callID, CSeq: c.cseq, UserAgent: c.userAgent,
		Proto: c.flow.Proto(), Source: c.flow.Remote(), Local: c.flow.Local(), Flow: c.connection(),
		Direct: n.direct, branch: c.branch,
	}
}
