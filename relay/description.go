package relay

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hometone/hometone/media"
)

// Description is what a leg was negotiated to. It is a value: Leg.Set swaps it
// whole, and nobody changes Formats after.
type Description struct {
	Remote     netip.AddrPort // where the peer receives RTP by its SDP
	RTCP       netip.AddrPort // zero: Remote's port + 1
	RTCPMux    bool           // RTCP goes on the RTP port, both ways
	Symmetric  bool           // send to where the peer's packets come from (RFC 4961), not to Remote
	Signalling netip.Addr     // where the peer's SIP comes from; a hint to whose packets are the peer's; may be zero
	Formats    []Format       // best first; telephone-event among them
	Ptime      time.Duration  // of what we generate; zero: 20 ms
	Send       bool           // we may send to the peer
	Recv       bool           // the peer may send to us
	CNAME      string         // in our RTCP; "": made from the leg's address
	Keepalive  time.Duration  // comfort noise (RFC 3389) is sent after so much silence of ours; zero: none
	// Raw: the packets are no RTP but UDPTL (ITU-T T.38 §9.1), and go to a joined leg
	// that is Raw too as they are. Nothing is played to such a leg, nor reported.
	Raw bool
}

// Format is a payload format that a leg's peer speaks.
type Format struct {
	Encoding  string // RTP encoding name, "PCMU"; "telephone-event"
	ClockRate int    // Hz; zero: 8000
	SendPT    uint8  // in packets we send to the peer
	RecvPT    uint8  // in packets the peer sends

	codec     media.Codec // of Encoding and ClockRate; set by normal
	telephone bool        // telephone-event; set by normal
}

// Same says whether packets of both can be exchanged as they are.
func (f Format) Same(g Format) bool {
	return f.ClockRate == g.ClockRate && strings.EqualFold(f.Encoding, g.Encoding)
}

// normal fills the defaults.
func (d Description) normal() Description {
	d.Formats = slices.Clone(d.Formats)
	for i := range d.Formats {
		if d.Formats[i].ClockRate == 0 {
			d.Formats[i].ClockRate = media.Rate
		}
		d.Formats[i].codec = media.CodecOf(d.Formats[i].Encoding, d.Formats[i].ClockRate)
		d.Formats[i].telephone = strings.EqualFold(d.Formats[i].Encoding, "telephone-event")
	}
	if d.Ptime <= 0 {
		d.Ptime = 20 * time.Millisecond
	}
	d.Ptime = min(d.Ptime, 200*time.Millisecond)
	d.Remote = netip.AddrPortFrom(d.Remote.Addr().Unmap(), d.Remote.Port())
	d.Signalling = d.Signalling.Unmap()
	switch {
	case d.RTCPMux:
		d.RTCP = d.Remote
	case d.RTCP.IsValid():
		d.RTCP = netip.AddrPortFrom(d.RTCP.Addr().Unmap(), d.RTCP.Port())
	case d.Remote.IsValid() && d.Remote.Port() < 65535:
		d.RTCP = netip.AddrPortFrom(d.Remote.Addr(), d.Remote.Port()+1)
	}
	return d
}

// receives finds the format of an incoming payload type.
func (d *Description) receives(pt uint8) *Format {
	for i := range d.Formats {
		if d.Formats[i].RecvPT == pt {
			return &d.Formats[i]
		}
	}
	return nil
}

// route finds how a packet in format f goes to this leg's peer: in which
// format, and whether it must be transcoded. The other law of G.711, which costs a
// table look-up, is preferred to codecs that the peer prefers.
func (d *Description) route(f *Format) (to *Format, transcode bool) {
	_, g711 := media.LawOf(f.Encoding)
	for i := range d.Formats {
		g := &d.Formats[i]
		if g.Same(*f) {
			return g, false
		}
		if g.codec == media.NoCodec || f.codec == media.NoCodec {
			continue
		}
		if _, law := media.LawOf(g.Encoding); to == nil || g711 && law {
			to = g
		}
	}
	return to, to != nil
}

// playing is the format in which sources are played: the first that can be.
func (d *Description) playing() *Format {
	for i := range d.Formats {
		if d.Formats[i].codec != media.NoCodec {
			return &d.Formats[i]
		}
	}
	return nil
}
