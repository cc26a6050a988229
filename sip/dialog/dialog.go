package dialog

import (
	"strconv"
	"strings"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// ID is a dialog identifier seen from our side (RFC 3261 §12).
type ID struct{ CallID, LocalTag, RemoteTag string }

// A Dialog is the state of RFC 3261 §12 that all usages of one dialog share:
// the INVITE session, if there is one, and subscriptions. It is guarded by its
// strand, except for the identifier, which never changes.
type Dialog struct {
	strand *strand
	chain  *Dialog // next in the registry
	hash   uint64

	id        ID
	local     string // From of our requests, without tag
	remote    string // To of our requests, without tag
	contact   string // our Contact URI
	target    string // the remote target URI
	routes    []string
	localSeq  uint32
	remoteSeq uint32 // meaningful if remoteSeen
	peer      transport.Target

	remoteSeen bool
	uac        bool // we sent the request that made the dialog, so we own the Call-ID
	pinned     bool // requests go to peer, not to the remote target
	rewrites   bool // the first hop's address is replaced by where its messages come from
	secure     bool // §12.1: sips
	listed     bool // in the registry
	peerUpdate bool // the peer's Allow names UPDATE
	peerTimer  bool // the peer supports session timers
	auth       Authorizer

	session *Session
	subs    []*Subscription
	notes   []*Notifier
}

// openUAS makes the dialog of a request that we accept (RFC 3261 §12.1.1).
func (d *Dialog) openUAS(req *sip.Request, localTag, contact string, peer transport.Target) error {
	target, ok, err := req.Contact()
	if err != nil || !ok {
		return &sip.Error{Status: 400, Reason: "Missing Contact", Header: sip.HeaderContact}
	}
	from, err := req.From()
	if err != nil {
		return err
	}
	to, err := req.To()
	if err != nil {
		return err
	}
	seq, _, err := req.CSeq()
	if err != nil {
		return err
	}
	d.id = ID{strings.Clone(req.CallID()), strings.Clone(localTag), strings.Clone(from.Tag())}
	d.local, d.remote = withoutTag(to), withoutTag(from)
	d.contact, d.target = strings.Clone(contact), strings.Clone(target.URI)
	d.localSeq, d.remoteSeq, d.remoteSeen = sip.NewCSeq(), seq, true
	d.peer, d.secure = peer, isSIPS(req.URI())
	d.routes = routeSet(&req.Message, false)
	d.rewriteFirst()
	d.learn(&req.Message)
	return nil
}

// openUAC makes the dialog of a response to our INVITE (§12.1.2). A missing
// Contact is forgiven in provisional responses; the 2xx brings it.
func (d *Dialog) openUAC(inv *Invitation, res *sip.Response, peer transport.Target) {
	d.id = ID{inv.id.CallID, inv.id.LocalTag, strings.Clone(res.ToTag())}
	d.local, d.remote, d.contact, d.target = inv.local, inv.remote, inv.contact, inv.uri
	d.localSeq, d.uac, d.peer, d.secure = inv.seq, true, peer, isSIPS(inv.uri)
	d.routes = routeSet(&res.Message, true)
	d.rewriteFirst()
	d.refresh(&res.Message)
}

// rewriteFirst puts the peer's true address into the first hop of a new dialog: the
// first route, or without routes the remote target.
func (d *Dialog) rewriteFirst() {
	switch {
	case !d.rewrites:
	case len(d.routes) == 0:
		d.target = d.rewritten(d.target)
	default:
		if a, err := sip.ParseAddress(d.routes[0]); err == nil {
			a.URI = d.rewritten(a.URI)
			d.routes[0] = "<" + a.URI + ">"
		}
	}
}

// rewritten is a URI at the address where the peer's messages come from.
func (d *Dialog) rewritten(uri string) string {
	addr := d.peer.Addr
	if d.peer.Flow.Valid() {
		addr = d.peer.Flow.Remote()
	}
	u, err := sip.ParseURI(uri)
	if err != nil || !addr.IsValid() || !u.IsSIP() {
		return uri
	}
	u.Host, u.Port = sip.FormatHost(addr.Addr()), addr.Port()
	return u.String()
}

// routeSet reads the route set from Record-Route: in the order of a request, in
// reverse order of a response (§12.1.1, §12.1.2).
func routeSet(m *sip.Message, reverse bool) (set []string) {
	for v := range m.Values(sip.HeaderRecordRoute) {
		set = append(set, strings.Clone(v))
	}
	if reverse {
		for i, j := 0, len(set)-1; i < j; i, j = i+1, j-1 {
			set[i], set[j] = set[j], set[i]
		}
	}
	return set
}

// refresh takes the remote target from the Contact of a target refresh
// request or its 2xx (§12.2.1.2, §12.2.2), and what the peer can do.
func (d *Dialog) refresh(m *sip.Message) {
	if c, ok, err := m.Contact(); ok && err == nil {
		uri := c.URI
		if d.rewrites && len(d.routes) == 0 {
			uri = d.rewritten(uri)
		}
		if uri != d.target {
			d.target = strings.Clone(uri)
		}
	}
	d.learn(m)
}

// learn notes what the peer says it can do.
func (d *Dialog) learn(m *sip.Message) {
	if m.Has(sip.HeaderAllow) {
		d.peerUpdate = m.HasToken(sip.HeaderAllow, string(sip.UPDATE))
	}
	if m.Has(sip.HeaderSupported) {
		d.peerTimer = m.HasToken(sip.HeaderSupported, "timer")
	}
}

// nextSeq counts the local sequence number.
func (d *Dialog) nextSeq() uint32 {
	d.localSeq++
	return d.localSeq
}

// newRequest builds a request in the dialog (RFC 3261 §12.2.1.1). ACK takes the
// sequence number of its INVITE instead: see newACK.
func (d *Dialog) newRequest(m sip.Method, seq uint32) *sip.Request {
	uri, routes := d.path()
	req := sip.NewRequest(m, uri)
	req.Add(sip.HeaderMaxForwards, "70")
	for _, r := range routes {
		req.Add(sip.HeaderRoute, r)
	}
	req.Add(sip.HeaderFrom, d.local+";tag="+d.id.LocalTag)
	to := d.remote
	if d.id.RemoteTag != "" {
		to += ";tag=" + d.id.RemoteTag
	}
	req.Add(sip.HeaderTo, to)
	req.Add(sip.HeaderCallID, d.id.CallID)
	req.Add(sip.HeaderCSeq, strconv.FormatUint(uint64(seq), 10)+" "+string(m))
	if d.refreshes(m) {
		req.Add(sip.HeaderContact, "<"+d.contact+">")
	}
	return req
}

// refreshes reports whether requests of this method carry our Contact: they
// are target refresh requests (RFC 3261 §12.2, RFC 3311 §5.1, RFC 6665 §4).
func (d *Dialog) refreshes(m sip.Method) bool {
	switch m {
	case sip.INVITE, sip.UPDATE, sip.SUBSCRIBE, sip.NOTIFY, sip.REFER, sip.OPTIONS:
		return true
	}
	return false
}

// path returns Request-URI and Route values. If the first route is a strict
// router it becomes the Request-URI and the remote target goes last
// (§12.2.1.1).
func (d *Dialog) path() (uri string, routes []string) {
	if len(d.routes) == 0 {
		return d.target, nil
	}
	first, err := sip.ParseAddress(d.routes[0])
	if err != nil {
		return d.target, d.routes
	}
	u, err := first.ParsedURI()
	if err != nil || u.Params.Has("lr") {
		return d.target, d.routes
	}
	// Parameters that are not allowed in a Request-URI are stripped.
	u.Headers, u.Params = "", u.Params.Without("method")
	routes = append(routes, d.routes[1:]...)
	return u.String(), append(routes, "<"+d.target+">")
}

// hop returns where the next request goes: the first route or the remote
// target (§8.1.2), or the flow the peer is reached through.
func (d *Dialog) hop() hop {
	uri := d.target
	if len(d.routes) > 0 {
		if a, err := sip.ParseAddress(d.routes[0]); err == nil {
			uri = a.URI
		}
	}
	h := hop{uri: uri, listener: d.peer.Listener}
	if d.throughPeer(uri) {
		h.targets = []transport.Target{d.peer}
	}
	return h
}

// throughPeer reports whether requests take the way the peer's messages come:
// over its connection if it opened one and no other proxy stands first in the
// route, since a WebSocket or NATed client cannot be connected to (RFC 5626
// §4.3, RFC 7118 §5), or wherever it is if the dialog is pinned.
func (d *Dialog) throughPeer(next string) bool {
	addr := d.peer.Addr
	if d.peer.Flow.Valid() {
		addr = d.peer.Flow.Remote()
	}
	if !addr.IsValid() {
		return false
	}
	if len(d.routes) > 0 {
		u, err := sip.ParseURI(next)
		host, ok := u.Addr()
		if err != nil || !ok || host != addr.Addr().Unmap() {
			return false
		}
	}
	if d.peer.Flow.Valid() && d.peer.Flow.Reliable() {
		return true
	}
	return d.pinned && len(d.routes) == 0 || d.peer.Proto == transport.WS || d.peer.Proto == transport.WSS
}

// inOrder checks the CSeq of a request in the dialog and notes it (§12.2.2).
// ACK and CANCEL are not counted.
func (d *Dialog) inOrder(req *sip.Request) bool {
	seq, _, err := req.CSeq()
	if err != nil || d.remoteSeen && seq <= d.remoteSeq {
		return false
	}
	d.remoteSeq, d.remoteSeen = seq, true
	return true
}

// usages counts what keeps the dialog alive.
func (d *Dialog) usages() int {
	n := len(d.subs) + len(d.notes)
	if d.session != nil {
		n++
	}
	return n
}

// list enters the dialog into the registry.
func (d *Dialog) list() bool {
	d.listed = d.strand.layer.dialogs.add(d)
	return d.listed
}

// unlist removes it when its last usage has ended.
func (d *Dialog) unlist() {
	if d.listed && d.usages() == 0 {
		d.listed = false
		d.strand.layer.dialogs.remove(d)
	}
}

// withoutTag writes an address as it goes into From and To, without its tag.
func withoutTag(a sip.Address) string {
	a.Params = a.Params.Without("tag")
	return a.String()
}

func isSIPS(uri string) bool { return len(uri) > 5 && strings.EqualFold(uri[:5], "sips:") }

// ID returns the dialog identifier.
func (d *Dialog) ID() ID { return d.id }

// LocalURI returns our URI as it stands in From of our requests.
func (d *Dialog) LocalURI() string { return addressURI(d.local) }

// RemoteURI returns the peer's URI as it stands in To of our requests.
func (d *Dialog) RemoteURI() string { return addressURI(d.remote) }

// RemoteDisplay returns the peer's display name.
func (d *Dialog) RemoteDisplay() string {
	a, _ := sip.ParseAddress(d.remote)
	return a.Display
}

func addressURI(s string) string {
	a, _ := sip.ParseAddress(s)
	return a.URI
}

// Target returns the remote target: the peer's Contact URI.
func (d *Dialog) Target() string {
	d.strand.mu.Lock()
	defer d.strand.mu.Unlock()
	return d.target
}

// Contact returns our Contact URI.
func (d *Dialog) Contact() string { return d.contact }

// RouteSet returns the route set.
func (d *Dialog) RouteSet() []string {
	d.strand.mu.Lock()
	defer d.strand.mu.Unlock()
	return append([]string(nil), d.routes...)
}

// Peer returns where the request that made the dialog came from, or went to.
func (d *Dialog) Peer() transport.Target { return d.peer }

// Flow returns the flow the dialog was opened over; valid as callee only.
func (d *Dialog) Flow() transport.Flow { return d.peer.Flow }
