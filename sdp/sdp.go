// Package sdp is the one place where Hometone negotiates media: the
// offer/answer model of RFC 3264 on top of pion's SDP parser (RFC 8866).
//
// A caller describes its own side with a Local, and gets a body from Offer or
// Answer. A peer's body goes through Parse. When an offer and an answer have
// met, Answer (for the answerer) or Accept (for the offerer) return the same
// Negotiated: what to send where, in which payload types, and in which
// direction. Nothing here does I/O, keeps state, reads a clock or starts a
// goroutine; every value may be kept and copied.
package sdp

import (
	"errors"
	"net/netip"
	"time"
)

// Direction is the direction of a stream as its owner sees it (RFC 8866 §6.7).
type Direction uint8

// The four directions. The zero value is the default of SDP.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// Codec is one payload format of an m-line: "rtpmap" and "fmtp" together.
type Codec struct {
	PT        uint8  // payload type, 0-127
	Name      string // encoding name as written, compared without case ("PCMU")
	ClockRate int    // RTP clock rate in Hz (8000)
	Channels  int    // 0 and 1 both mean mono
	Fmtp      string // parameters after the payload type, "" if none
}

// Format is one payload format after negotiation. Each side chooses the
// payload type it wants to receive (RFC 3264 §5.1), so there are two.
type Format struct {
	Codec
	SendPT uint8 // payload type of packets we send
	RecvPT uint8 // payload type of packets we receive
}

// Local is what our side offers or is able to answer.
type Local struct {
	Addr      netip.AddrPort // where we receive RTP
	RTCP      netip.AddrPort // where we receive RTCP; zero: Addr's port + 1, not announced
	RTCPMux   bool           // offer RTP and RTCP on one port (RFC 5761)
	Codecs    []Codec        // without telephone-event, best first
	DTMF      bool           // telephone-event (RFC 4733)
	DTMFPT    uint8          // payload type to offer for it; zero: 101
	Ptime     time.Duration  // packet time we prefer; zero: 20 ms
	MaxPtime  time.Duration  // announced when not zero
	Direction Direction      // what we want to do
	Prefer    Preference     // whose order decides when we answer
	Single    bool           // answer with the one chosen codec only (plus telephone-event)
	SessionID uint64         // o= session id
	Version   uint64         // o= session version; one more whenever the body changes
	Username  string         // o= user name; "": "-"
	Name      string         // s= session name; "": "-"
}

// Preference says whose codec order decides in an answer.
type Preference uint8

// The two orders. PreferRemote is what RFC 3264 §6.1 recommends; PreferLocal is Asterisk's
// default ("codec_prefs_incoming_offer = prefer: pending, operation: intersect").
const (
	PreferRemote Preference = iota
	PreferLocal
)

// Negotiated is the outcome of an offer and its answer, from our point of view.
type Negotiated struct {
	Formats   []Format       // common formats, best first, without telephone-event; never empty unless Rejected
	DTMF      *Format        // telephone-event if both have it
	Remote    netip.AddrPort // where we send RTP; invalid if the peer gave none
	RTCP      netip.AddrPort // where we send RTCP
	RTCPMux   bool           // RTCP goes on the RTP port
	Ptime     time.Duration  // packet time for what we send
	Direction Direction      // ours: what we do now
	Held      bool           // the peer put us on hold
	Rejected  bool           // the audio stream has port 0
}

// Description is a peer's parsed session description.
type Description struct {
	Audio     Remote // the first audio stream that can be used
	SessionID string // o= session id as written
	Version   string // o= session version as written
	Username  string
	raw       string
}

// Remote is the peer's audio stream.
type Remote struct {
	Addr      netip.AddrPort // where the peer receives RTP (port 0: rejected)
	RTCP      netip.AddrPort // where the peer receives RTCP
	RTCPMux   bool
	Direction Direction // the peer's
	Hold      bool      // sendonly, inactive or c=0.0.0.0
	Codecs    []Codec   // in the peer's order, without telephone-event
	DTMF      *Codec    // telephone-event, if any
	Ptime     time.Duration
	MaxPtime  time.Duration
}

// Errors that a caller answers with 488 Not Acceptable Here.
var (
	ErrNoAudio = errors.New("sdp: no usable audio stream")
	ErrNoCodec = errors.New("sdp: no common codec")
	ErrSecure  = errors.New("sdp: secure RTP is not available yet")
)

// Parse reads a session description.
func Parse(body string) (*Description, error) { return nil, ErrNoAudio }

// Offer writes an offer.
func Offer(l Local) string { return "" }

// Answer writes the answer to an offer and returns what was agreed.
func Answer(offer *Description, l Local) (string, Negotiated, error) {
	return "", Negotiated{}, ErrNoCodec
}

// Accept reads the peer's answer to an offer that was made from l.
func Accept(l Local, answer *Description) (Negotiated, error) { return Negotiated{}, ErrNoCodec }
