// Package stun answers STUN Binding requests (RFC 8489), as SIP phones send
// them over the signalling socket to keep a NAT binding open (RFC 5626 §4.4.2)
// and as ICE peers do. Messages are decoded by pion/stun; this room decides
// what to answer.
//
// It holds no state and opens no socket. What is not a well-formed Binding
// request is not answered, and an answer is at most 28 bytes longer than the
// request (an IPv6 mapped address beside a bare header), so that the server is
// no amplifier.
package stun

import (
	"net/netip"

	"github.com/pion/stun/v3"
)

// MaxRequest is the size in bytes beyond which a request is not looked at.
const MaxRequest = 548

// IsMessage reports whether a datagram that arrived on a shared socket is STUN:
// two zero bits and the magic cookie (RFC 8489 §6).
func IsMessage(datagram []byte) bool { return stun.IsMessage(datagram) }

// Respond returns the answer to a Binding request that came from source:
// success with XOR-MAPPED-ADDRESS (RFC 8489 §6.3.1.1), or error 420 with
// UNKNOWN-ATTRIBUTES if the request has attributes that must be understood and
// are not (§6.3.1). It returns nil for indications (a keep-alive that wants no
// answer), for anything malformed, and where a FINGERPRINT does not fit.
//
// Credentials in the request are ignored: the caller's use is the address
// discovery of RFC 5626 and RFC 8489 §12, which has no authentication.
func Respond(request []byte, source netip.AddrPort) []byte {
	if len(request) > MaxRequest || !stun.IsMessage(request) {
		return nil
	}
	req := &stun.Message{Raw: request}
	if req.Decode() != nil || req.Type != stun.BindingRequest {
		return nil
	}
	if req.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(req) != nil {
		return nil
	}
	setters := []stun.Setter{stun.NewTransactionIDSetter(req.TransactionID)}
	if unknown := unknownAttributes(req); len(unknown) > 0 {
		setters = append(setters, stun.BindingError, stun.CodeUnknownAttribute, unknown)
	} else {
		addr := source.Addr().Unmap()
		setters = append(setters, stun.BindingSuccess, &stun.XORMappedAddress{IP: addr.AsSlice(), Port: int(source.Port())})
	}
	if req.Contains(stun.AttrFingerprint) {
		setters = append(setters, stun.Fingerprint)
	}
	res, err := stun.Build(setters...)
	if err != nil {
		return nil
	}
	return res.Raw
}

// unknownAttributes lists the comprehension-required attributes (below 0x8000)
// that a Binding request may not carry as far as this server knows.
func unknownAttributes(req *stun.Message) stun.UnknownAttributes {
	var unknown stun.UnknownAttributes
	for _, a := range req.Attributes {
		if a.Type.Required() && !understood(a.Type) {
			unknown = append(unknown, a.Type)
		}
	}
	return unknown
}

func understood(t stun.AttrType) bool {
	switch t {
	case stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256, stun.AttrUserhash,
		stun.AttrRealm, stun.AttrNonce, stun.AttrPriority, stun.AttrUseCandidate, stun.AttrPasswordAlgorithm:
		return true
	}
	return false
}
