// Package sdp is the one place where Hometone negotiates media: the
// offer/answer model of RFC 3264 over descriptions of RFC 8866. Ordinary
// descriptions are read in place; pion's parser judges all others.
//
// A caller describes its own side with a Local, and gets a body from Offer or
// Answer. A peer's body goes through Parse. When an offer and an answer have
// met, Answer (for the answerer) or Accept (for the offerer) return the same
// Negotiated: what to send where, in which payload types, and in which
// direction. Session strings these together over the life of a dialog: it
// keeps the version of the o= line and the number of m-lines as RFC 3264 §8
// wants them. Relocate is for relays: it changes addresses and ports in a
// body and leaves every other byte alone.
//
// The first usable stream, of sound if there is one, is the session's main
// stream and described by Local and Negotiated themselves. Further ones, more
// audio or video, are taken as far as Local allows (Streams) and stand in
// Negotiated.Others; every other m-line is answered with port 0 (RFC 3264 §6).
// Secure profiles are refused with ErrSecure until SRTP comes; profile.go is
// the table where they will be added.
//
// Nothing here does I/O, reads a clock or starts a goroutine; every value may
// be kept, copied and written to a snapshot. Bodies over 64 KiB, 2,000 lines
// or 64 m-lines are refused.
package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"time"
)

// Limits on what a stranger may send.
const (
	maxBody    = 64 << 10 // bytes
	maxLines   = 2000
	maxStreams = 64  // m-lines
	maxFormats = 128 // payload types of one m-line
)

// Codec is one payload format of an m-line: "rtpmap" and "fmtp" together.
type Codec struct {
	PT        uint8  // payload type, 0-127
	Name      string // encoding name as written, compared without case ("PCMU")
	ClockRate int    // RTP clock rate in Hz (8000)
	Channels  int    // 0 and 1 both mean mono
	Fmtp      string // parameters after the payload type, "" if none
}

// Same says whether both are the same payload format, whatever their payload
// types: name without case, clock rate and channels (RFC 8866 §6.6).
func (c Codec) Same(d Codec) bool {
	return strings.EqualFold(c.Name, d.Name) && c.ClockRate == d.ClockRate &&
		max(c.Channels, 1) == max(d.Channels, 1)
}

// Format is one payload format after negotiation. Each side chooses the
// payload type it wants to receive (RFC 3264 §5.1), so there are two.
type Format struct {
	Codec
	SendPT uint8 // payload type of packets we send
	RecvPT uint8 // payload type of packets we receive
}

// Preference says whose codec order decides in an answer.
type Preference uint8

// The two orders.
const (
	PreferRemote Preference = iota // the offerer's order, as RFC 3264 §6.1 recommends
	PreferLocal                    // our order, as Asterisk does by default
)

// Kind is what a stream carries.
type Kind uint8

// The kinds of streams that are negotiated; others are declined.
const (
	Audio Kind = iota
	Video
	otherKind
)

// String is the media type of the m-line.
func (k Kind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}

// kindNamed reads the media type of an m-line.
func kindNamed(media string) Kind {
	switch {
	case strings.EqualFold(media, "audio"):
		return Audio
	case strings.EqualFold(media, "video"):
		return Video
	}
	return otherKind
}

// Streams is what our side is ready for beside one audio stream. The zero
// value is one audio stream and nothing else.
type Streams struct {
	Video    []Codec // codecs of video streams, best first
	MaxAudio int     // audio streams; zero: one, negative: none
	MaxVideo int     // video streams
	Feedback bool    // the profile is RTP/AVPF (RFC 4585); an offer of the other profile is declined
	Profiles bool    // Feedback counts; else both profiles are taken
	// Lines are the streams beside the main one, by their m-line: where an
	// answer receives what it accepts, and what an offer has. One without a valid
	// Addr is declined; the main stream's place stays empty.
	Lines []Line
}

// Line is our side of one further stream.
type Line struct {
	Kind       Kind
	Addr, RTCP netip.AddrPort // as in Local
	Codecs     []Codec        // of an offer; best first
	Direction  Direction      // what we want to do
}

