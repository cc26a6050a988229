package edge

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/hometone/hometone/sip"
)

// refusal is the answer to a request that is not forwarded; zero: none.
type refusal struct {
	status int
	reason string
	field  sip.HeaderID // added with value, if value is not empty
	value  string
}

// validate is RFC 3261 §16.3: what a proxy checks before it forwards. Syntax
// has been checked by the layers below.
func (p *Proxy) validate(req *sip.Request, suffix suffix) refusal {
	if hops, ok, err := req.MaxForwards(); ok && (err != nil || hops == 0) {
		return refusal{status: 483} // "the element MUST NOT forward the request"
	}
	if looped(req, suffix) {
		return refusal{status: 482}
	}
	if unknown := req.Unsupported(sip.HeaderProxyRequire, p.cfg.Supported...); unknown != "" {
		// "it MUST return a 420 (Bad Extension) response ... MUST include an
		// Unsupported header field" (§16.3 step 5)
		return refusal{status: 420, field: sip.HeaderUnsupported, value: unknown}
	}
	return refusal{}
}

// schemeKnown is §16.3 step 2: "If the Request-URI has a URI whose scheme is
// not understood by the proxy, the proxy SHOULD reject the request with a 416".
func schemeKnown(uri *sip.URI) bool { return uri.IsSIP() || uri.IsTel() }

// suffix is a text of letters and digits, zeros behind it.
type suffix [16]byte

// loopSuffix ends the branch of every request the proxy forwards. It is a keyed
// hash of all that decides where a request goes (RFC 5393 §4.2.1): a request that
// comes back with its own suffix in a Via would go the same way again, one whose
// Request-URI or Route has changed is a spiral and goes on.
func (p *Proxy) loopSuffix(req *sip.Request) (s suffix) {
	var room [1024]byte
	text := room[:0]
	part := func(s string) { text = append(append(text, s...), 0xff) }
	part(req.URI())
	part(req.CallID())
	part(req.Get(sip.HeaderFrom))
	part(req.Get(sip.HeaderTo))
	part(req.Get(sip.HeaderCSeq))
	part(req.Get(sip.HeaderProxyRequire))
	part(req.Get(sip.HeaderProxyAuthorization))
	for v := range req.Values(sip.HeaderRoute) {
		part(v)
	}
	strconv.AppendUint(append(s[:0], 'L'), maphash.Bytes(p.seed, text), 36) // 14 bytes at most
	return s
}

// looped reports whether a Via below the first bears the suffix. Nobody but
// this proxy can have made it, so its sent-by need not be compared.
func looped(req *sip.Request, suffix suffix) bool {
	text := bytes.TrimRight(suffix[:], "\x00")
	for v := range req.Values(sip.HeaderVia) {
		if strings.Contains(v, string(text)) {
			return true
		}
	}
	return false
}
