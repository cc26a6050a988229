package dialog

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// Reliability is what we do about reliable provisional responses (RFC 3262).
type Reliability uint8

// What can be done.
const (
	ReliableSupported Reliability = iota // used when the peer can
	ReliableOff                          // never; a peer that requires them gets 420
	ReliableRequired                     // asked for with Require (caller), refused with 421 without (callee)
)

// InviteConfig describes an INVITE to send. URI and From are mandatory.
type InviteConfig struct {
	URI      string             // Request-URI
	From     string             // name-addr or addr-spec; a tag is added
	To       string             // "": <URI>
	CallID   string             // "": a fresh one
	LocalTag string             // "": a fresh one
	Contact  string             // our Contact URI; "": the layer's
	Targets  []transport.Target // where to send it; nil: found by RFC 3263 from the route or the URI
	Route    []string           // route set known before (outbound proxy, Service-Route)
	Pin      bool               // requests in the dialog go to Targets' peer, not to the peer's Contact (NAT)
	Rewrite  bool               // see AcceptOptions.Rewrite
	SDP      string             // the offer; "": the peer offers in its 2xx
	Body     string             // instead of SDP: a body of BodyType that holds SDP among others
	BodyType string
	Headers  []Header
	Auth     Authorizer // nil: challenges are reported as Rejected
	Reliable Reliability
	// SessionExpires and MinSE override the layer's; negative: no session timer.
	SessionExpires time.Duration
	MinSE          time.Duration
	Refresher      string // "uac" or "uas" to ask for that side; "": the peer chooses
	Forks          bool   // report every 2xx of a fork as Answered instead of ending later ones
}

// An Invitation is an INVITE of ours, from its first sending until no more 2xx
// can come. It may have several early sessions (forks).
type Invitation struct {
	strand  *strand
	sink    Sink
	id      ID     // without remote tag
	local   string // From without tag
	remote  string // To
	uri     string // Request-URI, the remote target until the peer names one
	contact string // our Contact URI
	seq     uint32
	x       *exchange
	timer   sessionTimer
	auth    Authorizer

	cfg         *InviteConfig // nil when it has been answered
	credentials *sip.Request  // with those of the INVITE, for the ACK; nil: it had none
	sessions    []*Session    // early ones, by remote tag
	acks        []*acknowledge
	forks       bool
	pinned      bool
	rewrites    bool
	answered    bool
	finished    bool // Answered or Rejected has been delivered
	cancelled   bool
}

// maxForks bounds the early dialogs of one invitation.
const maxForks = 32

// Invite sends an INVITE (RFC 3261 §13.2.1). Its events go to sink, and those
// of the session that comes of it.
func (l *Layer) Invite(c InviteConfig, sink Sink) (*Invitation, error) {
	if c.URI == "" || c.From == "" || sink == nil {
		return nil, ErrArgument
	}
	if l.tx() == nil {
		return nil, ErrState
	}
	if l.Len() >= l.cfg.MaxDialogs {
		return nil, ErrLimit
	}
	if c.CallID == "" {
		c.CallID = sip.NewCallID("")
	}
	if c.LocalTag == "" {
		c.LocalTag = sip.NewTag()
	}
	want, least := l.interval(c.SessionExpires, c.MinSE)
	inv := &Invitation{strand: &strand{layer: l}, cfg: &c, sink: sink, id: ID{CallID: c.CallID, LocalTag: c.LocalTag}, uri: c.URI,
		seq: sip.NewCSeq(), timer: newSessionTimer(want, least), auth: c.Auth, forks: c.Forks, pinned: c.Pin, rewrites: c.Rewrite}
	req, to, err := inv.request(l)
	if err != nil {
		return nil, err
	}
	inv.strand.enter()
	defer inv.strand.leave()
	inv.x = &exchange{strand: inv.strand, req: req, to: to, auth: c.Auth, seq: inv, done: inv.response}
	inv.x.start()
	return inv, nil
}

func (l *Layer) interval(want, least time.Duration) (time.Duration, time.Duration) {
	if want == 0 {
		want = l.cfg.SessionExpires
	}
	if least == 0 {
		least = l.cfg.MinSE
	}
	return want, least
}

func (inv *Invitation) nextSeq() uint32 {
	inv.seq++
	return inv.seq
}

