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
	var room [usualBody]byte
	w := writer(room[:0])
	w.session(&l, "0 0")
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
			w.media(&l, l.mainSide(old))
		case i < len(l.Lines) && l.Lines[i].Addr.IsValid():
			w.media(&l, l.side(&l.Lines[i], old))
		default:
			w.line('m', rejected(old))
		}
	}
	return string(w)
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

// mside is our side of one m-line, to be written: of an offer, or of an answer,
// where the payload types are those that the offerer gave (RFC 3264 §6.1).
type mside struct {
	kind            Kind
	addr, rtcp      netip.AddrPort
	proto           string
	codecs, dtmf    []Codec  // of an offer
	formats, events []Format // of an answer
	ptime           time.Duration
	direction       Direction
	mux             bool
}

// payloads yields all formats with the payload type to write.
func (a *mside) payloads(yield func(uint8, *Codec) bool) {
	for _, list := range [...][]Codec{a.codecs, a.dtmf} {
		for i := range list {
			if !yield(list[i].PT, &list[i]) {
				return
			}
		}
	}
	for _, list := range [...][]Format{a.formats, a.events} {
		for i := range list {
			if !yield(list[i].RecvPT, &list[i].Codec) {
				return
			}
		}
	}
}

// writer gathers a description.
type writer []byte

// usualBody is the room for an ordinary description, in bytes.
const usualBody = 512

func (w *writer) text(s string)   { *w = append(*w, s...) }
func (w *writer) number(n uint64) { *w = strconv.AppendUint(*w, n, 10) }
func (w *writer) end()            { *w = append(*w, "\r\n"...) }
func (w *writer) begin(kind byte) { *w = append(*w, kind, '=') }
func (w *writer) line(kind byte, value string) {
	w.begin(kind)
	w.text(value)
	w.end()
}

// session writes v= to t=. times are the values of the t= lines.
func (w *writer) session(l *Local, times string) {
	w.line('v', "0")
	w.begin('o')
	w.text(orDash(l.Username))
	w.text(" ")
	w.number(l.SessionID)
	w.text(" ")
	w.number(l.Version)
	w.text(" ")
	if l.Origin.IsValid() {
		w.address(l.Origin)
	} else {
		w.address(l.Addr.Addr())
	}
	w.end()
	w.line('s', orDash(l.Name))
	w.begin('c')
	w.address(l.Addr.Addr())
	w.end()
	for t := range strings.SplitSeq(times, "\n") {
		w.line('t', t)
	}
}

// media writes an m-line and its attributes.
func (w *writer) media(l *Local, a mside) {
	w.begin('m')
	w.text(a.kind.String())
	w.text(" ")
	w.number(uint64(a.addr.Port()))
	w.text(" ")
	w.text(a.proto)
	for pt := range a.payloads {
		w.text(" ")
		w.number(uint64(pt))
	}
	w.end()
	for pt, c := range a.payloads {
		w.codec(pt, c)
	}
	if a.kind == Audio {
		w.millis("a=ptime:", a.ptime)
		if l.MaxPtime > 0 {
			w.millis("a=maxptime:", l.MaxPtime)
		}
	}
	if a.rtcp.IsValid() && a.rtcp != nextPort(a.addr) {
		w.text("a=rtcp:")
		w.number(uint64(a.rtcp.Port()))
		if a.rtcp.Addr() != a.addr.Addr() {
			w.text(" ")
			w.address(a.rtcp.Addr())
		}
		w.end()
	}
	if a.mux {
		w.line('a', "rtcp-mux")
	}
	w.line('a', a.direction.String())
}

// codec writes the rtpmap and fmtp attributes of a codec.
func (w *writer) codec(pt uint8, c *Codec) {
	w.text("a=rtpmap:")
	w.number(uint64(pt))
	w.text(" ")
	w.text(c.Name)
	w.text("/")
	w.number(uint64(c.ClockRate))
	if c.Channels > 1 {
		w.text("/")
		w.number(uint64(c.Channels))
	}
	w.end()
	if c.Fmtp != "" {
		w.text("a=fmtp:")
		w.number(uint64(pt))
		w.text(" ")
		w.text(c.Fmtp)
		w.end()
	}
}

// millis writes a line that ends in milliseconds.
func (w *writer) millis(name string, d time.Duration) {
	w.text(name)
	w.number(uint64(d / time.Millisecond))
	w.end()
}

// address writes "IN IP4 192.0.2.1" or "IN IP6 2001:db8::1".
func (w *writer) address(a netip.Addr) { *w = appendAddress(*w, a) }

// appendAddress writes an address as o= and c= have it.
func appendAddress(dst []byte, a netip.Addr) []byte {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return append(dst, "IN IP4 0.0.0.0"...)
	case a.Is6():
		return a.AppendTo(append(dst, "IN IP6 "...))
	default:
		return a.AppendTo(append(dst, "IN IP4 "...))
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
	if l.Feedback {
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
