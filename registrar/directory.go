package registrar

import (
	"iter"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transport"
)

// A Directory knows who may register what. It must not block.
type Directory interface {
	// Identify returns the endpoint that a REGISTER claims to come from, by
	// From, source address or whatever else the configuration says.
	Identify(req *sip.Request, flow transport.Flow) (Endpoint, bool)
}

// Endpoint is who registers.
type Endpoint struct {
	Name string
	// AORs are those it may register. They are asked for when it has proved itself.
	AORs iter.Seq[AOR]
	// Secret finds the secret of a user name of this endpoint. nil: the
	// endpoint registers without authentication.
	Secret func(user, realm string) (auth.Secret, bool)
	// DropUserOptions: what follows a semicolon in the user part of To,
	// 8005;phone-context=x, does not belong to the name of the AOR.
	DropUserOptions bool
}

// Full says what happens to a registration that exceeds AOR.MaxContacts.
type Full uint8

const (
	// ReplaceOldest removes the bindings that expire the soonest, lost ones
	// first: Asterisk's remove_existing=yes.
	ReplaceOldest Full = iota
	// Refuse answers 403: Asterisk's remove_existing=no.
	Refuse
	// ReplaceUnavailable removes lost bindings and then refuses: Asterisk's
	// remove_unavailable=yes with remove_existing=no.
	ReplaceUnavailable
)

// AOR is the policy of one address of record.
type AOR struct {
	Name string
	// MaxContacts is the number of bindings it may have. 0 = it cannot be
	// registered (403), as in Asterisk.
	MaxContacts int
	WhenFull    Full
	// MinExpires is the shortest interval; less is answered 423 unless it is
	// one hour or more (RFC 3261 §10.3 step 6). 0 = 60 s.
	MinExpires time.Duration
	// MaxExpires is the longest; more is shortened. 0 = 2 h.
	MaxExpires time.Duration
	// DefaultExpires is for UAs that ask for nothing. 0 = 1 h.
	DefaultExpires time.Duration
	// ServiceRoute is returned to the UA (RFC 3608), topmost first.
	ServiceRoute []string
}

// The defaults of AOR, those of Asterisk.
const (
	DefaultMinExpires = time.Minute
	DefaultMaxExpires = 2 * time.Hour
	DefaultExpires    = time.Hour
)

func (a *AOR) withDefaults() {
	if a.MinExpires <= 0 {
		a.MinExpires = DefaultMinExpires
	}
	if a.MaxExpires <= 0 {
		a.MaxExpires = DefaultMaxExpires
	}
	if a.DefaultExpires <= 0 {
		a.DefaultExpires = DefaultExpires
	}
	a.DefaultExpires = min(max(a.DefaultExpires, a.MinExpires), a.MaxExpires)
}
