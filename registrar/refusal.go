package registrar

import (
	"strconv"
	"time"

	"github.com/hometone/hometone/sip"
)

// refusal is why a REGISTER is not carried out, and what is answered.
type refusal struct {
	status int
	reason string // "" = the standard phrase
	header sip.HeaderID
	value  string // of header
}

// The refusals that need no detail.
var (
	refuseMethod  = &refusal{status: 405, header: sip.HeaderAllow, value: "REGISTER"}
	refuseAOR     = &refusal{status: 403, reason: "Not Your Address Of Record"}
	refuseClosed  = &refusal{status: 403, reason: "Registration Not Allowed"}   // MaxContacts is 0
	refuseFull    = &refusal{status: 403, reason: "Maximum Contacts Exceeded"}  // as Asterisk
	refuseGRUU    = &refusal{status: 403, reason: "Contact Is A GRUU"}          // RFC 5627 §5.1
	refuseOrder   = &refusal{status: 500, reason: "CSeq Out Of Order"}          // §10.3 step 7
	refuseFirst   = &refusal{status: 439}                                       // RFC 5626 §6
	refuseStar    = &refusal{status: 400, reason: "Wildcard Needs Expires: 0"}  // §10.3 step 6
	refuseContact = &refusal{status: 400, reason: "Bad Contact"}                //
	refuseTo      = &refusal{status: 400, reason: "Bad To"}                     //
	refuseMany    = &refusal{status: 400, reason: "Too Many Contacts Or Flows"} // limits; RFC 5626 §6
	refuseLong    = &refusal{status: 400, reason: "Registration Too Large"}     // limits
	refuseDomain  = &refusal{status: 404}                                       // §10.3 step 5
	refuseBusy    = &refusal{status: 503, header: sip.HeaderRetryAfter, value: "2"}
	refuseStore   = &refusal{status: 500, reason: "Registration Not Stored"} // §10.3 step 8
)

// refuseBrief is 423 with the shortest interval that is accepted (§10.3 step 6).
func refuseBrief(shortest time.Duration) *refusal {
	sec := (shortest + time.Second - 1) / time.Second
	return &refusal{status: 423, header: sip.HeaderMinExpires, value: strconv.Itoa(int(sec))}
}

// refuseExtension is 420 with the option tags we do not have (§8.2.2.3).
func refuseExtension(tags string) *refusal {
	return &refusal{status: 420, header: sip.HeaderUnsupported, value: tags}
}

// refuseRate is 503 with the time to stay away.
func refuseRate(after time.Duration) *refusal {
	sec := max(1, (after+time.Second-1)/time.Second)
	return &refusal{status: 503, header: sip.HeaderRetryAfter, value: strconv.Itoa(int(sec))}
}

// refuse builds the answer that a refusal asks for.
func (r *Registrar) refuse(req *sip.Request, no *refusal) *sip.Response {
	res := r.response(req, no.status, no.reason)
	if no.header != sip.HeaderOther {
		res.Set(no.header, no.value)
	}
	return res
}