// request builds the INVITE and says where it goes.
func (inv *Invitation) request(l *Layer) (*sip.Request, hop, error) {
	c := inv.cfg
	from, err := sip.ParseAddress(c.From)
	if err != nil {
		return nil, hop{}, err
	}
	if c.To == "" {
		c.To = "<" + c.URI + ">"
	}
	to, err := sip.ParseAddress(c.To)
	if err != nil {
		return nil, hop{}, err
	}
	h, err := firstHop(c.URI, c.Route, c.Targets)
	if err != nil {
		return nil, hop{}, err
	}
	if c.Contact == "" {
		user, _ := sip.ParseURI(from.URI)
		c.Contact = l.contact(h.nearest(l), user.User)
	}
	inv.local, inv.remote, inv.contact = withoutTag(from), withoutTag(to), c.Contact
	req := sip.NewRequest(sip.INVITE, c.URI)
	req.Add(sip.HeaderMaxForwards, "70")
	for _, r := range c.Route {
		req.Add(sip.HeaderRoute, r)
	}
	req.Add(sip.HeaderFrom, inv.local+";tag="+c.LocalTag)
	req.Add(sip.HeaderTo, inv.remote)
	req.Add(sip.HeaderCallID, c.CallID)
	req.Add(sip.HeaderCSeq, strconv.FormatUint(uint64(inv.seq), 10)+" INVITE")
	req.Add(sip.HeaderContact, "<"+c.Contact+">")
	inv.abilities(l, req)
	l.identify(req)
	inv.timer.writeRequest(req, c.Refresher)
	for _, x := range c.Headers {
		req.AddName(x.Name, x.Value)
	}
	if c.Body != "" {
		req.SetBody(c.BodyType, c.Body)
	} else if c.SDP != "" {
		req.SetBody(sdpType, c.SDP)
	}
	return req, h, nil
}

// abilities adds Allow, Supported and Require as far as the call uses them.
func (inv *Invitation) abilities(l *Layer, req *sip.Request) {
	req.Add(sip.HeaderAllow, l.allow)
	supported := l.supported
	if inv.cfg.Reliable == ReliableOff {
		supported = strings.TrimPrefix(supported, "100rel, ")
	}
	if !inv.timer.on() {
		supported = strings.TrimSuffix(supported, ", timer")
	}
	req.Add(sip.HeaderSupported, supported)
	if inv.cfg.Reliable == ReliableRequired {
		req.Add(sip.HeaderRequire, "100rel")
	}
}

// firstHop returns where a request outside of a dialog goes (RFC 3261 §8.1.2).
func firstHop(uri string, route []string, targets []transport.Target) (hop, error) {
	h := hop{uri: uri, targets: targets}
	if len(route) > 0 {
		a, err := sip.ParseAddress(route[0])
		if err != nil {
			return h, err
		}
		h.uri = a.URI
	}
	if len(targets) == 0 {
		if _, err := sip.ParseURI(h.uri); err != nil {
			return h, err
		}
	}
	return h, nil
}

// nearest returns the target to derive our Contact from. Before the DNS has
// been asked it is only the protocol.
func (h *hop) nearest(l *Layer) transport.Target {
	if h.route(l) {
		return h.targets[0]
	}
	t := transport.Target{Proto: transport.UDP, Listener: h.listener}
	if u, err := sip.ParseURI(h.uri); err == nil {
		if p, ok := transport.ParseProto(u.Transport()); ok {
			t.Proto = p
		} else if u.IsSIPS() {
			t.Proto = transport.TLS
		}
	}
	return t
}

// CallID returns the Call-ID.
func (inv *Invitation) CallID() string { return inv.id.CallID }

// LocalTag returns our tag.
func (inv *Invitation) LocalTag() string { return inv.id.LocalTag }

// Cancel gives up (RFC 3261 §9.1). The end is reported as Rejected, as a rule
// with 487; a 2xx that crosses the CANCEL is ended with BYE and reported as
// Rejected with 487 as well. It has no effect after Answered or Rejected.
func (inv *Invitation) Cancel(reason Reason) error {
	inv.strand.enter()
	defer inv.strand.leave()
	if inv.finished {
		return ErrEnded
	}
	inv.giveUp(reason)
	return nil
}

func (inv *Invitation) giveUp(reason Reason) {
	inv.cancelled = true
	inv.x.cancel(reason)
}

// response takes every response to the INVITE and its failure.
func (inv *Invitation) response(now time.Time, res *sip.Response, err error) {
	switch {
	case err != nil:
		inv.reject(refused(err))
	case res.Status() < 200:
		inv.progress(now, res)
	case res.Status() < 300:
		inv.success(now, res)
	default:
		inv.failure(res)
	}
}

