package sdp

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Offer writes an offer: one audio stream with all of l's codecs, at the place
// that l.Layout gives it (RFC 3264 §5).
func Offer(l Local) string {
	var w writer
	w.Grow(usualBody)
	w.session(l, "0 0")
	layout := l.Layout
	if len(layout.Lines) == 0 {
		layout = Layout{Lines: []string{""}}
	}
	for i, line := range layout.Lines {
		if i != layout.Audio {
			w.line('m', rejected(line))
			continue
		}
		ptime := l.Ptime
		if ptime == 0 {
			ptime = defaultPtime
		}
		a := audio{proto: audioProto(line), codecs: l.Codecs, ptime: ptime, direction: l.Direction, mux: l.RTCPMux}
		if l.DTMF {
			a.dtmf = []Codec{eventCodec(l)}
		}
		w.audio(l, a)
	}
	return w.String()
}

// eventCodec is our telephone-event: the sixteen DTMF digits and flash.
func eventCodec(l Local) Codec {
	c := Codec{PT: l.DTMFPT, Name: telephoneEvent, ClockRate: 8000, Fmtp: "0-16"}
	if c.PT == 0 {
		c.PT = defaultDTMFPT
	}
	return c
}

// audio is one audio m-line to be written.
type audio struct {
	proto     string
	codecs    []Codec
	dtmf      []Codec
	ptime     time.Duration
	direction Direction
	mux       bool
}

type writer struct{ strings.Builder }

// usualBody is the room for an ordinary description, in bytes.
const usualBody = 320

// number writes n.
func (w *writer) number(n int) {
	var digits [20]byte
	w.Write(strconv.AppendInt(digits[:0], int64(n), 10))
}

func (w *writer) line(kind byte, parts ...string) {
	w.WriteByte(kind)
	w.WriteByte('=')
	for _, p := range parts {
		w.WriteString(p)
	}
	w.WriteString("\r\n")
}

// session writes v= to t=. times are the values of the t= lines.
func (w *writer) session(l Local, times string) {
	w.line('v', "0")
	addr := netAddress(l.Addr.Addr())
	w.line('o', orDash(l.Username), " ", strconv.FormatUint(l.SessionID, 10), " ", strconv.FormatUint(l.Version, 10), " ", addr)
	w.line('s', orDash(l.Name))
	w.line('c', addr)
	for t := range strings.SplitSeq(times, "\n") {
		w.line('t', t)
	}
}

// audio writes an audio m-line and its attributes.
func (w *writer) audio(l Local, a audio) {
	w.WriteString("m=audio ")
	w.number(int(l.Addr.Port()))
	w.WriteString(" ")
	w.WriteString(a.proto)
	for _, list := range [...][]Codec{a.codecs, a.dtmf} {
		for i := range list {
			w.WriteString(" ")
			w.number(int(list[i].PT))
		}
	}
	w.WriteString("\r\n")
	for _, list := range [...][]Codec{a.codecs, a.dtmf} {
		for i := range list {
			w.codec(&list[i])
		}
	}
	w.line('a', "ptime:", millis(a.ptime))
	if l.MaxPtime > 0 {
		w.line('a', "maxptime:", millis(l.MaxPtime))
	}
	if l.RTCP.IsValid() && l.RTCP != nextPort(l.Addr) {
		w.line('a', "rtcp:", strconv.Itoa(int(l.RTCP.Port())), rtcpAddress(l))
	}
	if a.mux {
		w.line('a', "rtcp-mux")
	}
	w.line('a', a.direction.String())
}

// codec writes the rtpmap and fmtp attributes of a codec.
func (w *writer) codec(c *Codec) {
	w.WriteString("a=rtpmap:")
	w.number(int(c.PT))
	w.WriteString(" ")
	w.WriteString(c.Name)
	w.WriteString("/")
	w.number(c.ClockRate)
	if c.Channels > 1 {
		w.WriteString("/")
		w.number(c.Channels)
	}
	w.WriteString("\r\n")
	if c.Fmtp != "" {
		w.line('a', "fmtp:", strconv.Itoa(int(c.PT)), " ", c.Fmtp)
	}
}

func rtcpAddress(l Local) string {
	if l.RTCP.Addr() == l.Addr.Addr() {
		return ""
	}
	return " " + netAddress(l.RTCP.Addr())
}

// netAddress is "IN IP4 192.0.2.1" or "IN IP6 2001:db8::1".
func netAddress(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return "IN IP4 0.0.0.0"
	case a.Is6():
		return "IN IP6 " + a.String()
	default:
		return "IN IP4 " + a.String()
	}
}

// rejected is an m-line with its port set to zero: RFC 3264 §6, "to reject an
// offered stream, the port number in the corresponding stream in the answer
// MUST be set to zero"; at least one format stays.
func rejected(line string) string {
	f := strings.Fields(line)
	if len(f) < 3 {
		return "audio 0 RTP/AVP 0"
	}
	f[1] = "0"
	if len(f) == 3 {
		f = append(f, "0")
	}
	return strings.Join(f, " ")
}

// audioProto keeps the profile of an m-line we reuse.
func audioProto(line string) string {
	if f := strings.Fields(line); len(f) >= 3 {
		if p, ok := profileNamed(f[2]); ok {
			return p.proto
		}
	}
	return "RTP/AVP"
}

func orDash(s string) string {
	if s != "" && strings.IndexFunc(s, unicode.IsSpace) < 0 {
		return s
	}
	if s = strings.Join(strings.Fields(s), "_"); s == "" {
		return "-"
	}
	return s
}

func millis(d time.Duration) string {
	return strconv.FormatInt(int64(d/time.Millisecond), 10)
}
