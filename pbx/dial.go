package pbx

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transport"
)

// maxBranches bounds the legs of one Dial.
const maxBranches = 64

// resolveTime is how long the name of a contact's host may take to resolve.
const resolveTime = 5 * time.Second

// errNoDestination ends a Dial without anything to dial.
var errNoDestination = errors.New("pbx: Dial needs a destination")

// dialing is one Dial under way.
type dialing struct {
	ch        *channel
	req       *DialRequest
	peer      *leg      // who answered
	until     time.Time // when the connected call has to end; zero = never
	started   time.Time
	answered  time.Time
	ringing   time.Time // the first 180 or 183
	failed    tally
	several   bool              // more than one leg was called: no early media, as in Asterisk
	early     *leg              // connected before the answer
	prefer    []sdp.Format      // the caller's codecs, of all its streams
	streams   []want            // the caller's, as the callees are offered them, the main one first
	replaced  bool              // the caller is another one than the callees were told
	callees   map[*leg]*channel // of callees that the dialplan ran for
	deadline  time.Time         // of the ringing; zero = none
	warnAt    time.Time         // when the end of the call is announced next; zero = not
	inFeature *leg              // for whom an application runs between the two; nil = none
	wish      *transferWish     // what it asked for; nil = nothing
	forwarded bool              // a callee has sent the call elsewhere
	exit      string            // extension that the caller goes to (option d); empty = none
	sentAt    *leg              // to which D's keys for progress were sent
}

// resolved is the outcome of a leg's name resolution.
type resolved struct {
	targets []transport.Target
	err     error
}

// Dial implements Channel: it calls all destinations at once, connects the
// first that answers, and sets DIALSTATUS and what else Asterisk's Dial sets.
func (ch *channel) Dial(ctx context.Context, req *DialRequest) error {
	mayRest := ch.direct && req.Last // dial may run other applications
	d, err := ch.dial(ctx, req)
	switch {
	case d == nil || err != nil:
	case mayRest:
		return errRests // see channel.live
	default:
		d.talk(ctx)
		err = d.after(ctx)
	}
	ch.dialing = nil
	return err
}

// dial is Dial up to the connected call; nil if there is none.
func (ch *channel) dial(ctx context.Context, req *DialRequest) (*dialing, error) {
	d := &dialing{ch: ch, req: req, started: time.Now()}
	ch.dialing = d
	for _, name := range []string{"DIALEDPEERNAME", "DIALEDPEERNUMBER", "ANSWEREDTIME", "DIALEDTIME", "DIALSTATUS"} {
		if ch.interp.Get(name) != "" { // of an earlier Dial
			_ = ch.interp.Set(name, "")
		}
	}
	if ch.gone() {
		return nil, ErrHangup
	}
	if len(req.Destinations) == 0 {
		d.conclude(StatusInvalid)
		return nil, errNoDestination
	}
	if target := req.Options.CallerFirst; target != "" {
		if err := ch.interp.Subroutine(ctx, ch.qualify(target)); err != nil && !ch.gone() {
			ch.log().Warn("Dial: subroutine on the caller", "target", target, "error", err)
		}
		if ch.gone() {
			return nil, ErrHangup
		}
	}
	if req.Options.rare().Screening.On {
		if status := d.introduce(ctx); status != "" || ch.gone() {
			d.giveUp(status)
			return nil, ch.orHangup()
		}
	}
	d.preferCodecs()
	over := d.tellRinging(false)
	for _, destination := range req.Destinations {
		d.call(ctx, destination)
	}
	if over == nil {
		over = d.tellRinging(true)
	}
	d.several = len(ch.branches) > 1
	if req.Options.Ring || req.Options.RingUntilMedia {
		d.startRinging(ctx)
	}
	if req.Options.rare().KeyExit || req.Options.Caller&MayDisconnect != 0 {
		ch.caller.startSink()
	}
	if req.Options.Music {
		d.entertain(ctx)
	}
	winner, status := d.ring(ctx)
	if over != nil {
		over()
	}
	ch.caller.typed = "" // of keys while it rang
	if winner == nil {
		d.giveUp(status)
		if d.exit != "" && !ch.gone() {
			return nil, ch.interp.Goto(d.exit)
		}
		return nil, ch.orHangup()
	}
	d.choose(winner)
	if v := d.greet(ctx, winner); v != nil {
		return nil, d.decline(winner, v)
	}
	return d, d.connect(winner)
}

