package pbx

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/sdp"
)

// errNoCodec means that an endpoint's allow list has nothing we can speak.
var errNoCodec = errors.New("pbx: the endpoint allows no codec that is supported")

// stream is what one leg exchanges: the ports of its sound at the relay, those
// of further streams, and what has been agreed about them.
type stream struct {
	rtp      *relay.Leg
	asides   []*aside      // further streams, by m-line
	detour   *detour       // where the peer sends its sound, if not to us
	fax      *fax          // instead of the sound; nil = none
	passed   sdp.Direction // of the main stream: what the other side's hold makes us offer (moh_passthrough)
	agreed   bool          // an offer has met its answer
	sinking  bool          // the leg's packets come to us for their keys
	talk     sdp.Session
	offer    *sdp.Description // the caller's, until it is answered
	wanted   *sdp.Negotiated  // what the caller's offer and we have in common, until Dial has used it
	playing  media.Source     // what an application plays; nil = nothing
	music    *music           // playing is a piece of it; nil = it is not music
	undetect func()           // ends the search for keys in the sound; nil = there is none
	opened   time.Time
}

// readOffer parses the caller's offer and looks whether we could answer it,
// before the dialplan starts. An INVITE without a description is fine: we will
// offer in the answer.
func (l *leg) readOffer(body string) error {
	if strings.TrimSpace(body) == "" {
		return nil
	}
	offer, err := sdp.Parse(body)
	if err != nil {
		return err
	}
	// A trial with a placeholder for the port, which nobody needs yet: many
	// calls end before there is any sound.
	local := l.local(nil)
	local.Addr = netip.AddrPortFrom(netip.IPv4Unspecified(), discard)
	n, err := sdp.Agree(offer, local)
	if err != nil {
		return err
	}
	l.offer, l.wanted = offer, &n
	return nil
}

// open binds the leg's ports once.
func (l *leg) open(remote netip.Addr) error {
	if l.rtp != nil {
		return nil
	}
	rtp, err := l.ports(remote, l.endpoint.BindRTPToMediaAddress, l.watch)
	if err != nil {
		return err
	}
	l.rtp, l.opened = rtp, time.Now()
	l.marked(rtp, sdp.Audio)
	l.ch.srv.legs.Add(1)
	l.ch.srv.air.add(l, rtp)
	return nil
}

// ports opens a pair of ports at the relay: on the address of the route to the peer, or
// on media_address if the endpoint says so and it is one of this host's.
func (l *leg) ports(remote netip.Addr, media bool, watch func(relay.Event)) (*relay.Leg, error) {
	r := l.ch.srv.cfg.Relay
	if a := l.endpoint.MediaAddress; media && a.IsValid() && !l.inside {
		rtp, err := r.Open(a, watch)
		if err == nil || errors.Is(err, relay.ErrNoPort) || errors.Is(err, relay.ErrClosed) {
			return rtp, err
		}
		l.ch.log().Warn("no port on media_address", "peer", l.name, "error", err)
	}
	return r.Open(l.ch.srv.routes.local(remote), watch)
}

// marked has a stream's packets marked as the endpoint says (tos_audio, cos_audio and
// their kin for video).
func (l *leg) marked(rtp *relay.Leg, kind sdp.Kind) {
	tos, cos := l.endpoint.TOSAudio, l.endpoint.COSAudio
	if kind == sdp.Video {
		tos, cos = l.endpoint.TOSVideo, l.endpoint.COSVideo
	}
	if l.inside {
		return
	}
	if err := rtp.Mark(tos, cos); err != nil {
		l.ch.log().Warn("packets are not marked", "tos", tos, "cos", cos, "error", err)
	}
}

// closeMedia gives the ports back.
func (l *leg) closeMedia() {
	l.dark()
	l.closeFax()
	l.closeAsides()
	if l.rtp != nil {
		l.stopDetecting()
		l.ch.srv.air.remove(l.name)
		l.rtp.Close()
		l.rtp = nil
		l.ch.srv.legs.Add(-1)
	}
}

// local is our side of the leg's description. first are codecs to put before
// the endpoint's own order.
func (l *leg) local(first []sdp.Format) sdp.Local {
	e := l.endpoint
	names := l.codecNames()
	o := sdp.Local{
		DTMF:   l.dtmfMode() != "none" && l.dtmfMode() != "inband" && l.dtmfMode() != "info",
		Codecs: offering(e, names, first),
	}
	sign(&o, e)
	answering(&o, e)
	if !l.inside {
		o.Video = codecsOf(names, sdp.Video, nil)
		o.MaxAudio, o.MaxVideo = streamLimit(e.MaxAudioStreams), min(e.MaxVideoStreams, maxStreams)
		o.Feedback, o.Profiles, o.RTCPMux = e.AVPF && !e.ForceAVP, !e.UseReceivedTransport, e.RTCPMux
	}
	if l.rtp != nil {
		o.Addr, o.RTCP = l.announced(l.rtp.Addr()), l.announced(l.rtp.RTCPAddr())
	}
	if d := l.detour; d != nil {
		o.Origin, o.RTCPMux = o.Addr.Addr(), false // RFC 3264 §8: all of o= but the version stays
		o.Addr, o.RTCP = d.rtp, d.rtcp
	}
	return o
}

