package pbx

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transport"
)

// dialogue is what a leg asks of its signalling: a SIP session, or the wire
// between the two ends of a Local channel.
type dialogue interface {
	Provisional(status int, sdp string, h ...dialog.Header) error
	Answer(sdp string, h ...dialog.Header) error
	Reject(status int, reason string, h ...dialog.Header) error
	Bye(reason dialog.Reason, h ...dialog.Header) error
	ReInvite(sdp string, h ...dialog.Header) error
	Update(sdp string, h ...dialog.Header) error
	Send(m sip.Method, contentType, body string, reply func(*sip.Response, error), h ...dialog.Header) error
	LocalURI() string
	RemoteURI() string
	Target() string
	ID() dialog.ID
	Peer() transport.Target
}

var _ dialogue = (*dialog.Session)(nil)

// A Local channel calls the dialplan instead of a telephone. It has two ends:
// one is a branch of the Dial that made it, the other the caller of a channel
// of its own, which runs the extension. What one end says comes to the other
// as an event, and their sound goes over a pair of ports on the loopback
// address, so that both ends are legs like all others.

// maxLocal is how deep Local channels may call Local channels.
const maxLocal = 10

// localEnd is one end's signalling: what it says is posted to the other end.
type localEnd struct{ other *leg }

// The events between the two ends.
type (
	farProgress struct {
		status int
		sdp    string
	}
	farAnswer struct{ sdp string }
	farEnd    struct {
		status int // of a refusal; 0 = the call has ended
		cause  Cause
	}
	farKey struct{ r rune }
)

// errLocal is what a Local channel cannot do.
var errLocal = errors.New("pbx: not possible in a Local channel")

func (e *localEnd) Provisional(status int, sdp string, _ ...dialog.Header) error {
	e.other.post(farProgress{status, sdp}, true)
	return nil
}

func (e *localEnd) Answer(sdp string, _ ...dialog.Header) error {
	e.other.post(farAnswer{sdp}, false)
	return nil
}

func (e *localEnd) Reject(status int, _ string, h ...dialog.Header) error {
	end := farEnd{status: status, cause: CauseOfStatus(status)}
	for _, f := range h {
		// reasonHeader wrote it: Q.850;cause=17.
		if _, v, ok := strings.Cut(f.Value, "cause="); ok && f.Name == "Reason" {
			if n, err := strconv.Atoi(v); err == nil {
				end.cause = Cause(n)
			}
		}
	}
	e.other.post(end, false)
	return nil
}

func (e *localEnd) Bye(r dialog.Reason, _ ...dialog.Header) error {
	cause := CauseNormalClearing
	if r.Protocol == "Q.850" && r.Cause > 0 && r.Cause < 128 {
		cause = Cause(r.Cause)
	}
	e.other.post(farEnd{cause: cause}, false)
	return nil
}

func (e *localEnd) ReInvite(string, ...dialog.Header) error { return errLocal }
func (e *localEnd) Update(string, ...dialog.Header) error   { return errLocal }

func (e *localEnd) Send(_ sip.Method, _, body string, _ func(*sip.Response, error), _ ...dialog.Header) error {
	if r, ok := keyOf(field(body, "signal")); ok {
		e.other.post(farKey{r}, true)
	}
	return nil
}

func (e *localEnd) LocalURI() string       { return "" }
func (e *localEnd) RemoteURI() string      { return "" }
func (e *localEnd) Target() string         { return "" }
func (e *localEnd) ID() dialog.ID          { return dialog.ID{} }
func (e *localEnd) Peer() transport.Target { return transport.Target{} }

// far changes the leg by what the other end of its Local channel said.
func (l *leg) far(what any) {
	switch e := what.(type) {
	case farProgress:
		l.progressedTo(e.status, e.sdp)
	case farAnswer:
		l.answeredWith(e.sdp)
	case farKey:
		l.ch.press(l, e.r)
	case farEnd:
		if l.state == legGone {
			return
		}
		l.state, l.cause, l.status = legGone, e.cause, uint16(e.status)
		if l == l.ch.caller {
			l.ch.callerEnded()
		}
	}
}

// local calls an extension: Local/extension@context[/options]. Nil: it counts
// as failed.
func (d *dialing) local(ctx context.Context, resource string) *leg {
	return d.localBy(ctx, resource, d.ch.caller)
}

// localBy is local for the leg that calls.
func (d *dialing) localBy(ctx context.Context, resource string, by *leg) *leg {
	ch := d.ch
	target, _, _ := strings.Cut(resource, "/")
	exten, where, ok := strings.Cut(target, "@")
	if !ok {
		where = "default"
	}
	now := time.Now()
	if !ch.set.Plan.Exists(where, exten, 1, by.number, now) || ch.depth >= maxLocal {
		ch.log().Warn("Dial: no such extension for a Local channel", "exten", exten, "context", where, "depth", ch.depth)
		d.fail(CauseNoRoute)
		return nil
	}
	id, unique, n := ch.srv.newID(now)
	name := strings.Replace(channelName(target, n), "PJSIP/", "Local/", 1)
	loop := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	inner := &channel{srv: ch.srv, set: ch.set, box: newMailbox(), name: name + ";2", depth: ch.depth + 1, quiet: true}
	inner.start = dialplan.Position{Context: where, Exten: exten, Priority: 1}
	inner.master = ch.first()
	inner.diverted, inner.transferer = ch.diverted, ch.transferer
	inner.cdr = ch.cdr
	inner.cdr.ID, inner.cdr.UniqueID, inner.cdr.Channel, inner.cdr.Answer, inner.cdr.Disposition = id, unique, inner.name, time.Time{}, ""
	inner.inherited = ch.interp.Inherited()
	near := &leg{ch: ch, home: ch, endpoint: by.endpoint, name: name + ";1", party: party{number: exten}, dialed: target, outgoing: true, remoteAddr: loop, inside: true}
	far := &leg{ch: inner, home: inner, endpoint: by.endpoint, name: inner.name, party: by.party, state: legTrying, remoteAddr: loop, inside: true, callID: by.callID}
	inner.caller = far
	near.extra = slices.Clone(ch.headers)
	near.session, far.session = &localEnd{other: far}, &localEnd{other: near}
	if !d.prepare(ctx, near) {
		d.fail(near.cause)
		return nil
	}
	inner.headers = near.extra
	offer, err := near.makeOffer(d.prefer)
	if err != nil || !ch.srv.enter(inner) {
		ch.log().Warn("Dial: no Local channel", "error", err)
		near.closeMedia()
		d.fail(CauseCongestion)
		return nil
	}
	far.body = offer
	near.state = legTrying
	// The goroutine owns the inner channel; it ends with the call.
	go inner.run(context.WithoutCancel(ctx))
	return near
}
