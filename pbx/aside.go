package pbx

import (
	"slices"

	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/sdp"
)

// aside is a stream of a leg beside its main one: video, or more sound. It has
// ports of its own at the relay, from which it is joined with the stream of the
// same kind and number of the leg's peer. Nothing is played on it.
type aside struct {
	line  int        // its m-line
	want             // what we offer
	rtp   *relay.Leg // nil: declined or taken away
	media sdp.Media  // what has been agreed
}

// want is one stream that we would have with a peer.
type want struct {
	kind      sdp.Kind
	direction sdp.Direction
}

// maxStreams bounds the streams of one kind that a peer can make us open,
// whatever its endpoint allows.
const maxStreams = 32

// discard stands for a port that nobody needs yet (RFC 863).
const discard = 9

// streamLimit translates max_audio_streams, whose zero is none.
func streamLimit(n int) int {
	if n == 0 {
		return -1
	}
	return min(n, maxStreams)
}

// codecNames are the codecs that the leg may use.
func (l *leg) codecNames() []string {
	if l.chosen != nil {
		return l.chosen
	}
	return l.endpoint.Codecs
}

// dtmfMode is how keys travel on the leg.
func (l *leg) dtmfMode() string {
	return l.endpoint.DTMFMode
}

// asideAt returns the stream at an m-line, made if need be.
func (l *leg) asideAt(line int, kind sdp.Kind) *aside {
	for _, a := range l.asides {
		if a.line == line {
			a.kind = kind
			return a
		}
	}
	a := &aside{line: line, want: want{kind: kind}}
	l.asides = append(l.asides, a)
	return a
}

// ready opens the stream's ports once.
func (l *leg) ready(a *aside) error {
	if a.rtp != nil {
		return nil
	}
	rtp, err := l.ports(l.remoteAddr, l.endpoint.BindRTPToMediaAddress, nil)
	if err != nil {
		return err
	}
	a.rtp = rtp
	l.marked(rtp, a.kind)
	return nil
}

// at is our side of a further stream in a description.
func (l *leg) at(a *aside, codecs []sdp.Codec) sdp.Line {
	return sdp.Line{Kind: a.kind, Addr: l.announced(a.rtp.Addr()), RTCP: l.announced(a.rtp.RTCPAddr()), Codecs: codecs, Direction: a.direction}
}

// openFor opens ports for the further streams of an offer that are accepted.
func (l *leg) openFor(offer *sdp.Description, local *sdp.Local) error {
	if offer.Streams() < 2 {
		return nil // the usual call
	}
	n, err := sdp.Agree(offer, *local)
	if err != nil {
		return err
	}
	local.Lines = make([]sdp.Line, offer.Streams())
	for _, m := range n.Others {
		a := l.asideAt(m.Line, m.Kind)
		if err := l.ready(a); err != nil {
			return err
		}
		local.Lines[m.Line] = l.at(a, nil)
		local.Lines[m.Line].Direction = sdp.SendRecv
	}
	return nil
}

// present are the streams that the leg has, the main one first.
func (l *leg) present() []want {
	list := []want{{l.mainKind(), l.passed}}
	for _, a := range l.asides {
		if a.rtp != nil {
			list = append(list, a.want)
		}
	}
	return list
}

// mainKind is what the leg's main stream carries: sound, or video for a leg
// that has nothing else.
func (l *leg) mainKind() sdp.Kind {
	if l.agreed {
		return l.talk.Agreed.Kind
	}
	for _, name := range l.codecNames() {
		if c := codecNamed(name); c.name != "" && c.kind == sdp.Audio {
			return sdp.Audio
		}
	}
	return sdp.Video
}

// offerOf writes an offer of the streams in wish, the main one first. Streams
// that are there stay in their places, others come after them; those that are
// not wished are declined.
func (l *leg) offerOf(wish []want, first []sdp.Format) (string, error) {
	if err := l.open(l.remoteAddr); err != nil {
		return "", err
	}
	return l.writeOffer(l.local(first), wish)
}

// offerSame offers the streams that are in use with the codecs in use.
func (l *leg) offerSame(formats []sdp.Format) (string, error) {
	if err := l.open(l.remoteAddr); err != nil {
		return "", err
	}
	local := l.local(nil)
	list := &local.Codecs
	if l.mainKind() == sdp.Video {
		list = &local.Video
	}
	*list = slices.DeleteFunc(*list, func(c sdp.Codec) bool {
		return !slices.ContainsFunc(formats, func(f sdp.Format) bool { return f.Same(c) })
	})
	return l.writeOffer(local, l.present())
}

