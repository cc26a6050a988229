package sdp

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
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
	fax     *Fax   // an image stream of T.38
}

// mline is the value of one m= line, as written but for blanks.
type mline struct {
	text                     string // all of it
	media, port, proto, rest string // rest: the formats, separated by single blanks
}

// newMline splits the value of an m= line that has single blanks.
func newMline(text string) mline {
	m := mline{text: text}
	m.media, m.rest, _ = strings.Cut(text, " ")
	m.port, m.rest, _ = strings.Cut(m.rest, " ")
	m.proto, m.rest, _ = strings.Cut(m.rest, " ")
	return m
}

// String returns the value of the m= line.
func (m mline) String() string { return m.text }

// Parse reads a session description as real phones write it. The error wraps
// ErrSyntax. A description without usable audio is no error here: Answer and
// Accept say what they miss.
//
// What pion's parser would take as it stands is read in place. Everything else
// is mended first, and refused if pion refuses it even then.
func Parse(body string) (*Description, error) {
	if ordinary(body) {
		d := &Description{body: body}
		d.read(body, nil)
		return d.checked()
	}
	return parseStrict(body)
}

// parseStrict is Parse for a body that may need mending.
func parseStrict(body string) (*Description, error) {
	m, _, err := strict(body)
	if err != nil {
		return nil, err
	}
	d := &Description{body: body}
	d.read(m.text, m.streams)
	d.Username, d.SessionID, d.Version = m.origin[0], m.origin[1], m.origin[2]
	d.timing = strings.Join(m.timing, "\n")
	return d.checked()
}

// checked refuses an open stream of which nobody can tell what it carries: all its
// payload types are dynamic, and no rtpmap gives one of them a meaning (RFC 8866
// §6.6). One such type among others does no harm.
func (d *Description) checked() (*Description, error) {
	for i := range d.streams {
		s := &d.streams[i]
		if !s.known || s.remote.Rejected || s.rest == "" || s.remote.mapped {
			continue
		}
		dynamic := true
		for f := range strings.SplitSeq(s.rest, " ") {
			pt, err := strconv.ParseUint(f, 10, 7)
			dynamic = dynamic && err == nil && pt >= 96
		}
		if dynamic {
			return nil, fmt.Errorf("%w: payload type %s has no rtpmap", ErrSyntax, s.rest)
		}
	}
	return d, nil
}

// strict reads a body the tolerant way: mended, and checked by pion.
func strict(body string) (mended, *psdp.SessionDescription, error) {
	m, err := mend(body)
	if err != nil {
		return mended{}, nil, err
	}
	var parsed psdp.SessionDescription
	if err := parsed.UnmarshalString(m.text); err != nil {
		return mended{}, nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return m, &parsed, nil
}

// String writes the description again, in the order of RFC 8866 §5.
func (d *Description) String() string {
	m, parsed, err := strict(d.body)
	if err != nil {
		return ""
	}
	for i, md := range parsed.MediaDescriptions {
		md.MediaName.Media = m.streams[i].media
		md.MediaName.Protos = strings.Split(m.streams[i].proto, "/")
	}
	text, err := parsed.Marshal()
	if err != nil {
		return ""
	}
	return string(text)
}

// Streams is the number of m-lines.
func (d *Description) Streams() int { return len(d.streams) }

// read takes what a text says: the body itself, or the mended one, where pion's
// sake has changed the m-lines; then mlines are the true ones.
func (d *Description) read(text string, mlines []mline) {
	session, rest := cutStream(text)
	for line := range linesOf(session) {
		switch value := line[2:]; line[0] {
		case 'o':
			d.Username, value, _ = strings.Cut(value, " ")
			d.SessionID, value, _ = strings.Cut(value, " ")
			d.Version, _, _ = strings.Cut(value, " ")
		case 't':
			d.timing = value
		}
	}
	d.streams = make([]stream, 0, strings.Count(text, "\nm="))
	for rest != "" {
		var media string
		media, rest = cutStream(rest)
		line, eol := cutLine(media)
		m := newMline(line[2:])
		if mlines != nil {
			m = mlines[len(d.streams)]
		}
		d.streams = append(d.streams, newStream(m, len(d.streams), session, media[len(line)+len(eol):]))
	}
	d.chooseAudio()
}

// cutStream cuts a text before its next m-line.
func cutStream(text string) (before, after string) {
	if i := strings.Index(text, "\nm="); i >= 0 {
		return text[:i+1], text[i+1:]
	}
	return text, ""
}

// linesOf yields the lines of a text without their ends. Each is at least
// <type>=.
func linesOf(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			line, eol := cutLine(text)
			text = text[len(line)+len(eol):]
			if !yield(line) {
				return
			}
		}
	}
}

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

