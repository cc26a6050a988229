package registrar

import (
	"net/netip"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Binding is one contact of an AOR. It is a value: changing it changes nothing
// in the registrar.
type Binding struct {
	AOR     string     // name of the AOR
	Contact string     // Contact URI as registered
	Params  sip.Params // parameters of the Contact value besides q, expires, reg-id and +sip.instance
	Path    []string   // Path values, topmost first: the route set towards the UA (RFC 3327 §5.3)

	Q         uint16    // preference in thousandths, 0..1000 (RFC 3261 §20.10)
	Expires   time.Time // when it lapses
	Created   time.Time
	Refreshed time.Time

	Instance  string // +sip.instance without the angle brackets, usually urn:uuid:… (RFC 5626 §4.1)
	RegID     uint32 // reg-id of a flow; 0 = not registered by RFC 5626
	CallID    string // of the REGISTER that made or refreshed it
	CSeq      uint32
	UserAgent string

	Proto  transport.Proto // the last hop of that REGISTER to us
	Source netip.AddrPort  // where it came from: the UA, its NAT, or a proxy
	Local  netip.AddrPort  // our address it arrived at
	// Flow is the connection it came over while that is open; not valid for
	// UDP and after a restart.
	Flow transport.Flow
	// Direct is true if requests go back to Source (over Flow, if it is a
	// connection) instead of to where the Contact URI leads: the UA asked for
	// symmetric routing (RFC 3581), has an outbound flow, or is behind a NAT.
	Direct bool

	branch uint64 // hash of the REGISTER's Via branch: tells a retransmission
}

// Lost reports whether the connection the binding came over has closed, so
// that the UA cannot be reached until it registers again.
func (b *Binding) Lost() bool {
	return b.Direct && b.Proto.Reliable() && !b.Flow.Valid()
}

// Target returns where to send a request for this binding. It is false if the
// first Path value, or without Path the Contact URI, is to be resolved by RFC
// 3263 instead. The Listener of the target is empty; Local says which of our
// addresses the UA's NAT expects.
func (b *Binding) Target() (transport.Target, bool) {
	if !b.Direct || b.Lost() {
		return transport.Target{}, false
	}
	return transport.Target{Proto: b.Proto, Addr: b.Source, Flow: b.Flow}, true
}

// sameDevice reports whether a and b are flows of one UA instance (RFC 5626
// §4.1), of which a request is sent to one only (§5.3).
func sameDevice(a, b *Binding) bool {
	return a.RegID != 0 && b.RegID != 0 && a.Instance == b.Instance
}
