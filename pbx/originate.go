package pbx

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/records"
)

// OriginateRequest is a call that the exchange makes by itself.
type OriginateRequest struct {
	Destination string // as Dial has it: PJSIP/8006, Local/8006@calls …
	Timeout     time.Duration
	App, Args   string // what runs when it has answered; "": the dialplan at Place
	Place       dialplan.Position
	CallerID    string              // "Name" <number>; "" = nobody
	Variables   []dialplan.Variable // of the new channel
	Async       bool                // do not wait for the answer
	wakes       *channel            // waits for the outcome
	LinkedID    string              // of the call that this one belongs to; "" = its own
}

// Originated is how Originate ended.
type Originated struct {
	Answered bool
	Status   DialStatus
	Cause    Cause
}

// ErrRefused says that a call of Originate was not answered.
var ErrRefused = errors.New("pbx: the call was not answered")

// nobody is the signalling of a caller that there is not.
type nobody struct{}

func (nobody) Provisional(int, string, ...dialog.Header) error { return nil }
func (nobody) Answer(string, ...dialog.Header) error           { return nil }
func (nobody) Reject(int, string, ...dialog.Header) error      { return nil }
func (nobody) Bye(dialog.Reason, ...dialog.Header) error       { return nil }
func (nobody) ReInvite(string, ...dialog.Header) error         { return errLocal }
func (nobody) Update(string, ...dialog.Header) error           { return errLocal }
func (nobody) Send(sip.Method, string, string, func(*sip.Response, error), ...dialog.Header) error {
	return errLocal
}
func (nobody) LocalURI() string       { return "" }
func (nobody) RemoteURI() string      { return "" }
func (nobody) Target() string         { return "" }
func (nobody) ID() dialog.ID          { return dialog.ID{} }
func (nobody) Peer() transport.Target { return transport.Target{} }

// Originate makes a call with the settings of the moment and returns how it ended, or
// at once if the request says so. ctx ends the waiting, not the call.
func (s *Server) Originate(ctx context.Context, req OriginateRequest) (Originated, error) {
	ch := s.originate(s.settings.Load(), &req)
	if !s.enter(ch) {
		return Originated{Status: StatusCongestion, Cause: CauseCongestion}, errors.New("pbx: there is no room for one more call")
	}
	done := make(chan Originated, 1)
	// The goroutine owns the channel; it ends with the call.
	go ch.runOriginated(context.WithoutCancel(ctx), &req, done)
	if req.Async {
		return Originated{}, nil
	}
	select {
	case o := <-done:
		return o, nil
	case <-ctx.Done():
		return Originated{}, ctx.Err()
	}
}

// Originate implements Switchboard.
func (ch *channel) Originate(ctx context.Context, req OriginateRequest) (Originated, error) {
	if req.LinkedID == "" {
		req.LinkedID = ch.cdr.LinkedID
	}
	wait := !req.Async
	req.wakes = ch
	made := ch.srv.originate(ch.set, &req)
	made.depth = ch.depth
	if !ch.srv.enter(made) {
		return Originated{Status: StatusCongestion, Cause: CauseCongestion}, ErrRefused
	}
	done := make(chan Originated, 1)
	// The goroutine owns the channel; it ends with the call.
	go made.runOriginated(context.WithoutCancel(ctx), &req, done)
	if !wait {
		return Originated{}, nil
	}
	for !ch.gone() {
		select {
		case o := <-done:
			if !o.Answered {
				return o, ErrRefused
			}
			return o, nil
		default:
		}
		ch.step(time.Time{})
	}
	return Originated{}, ErrHangup
}

// originate makes the channel of a call whose callee is its first party.
func (s *Server) originate(set *Settings, req *OriginateRequest) *channel {
	now := time.Now()
	id, unique, n := s.newID(now)
	e := &pjsip.Endpoint{Profile: &pjsip.Profile{Codecs: []string{"ulaw", "alaw"}, AllowTransfer: true}}
	ch := &channel{srv: s, set: set, box: newMailbox(), start: req.Place}
	ch.name = strings.Replace(channelName("originate", n), "PJSIP/", "Originate/", 1)
	ch.caller = &leg{ch: ch, home: ch, endpoint: e, name: ch.name, state: legTrying, session: nobody{}, inside: true}
	ch.caller.display, ch.caller.number = splitCallerID(req.CallerID)
	ch.cdr = records.CDR{
		ID: id, UniqueID: unique, LinkedID: unique, Start: now, Node: s.cfg.Node, AMAFlags: "DOCUMENTATION",
		Channel: ch.name, Context: req.Place.Context, Dst: req.Place.Exten, Src: ch.caller.number, CallerID: ch.caller.party.String(),
	}
	if req.LinkedID != "" {
		ch.cdr.LinkedID = req.LinkedID
	}
	ch.inherited = req.Variables
	if req.App != "" {
		ch.opening = &destination{app: req.App, args: req.Args}
	}
	return ch
}

// runOriginated is the goroutine of a call that the exchange makes by itself: first
// it calls, then what has answered is its caller and the dialplan runs.
func (ch *channel) runOriginated(ctx context.Context, req *OriginateRequest, done chan<- Originated) {
	opening := ch.opening
	ch.opening = nil
	ch.prepareInterpreter()
	d := ch.calling(&DialRequest{Destinations: []string{req.Destination}, Timeout: req.Timeout})
	ch.dialing = d
	d.call(ctx, req.Destination)
	winner, status := d.ring(ctx)
	if winner == nil {
		d.giveUp(status)
		req.tell(done, Originated{Status: status, Cause: ch.cause})
		ch.dialing = nil
		ch.release(ctx)
		ch.srv.leave(ch)
		return
	}
	d.choose(winner)
	ch.dialing, ch.branches = nil, nil
	ch.becomes(winner)
	ch.opening = opening
	req.tell(done, Originated{Answered: true, Status: StatusAnswer})
	ch.run(ctx)
}

// tell tells the outcome and wakes the channel that waits for it.
func (r *OriginateRequest) tell(done chan<- Originated, o Originated) {
	done <- o
	if r.wakes != nil {
		r.wakes.box.post(mail{what: errand{func(*channel) {}, make(chan struct{})}}, false)
	}
}

// calling is a Dial that is not for the channel's caller: its callees are offered
// sound.
func (ch *channel) calling(req *DialRequest) *dialing {
	return &dialing{ch: ch, req: req, started: time.Now(), streams: []want{{kind: sdp.Audio}}}
}

// becomes makes an answered leg the channel's caller in the place of nobody.
func (ch *channel) becomes(l *leg) {
	shown := ch.caller.party
	ch.caller = l
	ch.srv.rename(ch, l.name)
	if shown.number != "" || shown.display != "" {
		ch.connected = &shown
	}
	c := &ch.cdr
	c.Channel, c.SIPCallID, c.Answer, c.DstChannel, c.DstSIPCallID = l.name, l.callID, time.Now(), "", ""
	c.AccountCode, c.Disposition = l.endpoint.AccountCode, ""
	ch.cause = CauseNone
	if ch.opening == nil && ch.interp != nil {
		ch.interp.Start(ch.start)
	}
	ch.armRTP()
}
