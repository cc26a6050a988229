package sdp

import "strings"

// security is how a transport profile protects media.
type security uint8

const (
	plain   security = iota // RTP in clear
	secured                 // SRTP
)

// profile is one transport protocol of an audio m-line that is understood. A
// new one (SDES, DTLS-SRTP) is one line here and its keys in the answer.
type profile struct {
	proto    string
	security security
	feedback bool // RTCP-based feedback (RFC 4585)
}

var profiles = [...]profile{
	{"RTP/AVP", plain, false},            // RFC 3551
	{"RTP/AVPF", plain, true},            // RFC 4585
	{"RTP/SAVP", secured, false},         // RFC 3711
	{"RTP/SAVPF", secured, true},         // RFC 5124
	{"UDP/TLS/RTP/SAVP", secured, false}, // RFC 5764
	{"UDP/TLS/RTP/SAVPF", secured, true}, // RFC 5764
}

func profileNamed(proto string) (profile, bool) {
	for _, p := range profiles {
		if strings.EqualFold(p.proto, proto) {
			return p, true
		}
	}
	return profile{}, false
}

// static are the payload types that need no rtpmap (RFC 3551 §6, tables 4 and 5).
var static = [...]Codec{
	{PT: 0, Name: "PCMU", ClockRate: 8000},
	{PT: 3, Name: "GSM", ClockRate: 8000},
	{PT: 4, Name: "G723", ClockRate: 8000},
	{PT: 5, Name: "DVI4", ClockRate: 8000},
	{PT: 6, Name: "DVI4", ClockRate: 16000},
	{PT: 7, Name: "LPC", ClockRate: 8000},
	{PT: 8, Name: "PCMA", ClockRate: 8000},
	{PT: 9, Name: "G722", ClockRate: 8000},
	{PT: 10, Name: "L16", ClockRate: 44100, Channels: 2},
	{PT: 11, Name: "L16", ClockRate: 44100},
	{PT: 12, Name: "QCELP", ClockRate: 8000},
	{PT: 13, Name: "CN", ClockRate: 8000},
	{PT: 14, Name: "MPA", ClockRate: 90000},
	{PT: 15, Name: "G728", ClockRate: 8000},
	{PT: 16, Name: "DVI4", ClockRate: 11025},
	{PT: 17, Name: "DVI4", ClockRate: 22050},
	{PT: 18, Name: "G729", ClockRate: 8000},
	{PT: 26, Name: "JPEG", ClockRate: 90000},
	{PT: 31, Name: "H261", ClockRate: 90000},
	{PT: 34, Name: "H263", ClockRate: 90000},
}

// Static returns the codec that a payload type means without an rtpmap.
func Static(pt uint8) (Codec, bool) {
	for i := range static {
		if static[i].PT == pt {
			return static[i], true
		}
	}
	return Codec{}, false
}