// announced is the address peers are told for one of ours: the external one
// for peers outside our networks.
func (l *leg) announced(a netip.AddrPort) netip.AddrPort {
	if l.inside {
		return a
	}
	if l.endpoint.MediaAddress.IsValid() {
		return netip.AddrPortFrom(l.endpoint.MediaAddress, a.Port())
	}
	set := l.ch.set
	if !set.Media.IsValid() || !l.remoteAddr.IsValid() || a.Addr().Is6() != set.Media.Is6() {
		return a
	}
	for _, p := range set.Local {
		if p.Contains(l.remoteAddr) {
			return a
		}
	}
	return netip.AddrPortFrom(set.Media, a.Port())
}

// describe returns the description the leg's peer is told next: the answer to
// its offer, or an offer of ours.
func (l *leg) describe() (string, error) {
	if l.agreed {
		return l.talk.Body, nil
	}
	if err := l.open(l.remoteAddr); err != nil {
		return "", err
	}
	if l.offer == nil {
		if l.talk.Body != "" {
			return l.talk.Body, nil
		}
		return l.offerAll()
	}
	body, err := l.answer(l.offer)
	if err == nil {
		l.offer = nil
	}
	return body, err
}

// answer answers an offer and puts what is agreed into effect.
func (l *leg) answer(offer *sdp.Description) (string, error) {
	local := l.local(nil)
	if err := l.openFor(offer, &local); err != nil {
		return "", err
	}
	body, _, err := l.talk.Answer(offer, local)
	if err != nil {
		return "", err
	}
	l.apply()
	return body, nil
}

// makeOffer opens the leg's ports and writes an offer of the streams that the
// leg has, with the codecs in first before the others so that the two sides of
// a call agree if they can.
func (l *leg) makeOffer(first []sdp.Format) (string, error) {
	return l.offerOf(l.present(), first)
}

// offerAll writes an offer of all that the endpoint may use: sound, and video if
// it has codecs for it.
func (l *leg) offerAll() (string, error) {
	wish := l.present()
	if len(wish) == 1 && !l.agreed && !l.inside && l.endpoint.MaxVideoStreams > 0 && wish[0].kind == sdp.Audio {
		for _, name := range l.codecNames() {
			if c := codecNamed(name); c.name != "" && c.kind == sdp.Video {
				return l.offerOf(append(wish, want{kind: sdp.Video}), nil)
			}
		}
	}
	return l.offerOf(wish, nil)
}

// accept reads the peer's answer to our offer and puts it into effect.
func (l *leg) accept(body string) error {
	answer, err := sdp.Parse(body)
	if err != nil {
		return err
	}
	if _, err := l.talk.Accept(answer); err != nil {
		return err
	}
	l.apply()
	return nil
}

// answerOffer answers an offer within the dialog, "" asking for one of ours.
func (l *leg) answerOffer(body string) (string, error) {
	if strings.TrimSpace(body) == "" {
		return l.offerAgain()
	}
	offer, err := sdp.Parse(body)
	if err != nil {
		return "", err
	}
	if err := l.open(l.remoteAddr); err != nil {
		return "", err
	}
	return l.answer(offer)
}

// offerAgain answers a re-INVITE without a description: with the codecs that
// are in use, or with all of the endpoint's (all_codecs_on_empty_reinvite).
func (l *leg) offerAgain() (string, error) {
	if !l.agreed || l.ch.set.Endpoints.Global.AllCodecsOnEmptyReinvite {
		return l.offerAll()
	}
	return l.offerSame(l.talk.Agreed.Formats)
}

// apply tells the relay what has been agreed.
func (l *leg) apply() {
	l.agreed = true
	if l.rtp == nil {
		return
	}
	l.rtp.Set(l.description(&l.talk.Agreed.Media))
	l.applyAsides()
	l.ch.armRTP()
	if l.peer != nil { // the ways of keys may have changed
		l.listenFor(l.peer)
		l.peer.listenFor(l)
	}
}

// description is what the relay has to know of a stream.
func (l *leg) description(n *sdp.Media) relay.Description {
	d := relay.Description{
		Remote: n.Remote, RTCP: n.RTCP, RTCPMux: n.RTCPMux, Ptime: n.Ptime,
		Signalling: l.remoteAddr,
		Keepalive:  l.endpoint.RTPKeepalive,
		Symmetric:  l.endpoint.RTPSymmetric || !l.endpoint.IsSet("rtp_symmetric"),
		Send:       n.Direction.Sends() && !n.Rejected,
		Recv:       n.Direction.Receives() && !n.Rejected,
		Formats:    make([]relay.Format, 0, len(n.Formats)+len(n.Events)),
	}
	for _, list := range [...][]sdp.Format{n.Formats, n.Events} {
		for i := range list {
			f := &list[i]
			d.Formats = append(d.Formats, relay.Format{Encoding: f.Name, ClockRate: f.ClockRate, SendPT: f.SendPT, RecvPT: f.RecvPT})
		}
	}
	return d
}

