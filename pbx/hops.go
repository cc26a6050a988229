package pbx

import (
	"slices"
	"strconv"

	"github.com/hometone/hometone/sip"
)

// maxHops bounds the redirections that one message follows.
const maxHops = 5

// hops are the places that a message is sent to as answers of 3xx say
// (follow_redirect_methods): one after the other, the preferred ones first, none
// twice. It belongs to one message, whose answers come one at a time.
type hops struct {
	seen   []string
	queue  []string
	turned int // redirections so far
}

func newHops(first string) *hops { return &hops{seen: []string{first}} }

// next takes an answer, or what became of the request in its place, and returns where
// the message goes now; false: nowhere, it has arrived or there is no place left.
func (h *hops) next(res *sip.Response, err error) (uri string, ok bool) {
	if h == nil || err == nil && res.Status() < 300 {
		return "", false
	}
	if err == nil && res.Status() < 400 {
		if h.turned++; h.turned > maxHops {
			return "", false
		}
		h.queue = append(contactsOf(res), h.queue...)
	}
	for len(h.queue) > 0 {
		uri, h.queue = h.queue[0], h.queue[1:]
		if !slices.Contains(h.seen, uri) {
			h.seen = append(h.seen, uri)
			return uri, true
		}
	}
	return "", false
}

// contactsOf are the SIP URIs of a redirection by their q (RFC 3261 §20.10).
func contactsOf(res *sip.Response) (uris []string) {
	list, _, err := res.Contacts()
	if err != nil {
		return nil
	}
	weight := func(a sip.Address) float64 {
		text, given := a.Params.Get("q")
		q, err := strconv.ParseFloat(text, 64)
		if !given || err != nil {
			return 1
		}
		return q
	}
	slices.SortStableFunc(list, func(a, b sip.Address) int {
		switch x, y := weight(a), weight(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for _, a := range list[:min(len(list), maxBranches)] {
		if u, err := a.ParsedURI(); err == nil && u.IsSIP() {
			uris = append(uris, a.URI)
		}
	}
	return uris
}
