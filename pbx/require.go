package pbx

import (
	"slices"
	"strings"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// optionTags are the extensions a request may require of us outside a dialog.
// REGISTER's are the registrar's.
var optionTags = []string{"100rel", "timer", "replaces", "norefersub", "eventlist", "gruu", "path"}

// understands answers a request whose Require names an extension that is not
// ours: "If a UAS does not understand an option-tag listed in a Require header
// field, it MUST respond to the request by generating a response with status
// code 420", and it MUST add Unsupported with those tags. ACK and CANCEL are
// taken as they are. RFC 3261 §8.2.2.3.
func understands(tx *transaction.Server, req *sip.Request) bool {
	if !req.Has(sip.HeaderRequire) || req.Method() == sip.ACK || req.Method() == sip.CANCEL {
		return true
	}
	var bad []string
	for tag := range req.Values(sip.HeaderRequire) {
		if !slices.Contains(optionTags, strings.ToLower(tag)) {
			bad = append(bad, tag)
		}
	}
	if bad == nil {
		return true
	}
	res := sip.NewResponse(req, 420, "")
	res.Set(sip.HeaderUnsupported, strings.Join(bad, ", "))
	_ = tx.Respond(res)
	return false
}

// notAllowed answers a method that we do not carry out: 405 if we recognise it
// (RFC 3261 §8.2.1), 501 if not (§21.5.2). Both list what is allowed.
func notAllowed(tx *transaction.Server, req *sip.Request) {
	status := 501
	if req.Method().Known() {
		status = 405
	}
	res := sip.NewResponse(req, status, "")
	res.Set(sip.HeaderAllow, allow)
	_ = tx.Respond(res)
}