// refused is the Rejected of a failure below: 408 or 503 (RFC 3261 §8.1.3.1).
func refused(err error) Rejected {
	if errors.Is(err, transaction.ErrTimeout) {
		return Rejected{Status: 408, Err: err}
	}
	return Rejected{Status: 503, Err: err}
}

// failure takes a final response of 300 and more.
func (inv *Invitation) failure(res *sip.Response) {
	if res.Status() == 422 && !inv.cancelled && inv.x.attempts < maxAttempts && inv.timer.tooSmall(res) {
		// "the UAC ... retries with a session interval ... no smaller than the
		// Min-SE of the 422" (RFC 4028 §7.3).
		inv.x.again(func(req *sip.Request) { inv.timer.writeRequest(req, inv.cfg.Refresher) })
		return
	}
	e := Rejected{Status: res.Status(), Res: res}
	if r := res.Reasons(); len(r) > 0 {
		e.Reason = r[0]
	}
	inv.reject(e)
}

// reject ends the invitation and its early sessions.
func (inv *Invitation) reject(e Rejected) {
	inv.dropEarly(nil)
	if inv.finished {
		return
	}
	inv.finished = true
	e.Invitation = inv
	inv.strand.deliver(inv.sink, e)
}

// drop ends the invitation because the layer stops.
func (inv *Invitation) drop() { inv.reject(Rejected{Status: 503, Err: ErrStopped}) }

// dropEarly forgets all early sessions but one.
func (inv *Invitation) dropEarly(keep *Session) {
	list := inv.sessions
	inv.sessions = nil
	if keep != nil {
		inv.sessions = []*Session{keep}
	}
	for _, s := range list {
		if s != keep {
			s.state, s.ended = stateEnded, true
			s.releaseWaiting()
			s.sched.clear(&s.layer().clock)
			s.gone()
		}
	}
}

// session returns the early session of a response, and makes it if the tag is
// new (§13.2.2.1, §13.2.2.4): every fork has its own dialog.
func (inv *Invitation) session(res *sip.Response) *Session {
	tag := res.ToTag()
	for _, s := range inv.sessions {
		if s.id.RemoteTag == tag {
			return s
		}
	}
	if len(inv.sessions) >= maxForks {
		return nil
	}
	peer := transport.Target{}
	if inv.x.client != nil {
		peer = inv.x.client.Target()
	}
	s := &Session{caller: inv, timer: inv.timer}
	s.rewrites = inv.rewrites
	s.openUAC(inv, res, peer)
	s.strand, s.pinned, s.auth = inv.strand, inv.pinned, inv.auth
	s.init(inv.sink)
	switch {
	case inv.cfg == nil: // a fork that nobody waits for
	case inv.cfg.SDP != "":
		s.deal.sendOffer(inv.cfg.SDP)
	case inv.cfg.Body != "":
		if sdp, _ := description(&inv.x.req.Message); sdp != "" {
			s.deal.sendOffer(sdp)
		}
	}
	s.list()
	inv.sessions = append(inv.sessions, s)
	return s
}

// progress takes a 101–199.
func (inv *Invitation) progress(now time.Time, res *sip.Response) {
	if inv.finished {
		return
	}
	e := Progress{Invitation: inv, Res: res}
	e.SDP, _ = description(&res.Message)
	if res.ToTag() == "" {
		inv.strand.deliver(inv.sink, e)
		return
	}
	s := inv.session(res)
	if s == nil {
		return
	}
	e.Session = s
	if reliable(res) && !s.takeReliable(now, res, &e) {
		return
	}
	s.refresh(&res.Message)
	s.tell(e)
}

// success takes a 2xx: the first makes the session, a repeated one gets the
// same ACK again, one from another fork is acknowledged and ended with BYE
// (§13.2.2.4).
func (inv *Invitation) success(now time.Time, res *sip.Response) {
	tag := res.ToTag()
	for _, a := range inv.acks {
		if a.tag == tag {
			inv.strand.do(a)
			return
		}
	}
	s := inv.session(res)
	if s == nil || s.state == stateAcking {
		return
	}
	// "the dialog's route set MUST be recomputed based on the 2xx" (§13.2.2.4).
	s.routes = routeSet(&res.Message, true)
	s.refresh(&res.Message)
	s.timer.agreed(res)
	first := !inv.answered && !inv.cancelled
	if !first && !(inv.forks && !inv.cancelled) {
		inv.decline(now, s, res)
		return
	}
	inv.answered = true
	s.answered(now, res)
}

