package sdp

import (
	"slices"
	"strings"
	"time"
)

// Answer writes the answer to an offer and returns what was agreed (RFC 3264
// §6). The answer has as many m-lines as the offer, in the same order; the
// first plain audio stream with a common codec is taken, all others are
// rejected. Errors: ErrNoAudio, ErrNoCodec, ErrSecure.
func Answer(offer *Description, l Local) (string, Negotiated, error) {
	r, n, err := agree(offer, l)
	if err != nil {
		return "", Negotiated{}, err
	}
	return r.write(offer, l), n, nil
}

// Agree returns what Answer would agree on, without writing the answer.
func Agree(offer *Description, l Local) (Negotiated, error) {
	_, n, err := agree(offer, l)
	return n, err
}

// reply is an answer before it is written.
type reply struct {
	chosen int // the m-line that is accepted
	audio  audio
}

func agree(offer *Description, l Local) (reply, Negotiated, error) {
	chosen, err := choose(offer, l)
	if err != nil {
		return reply{}, Negotiated{}, err
	}
	r := offer.streams[chosen].remote
	n := newNegotiated(r)
	n.Formats = common(r.Codecs, l)
	if l.Single {
		n.Formats = n.Formats[:1]
	}
	n.DTMF = commonEvent(r.DTMF, l, n.Formats[0].ClockRate)
	n.RTCPMux = l.RTCPMux && r.RTCPMux
	n.agreeRTCP(r)
	n.Ptime = sendPtime(r, l.Ptime)
	written := r.Direction.Mirror().And(l.Direction)
	n.Direction = effective(written, r)

	a := audio{proto: offer.streams[chosen].proto, direction: written, mux: n.RTCPMux, ptime: l.Ptime}
	if a.ptime == 0 {
		a.ptime = n.Ptime
	}
	for _, f := range n.Formats {
		a.codecs = append(a.codecs, f.answered())
	}
	if n.DTMF != nil {
		a.dtmf = []Codec{n.DTMF.answered()}
	}
	n.Layout = offer.layout(chosen)
	return reply{chosen, a}, n, nil
}

// write mirrors the offer's m-lines.
func (r reply) write(offer *Description, l Local) string {
	var w writer
	w.Grow(usualBody)
	// RFC 3264 §6: "The 't=' line in the answer MUST equal that of the offer."
	w.session(l, offer.timing)
	for i, s := range offer.streams {
		if i == r.chosen {
			w.audio(l, r.audio)
			continue
		}
		w.line('m', rejected(s.String()))
	}
	return w.String()
}

// answered is the codec as it stands in our answer: RFC 3264 §6.1, the
// answerer should use the offerer's payload type numbers.
func (f Format) answered() Codec {
	c := f.Codec
	c.PT = f.RecvPT
	return c
}

// choose finds the audio m-line to accept.
func choose(offer *Description, l Local) (int, error) {
	err := ErrNoAudio
	for i, s := range offer.streams {
		switch {
		case !s.known || s.remote.Rejected:
		case s.profile.security != plain:
			if err == ErrNoAudio {
				err = ErrSecure
			}
		case len(common(s.remote.Codecs, l)) == 0:
			err = ErrNoCodec
		default:
			return i, nil
		}
	}
	return 0, err
}

// Accept reads the peer's answer to an offer that was made from l. Errors:
// ErrRejected (and Negotiated.Rejected) if the peer set the port to 0,
// ErrNoAudio, ErrNoCodec, ErrSecure.
func Accept(l Local, answer *Description) (Negotiated, error) {
	i := l.Layout.Audio
	if i >= len(answer.streams) {
		return Negotiated{}, ErrNoAudio
	}
	s := answer.streams[i]
	switch {
	case strings.EqualFold(s.media, "audio") && s.port == "0":
		return Negotiated{Rejected: true, Direction: Inactive, Layout: answer.layout(i)}, ErrRejected
	case !s.known:
		return Negotiated{}, ErrNoAudio
	case s.profile.security != plain:
		return Negotiated{}, ErrSecure
	}
	r := s.remote
	n := newNegotiated(r)
	for _, c := range r.Codecs {
		if k := slices.IndexFunc(l.Codecs, c.Same); k >= 0 {
			ours := l.Codecs[k]
			n.Formats = append(n.Formats, Format{Codec: c, SendPT: c.PT, RecvPT: ours.PT})
		}
	}
	if len(n.Formats) == 0 {
		return Negotiated{}, ErrNoCodec
	}
	n.DTMF = commonEvent(r.DTMF, l, n.Formats[0].ClockRate)
	if n.DTMF != nil {
		n.DTMF.RecvPT = eventCodec(l).PT
	}
	n.RTCPMux = l.RTCPMux && r.RTCPMux
	n.agreeRTCP(r)
	n.Ptime = sendPtime(r, l.Ptime)
	n.Direction = effective(r.Direction.Mirror().And(l.Direction), r)
	n.Layout = answer.layout(i)
	return n, nil
}

func newNegotiated(r Remote) Negotiated {
	n := Negotiated{MaxPtime: r.MaxPtime, Held: r.Hold}
	if r.Addr.IsValid() && !r.Addr.Addr().IsUnspecified() {
		n.Remote = r.Addr
	}
	return n
}

func (n *Negotiated) agreeRTCP(r Remote) {
	switch {
	case !n.Remote.IsValid():
	case n.RTCPMux:
		n.RTCP = n.Remote
	default:
		n.RTCP = r.RTCP
	}
}

// effective is our direction as it works: an unspecified connection address
// means that nothing may be sent to the peer (RFC 3264 §8.4).
func effective(d Direction, r Remote) Direction {
	if r.Addr.IsValid() && r.Addr.Addr().IsUnspecified() {
		return d.And(RecvOnly)
	}
	return d
}

// common returns the formats that both sides have, in the order that l prefers.
func common(remote []Codec, l Local) []Format {
	outer, inner := remote, l.Codecs
	if l.Prefer == PreferLocal {
		outer, inner = l.Codecs, remote
	}
	var out []Format
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
		f.Fmtp = ours.Fmtp
		if !slices.ContainsFunc(out, func(g Format) bool { return g.Same(f.Codec) }) {
			out = append(out, f)
		}
	}
	return out
}

// commonEvent takes the peer's telephone-event whose clock runs with the
// chosen codec (RFC 4733 §2.1 shares the timestamp with the audio).
func commonEvent(remote []Codec, l Local, clockRate int) *Format {
	if !l.DTMF {
		return nil
	}
	for _, c := range remote {
		if c.ClockRate == clockRate {
			f := Format{Codec: c, SendPT: c.PT, RecvPT: c.PT}
			f.Fmtp = eventCodec(l).Fmtp
			return &f
		}
	}
	return nil
}

// sendPtime is the packet time for what we send: what the peer asks for, else
// what we prefer, else 20 ms; within the peer's maxptime, in steps of 10 ms,
// from 10 to 60 ms.
func sendPtime(r Remote, prefer time.Duration) time.Duration {
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
func (d *Description) layout(audio int) Layout {
	out := Layout{Audio: audio}
	for _, s := range d.streams {
		out.Lines = append(out.Lines, s.String())
	}
	return out
}