// preferCodecs finds what the callees are offered: the caller's streams, and
// its codecs first, so that nobody has to transcode.
func (d *dialing) preferCodecs() {
	c := d.ch.caller
	agreed := c.wanted
	if c.agreed {
		agreed = &c.talk.Agreed
	}
	c.wanted = nil
	if agreed == nil {
		d.streams = []want{{kind: sdp.Audio}}
		return
	}
	d.streams = append(d.streams, want{kind: agreed.Kind})
	d.prefer = slices.Clone(agreed.Formats)
	for i := range agreed.Others {
		if m := &agreed.Others[i]; !m.Rejected {
			d.streams = append(d.streams, want{m.Kind, m.Direction.Mirror()})
			d.prefer = append(d.prefer, m.Formats...)
		}
	}
}

// call makes the legs of one destination: PJSIP/endpoint, PJSIP/user@endpoint
// or PJSIP/endpoint/sip:uri. What cannot be called counts as failed.
func (d *dialing) call(ctx context.Context, destination string) {
	tech, resource, _ := strings.Cut(destination, "/")
	if strings.EqualFold(tech, "Local") {
		if l := d.local(ctx, resource); l != nil {
			d.ch.branches = append(d.ch.branches, l)
		}
		return
	}
	if !strings.EqualFold(tech, "PJSIP") {
		d.ch.log().Warn("Dial: no such technology", "destination", destination)
		d.fail(CauseChanNotImplemented)
		return
	}
	name, uri, _ := strings.Cut(resource, "/")
	user := ""
	e := d.ch.set.Endpoints.Endpoints[name]
	if at := strings.LastIndexByte(name, '@'); e == nil && at >= 0 {
		user, name = name[:at], name[at+1:]
		e = d.ch.set.Endpoints.Endpoints[name]
	}
	if e == nil {
		d.ch.log().Warn("Dial: no such endpoint", "destination", destination)
		d.fail(CauseNoRoute)
		return
	}
	contacts := d.contacts(e, user, uri)
	if len(contacts) == 0 {
		d.ch.log().Info("Dial: nobody is registered", "destination", destination)
		d.fail(CauseNoRoute)
		return
	}
	for _, c := range contacts {
		if len(d.ch.branches) >= maxBranches {
			d.ch.log().Warn("Dial: too many legs", "most", maxBranches)
			return
		}
		d.branch(ctx, e, resource, c)
	}
}

// fail counts a destination that could not be called.
func (d *dialing) fail(c Cause) {
	d.failed.add(c)
	d.ch.cause = c
}

// contacts are the places to call: the URI written in the dialplan, or all
// contacts of the endpoint's addresses of record, with another user if one is
// written.
func (d *dialing) contacts(e *pjsip.Endpoint, user, uri string) []Contact {
	if uri != "" {
		if !strings.Contains(uri, ":") {
			return nil
		}
		return []Contact{{URI: uri}}
	}
	var list []Contact
	for _, aor := range e.AORs {
		list = append(list, d.ch.srv.cfg.Locator.Lookup(aor)...)
	}
	if down := d.ch.srv.cfg.Unreachable; down != nil {
		list = slices.DeleteFunc(list, func(c Contact) bool { return down(c.URI) })
	}
	if user == "" {
		return list
	}
	for i := range list {
		if u, err := sip.ParseURI(list[i].URI); err == nil {
			u.User = sip.EscapeUser(user)
			list[i].URI = u.String()
		}
	}
	return list
}

// branch makes one leg and sends its INVITE, or first has the contact's host
// resolved by a goroutine of its own, which ends within resolveTime.
func (d *dialing) branch(ctx context.Context, e *pjsip.Endpoint, number string, c Contact) {
	ch := d.ch
	_, _, n := ch.srv.newID(d.started)
	l := &leg{ch: ch, home: ch, endpoint: e, name: channelName(e.Name, n), party: calledParty(e, ch.start.Exten), dialed: number, outgoing: true}
	l.extra = slices.Clone(ch.headers)
	l.call = &outgoingCall{uri: c.URI, path: c.Path, prefer: d.prefer, streams: d.streams}
	d.disguise(l)
	ch.branches = append(ch.branches, l)
	if !d.prepare(ctx, l) {
		return
	}
	if len(c.Targets) > 0 {
		l.invite(c.Targets, nil)
		return
	}
	uri, err := sip.ParseURI(c.next())
	if err != nil {
		l.invite(nil, err)
		return
	}
	if t, ok := ch.srv.cfg.Transport.ResolveNumeric(uri); ok {
		l.invite([]transport.Target{t}, nil)
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, resolveTime)
		defer cancel()
		targets, err := ch.srv.cfg.Transport.Resolve(ctx, uri)
		l.post(resolved{targets, err}, false)
	}()
}