// decline ends a dialog that nobody wants: ACK, then BYE.
func (inv *Invitation) decline(_ time.Time, s *Session, res *sip.Response) {
	s.ended = true // nobody has heard of it
	s.state = stateAcking
	s.acknowledge("", nil)
	reason := AnsweredElsewhere
	if inv.cancelled {
		reason = inv.x.reason
	}
	s.end(Ended{})
	s.sendBye(reason, nil)
	if inv.cancelled && !inv.finished {
		inv.reject(Rejected{Status: 487, Res: res})
	}
}

// answered takes the 2xx that makes the session.
func (s *Session) answered(now time.Time, res *sip.Response) {
	inv := s.caller
	e := Answered{Invitation: inv, Session: s, Res: res}
	sdp, _ := description(&res.Message)
	e.SDP = sdp
	switch {
	case s.asked != nil: // a peer that answers before our PRACK has brought the answer to its offer
	case s.deal.state == offerLocal && sdp != "":
		s.deal.takeAnswer(sdp)
	case s.deal.state == offerLocal && s.deal.remote != "":
		s.deal.takeAnswer(s.deal.remote) // a peer that answered in an unreliable 1xx only
	case s.deal.state == offerLocal:
		s.unanswered(now, res)
		return
	case s.deal.local == "" && sdp != "":
		e.Offer = s.deal.takeOffer(sdp)
	case s.deal.local == "":
		s.unanswered(now, res)
		return
	}
	s.state = stateAcking
	if !inv.finished {
		inv.finished = true
		inv.dropEarly(s)
	}
	if e.Offer {
		s.asked = &pendingOffer{method: sip.ACK, res: res}
		s.at(deadlineAnswer, now.Add(answerPatience))
		s.tell(e)
		return
	}
	s.acknowledge("", nil)
	s.confirm(now)
	s.tell(e)
}

// unanswered ends a call whose 2xx lacks the description that RFC 3261 §13.2.1
// demands: ACK, then BYE.
func (s *Session) unanswered(now time.Time, res *sip.Response) {
	inv := s.caller
	inv.decline(now, s, res)
	inv.reject(Rejected{Status: 488, Res: res, Err: ErrNoAnswer})
}

// acknowledge sends the ACK to the 2xx of the INVITE that made the dialog, and
// keeps it for repeated 2xx (§13.2.2.4).
func (s *Session) acknowledge(sdp string, h []Header) {
	if s.caller == nil {
		return
	}
	inv := s.caller
	credentials := inv.credentials
	if credentials == nil {
		credentials = inv.x.req
	}
	a := s.newACK(inv.seq, credentials, sdp, h)
	inv.acks = append(inv.acks, a)
	s.strand.do(a)
	inv.settle(s)
	s.caller = nil
}

// settle keeps of the invitation what 2xx responses need that come again, or
// from other forks, for as long as its transaction lives (RFC 6026 §7.2).
func (inv *Invitation) settle(s *Session) {
	inv.sessions = slices.DeleteFunc(inv.sessions, func(x *Session) bool { return x == s })
	if inv.forks || !inv.finished || inv.cfg == nil {
		return
	}
	if req := inv.x.req; req.Has(sip.HeaderAuthorization) || req.Has(sip.HeaderProxyAuthorization) {
		inv.credentials = sip.NewRequest(sip.ACK, "")
		inv.credentials.CopyFrom(&req.Message, sip.HeaderAuthorization, sip.HeaderProxyAuthorization)
	}
	inv.sink, inv.cfg, inv.x.req, inv.x.to = nil, nil, nil, hop{}
	if len(inv.sessions) == 0 {
		inv.sessions = nil
	}
}

// newACK builds the ACK to a 2xx: same CSeq number as the INVITE, and "the
// ACK MUST contain the same credentials as the INVITE" (§13.2.2.4), which invite
// has; nil: it had none.
func (s *Session) newACK(seq uint32, invite *sip.Request, sdp string, h []Header) *acknowledge {
	req := s.newRequest(sip.ACK, seq)
	if invite != nil {
		req.CopyFrom(&invite.Message, sip.HeaderAuthorization, sip.HeaderProxyAuthorization)
	}
	s.layer().identify(req)
	for _, x := range h {
		req.AddName(x.Name, x.Value)
	}
	if sdp != "" {
		req.SetBody(sdpType, sdp)
	}
	return &acknowledge{tag: s.id.RemoteTag, req: req, to: s.hop()}
}

// confirm enters the confirmed state.
func (s *Session) confirm(now time.Time) {
	s.state = stateConfirmed
	s.restartTimer(now)
}