// newStream reads the m-line at a place; session and media are the other lines
// that it depends on.
func newStream(m mline, at int, session, media string) stream {
	s := stream{mline: m, kind: kindNamed(m.media)}
	s.profile, s.known = profileNamed(m.proto)
	s.known = s.known && s.kind != otherKind
	switch {
	case s.known:
		s.remote = newRemote(m, session, media)
	case s.kind == otherKind:
		s.fax = newFax(m, at, session, media)
	}
	return s
}

// newRemote reads an audio m-line and the session-level defaults it inherits.
func newRemote(m mline, session, media string) Remote {
	port := portOf(m.port)
	r := Remote{Rejected: port == 0}
	r.attributes(session)
	if host := connectionHost(media); host != "" {
		r.Host = host
	} else {
		r.Host = connectionHost(session)
	}
	r.Addr = address(r.Host, port)
	r.RTCP = nextPort(r.Addr)
	r.attributes(media)
	r.codecs(m.rest, media)
	// RFC 3264 §8.4: hold is sendonly, inactive if both hold; RFC 2543 held with c=0.0.0.0.
	unspecified := r.Addr.IsValid() && r.Addr.Addr().IsUnspecified()
	r.Hold = !r.Direction.Receives() || unspecified
	return r
}

// portOf is the port of an m-line, which has been checked before.
func portOf(text string) int {
	count, _, _ := strings.Cut(text, "/")
	port, _ := strconv.Atoi(count)
	return port
}

// connectionHost is the address of the first c= line as written, "" if there is
// none.
func connectionHost(text string) string {
	for line := range linesOf(text) {
		if line[0] == 'c' {
			return line[strings.LastIndexByte(line, ' ')+1:]
		}
	}
	return ""
}

// attributes takes those that are meant for the stream as a whole.
func (r *Remote) attributes(text string) {
	for line := range linesOf(text) {
		if line[0] == 'a' {
			key, value, _ := strings.Cut(line[2:], ":")
			r.attribute(key, value)
		}
	}
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

// codecs fills the payload formats of an m-line from its attributes; of several
// for one payload type the first counts.
func (r *Remote) codecs(formats, media string) {
	list := make([]Codec, 0, strings.Count(formats, " ")+1)
	var seen [128]bool
	for f := range strings.SplitSeq(formats, " ") {
		if pt, err := strconv.ParseUint(f, 10, 7); err == nil && !seen[pt] {
			seen[pt] = true
			list = append(list, Codec{PT: uint8(pt)})
		}
	}
	for line := range linesOf(media) {
		if line[0] != 'a' {
			continue
		}
		key, value, _ := strings.Cut(line[2:], ":")
		if key != "rtpmap" && key != "fmtp" {
			continue
		}
		format, value, ok := strings.Cut(strings.TrimSpace(value), " ")
		pt, err := strconv.ParseUint(format, 10, 7)
		if !ok || err != nil || !seen[pt] {
			continue
		}
		r.mapped = r.mapped || key == "rtpmap"
		c := &list[slices.IndexFunc(list, func(c Codec) bool { return c.PT == uint8(pt) })]
		switch {
		case key == "rtpmap" && c.Name == "":
			c.Name = strings.TrimSpace(value)
		case key == "fmtp" && c.Fmtp == "":
			c.Fmtp = strings.TrimSpace(value)
		}
	}
	r.Codecs = list[:0]
	for _, raw := range list {
		c, ok := codec(raw.PT, raw.Name)
		if !ok {
			continue
		}
		c.Name, c.Fmtp = own(c.Name), own(raw.Fmtp)
		if strings.EqualFold(c.Name, telephoneEvent) {
			r.DTMF = append(r.DTMF, c)
		} else {
			r.Codecs = append(r.Codecs, c)
		}
	}
}

// own returns a text of a codec that does not keep the peer's message alive:
// codecs stay as long as the call.
func own(s string) string {
	switch s {
	case "":
		return ""
	case telephoneEvent:
		return telephoneEvent
	case eventRange:
		return eventRange
	}
	for i := range static {
		if static[i].Name == s {
			return static[i].Name
		}
	}
	return strings.Clone(s)
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
	if channels != "" {
		if n, err := strconv.ParseUint(strings.TrimSpace(channels), 10, 8); err == nil {
			c.Channels = int(n)
		}
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