// outgoingCall is what a leg needs to send its INVITE; dropped when sent.
type outgoingCall struct {
	uri     string
	path    []string
	prefer  []sdp.Format
	streams []want
	from    *party // who calls, as the callee is to see it; nil = the caller
}

// invite sends the leg's INVITE.
func (l *leg) invite(targets []transport.Target, err error) {
	call := l.call
	l.call = nil
	if l.state == legGone || call == nil {
		return
	}
	if err != nil || len(targets) == 0 {
		l.ch.log().Info("Dial: contact cannot be reached", "peer", l.name, "uri", call.uri, "error", err)
		l.state, l.cause = legGone, CauseDestinationOutOfOrd
		return
	}
	targets = l.ch.set.through(l.endpoint, targets)
	l.remoteAddr = targets[0].Addr.Addr().Unmap()
	if f := targets[0].Flow; f.Valid() {
		l.remoteAddr = f.Remote().Addr().Unmap()
	}
	offer, err := l.offerOf(call.streams, call.prefer)
	if err == nil {
		l.invitation, err = l.ch.srv.cfg.Dialogs.Invite(l.inviteConfig(call, offer, targets), l)
	}
	if err != nil {
		l.ch.log().Warn("Dial: INVITE not sent", "peer", l.name, "error", err)
		l.state, l.cause = legGone, CauseCongestion
		return
	}
	l.state = legTrying
	l.callID = l.invitation.CallID()
}

// through names the endpoint's transport as the listener to send from, for
// targets that it can reach.
func (s *Settings) through(e *pjsip.Endpoint, targets []transport.Target) []transport.Target {
	name := e.Transport
	if name == "" {
		return targets
	}
	for _, t := range s.Endpoints.Transports {
		if t.Name != name {
			continue
		}
		targets = slices.Clone(targets)
		for i := range targets {
			if to := &targets[i]; to.Listener == "" && !to.Flow.Valid() && to.Proto.String() == t.Protocol && to.Addr.Addr().Is6() == t.Bind.Addr().Is6() {
				to.Listener = name
			}
		}
	}
	return targets
}

// inviteConfig fills in an INVITE: the caller's identity in From, at our
// address or the endpoint's from_domain.
func (l *leg) inviteConfig(call *outgoingCall, offer string, targets []transport.Target) dialog.InviteConfig {
	caller := l.ch.caller.party
	if call.from != nil {
		caller = *call.from
	}
	host := l.endpoint.FromDomain
	if host == "" {
		host, _ = l.ch.srv.cfg.Transport.SentBy(targets[0])
	}
	user := l.endpoint.FromUser
	if user == "" {
		user = caller.number
	}
	if user == "" {
		user = l.ch.set.Endpoints.Global.DefaultFromUser
	}
	if user == "" {
		user = anonymous
	}
	l.host = host
	from := sip.Address{Display: caller.display, URI: "sip:" + sip.EscapeUser(user) + "@" + host}
	if caller.restricted && l.endpoint.FromUser == "" {
		// RFC 3323 §4.1.1.3: a caller who does not want to be shown. A peer that is
		// trusted reads P-Asserted-Identity or Remote-Party-ID.
		from = sip.Address{Display: "Anonymous", URI: "sip:" + anonymous + "@" + anonymousHost}
	}
	if l.endpoint.UserEqPhone {
		call.uri, from.URI = asPhone(call.uri), asPhone(from.URI)
	}
	cfg := dialog.InviteConfig{
		URI: call.uri, Contact: l.contact(targets[0], caller), From: from.String(), Targets: targets, Route: call.path, SDP: offer, Rewrite: l.endpoint.RewriteContact,
		Auth: l.ch.srv.outboundAuth(l.ch.set, l.endpoint), Headers: append(l.identity(caller, true), l.diversionHeaders(l.ch.diverted)...),
	}
	cfg.Headers = append(cfg.Headers, l.extra...)
	if l.ch.transferer != "" { // RFC 3892 §2.3
		cfg.Headers = append(cfg.Headers, dialog.Header{Name: "Referred-By", Value: l.ch.transferer})
	}
	l.ch.srv.timers(l.endpoint, &cfg.Reliable, &cfg.SessionExpires, &cfg.MinSE)
	return cfg
}

