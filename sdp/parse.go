package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	psdp "github.com/pion/sdp/v3"
)

// stream is one m-line of a peer with what is needed to use or mirror it.
type stream struct {
	mline
	kind    Kind
	profile profile
	known   bool   // audio or video in a profile we know
	remote  Remote // filled if known
}

// printable is the parsed text, kept for String.
type printable struct{ desc *psdp.SessionDescription }

// Parse reads a session description as real phones write it. The error wraps
// ErrSyntax. A description without usable audio is no error here: Answer and
// Accept say what they miss.
func Parse(body string) (*Description, error) {
	m, err := mend(body)
	if err != nil {
		return nil, err
	}
	var parsed psdp.SessionDescription
	if err := parsed.UnmarshalString(m.text); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSyntax, err)
	}
	d := &Description{
		Username: m.origin[0], SessionID: m.origin[1], Version: m.origin[2],
		timing: strings.Join(m.timing, "\n"), text: printable{&parsed},
	}
	for i, md := range parsed.MediaDescriptions {
		md.MediaName.Media = m.streams[i].media
		md.MediaName.Protos = strings.Split(m.streams[i].proto, "/")
		d.streams = append(d.streams, newStream(m.streams[i], &parsed, md))
	}
	d.chooseAudio()
	return d, nil
}

// String writes the description again, in the order of RFC 8866 §5.
func (d *Description) String() string {
	text, err := d.text.desc.Marshal()
	if err != nil {
		return ""
	}
	return string(text)
}

// Streams is the number of m-lines.
func (d *Description) Streams() int { return len(d.streams) }

// chooseAudio shows the first audio stream that is open, else the first at all.
func (d *Description) chooseAudio() {
	for _, wantOpen := range []bool{true, false} {
		for _, s := range d.streams {
			if s.known && s.kind == Audio && s.profile.security == plain && (!wantOpen || !s.remote.Rejected) {
				d.Audio = s.remote
				return
			}
		}
	}
}

func newStream(m mline, session *psdp.SessionDescription, md *psdp.MediaDescription) stream {
	s := stream{mline: m, kind: kindNamed(m.media)}
	s.profile, s.known = profileNamed(m.proto)
	s.known = s.known && s.kind != otherKind
	if s.known {
		s.remote = newRemote(session, md)
	}
	return s
}

// newRemote reads an audio m-line and the session-level defaults it inherits.
func newRemote(session *psdp.SessionDescription, md *psdp.MediaDescription) Remote {
	r := Remote{Rejected: md.MediaName.Port.Value == 0}
	for _, a := range session.Attributes {
		r.attribute(a.Key, a.Value)
	}
	conn := session.ConnectionInformation
	if md.ConnectionInformation != nil {
		conn = md.ConnectionInformation
	}
	if conn != nil && conn.Address != nil {
		r.Host = conn.Address.Address
	}
	r.Addr = address(r.Host, md.MediaName.Port.Value)
	r.RTCP = nextPort(r.Addr)
	for _, a := range md.Attributes {
		r.attribute(a.Key, a.Value)
	}
	r.codecs(md)
	// RFC 3264 §8.4: hold is sendonly, inactive if both hold; RFC 2543 held with c=0.0.0.0.
	unspecified := r.Addr.IsValid() && r.Addr.Addr().IsUnspecified()
	r.Hold = !r.Direction.Receives() || unspecified
	return r
}

// attribute takes what is meant for the stream as a whole.
func (r *Remote) attribute(key, value string) {
	value = strings.TrimSpace(value)
	if d, ok := directionNamed(key); ok {
		r.Direction = d
		return
	}
	switch key {
	case "rtcp-mux": // RFC 5761 §5.1.1
		r.RTCPMux = true
	case "rtcp": // RFC 3605: a=rtcp:<port> [IN IP4 <address>]
		r.rtcp(value)
	case "ptime":
		r.Ptime = milliseconds(value)
	case "maxptime":
		r.MaxPtime = milliseconds(value)
	}
}

func (r *Remote) rtcp(value string) {
	f := strings.Fields(value)
	if len(f) == 0 {
		return
	}
	port, err := strconv.ParseUint(f[0], 10, 16)
	if err != nil || port == 0 {
		return
	}
	host := r.Host
	if len(f) == 4 && f[1] == "IN" {
		host = f[3]
	}
	if a := address(host, int(port)); a.IsValid() {
		r.RTCP = a
	}
}

// codecs fills the payload formats of an m-line.
func (r *Remote) codecs(md *psdp.MediaDescription) {
	var maps, params [128]string // as written, by payload type; the first counts
	for i := range md.Attributes {
		into := &maps
		switch md.Attributes[i].Key {
		case "rtpmap":
		case "fmtp":
			into = &params
		default:
			continue
		}
		format, value, ok := strings.Cut(strings.TrimSpace(md.Attributes[i].Value), " ")
		if pt, err := strconv.ParseUint(format, 10, 7); ok && err == nil && into[pt] == "" {
			into[pt] = strings.TrimSpace(value)
		}
	}
	var seen [128]bool
	for _, f := range md.MediaName.Formats {
		pt, err := strconv.ParseUint(f, 10, 7)
		if err != nil || seen[pt] {
			continue
		}
		seen[pt] = true
		c, ok := codec(uint8(pt), maps[pt])
		if !ok {
			continue
		}
		c.Fmtp = params[pt]
		if strings.EqualFold(c.Name, telephoneEvent) {
			r.DTMF = append(r.DTMF, c)
		} else {
			r.Codecs = append(r.Codecs, c)
		}
	}
}

// codec reads an rtpmap <name>/<rate>[/<channels>], or knows a static payload type.
func codec(pt uint8, rtpmap string) (Codec, bool) {
	name, rest, _ := strings.Cut(rtpmap, "/")
	rate, channels, _ := strings.Cut(rest, "/")
	name = strings.TrimSpace(name)
	if name == "" {
		return Static(pt)
	}
	c := Codec{PT: pt, Name: name}
	n, err := strconv.ParseUint(strings.TrimSpace(rate), 10, 31)
	switch {
	case err == nil && n > 0:
		c.ClockRate = int(n)
	default: // "a=rtpmap:0 PCMU" is seen; the static table knows the rate
		known, ok := Static(pt)
		if !ok || !strings.EqualFold(known.Name, name) {
			return Codec{}, false
		}
		c.ClockRate = known.ClockRate
	}
	if n, err := strconv.ParseUint(strings.TrimSpace(channels), 10, 8); err == nil {
		c.Channels = int(n)
	}
	return c, true
}

// address makes a numeric address of a connection line; a multicast TTL is cut off.
func address(host string, port int) netip.AddrPort {
	host, _, _ = strings.Cut(host, "/")
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

// nextPort is where RTCP goes if nobody said otherwise (RFC 3550 §11).
func nextPort(a netip.AddrPort) netip.AddrPort {
	if !a.IsValid() || a.Port() == 0 || a.Port() == 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr(), a.Port()+1)
}

// milliseconds reads ptime and maxptime; 0 if it is no sensible packet time.
func milliseconds(value string) time.Duration {
	ms, err := strconv.ParseFloat(value, 64)
	if err != nil || !(ms > 0) || ms > 10_000 {
		return 0
	}
	return time.Duration(ms * float64(time.Millisecond))
}