// formats are the agreed codecs of all streams, those of the main one first.
func (l *leg) formats() []sdp.Format {
	list := slices.Clone(l.talk.Agreed.Formats)
	for i := range l.talk.Agreed.Others {
		list = append(list, l.talk.Agreed.Others[i].Formats...)
	}
	return list
}

// codec is the name of the agreed codec, "" if there is none.
func (l *leg) codec() string { return l.format().Name }

// format is the agreed codec, the zero value if there is none.
func (l *leg) format() sdp.Codec {
	if !l.agreed || len(l.talk.Agreed.Formats) == 0 {
		return sdp.Codec{}
	}
	return l.talk.Agreed.Formats[0].Codec
}

// join connects two legs' sound.
func (ch *channel) join(a, b *leg) error {
	if a.rtp == nil || b.rtp == nil {
		return relay.ErrClosed
	}
	a.listenFor(b)
	b.listenFor(a)
	a.play(nil)
	b.play(nil)
	if err := ch.srv.cfg.Relay.Join(a.rtp, b.rtp); err != nil {
		return err
	}
	ch.joinAsides(a, b)
	a.peer, b.peer = b, a
	a.held()
	b.held()
	ch.align(a, b)
	return nil
}

// part ends what join began.
func (ch *channel) part(a, b *leg) {
	a.anchor()
	b.anchor()
	a.partFax()
	b.partFax()
	a.peer, b.peer = nil, nil
	if a.rtp != nil {
		ch.srv.cfg.Relay.Part(a.rtp)
	}
	ch.partAsides(a)
}

// armRTP sets the next look at the legs' RTP if an endpoint asks for it.
func (ch *channel) armRTP() {
	shortest := time.Duration(0)
	for l := range ch.legs {
		if t := l.silence(); t > 0 && (shortest == 0 || t < shortest) {
			shortest = t
		}
	}
	if shortest == 0 {
		ch.rtpCheck = time.Time{}
		return
	}
	ch.rtpCheck = time.Now().Add(min(shortest, time.Second*30))
}

// legs yields the caller and the branches.
func (ch *channel) legs(yield func(*leg) bool) {
	if !yield(ch.caller) {
		return
	}
	for _, b := range ch.branches {
		if !yield(b) {
			return
		}
	}
}

// silence is how long the leg may be without RTP, 0 for ever.
func (l *leg) silence() time.Duration {
	if l.rtp == nil || !l.agreed || l.state != legUp || l.inside || l.detour != nil || l.fax != nil {
		return 0
	}
	if !l.talk.Agreed.Direction.Receives() || l.talk.Agreed.Held {
		return l.endpoint.RTPTimeoutHold
	}
	return l.endpoint.RTPTimeout
}

// checkRTP ends the call when a leg has been silent for longer than its
// endpoint's rtp_timeout, with Asterisk's cause for it, and sets the next look.
func (ch *channel) checkRTP(now time.Time) {
	var next time.Time
	for l := range ch.legs {
		limit := l.silence()
		if limit == 0 {
			continue
		}
		last := l.rtp.Stats().LastReceived
		if last.Before(l.opened) {
			last = l.opened
		}
		if now.Sub(last) >= limit {
			ch.log().Info("no RTP", "peer", l.name, "for", limit.String())
			l.drop(CauseRequestedChanUnavail)
			if l == ch.caller {
				ch.end(CauseRequestedChanUnavail, "rtp timeout")
			}
			ch.hungUp = "rtp timeout"
			continue
		}
		next = earliest(next, last.Add(limit))
	}
	ch.rtpCheck = next
}

// routes remembers which of our addresses the kernel sends from towards a
// peer. It is safe for concurrent use and bounded.
type routes struct {
	mu    sync.Mutex // guards known
	known map[netip.Addr]route
}

type route struct {
	local netip.Addr
	until time.Time
}

// The cache's bounds: entries, and how long one is believed.
const (
	maxRoutes = 4096
	routeLife = 30 * time.Second
)

// local returns our address towards remote; no packet is sent to learn it.
func (r *routes) local(remote netip.Addr) netip.Addr {
	remote = remote.Unmap()
	if remote.IsLoopback() {
		return remote
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.known[remote]; ok && now.Before(e.until) {
		return e.local
	}
	if r.known == nil || len(r.known) >= maxRoutes {
		r.known = map[netip.Addr]route{}
	}
	e := route{local: lookRoute(remote), until: now.Add(routeLife)}
	r.known[remote] = e
	return e.local
}

// lookRoute asks the kernel by connecting a datagram socket, which sends nothing.
func lookRoute(remote netip.Addr) netip.Addr {
	if !remote.IsValid() {
		return netip.IPv4Unspecified()
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote, 9)))
	if err != nil {
		return netip.IPv4Unspecified()
	}
	defer c.Close()
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.IPv4Unspecified()
}
