package media

import (
	"math/bits"
	"strings"
)

// Law is one of the two companding laws of ITU-T G.711.
type Law uint8

// The laws.
const (
	ULaw Law = iota
	ALaw
)

// LawOf is the law of an RTP encoding name (RFC 3551 §4.5.14).
func LawOf(encoding string) (Law, bool) {
	switch {
	case strings.EqualFold(encoding, "PCMU"):
		return ULaw, true
	case strings.EqualFold(encoding, "PCMA"):
		return ALaw, true
	}
	return ULaw, false
}

// String is the RTP encoding name.
func (l Law) String() string {
	if l == ALaw {
		return "PCMA"
	}
	return "PCMU"
}

// Silence is the code of a zero sample.
func (l Law) Silence() byte {
	if l == ALaw {
		return 0xD5
	}
	return 0xFF
}

// Encode appends the codes of pcm to dst.
func (l Law) Encode(dst []byte, pcm []int16) []byte {
	if l == ALaw {
		for _, s := range pcm {
			dst = append(dst, alawCodes[uint16(s)>>4])
		}
		return dst
	}
	for _, s := range pcm {
		dst = append(dst, ulawCodes[uint16(s)>>2])
	}
	return dst
}

// Decode appends the samples of codes to dst.
func (l Law) Decode(dst []int16, codes []byte) []int16 {
	levels := &ulawLevels
	if l == ALaw {
		levels = &alawLevels
	}
	for _, c := range codes {
		dst = append(dst, levels[c])
	}
	return dst
}

// Transcode turns codes of law l into codes of the other law, in place.
func (l Law) Transcode(codes []byte) {
	table := &ulawToALaw
	if l == ALaw {
		table = &alawToULaw
	}
	for i, c := range codes {
		codes[i] = table[c]
	}
}

// The tables are built once and never written after. The codes are indexed by
// the upper 14 bits (µ-law) and 12 bits (A-law) of a sample: G.711 works on
// those.
var (
	ulawLevels = levels(ulawLevel)
	alawLevels = levels(alawLevel)
	ulawCodes  = codes[[1 << 14]byte](2, ulawCode)
	alawCodes  = codes[[1 << 12]byte](4, alawCode)
	ulawToALaw = crossed(&ulawLevels, ALaw)
	alawToULaw = crossed(&alawLevels, ULaw)
)

func levels(f func(byte) int16) (t [256]int16) {
	for i := range t {
		t[i] = f(byte(i))
	}
	return t
}

func codes[T [1 << 14]byte | [1 << 12]byte](shift uint, f func(int16) byte) (t T) {
	for i := range len(t) {
		t[i] = f(int16(uint16(i) << shift))
	}
	return t
}

func crossed(from *[256]int16, to Law) (t [256]byte) {
	for i, s := range from {
		t[i] = to.Encode(nil, []int16{s})[0]
	}
	return t
}

// ulawCode is the µ-law code of a sample: sign, segment and step of its
// magnitude with 33 added, all bits inverted (G.711 §3, table 2a).
func ulawCode(s int16) byte {
	sign := byte(0x80)
	m := int(s) >> 2
	if s < 0 {
		sign, m = 0, int(^s)>>2
	}
	m = min(m+33, 0x1FFF)
	segment := bits.Len(uint(m)) - 6 // 0 to 7
	step := m >> (segment + 1) & 0x0F
	return sign | ^byte(segment<<4|step)&0x7F
}

// ulawLevel is the middle of a code's interval, on 16 bits.
func ulawLevel(c byte) int16 {
	u := ^c
	m := (int(u&0x0F)<<1 + 33) << (u >> 4 & 7)
	m = (m - 33) << 2
	if u&0x80 != 0 {
		m = -m
	}
	return int16(m)
}

// alawCode is the A-law code of a sample: sign, segment and step of its
// magnitude, even bits inverted (G.711 §3, table 1a).
func alawCode(s int16) byte {
	sign := byte(0x80)
	m := int(s) >> 4
	if s < 0 {
		sign, m = 0, int(^s)>>4
	}
	code := m // the two lowest segments are one line
	if m > 31 {
		segment := bits.Len(uint(m)) - 5
		code = (segment+1)<<4 | m>>segment&0x0F
	}
	return (sign | byte(code)) ^ 0x55
}

// alawLevel is the middle of a code's interval, on 16 bits.
func alawLevel(c byte) int16 {
	a := c ^ 0x55
	segment, m := int(a>>4&7), int(a&0x0F)<<4+8
	if segment > 0 {
		m = (m + 0x100) << (segment - 1)
	}
	if a&0x80 == 0 {
		m = -m
	}
	return int16(m)
}
