package registrar

import (
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Limits on what one REGISTER may bring, and thereby on a record.
const (
	maxContacts = 10   // Contact values
	maxURI      = 512  // bytes of a Contact URI or a Path value
	maxParams   = 512  // bytes of a Contact value's other parameters
	maxPath     = 10   // Path values
	maxInstance = 256  // bytes of +sip.instance
	maxCallID   = 128  // bytes; a longer one is stored as its hash
	maxAgent    = 128  // bytes of User-Agent; the rest is cut off
	maxBindings = 100  // of an AOR, whatever its policy says
	oneHour     = 3600 // seconds: an interval that is never too brief (§10.3 step 6)
)

// change is a REGISTER reduced to what the bindings need.
type change struct {
	aor       AOR
	callID    string
	cseq      uint32
	branch    uint64
	star      bool
	contacts  []contact
	path      []string
	userAgent string
	flow      transport.Flow
	outbound  bool               // a contact is an outbound flow (RFC 5626)
	gruu      func(sip.URI) bool // tells our own GRUUs
}

// contact is one Contact value of a REGISTER.
type contact struct {
	uri      string
	parsed   sip.URI
	params   sip.Params
	q        uint16
	expires  time.Duration
	instance string
	regID    uint32
	direct   bool
}

// writes reports whether the request asks for a change, or only for the list.
func (c *change) writes() bool { return c.star || len(c.contacts) > 0 }

// connection returns the flow if it is worth remembering: a connection.
func (c *change) connection() transport.Flow {
	if c.flow.Reliable() {
		return c.flow
	}
	return transport.Flow{}
}

// hop is how the request reached us.
type hop struct {
	single bool    // straight from the UA: one Via, no Path
	via    sip.Via // topmost
	nat    bool    // the UA asks for symmetric routing, or its Via names another address
}

// readRequest reads everything but the contacts, which need the AOR's policy.
func readRequest(req *sip.Request, flow transport.Flow) (*change, hop, *refusal) {
	c := &change{flow: flow}
	var h hop
	var err error
	if c.cseq, _, err = req.CSeq(); err != nil {
		return nil, h, refuseContact
	}
	if h.via, err = req.TopVia(); err != nil {
		return nil, h, refuseContact
	}
	if h.via.RFC3261() {
		c.branch = branchHash(h.via)
	}
	c.callID = short(req.CallID(), maxCallID)
	c.userAgent = req.Get(sip.HeaderUserAgent)
	c.userAgent = c.userAgent[:min(len(c.userAgent), maxAgent)]
	for p := range req.Values(sip.HeaderPath) {
		if c.path = append(c.path, p); len(c.path) > maxPath || len(p) > maxURI {
			return nil, h, refuseLong
		}
	}
	vias := 0
	for range req.Values(sip.HeaderVia) {
		vias++
	}
	h.single = vias == 1 && len(c.path) == 0
	_, rport := h.via.RPort()
	sentBy, numeric := sip.HostAddr(h.via.Host)
	h.nat = rport || numeric && sentBy.Unmap() != flow.Remote().Addr().Unmap()
	return c, h, nil
}

// branchHash is FNV-1a of sent-by and branch, which name a transaction across
// a restart of this process (§17.2.3). Whoever makes two of his own collide has
// only repeated himself. 0 is left for "none".
func branchHash(v sip.Via) uint64 {
	n := uint64(14695981039346656037)
	for _, s := range [...]string{v.Host, " ", v.Branch()} {
		for i := range len(s) {
			n = (n ^ uint64(s[i])) * 1099511628211
		}
	}
	return n | 1
}

// short returns s, or its hash if s is longer than limit: as good for
// comparing.
func short(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// readContacts is §10.3 steps 6 and 7 up to the comparison with what is stored.
func (c *change) readContacts(req *sip.Request, h hop) *refusal {
	list, star, err := req.Contacts()
	if err != nil {
		return refuseContact
	}
	wanted, ok, err := req.Expires()
	// §20.19 of malformed values: taken as not given.
	ok = ok && err == nil
	if star {
		// §10.3 step 6: "if the request has additional Contact fields or an
		// expiration time other than zero", 400.
		if !ok || wanted != 0 || len(list) > 0 {
			return refuseStar
		}
		c.star = true
		return nil
	}
	if len(list) > maxContacts {
		return refuseMany
	}
	outbound := req.HasToken(sip.HeaderSupported, "outbound")
	for i := range list {
		n, no := c.readContact(&list[i], wanted, ok, outbound)
		if no != nil {
			return no
		}
		n.direct = h.direct(&n, len(list) == 1, c.flow)
		c.contacts = append(c.contacts, n)
	}
	return c.checkOutbound(h)
}

func (c *change) readContact(a *sip.Address, wanted uint32, given, outbound bool) (contact, *refusal) {
	u, err := a.ParsedURI()
	if err != nil {
		return contact{}, refuseContact
	}
	n := contact{uri: a.URI, parsed: u, q: quality(a.Params)}
	n.instance = instance(a.Params)
	n.params = a.Params.Without("q").Without("expires").Without("reg-id").Without("+sip.instance").Without("pub-gruu").Without("temp-gruu")
	if len(n.uri) > maxURI || len(n.params) > maxParams || len(n.instance) > maxInstance {
		return contact{}, refuseLong
	}
	if _, gruu := u.GRUU(); gruu && c.gruu(u) {
		return contact{}, refuseGRUU
	}
	if v, ok := a.Params.Get("reg-id"); ok && outbound && n.instance != "" {
		id, err := strconv.ParseUint(v, 10, 31)
		if err != nil || id == 0 {
			return contact{}, refuseContact
		}
		n.regID = uint32(id)
	}
	var no *refusal
	n.expires, no = c.interval(a.Params, wanted, given)
	return n, no
}

// interval chooses the expiration interval (§10.3 step 6): the parameter, else
// the header field, else the default.
func (c *change) interval(p sip.Params, wanted uint32, given bool) (time.Duration, *refusal) {
	if v, ok := p.Get("expires"); ok {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			n = oneHour // §20.10: a malformed value is 3600
		}
		wanted, given = uint32(n), true
	}
	if !given {
		return c.aor.DefaultExpires, nil
	}
	d := time.Duration(wanted) * time.Second
	if d > 0 && d < c.aor.MinExpires && wanted < oneHour {
		return 0, refuseBrief(c.aor.MinExpires)
	}
	return min(d, c.aor.MaxExpires), nil
}

// checkOutbound is RFC 5626 §6: one flow in a request, and a first hop that
// keeps flows.
func (c *change) checkOutbound(h hop) *refusal {
	flows := 0
	for i := range c.contacts {
		if c.contacts[i].regID != 0 && c.contacts[i].expires > 0 {
			flows++
		}
	}
	c.outbound = flows > 0
	switch {
	case flows > 1 || flows == 1 && len(c.contacts) > 1:
		return refuseMany
	case flows == 0 || h.single:
		return nil
	}
	// If the REGISTER did not come straight from the UA, the UA's first hop must keep
	// flows: its Path URI, the last one, has the parameter ob. Else 439.
	ob := func(p string) bool {
		a, err := sip.ParseAddress(p)
		if err != nil {
			return false
		}
		u, err := a.ParsedURI()
		return err == nil && u.Params.Has("ob")
	}
	if n := len(c.path); n > 0 && ob(c.path[n-1]) {
		return nil
	}
	return refuseFirst
}

// direct decides whether requests for the contact go back the way the REGISTER
// came. With several contacts only those that name the address of the Via are
// the sender's own.
func (h *hop) direct(n *contact, alone bool, flow transport.Flow) bool {
	switch {
	case !h.single || !n.parsed.IsSIP():
		return false
	case n.regID != 0:
		return true
	case !alone && n.parsed.Host != h.via.Host:
		return false
	case flow.Reliable() || h.nat:
		return true
	}
	host, numeric := n.parsed.Addr()
	return numeric && behindNAT(host, flow.Remote().Addr())
}

// behindNAT reports whether a Contact with a private address came from another
// address.
func behindNAT(contact, source netip.Addr) bool {
	return contact.IsPrivate() && contact.Unmap() != source.Unmap()
}

// instance returns +sip.instance without the angle brackets.
func instance(p sip.Params) string {
	v, _ := p.Get("+sip.instance")
	return strings.TrimSuffix(strings.TrimPrefix(v, "<"), ">")
}

// quality reads q (§25.1 qvalue) in thousandths; absent or malformed is 1.
func quality(p sip.Params) uint16 {
	v, ok := p.Get("q")
	if !ok || v == "" {
		return 1000
	}
	whole, fraction, _ := strings.Cut(v, ".")
	if whole == "1" || len(fraction) > 3 || whole != "0" && whole != "" {
		return 1000
	}
	n := 0
	for i := range 3 {
		n *= 10
		if i < len(fraction) {
			if fraction[i] < '0' || fraction[i] > '9' {
				return 1000
			}
			n += int(fraction[i] - '0')
		}
	}
	return uint16(n)
}
