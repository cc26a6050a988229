package sdp

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Answer writes the answer to an offer and returns what was agreed (RFC 3264
// §6). The answer has as many m-lines as the offer, in the same order; streams
// with a common codec are taken as far as l allows, all others are rejected.
// Errors: ErrNoAudio, ErrNoCodec, ErrSecure.
func Answer(offer *Description, l Local) (string, Negotiated, error) {
	n, err := agree(offer, &l)
	if err != nil {
		return "", Negotiated{}, err
	}
	n.Layout = offer.layout(n.Line)
	return n.answer(offer, &l), n, nil
}

// Agree returns what Answer would agree on, without writing the answer and
// without a Layout. It accepts streams of Others that have no address in l.Lines
// yet, so that the caller can open ports for them.
func Agree(offer *Description, l Local) (Negotiated, error) {
	if len(offer.streams) > 1 {
		l.Lines = everywhere(len(offer.streams))
	}
	return agree(offer, &l)
}

// agree decides what becomes of each stream of an offer.
func agree(offer *Description, l *Local) (Negotiated, error) {
	main, err := choose(offer, l)
	if err != nil {
		return Negotiated{}, err
	}
	n := Negotiated{Media: take(offer, main, l.Direction, l)}
	audio, video := l.room()
	if n.Kind == Audio {
		audio--
	} else {
		video--
	}
	for i := range offer.streams {
		s := &offer.streams[i]
		if i == main || i >= len(l.Lines) || !l.Lines[i].Addr.IsValid() || l.judge(s) != nil {
			continue
		}
		room := &audio
		if s.kind == Video {
			room = &video
		}
		if *room--; *room < 0 {
			continue
		}
		n.Others = append(n.Others, take(offer, i, l.Lines[i].Direction, l))
	}
	return n, nil
}

// take accepts one m-line of an offer.
func take(offer *Description, i int, want Direction, l *Local) Media {
	s := &offer.streams[i]
	r := &s.remote
	m := newMedia(i, s)
	m.Formats = l.common(s)
	if l.Single {
		m.Formats = m.Formats[:1]
	}
	m.events(r.DTMF, l)
	m.RTCPMux = l.RTCPMux && r.RTCPMux
	m.agreeRTCP(r)
	m.Ptime = sendPtime(r, l.Ptime)
	m.Direction = effective(r.Direction.Mirror().And(want), r)
	return m
}

// answer writes an answer: the offer's m-lines, each as it was agreed.
func (n *Negotiated) answer(offer *Description, l *Local) string {
	var room [usualBody]byte
	w := writer(room[:0])
	// RFC 3264 §6: "The 't=' line in the answer MUST equal that of the offer."
	w.session(l, offer.timing)
	others := n.Others
	for i := range offer.streams {
		switch s := &offer.streams[i]; {
		case i == n.Line:
			w.media(l, mirror(s, &n.Media, &Line{Addr: l.Addr, RTCP: l.RTCP, Direction: l.Direction}, l))
		case len(others) > 0 && others[0].Line == i:
			w.media(l, mirror(s, &others[0], &l.Lines[i], l))
			others = others[1:]
		default:
			w.line('m', rejected(s.text))
		}
	}
	return string(w)
}

// mirror is our side of a stream that we take.
func mirror(s *stream, m *Media, at *Line, l *Local) mside {
	side := mside{
		kind: s.kind, addr: at.Addr, rtcp: at.RTCP, proto: s.proto, mux: m.RTCPMux, ptime: l.Ptime,
		formats: m.Formats, events: m.Events, direction: s.remote.Direction.Mirror().And(at.Direction),
	}
	if side.ptime == 0 {
		side.ptime = m.Ptime
	}
	return side
}

// choose finds the m-line of the main stream: the first of sound that can be
// accepted, else the first of video.
func choose(offer *Description, l *Local) (int, error) {
	err, other := ErrNoAudio, -1
	for i := range offer.streams {
		s := &offer.streams[i]
		switch why := l.judge(s); {
		case why == nil && s.kind == Audio:
			return i, nil
		case why == nil && other < 0:
			other = i
		case errors.Is(why, ErrNoCodec) || errors.Is(err, ErrNoAudio) && why != nil:
			err = why
		}
	}
	if other >= 0 {
		return other, nil
	}
	return 0, err
}

// judge says whether a stream of an offer can be accepted: nil, or why not.
func (l *Local) judge(s *stream) error {
	audio, video := l.room()
	switch {
	case !s.known || s.remote.Rejected, s.kind == Audio && audio <= 0, s.kind == Video && video <= 0:
		return ErrNoAudio
	case s.profile.security != plain:
		return ErrSecure
	case l.Profiles && s.profile.feedback != l.Feedback:
		return ErrNoAudio
	case !l.shares(s):
		return ErrNoCodec
	}
	return nil
}

// room is how many streams of each kind l takes.
func (l *Local) room() (audio, video int) {
	audio = l.MaxAudio
	if audio == 0 {
		audio = 1
	}
	return audio, l.MaxVideo
}

// codecs are ours for one kind of stream.
func (l *Local) codecs(k Kind) []Codec {
	if k == Video {
		return l.Video
	}
	return l.Codecs
}

func newMedia(line int, s *stream) Media {
	r := &s.remote
	m := Media{Line: line, Kind: s.kind, MaxPtime: r.MaxPtime, Held: r.Hold}
	if r.Addr.IsValid() && !r.Addr.Addr().IsUnspecified() {
		m.Remote = r.Addr
	}
	return m
}

func (m *Media) agreeRTCP(r *Remote) {
	switch {
	case !m.Remote.IsValid():
	case m.RTCPMux:
		m.RTCP = m.Remote
	default:
		m.RTCP = r.RTCP
	}
}

// effective is our direction as it works: an unspecified connection address
// means that nothing may be sent to the peer (RFC 3264 §8.4).
func effective(d Direction, r *Remote) Direction {
	if r.Addr.IsValid() && r.Addr.Addr().IsUnspecified() {
		return d.And(RecvOnly)
	}
	return d
}

// shares reports whether we have a format in common with a stream.
func (l *Local) shares(s *stream) bool {
	own := l.codecs(s.kind)
	for i := range s.remote.Codecs {
		if slices.ContainsFunc(own, s.remote.Codecs[i].Same) {
			return true
		}
	}
	return false
}

// common returns the formats that we have in common with a stream, in the
// order that l prefers. Parameters are ours, or the peer's where we have none:
// a codec that only passes through is used as its peer wants it.
func (l *Local) common(s *stream) []Format {
	remote, own := s.remote.Codecs, l.codecs(s.kind)
	outer, inner := remote, own
	if l.Prefer == PreferLocal {
		outer, inner = own, remote
	}
	out := make([]Format, 0, min(len(outer), len(inner)))
	for _, c := range outer {
		k := slices.IndexFunc(inner, c.Same)
		if k < 0 {
			continue
		}
		theirs, ours := c, inner[k]
		if l.Prefer == PreferLocal {
			theirs, ours = inner[k], c
		}
		f := Format{Codec: theirs, SendPT: theirs.PT, RecvPT: theirs.PT}
		if ours.Fmtp != "" {
			f.Fmtp = ours.Fmtp
		}
		if !slices.ContainsFunc(out, func(g Format) bool { return g.Same(f.Codec) }) {
			out = append(out, f)
		}
	}
	return out
}

// events takes the peer's telephone-events whose clocks run with the chosen
// codecs (RFC 4733 §2.1 shares the timestamp with the audio), in the codecs' order.
func (m *Media) events(remote []Codec, l *Local) {
	if !l.DTMF || m.Kind != Audio {
		return
	}
	for _, f := range m.Formats {
		for _, c := range remote {
			if c.ClockRate != f.ClockRate || slices.ContainsFunc(m.Events, func(e Format) bool { return e.ClockRate == c.ClockRate }) {
				continue
			}
			e := Format{Codec: c, SendPT: c.PT, RecvPT: c.PT}
			e.Fmtp = eventRange
			m.Events = append(m.Events, e)
		}
	}
	for i := range m.Events {
		if m.Events[i].ClockRate == m.Formats[0].ClockRate {
			m.DTMF = &m.Events[i]
		}
	}
}

// sendPtime is the packet time for what we send: what the peer asks for, else
// what we prefer, else 20 ms; within the peer's maxptime, in steps of 10 ms,
// from 10 to 60 ms.
func sendPtime(r *Remote, prefer time.Duration) time.Duration {
	const step, longest = 10 * time.Millisecond, 60 * time.Millisecond
	p := r.Ptime
	if p < step {
		p = prefer
	}
	if p == 0 {
		p = defaultPtime
	}
	if r.MaxPtime >= step {
		p = min(p, r.MaxPtime)
	}
	return max(step, min(p, longest)/step*step)
}

// layout is the order of m-lines for later offers.
func (d *Description) layout(main int) Layout {
	out := Layout{Audio: main, Lines: make([]string, 0, len(d.streams))}
	for i := range d.streams {
		out.Lines = append(out.Lines, strings.Clone(d.streams[i].text)) // it outlives the body
	}
	return out
}