// asPhone adds user=phone to a URI whose user part is a telephone number
// (RFC 3261 §19.1.1).
func asPhone(text string) string {
	uri, err := sip.ParseURI(text)
	if err != nil || !uri.IsSIP() || uri.User == "" || uri.Params.Has("user") || strings.Trim(uri.User, "+0123456789*#-.()") != "" {
		return text
	}
	uri.Params = uri.Params.With("user", "phone")
	return uri.String()
}

// ring waits for the first answer. nil: nobody answered, and why.
func (d *dialing) ring(ctx context.Context) (*leg, DialStatus) {
	if d.req.Timeout > 0 {
		d.deadline = d.started.Add(d.req.Timeout)
	}
	for {
		if d.ch.gone() {
			return nil, StatusCancel
		}
		if winner := d.sweep(ctx); winner != nil {
			return winner, StatusAnswer
		}
		if len(d.ch.branches) == 0 {
			return nil, d.failed.status()
		}
		if err := d.tell(ctx); err != nil {
			d.ch.log().Info("indication not sent", "error", err)
		}
		if d.keyed() {
			return nil, StatusCancel
		}
		d.digitsForProgress()
		if !d.ch.step(d.deadline) {
			d.ch.cause = CauseNoAnswer
			return nil, StatusNoAnswer
		}
	}
}

// sweep takes legs that have ended out and returns one that has answered.
func (d *dialing) sweep(ctx context.Context) *leg {
	for i := 0; i < len(d.ch.branches); {
		b := d.ch.branches[i]
		if b.state == legUp {
			return b
		}
		if b.state != legGone {
			i++
			continue
		}
		if d.forward(ctx, b) {
			d.ch.forget(b)
			continue
		}
		d.ch.log().Info("branch failed", "peer", b.name, "status", b.status, "cause", int(b.cause))
		d.fail(b.cause)
		d.ch.noteEnd(b)
		if d.early == b {
			d.ch.part(d.ch.caller, b)
			d.early = nil
		}
		d.ch.forget(b)
	}
	return nil
}

// tell passes on how the callees stand: early media of a single callee is
// connected (183), ringing of any becomes 180.
func (d *dialing) tell(ctx context.Context) error {
	for _, b := range d.ch.branches {
		switch {
		case b.state == legEarly && !d.several && !d.req.Options.Ring:
			if d.early == b {
				continue
			}
			d.noteRinging()
			if err := d.ch.Indicate(ctx, Progress); err != nil {
				return err
			}
			d.early = b
			return d.ch.join(d.ch.caller, b)
		case b.state >= legRinging || b.progressed:
			d.noteRinging()
			if b.state >= legRinging {
				if err := d.ch.Indicate(ctx, Ringing); err != nil {
					return err
				}
			}
			if b.progressed && !d.several && !d.req.Options.Ring {
				return d.ch.Indicate(ctx, Progress)
			}
			return nil
		}
	}
	return nil
}

func (d *dialing) noteRinging() {
	if d.ringing.IsZero() {
		d.ringing = time.Now()
	}
}

// giveUp cancels what still rings and ends the Dial without an answer.
func (d *dialing) giveUp(status DialStatus) {
	if d.early != nil {
		d.ch.part(d.ch.caller, d.early)
	}
	cause := CauseNormalClearing
	for len(d.ch.branches) > 0 {
		b := d.ch.branches[0]
		if d.req.Options.Elsewhere {
			b.cancelElsewhere()
		} else {
			b.hangUp(cause)
		}
		d.ch.forget(b)
	}
	d.ch.StopTone()
	d.conclude(status)
}

// conclude sets the variables that every Dial leaves behind.
func (d *dialing) conclude(status DialStatus) {
	ch := d.ch
	elapsed := time.Since(d.started)
	_ = ch.interp.Set("DIALSTATUS", string(status))
	_ = ch.interp.Set("DIALEDTIME", whole(elapsed))
	_ = ch.interp.Set("DIALEDTIME_MS", millis(elapsed))
	if !d.ringing.IsZero() {
		rung := d.ringing.Sub(d.started)
		_ = ch.interp.Set("RINGTIME", whole(rung))
		_ = ch.interp.Set("RINGTIME_MS", millis(rung))
	}
	if ch.cdr.Answer.IsZero() {
		ch.noteDisposition(status)
	}
}

func whole(d time.Duration) string  { return strconv.FormatInt(int64(d/time.Second), 10) }
func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
