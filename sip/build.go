package sip

import "strconv"

// FormatCSeq writes the value of a CSeq field.
func FormatCSeq(seq uint32, m Method) string {
	return strconv.FormatUint(uint64(seq), 10) + " " + string(m)
}

// SetCSeq sets the CSeq field.
func (m *Message) SetCSeq(seq uint32, method Method) { m.Set(HeaderCSeq, FormatCSeq(seq, method)) }

// AddNumber appends a field whose value is a number: Max-Forwards, Expires,
// RSeq, Retry-After, ….
func (m *Message) AddNumber(id HeaderID, n uint32) { m.Add(id, strconv.FormatUint(uint64(n), 10)) }

// SetNumber sets a field whose value is a number.
func (m *Message) SetNumber(id HeaderID, n uint32) { m.Set(id, strconv.FormatUint(uint64(n), 10)) }

// String writes the value of a RAck field.
func (r RAck) String() string {
	return strconv.FormatUint(uint64(r.RSeq), 10) + " " + FormatCSeq(r.CSeq, r.Method)
}

// NewACK returns the ACK of a final response other than 2xx: it belongs to the
// INVITE's transaction (RFC 3261 §17.1.1.3).
func NewACK(invite *Request, res *Response) *Request {
	ack := fromInvite(invite, ACK)
	if to := res.find(HeaderTo); to != nil {
		ack.Set(HeaderTo, res.value(to))
	}
	return ack
}

// NewCancel returns the CANCEL of a request (RFC 3261 §9.1).
func NewCancel(invite *Request) *Request { return fromInvite(invite, CANCEL) }

// fromInvite copies what ACK and CANCEL share with the request: Request-URI,
// the topmost Via alone, From, To, Call-ID, the CSeq number and Route.
func fromInvite(invite *Request, m Method) *Request {
	r := NewRequest(m, invite.uri)
	if via, ok := invite.First(HeaderVia); ok {
		r.Add(HeaderVia, via)
	}
	r.CopyFrom(&invite.Message, HeaderRoute, HeaderFrom, HeaderTo, HeaderCallID)
	seq, _, _ := invite.CSeq()
	r.Add(HeaderCSeq, FormatCSeq(seq, m))
	r.Add(HeaderMaxForwards, "70")
	r.Add(HeaderContentLength, "0")
	return r
}
