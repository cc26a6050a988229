package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Offer writes an offer: the main stream, at the place that l.Layout gives it
// (RFC 3264 §5), and the others of l.Lines at theirs.
func Offer(l Local) string {
	var w writer
	w.Grow(usualBody)
	w.session(l, "0 0")
	layout := l.Layout
	if len(layout.Lines) == 0 {
		layout = Layout{Lines: []string{""}}
	}
	for i := range max(len(layout.Lines), len(l.Lines)) {
		old := ""
		if i < len(layout.Lines) {
			old = layout.Lines[i]
		}
		switch {
		case i == layout.Audio:
			w.media(l, l.mainSide(old))
		case i < len(l.Lines) && l.Lines[i].Addr.IsValid():
			w.media(l, l.side(&l.Lines[i], old))
		default:
			w.line('m', rejected(old))
		}
	}
	return w.String()
}

// mainSide is the main stream of an offer.
func (l *Local) mainSide(old string) mside {
	kind, codecs := l.main()
	return l.side(&Line{Kind: kind, Addr: l.Addr, RTCP: l.RTCP, Codecs: codecs, Direction: l.Direction}, old)
}

// side is one stream of an offer; old is the m-line that was in its place.
func (l *Local) side(at *Line, old string) mside {
	a := mside{
		kind: at.Kind, addr: at.Addr, rtcp: at.RTCP, proto: l.proto(old, at.Kind),
		codecs: at.Codecs, ptime: l.Ptime, direction: at.Direction, mux: l.RTCPMux,
	}
	if a.ptime == 0 {
		a.ptime = defaultPtime
	}
	if l.DTMF && a.kind == Audio {
		a.dtmf = eventCodecs(l, a.codecs)
	}
	return a
}

// eventRange are the events we speak: the sixteen DTMF digits and flash
// (RFC 4733 §3.2).
const eventRange = "0-16"

// eventCodecs are our telephone-events: one per clock rate of the codecs
// (RFC 4733 §2.1), in their order.
func eventCodecs(l *Local, codecs []Codec) []Codec {
	var list []Codec
	next := l.DTMFPT
	if next == 0 {
		next = defaultDTMFPT
	}
	taken := func(pt uint8) bool {
		has := func(c Codec) bool { return c.PT == pt }
		return slices.ContainsFunc(codecs, has) || slices.ContainsFunc(list, has)
	}
	for i := range codecs {
		rate := codecs[i].ClockRate
		if slices.ContainsFunc(list, func(c Codec) bool { return c.ClockRate == rate }) {
			continue
		}
		for n := 0; taken(next) && n < 32; n++ {
			if next++; next > 127 {
				next = 96
			}
		}
		list = append(list, Codec{PT: next, Name: telephoneEvent, ClockRate: rate, Fmtp: eventRange})
	}
	return list
}

// mside is our side of one m-line, to be written.
type mside struct {
	kind       Kind
	addr, rtcp netip.AddrPort
	proto      string
	codecs     []Codec
	dtmf       []Codec
	ptime      time.Duration
	direction  Direction
	mux        bool
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

// media writes an m-line and its attributes.
func (w *writer) media(l Local, a mside) {
	w.WriteString("m=")
	w.WriteString(a.kind.String())
	w.WriteString(" ")
	w.number(int(a.addr.Port()))
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
	if a.kind == Audio {
		w.line('a', "ptime:", millis(a.ptime))
		if l.MaxPtime > 0 {
			w.line('a', "maxptime:", millis(l.MaxPtime))
		}
	}
	if a.rtcp.IsValid() && a.rtcp != nextPort(a.addr) {
		w.line('a', "rtcp:", strconv.Itoa(int(a.rtcp.Port())), rtcpAddress(a))
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

func rtcpAddress(a mside) string {
	if a.rtcp.Addr() == a.addr.Addr() {
		return ""
	}
	return " " + netAddress(a.rtcp.Addr())
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

// proto keeps the profile of an m-line that we reuse; else it is ours.
func (l *Local) proto(old string, k Kind) string {
	if f := strings.Fields(old); len(f) >= 3 && kindNamed(f[0]) == k {
		if p, ok := profileNamed(f[2]); ok {
			return p.proto
		}
	}
	if l.Profiles && l.Feedback {
		return "RTP/AVPF"
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
