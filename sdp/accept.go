package sdp

import (
	"errors"
	"net/netip"
	"slices"
)

// Accept reads the peer's answer to an offer that was made from l. A stream
// that the peer declined is marked Rejected; it is an error only if no stream is
// left: ErrRejected (and Negotiated.Rejected) if the peer set the ports to 0,
// ErrNoAudio, ErrNoCodec, ErrSecure.
func Accept(l Local, answer *Description) (Negotiated, error) {
	main := l.Layout.Audio
	kind, codecs := l.main()
	m, err := accept(l, answer, main, kind, codecs)
	n := Negotiated{Media: m, Layout: answer.layout(main)}
	alive := err == nil
	for i := range l.Lines {
		if i == main || !l.Lines[i].Addr.IsValid() {
			continue
		}
		m, refused := accept(l, answer, i, l.Lines[i].Kind, l.Lines[i].Codecs)
		if refused != nil {
			m = Media{Line: i, Kind: l.Lines[i].Kind, Rejected: true, Direction: Inactive}
		}
		alive = alive || refused == nil
		n.Others = append(n.Others, m)
	}
	switch {
	case alive && err != nil:
		n.Media = Media{Line: main, Kind: kind, Rejected: true, Direction: Inactive}
		return n, nil //nolint:nilerr // one stream is refused, others are not
	case errors.Is(err, ErrRejected):
		return Negotiated{Media: m, Layout: n.Layout}, err
	case err != nil:
		return Negotiated{}, err
	}
	return n, nil
}

// main is the main stream of an offer: sound, or video if we have no codec for
// sound.
func (l *Local) main() (Kind, []Codec) {
	if len(l.Codecs) == 0 && len(l.Video) > 0 {
		return Video, l.Video
	}
	return Audio, l.Codecs
}

// accept reads one m-line of an answer.
func accept(l Local, answer *Description, i int, kind Kind, offered []Codec) (Media, error) {
	if i >= len(answer.streams) {
		return Media{}, ErrNoAudio
	}
	s := &answer.streams[i]
	switch {
	case s.kind != kind:
		return Media{}, ErrNoAudio
	case s.port == "0":
		return Media{Line: i, Kind: s.kind, Rejected: true, Direction: Inactive}, ErrRejected
	case !s.known:
		return Media{}, ErrNoAudio
	case s.profile.security != plain:
		return Media{}, ErrSecure
	}
	r := &s.remote
	m := newMedia(i, s)
	for _, c := range r.Codecs {
		if k := slices.IndexFunc(offered, c.Same); k >= 0 {
			m.Formats = append(m.Formats, Format{Codec: c, SendPT: c.PT, RecvPT: offered[k].PT})
		}
	}
	if len(m.Formats) == 0 {
		return Media{}, ErrNoCodec
	}
	m.events(r.DTMF, &l)
	for k, e := range m.Events {
		for _, own := range eventCodecs(&l, offered) {
			if own.ClockRate == e.ClockRate {
				m.Events[k].RecvPT = own.PT
			}
		}
	}
	m.RTCPMux = l.RTCPMux && r.RTCPMux
	m.agreeRTCP(r)
	m.Ptime = sendPtime(r, l.Ptime)
	want := l.Direction
	if i != l.Layout.Audio {
		want = l.Lines[i].Direction
	}
	m.Direction = effective(r.Direction.Mirror().And(want), r)
	return m, nil
}

// everywhere are n lines that would accept any stream.
func everywhere(n int) []Line {
	lines := make([]Line, n)
	for i := range lines {
		lines[i].Addr = netip.AddrPortFrom(netip.IPv4Unspecified(), 9)
	}
	return lines
}
