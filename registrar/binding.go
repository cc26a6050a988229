package registrar

import (
	"net/netip"
	"time"
)

// Binding is one contact of an AOR as a look-up returns it. It is a value;
// changing it changes nothing.
type Binding struct {
	AOR     string
	Contact string   // Contact URI as registered, or a GRUU's base
	Path    []string // Path header field values, topmost first: the route set towards the UA (RFC 3327)

	Q       uint16    // preference in thousandths, 0..1000 (RFC 3261 §20.10)
	Expires time.Time // when it lapses

	Instance  string // +sip.instance without the angle brackets, usually urn:uuid:… (RFC 5626 §4.1)
	RegID     uint32 // reg-id, 0 = none
	UserAgent string
	CallID    string // of the REGISTER that made or refreshed it
	CSeq      uint32

	Source netip.AddrPort // where that REGISTER came from, the NAT's address if there is one
	Proto  string         // udp tcp tls ws wss
	Local  netip.AddrPort // our address it arrived at

	Created   time.Time
	Refreshed time.Time
	// Lost is true when the connection it arrived on has closed: it can be
	// reached only if the Contact itself can be connected to.
	Lost bool
}
