package edge

import (
	"slices"
	"strings"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// sipsRefused answers a request to a SIPS URI for which no way is secure: the
// copy must not leave by any other (RFC 3261 §26.2.2, RFC 5630 §5.3).
var sipsRefused = refusal{status: 480, field: sip.HeaderWarning, value: `380 hometone "SIPS Not Allowed"`}

// sipsOnly reports whether a request may leave over TLS alone: its Request-URI
// or its next hop is a SIPS URI (RFC 3261 §16.6 step 4).
func sipsOnly(req *sip.Request) bool {
	if hasScheme(req.URI(), "sips:") {
		return true
	}
	value, ok := req.First(sip.HeaderRoute)
	if !ok || !strings.Contains(value, ":") {
		return false
	}
	_, inner, _ := strings.Cut(value, "<")
	return hasScheme(inner, "sips:")
}

func hasScheme(uri, scheme string) bool {
	return len(uri) > len(scheme) && strings.EqualFold(uri[:len(scheme)], scheme)
}

// secure reports whether a message to t is encrypted on its way to the next hop.
func secure(t transport.Target) bool {
	if t.Flow.Valid() {
		return t.Flow.Proto().Secure()
	}
	return t.Proto.Secure()
}

// secured returns the targets that are secure.
func secured(list []transport.Target) []transport.Target {
	if !slices.ContainsFunc(list, func(t transport.Target) bool { return !secure(t) }) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(t transport.Target) bool { return !secure(t) })
}