// Local is what our side offers or is able to answer.
type Local struct {
	Streams
	Addr      netip.AddrPort // where we receive RTP
	RTCP      netip.AddrPort // where we receive RTCP; zero: Addr's port + 1, not announced
	Origin    netip.Addr     // address in o=, if the media goes elsewhere; zero: Addr's
	RTCPMux   bool           // willing to have RTP and RTCP on one port (RFC 5761)
	Codecs    []Codec        // without telephone-event, best first
	DTMF      bool           // willing to use telephone-event (RFC 4733)
	DTMFPT    uint8          // payload type to offer for it; zero: 101
	Ptime     time.Duration  // packet time we want to receive; zero: 20 ms in offers, the offerer's in answers
	MaxPtime  time.Duration  // announced when not zero
	Direction Direction      // what we want to do
	Prefer    Preference     // whose order decides when we answer
	Single    bool           // answer with the chosen codec only (and telephone-event)
	SessionID uint64         // o= session id
	Version   uint64         // o= session version; one more whenever the body changes
	Username  string         // o= user name; "": "-"
	Name      string         // s= session name; "": "-"
	Layout    Layout         // m-lines of the session so far, for offers in a dialog
}

// Layout is the order of m-lines in a session. Later offers must keep it
// (RFC 3264 §8), so it travels from a Negotiated to the next Local.
type Layout struct {
	Lines []string // one m-line each, without "m=" and line end
	Audio int      // which of them carries our main stream
}

// Negotiated is the outcome of an offer and its answer, from our point of
// view: the main stream, and the others in the order of their m-lines.
type Negotiated struct {
	Media
	Others []Media
	Layout Layout // for the next offer
}

// Media is the outcome for one stream.
type Media struct {
	Line      int            // number of its m-line, from 0
	Kind      Kind           // what it carries
	Formats   []Format       // common formats, best first, without telephone-event; empty only if Rejected
	DTMF      *Format        // telephone-event of the first format's clock if both have it
	Events    []Format       // telephone-events of all formats' clocks, DTMF first
	Remote    netip.AddrPort // where we send RTP; invalid if the peer gave no numeric address
	RTCP      netip.AddrPort // where we send RTCP; invalid with Remote
	RTCPMux   bool           // RTCP goes on the RTP port
	Ptime     time.Duration  // packet time for what we send
	MaxPtime  time.Duration  // longest packet the peer takes; zero: not said
	Direction Direction      // ours: what we do now
	Held      bool           // the peer put us on hold
	Rejected  bool           // the stream has port 0
}

// Description is a peer's parsed session description. It is immutable.
type Description struct {
	Audio     Remote // the audio stream that would be used first
	Username  string // o= user name
	SessionID string // o= session id as written
	Version   string // o= session version as written

	body    string   // as it came
	timing  string   // values of the t= lines, joined by newlines
	streams []stream // all m-lines in order
}

// Remote is one audio stream of the peer.
type Remote struct {
	mapped    bool           // an rtpmap names one of the payload types
	Addr      netip.AddrPort // where the peer receives RTP; invalid if Host is a name
	Host      string         // connection address as written, may be a name
	RTCP      netip.AddrPort // where the peer receives RTCP
	RTCPMux   bool           // the peer takes RTCP on the RTP port
	Rejected  bool           // port 0
	Direction Direction      // the peer's
	Hold      bool           // sendonly, inactive or an unspecified connection address
	Codecs    []Codec        // in the peer's order, without telephone-event
	DTMF      []Codec        // telephone-event, one per clock rate
	Ptime     time.Duration  // what the peer wants to receive; zero: not said
	MaxPtime  time.Duration  // zero: not said
}

// ErrNoOffer means that there is no offer of ours to be answered.
var ErrNoOffer = errors.New("sdp: no offer waits for an answer")

// Errors of negotiation. A caller answers all of them with 488 Not Acceptable
// Here, ErrSyntax with 400 Bad Request.
var (
	ErrSyntax   = errors.New("sdp: malformed session description")
	ErrNoAudio  = errors.New("sdp: no usable audio stream")
	ErrNoCodec  = errors.New("sdp: no common codec")
	ErrSecure   = errors.New("sdp: only secure RTP (SAVP) is offered, which is not available yet")
	ErrRejected = errors.New("sdp: the peer rejected the audio stream")
)

// defaultPtime is the packet time where nobody asked for another (RFC 3551 §4.2).
const defaultPtime = 20 * time.Millisecond

// telephoneEvent is the encoding name of RFC 4733 §7.1.1.
const telephoneEvent = "telephone-event"

// defaultDTMFPT is the dynamic payload type everybody uses for it.
const defaultDTMFPT = 101
