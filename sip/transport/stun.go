package transport

import (
	"encoding/binary"
	"net/netip"
)

// STUN in its smallest form: binding requests on a SIP port keep NAT bindings
// open and tell the client its address (RFC 5626 §4.4.2, RFC 8489).
const (
	stunCookie          = 0x2112A442
	stunHeader          = 20
	stunBinding         = 0x0001
	stunBindingSuccess  = 0x0101
	stunXORMapped       = 0x0020
	stunFamily4         = 1
	stunFamily6         = 2
	stunTransactionSize = 12
)

// isBindingRequest reports whether data is a STUN binding request.
func isBindingRequest(data []byte) bool {
	return len(data) >= stunHeader &&
		binary.BigEndian.Uint16(data) == stunBinding &&
		binary.BigEndian.Uint32(data[4:]) == stunCookie &&
		int(binary.BigEndian.Uint16(data[2:])) == len(data)-stunHeader
}

// isBindingResponse reports whether data answers a binding request.
func isBindingResponse(data []byte) bool {
	return len(data) >= stunHeader &&
		binary.BigEndian.Uint16(data) == stunBindingSuccess &&
		binary.BigEndian.Uint32(data[4:]) == stunCookie
}

// appendBindingRequest writes a binding request without attributes.
func appendBindingRequest(b []byte, id [stunTransactionSize]byte) []byte {
	b = binary.BigEndian.AppendUint16(b, stunBinding)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint32(b, stunCookie)
	return append(b, id[:]...)
}

// appendBindingSuccess writes the success response to req: its header and
// XOR-MAPPED-ADDRESS with the source address (RFC 8489 §14.2).
func appendBindingSuccess(b, req []byte, source netip.AddrPort) []byte {
	addr := source.Addr().AsSlice()
	family := byte(stunFamily4)
	if len(addr) == 16 {
		family = stunFamily6
	}
	b = binary.BigEndian.AppendUint16(b, stunBindingSuccess)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(addr)))
	b = append(b, req[4:stunHeader]...)
	b = binary.BigEndian.AppendUint16(b, stunXORMapped)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(addr)))
	b = append(b, 0, family)
	b = binary.BigEndian.AppendUint16(b, source.Port()^(stunCookie>>16))
	for i, c := range addr {
		b = append(b, c^req[4+i]) // the cookie, then the transaction id
	}
	return b
}