// writeOffer places the further streams of an offer and writes it.
func (l *leg) writeOffer(local sdp.Local, wish []want) (string, error) {
	if wish[0].kind == sdp.Video {
		local.Codecs = nil
	}
	if len(local.Codecs) == 0 && len(local.Video) == 0 {
		return "", errNoCodec
	}
	local.Direction = wish[0].direction
	if len(wish) == 1 && len(l.asides) == 0 {
		return l.talk.Offer(local), nil
	}
	local.Lines = make([]sdp.Line, max(len(l.talk.Agreed.Layout.Lines), 1))
	wish = l.within(wish)
	for _, a := range l.asides {
		k := slices.IndexFunc(wish, func(w want) bool { return w.kind == a.kind })
		if k < 0 {
			l.closeAside(a)
			continue
		}
		a.want = wish[k]
		wish = slices.Delete(wish, k, k+1)
		if err := l.place(a, &local); err != nil {
			return "", err
		}
	}
	for _, w := range wish {
		a := l.asideAt(len(local.Lines), w.kind)
		a.want = w
		if err := l.place(a, &local); err != nil {
			return "", err
		}
	}
	return l.talk.Offer(local), nil
}

// within are the further streams in wish that the endpoint may have.
func (l *leg) within(wish []want) []want {
	e := l.endpoint
	room := map[sdp.Kind]int{sdp.Audio: streamLimit(e.MaxAudioStreams), sdp.Video: min(e.MaxVideoStreams, maxStreams)}
	room[wish[0].kind]--
	var list []want
	for _, w := range wish[1:] {
		if room[w.kind]--; room[w.kind] >= 0 {
			list = append(list, w)
		}
	}
	return list
}

// place puts one further stream into an offer.
func (l *leg) place(a *aside, local *sdp.Local) error {
	codecs := local.Video
	if a.kind == sdp.Audio {
		codecs = local.Codecs
	}
	if len(codecs) == 0 {
		return nil
	}
	if err := l.ready(a); err != nil {
		return err
	}
	for len(local.Lines) <= a.line {
		local.Lines = append(local.Lines, sdp.Line{})
	}
	local.Lines[a.line] = l.at(a, codecs)
	return nil
}

// applyAsides tells the relay what has been agreed about the further streams;
// those that were declined give their ports back.
func (l *leg) applyAsides() {
	for _, a := range l.asides {
		m := l.agreedAt(a.line)
		if m == nil || m.Rejected {
			l.closeAside(a)
			continue
		}
		a.media = *m
		if a.rtp != nil {
			a.rtp.Set(l.description(m))
		}
	}
	if l.peer != nil {
		l.ch.joinAsides(l, l.peer)
	}
}

// agreedAt is what has been agreed about the further stream at an m-line.
func (l *leg) agreedAt(line int) *sdp.Media {
	for i := range l.talk.Agreed.Others {
		if m := &l.talk.Agreed.Others[i]; m.Line == line {
			return m
		}
	}
	return nil
}

// closeAside gives a stream's ports back.
func (l *leg) closeAside(a *aside) {
	if a.rtp != nil {
		a.rtp.Close()
		a.rtp, a.media = nil, sdp.Media{}
	}
}

func (l *leg) closeAsides() {
	for _, a := range l.asides {
		l.closeAside(a)
	}
	l.asides = nil
}

// asideOf returns the n-th further stream of a kind, nil if there is none.
func (l *leg) asideOf(kind sdp.Kind, n int) *aside {
	for _, a := range l.asides {
		if a.rtp == nil || a.kind != kind {
			continue
		}
		if n == 0 {
			return a
		}
		n--
	}
	return nil
}

// joinAsides connects the further streams of two legs, pair by pair.
func (ch *channel) joinAsides(a, b *leg) {
	for _, kind := range []sdp.Kind{sdp.Audio, sdp.Video} {
		for n := 0; ; n++ {
			x, y := a.asideOf(kind, n), b.asideOf(kind, n)
			if x == nil || y == nil {
				break
			}
			if err := ch.srv.cfg.Relay.Join(x.rtp, y.rtp); err != nil {
				ch.log().Info("stream not connected", "kind", kind.String(), "error", err)
			}
		}
	}
}

// partAsides ends what joinAsides began.
func (ch *channel) partAsides(a *leg) {
	for _, x := range a.asides {
		if x.rtp != nil {
			ch.srv.cfg.Relay.Part(x.rtp)
		}
	}
}
