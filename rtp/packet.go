package rtp

import "encoding/binary"

// HeaderSize is the length of a fixed RTP header in octets (RFC 3550 §5.1).
const HeaderSize = 12

// Header is a view of the RTP header that Parse found in a packet.
type Header struct {
	Sequence  uint16
	Timestamp uint32
	SSRC      uint32
	PT        uint8
	Marker    bool
	Start     int // where the payload starts
	End       int // where the payload ends, before the padding
}

// Parse reads the header of an RTP packet by the checks of RFC 3550 §A.1:
// version 2, and CSRC list, extension and padding inside the packet.
func Parse(b []byte) (h Header, ok bool) {
	if len(b) < HeaderSize || b[0]>>6 != 2 {
		return h, false
	}
	h = Header{
		Sequence:  binary.BigEndian.Uint16(b[2:]),
		Timestamp: binary.BigEndian.Uint32(b[4:]),
		SSRC:      binary.BigEndian.Uint32(b[8:]),
		PT:        b[1] & 0x7F,
		Marker:    b[1]&0x80 != 0,
		Start:     HeaderSize + 4*int(b[0]&0x0F),
		End:       len(b),
	}
	if b[0]&0x10 != 0 { // extension, RFC 3550 §5.3.1
		if len(b) < h.Start+4 {
			return h, false
		}
		h.Start += 4 + 4*int(binary.BigEndian.Uint16(b[h.Start+2:]))
	}
	if b[0]&0x20 != 0 { // padding
		n := int(b[len(b)-1])
		if n == 0 {
			return h, false
		}
		h.End -= n
	}
	return h, h.Start <= h.End
}

// AppendHeader appends a fixed header without CSRC, extension and padding.
func AppendHeader(dst []byte, h Header) []byte {
	pt := h.PT & 0x7F
	if h.Marker {
		pt |= 0x80
	}
	dst = append(dst, 0x80, pt)
	dst = binary.BigEndian.AppendUint16(dst, h.Sequence)
	dst = binary.BigEndian.AppendUint32(dst, h.Timestamp)
	return binary.BigEndian.AppendUint32(dst, h.SSRC)
}

// Rewrite changes the fields of a packet's header in place, all but the
// payload's place.
func Rewrite(b []byte, h Header) {
	b[1] = h.PT & 0x7F
	if h.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], h.Sequence)
	binary.BigEndian.PutUint32(b[4:], h.Timestamp)
	binary.BigEndian.PutUint32(b[8:], h.SSRC)
}

// IsRTCP tells RTCP from RTP on one port by the packet type (RFC 5761 §4:
// RTP must not use payload types 64 to 95 there).
func IsRTCP(b []byte) bool {
	return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223
}

// IsSTUN says whether the packet is STUN: two zero bits and the magic cookie (RFC 8489 §5).
func IsSTUN(b []byte) bool {
	return len(b) >= 20 && b[0]>>6 == 0 && binary.BigEndian.Uint32(b[4:]) == 0x2112A442
}
