package pbx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/hometone/hometone/config/features"
	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/store/records"
)

// released asks a channel to end; posted by the server.
type released struct{ cause Cause }

// channel is one call: its caller's leg, the dialplan that runs for it, and the
// legs that applications made. Owned by its goroutine (run), except box.
type channel struct {
	srv *Server
	set *Settings
	box *mailbox

	entered  entry // never changes after enter
	name     string
	start    dialplan.Position
	caller   *leg
	branches []*leg // legs that Dial made and that are not gone
	interp   *dialplan.Interpreter

	cause          Cause               // HANGUPCAUSE: why the last leg, or this one, was released
	dialing        *dialing            // the Dial under way
	transfer       *dialplan.Position  // where a transfer sends the caller; nil = nowhere
	transferer     string              // who asked for it, as Referred-By names it
	referred       *dialog.Notifier    // tells the transferer; nil = nobody waits
	leaving        []leaving           // legs that wait for their BYE
	diverted       *diversion          // how the call came to be sent elsewhere; nil = it was not
	inherited      []dialplan.Variable // of a Local channel, until it starts
	depth          int                 // of Local channels within Local channels
	quiet          bool                // a Local channel: no record of its own
	told180        bool                // the caller knows that it rings
	ending         bool                // no application may go on: hang-up was asked for
	afterwards     bool                // the extension h runs: applications go on although the call has ended
	mayRest        bool                // an application of the dialplan may leave the goroutine, see live
	direct         bool                // the dialplan itself has begun the application that runs
	nested         int8                // applications that run, one within the other
	hungUp         string              // name of the leg that ended the call, for the record
	cdr            records.CDR
	keys           []rune    // pressed and not yet taken; bounded by maxKeys
	limit          time.Time // absolute timeout; zero = none
	rtpCheck       time.Time // next look at the legs' RTP; zero = none
	lang           string    // set by the dialplan; empty = the endpoint's
	musicClass     string    // set by the dialplan; empty = the endpoint's
	monitors       []*monitor
	monitored      uint64 // numbers monitors
	patience       patience
	connected      *party            // whom CONNECTEDLINE() says that the caller talks with; nil = nobody
	text           *text             // the message that came in, or that MessageSend sends; nil = none
	headers        []dialog.Header   // PJSIP_INHERITABLE_HEADER: of the INVITEs that the channel sends
	notes          map[string]string // what functions keep for the dialplan alone; nil = nothing
	lastActs       []string          // hangup handlers, the latest last
	causes         []calleeEnd       // why called channels ended
	master         *channel          // of a Local channel: where the call began; nil = here
	unrecorded     bool              // CDR_PROP(disable)
	next           *destination      // where the channel is sent, whatever it does; nil = nowhere
	opening        *destination      // an application that is run before the dialplan; nil = none
	typer          *leg              // whose keys may become a code; nil = nobody's
	acts           []act             // codes that have been keyed and wait to be done
	feature        *features.Config  // of FEATURE() and FEATUREMAP(); nil = the file's
	featureInherit bool
	web            *webOptions     // of CURLOPT(); nil = none
	touch          string          // the recording by one touch; empty = none
	consult        *consultation   // an attended transfer under way; nil = none
	signalled      *signal         // what has come for WaitForSignal; nil = nothing
	stores         []keyStore      // of StoreDTMF
	lookups        [][][]string    // answers of the DNS, for SRVRESULT() and ENUMRESULT()
	awaitsText     bool            // ReceiveText is under way
	heardText      *Text           // what has come for it; nil = nothing
	host           *channel        // of a callee's channel: whose goroutine runs it; nil = its own
	left           *dialplan.State // the dialplan that goes on here, until it starts
}

// maxKeys bounds the keys that wait for an application to take them.
const maxKeys = 64

// newChannel makes the channel of an INVITE that was admitted. Nothing else
// knows it yet.
func (s *Server) newChannel(set *Settings, e *pjsip.Endpoint, tx *transaction.Server, req *sip.Request) *channel {
	now := time.Now()
	id, unique, n := s.newID(now)
	ch := &channel{srv: s, set: set, box: newMailbox(), name: channelName(e.Name, n)}
	ch.box.burst = s.cfg.Burst
	ch.caller = newCallerLeg(ch, e, tx, req)
	if d, ok := readDiversion(&req.Message); ok {
		d.from.number = set.bareUser(d.from.number)
		ch.diverted = &d
	}
	ch.caller.number = set.bareUser(ch.caller.number)
	ch.start = dialplan.Position{Context: e.Context, Exten: strings.Clone(set.bareUser(dialled(req))), Priority: 1}
	ch.cdr = records.CDR{
		ID: id, UniqueID: unique, LinkedID: unique, Start: now, Node: s.cfg.Node, AMAFlags: "DOCUMENTATION",
		Channel: ch.name, Context: e.Context, Dst: ch.start.Exten,
		Src: ch.caller.number, CallerID: ch.caller.party.String(),
		SIPCallID: ch.caller.callID, AccountCode: e.AccountCode,
	}
	return ch
}

// channelName makes Asterisk's name of a channel: PJSIP/8005-0000002a.
func channelName(endpoint string, n uint64) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, len(endpoint)+15)
	b = append(b, "PJSIP/"...)
	b = append(b, endpoint...)
	b = append(b, '-')
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&15])
	}
	return string(b)
}

// dialled is the extension an INVITE asks for: the user part of the
// Request-URI, s if it has none.
func dialled(req *sip.Request) string {
	uri, err := sip.ParseURI(bareURI(req.URI()))
	if err != nil {
		return "s"
	}
	if user := uri.Username(); user != "" {
		return user
	}
	return "s"
}

// locate returns 0 if the dialplan has the extension, else the status to
// refuse the call with.
func (ch *channel) locate() int {
	p, now := ch.start, ch.cdr.Start
	if code := ch.features().General.PickupExten; code != "" && p.Exten == code {
		ch.opening, ch.cause = &destination{app: "Pickup"}, CauseCallRejected
		return 0
	}
	if ch.set.Plan.Exists(p.Context, p.Exten, 1, ch.caller.number, now) {
		return 0
	}
	overlap := ch.caller.endpoint.OverlapContext
	if overlap == "" {
		overlap = p.Context
	}
	if ch.set.Plan.CanMatch(overlap, p.Exten, ch.caller.number, now) && ch.caller.endpoint.AllowOverlap {
		return 484
	}
	return 404
}

// run is the channel's goroutine: the call from the dialplan's first priority
// to the last thing released, or until it rests.
func (ch *channel) run(ctx context.Context) {
	makeRoom(ch == nil)
	if ch.begin() {
		ch.live(ctx, ch.story(ctx))
		return
	}
	ch.release(ctx)
	ch.srv.leave(ch)
}

// setUpStack is about what setting up a call needs of its goroutine's stack.
const setUpStack = 9 << 10

// makeRoom makes the stack large enough at once, while there is nothing on it.
// Otherwise it doubles two or three times in the depth of a Dial, and each time
// all frames are copied: 3 % of a call. What decides is the frame of this function; the
// room itself is not touched, since clearing it would push other things out of the
// processor's cache.
//
//go:noinline
func makeRoom(use bool) {
	if use {
		var room [setUpStack]byte
		runtime.KeepAlive(&room)
	}
}

// begin prepares the dialplan and reads the caller's offer; false if the offer
// cannot be answered.
//
// What happens before and after a wait is in functions of its own here and in
// Dial: a parked goroutine that uses less than 2 KiB of its stack gives half of
// it back at the next collection (a connected call has none).
func (ch *channel) begin() bool {
	ch.prepareInterpreter()
	ch.event(ch.kind(), slog.String("from", ch.caller.number), slog.String("to", ch.start.Exten), slog.String("endpoint", ch.caller.endpoint.Name))
	if err := ch.caller.readOffer(ch.caller.takeBody()); err != nil {
		ch.log().Info("offer refused", "error", err)
		ch.cause = CauseBearerNotAvailable
		if errors.Is(err, sdp.ErrSyntax) {
			ch.caller.status = 400 // RFC 3261 §21.4.1
		}
		return false
	}
	ch.caller.lamp()
	ch.setVariables()
	for _, v := range ch.inherited {
		_ = ch.interp.Set(strings.Repeat("_", int(v.Inherit))+v.Name, v.Value)
	}
	ch.inherited = nil
	if ch.left != nil {
		ch.interp.Restore(*ch.left)
		ch.left = nil
	}
	ch.interp.Start(ch.start)
	return true
}

// kind is what the log calls the beginning of the channel.
func (ch *channel) kind() string {
	if ch.text != nil {
		return "message"
	}
	return "call"
}

// prepareInterpreter makes the dialplan's interpreter, once.
func (ch *channel) prepareInterpreter() {
	if ch.interp != nil {
		return
	}
	ch.interp = dialplan.New(dialplan.Config{
		Plan: func() *dialplan.Plan { return ch.set.Plan }, Apps: ch, Channel: ch, Functions: ch.srv.functions,
		Globals: ch.srv.cfg.Globals, Services: ch.srv.cfg.Services, Now: time.Now, Logger: ch.srv.log,
	})
}

// setVariables sets what set_var of the endpoint says.
func (ch *channel) setVariables() {
	for _, v := range ch.caller.endpoint.SetVar {
		name, value, _ := strings.Cut(v, "=")
		if err := ch.interp.Set(name, value); err != nil {
			ch.log().Warn("set_var", "variable", name, "error", err)
		}
	}
}

// gone reports whether the channel has ended for applications.
func (ch *channel) gone() bool {
	return ch.ending || ch.next != nil || ch.caller.state == legGone && ch.consult == nil || ch.host != nil && ch.host.gone()
}

// step lets the channel live until an event has come or has been handled
// (true), or the deadline has passed (false); a zero deadline never passes. It
// is the only place where a channel waits, besides a connected Dial.
func (ch *channel) step(deadline time.Time) bool {
	if ch.attend() {
		return true
	}
	at, now := ch.alarm(deadline), time.Now()
	heard := ch.box.wait(at)
	// A wait of no length is none, however long a busy machine takes over it.
	if ch.interp != nil && (at.IsZero() || at.Sub(now) >= dialplan.LeastWait) {
		ch.interp.Waited(time.Since(now))
	}
	return heard || ch.alarmed(deadline)
}

// attend handles the oldest event of the mailbox, if there is one.
func (ch *channel) attend() bool {
	m, ok := ch.box.take()
	if ok {
		ch.handle(m)
	}
	return ok
}

// alarm is when a channel that waits until a deadline has to wake up.
func (ch *channel) alarm(deadline time.Time) time.Time {
	at := earliest(deadline, ch.limit, ch.rtpCheck, ch.goodbye())
	if ch.typer != nil {
		at = earliest(at, ch.typer.typeBy)
	}
	if ch.host != nil {
		return ch.host.alarm(at)
	}
	return at
}

// alarmed does what is due and reports whether the deadline is still to come.
func (ch *channel) alarmed(deadline time.Time) bool {
	if ch.host != nil {
		ch.host.alarmed(time.Time{})
	}
	now := time.Now()
	if !ch.rtpCheck.IsZero() && !now.Before(ch.rtpCheck) {
		ch.checkRTP(now)
	}
	ch.usher(now, false)
	ch.typedLate(now)
	if !ch.limit.IsZero() && !now.Before(ch.limit) {
		ch.limit = time.Time{}
		ch.end(CauseNormalClearing, "absolute timeout")
	}
	return deadline.IsZero() || now.Before(deadline)
}

// earliest returns the first of the times that are set, zero if none is.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// handle changes the state of the leg, or of the channel, that an event is
// about. Whoever waits looks at the states afterwards.
func (ch *channel) handle(m mail) {
	if ch.host != nil {
		ch.host.handle(m)
		return
	}
	switch e := m.what.(type) {
	case released:
		ch.end(e.cause, "server")
	case errand:
		e.do(ch)
		close(e.done)
	case key:
		m.leg.ch.press(m.leg, e.r)
	case signal:
		ch.signalled = &e
	default:
		m.leg.handle(m.what)
		if m.leg.owner() == ch { // else it has gone to another channel's goroutine
			m.leg.lamp()
		}
	}
}

// end ends the channel: no application goes on.
func (ch *channel) end(cause Cause, by string) {
	if ch.ending {
		return
	}
	ch.ending = true
	if ch.cause == CauseNone || cause != CauseNone {
		ch.cause = cause
	}
	if ch.hungUp == "" {
		ch.hungUp = by
	}
}

// press takes a key of a leg: for the other side if the two are connected, else
// for the application.
func (ch *channel) press(from *leg, r rune) {
	ch.storeKey(from, r)
	if ch.coded(from) {
		ch.typed(from, r)
		return
	}
	if peer := ch.peerOf(from); peer != nil {
		peer.sendKey(r, 0)
		return
	}
	if from == ch.caller && len(ch.keys) < maxKeys {
		ch.keys = append(ch.keys, r)
	}
}

// peerOf returns the leg that l is connected with, nil if there is none.
func (ch *channel) peerOf(l *leg) *leg {
	return l.peer
}

// release gives everything back, in this order: the dialogs, then the record
// (durable before we go on), then the ports of the relay.
func (ch *channel) release(ctx context.Context) {
	now := time.Now()
	ch.forgotten() // a place in a group is free before the record is written
	if ch.cause == CauseNone && !ch.cdr.Answer.IsZero() {
		ch.cause = CauseNormalClearing
	}
	for _, b := range ch.branches {
		b.hangUp(ch.cause)
	}
	if ch.hungUp == "" {
		ch.hungUp = ch.name
	}
	ch.caller.hangUp(ch.cause)
	ch.StopMonitor("")
	ch.report(ch.cause.Status(), "")
	ch.usher(now, true)
	ch.writeCDR(ctx, now)
	for _, b := range ch.branches {
		b.closeMedia()
	}
	ch.branches = nil
	ch.caller.closeMedia()
	for _, m := range ch.box.close() {
		if m.leg != nil {
			m.leg.tooLate(m.what)
		}
	}
}

// forget drops a branch that has ended and closes its ports.
func (ch *channel) forget(b *leg) {
	for i, other := range ch.branches {
		if other == b {
			ch.branches = append(ch.branches[:i], ch.branches[i+1:]...)
			break
		}
	}
	b.closeMedia()
}

// event writes one of the lines that every call has. It goes to the handler
// directly: a Logger would look for the line of the source first, which takes as
// long as writing the text.
func (ch *channel) event(what string, more ...slog.Attr) {
	ctx, h := context.Background(), ch.srv.log.Handler()
	if !h.Enabled(ctx, slog.LevelInfo) {
		return
	}
	r := slog.NewRecord(time.Now(), slog.LevelInfo, what, 0)
	r.AddAttrs(slog.String("call_id", ch.cdr.SIPCallID), slog.String("channel", ch.name))
	r.AddAttrs(more...)
	_ = h.Handle(ctx, r) // as a Logger: nobody hears of a log that cannot be written
}

// log returns the call's logger. It is made for each line: a logger per idle
// call would cost more memory than the few lines of a call cost time.
func (ch *channel) log() *slog.Logger {
	return ch.srv.log.With("call_id", ch.cdr.SIPCallID, "channel", ch.name)
}

// Has implements dialplan.Apps.
func (ch *channel) Has(name string) bool {
	_, ok := ch.srv.apps[lower(name)]
	return ok
}

// Run implements dialplan.Apps.
func (ch *channel) Run(ctx context.Context, name, args string) (dialplan.Result, error) {
	ch.cdr.LastApp, ch.cdr.LastData = name, Shown(name, args) // records are read by many
	ch.tell(name, args)
	ch.nested++
	ch.direct = ch.nested == 1 && ch.mayRest
	err := ch.exec(ctx, name, args)
	if errors.Is(err, errRests) {
		return dialplan.Resting, nil // it still runs
	}
	return ch.ran(err)
}

// ran says what an application's end means to the dialplan.
func (ch *channel) ran(err error) (dialplan.Result, error) {
	ch.nested--
	ch.direct = false
	for !ch.ending && err == nil && ch.attend() { // an application that waits for nothing sees hang-ups too
	}
	if errors.Is(err, ErrHangup) {
		return dialplan.Hangup, nil
	}
	if errors.Is(err, ErrNoApp) { // the call ends, as with Asterisk
		return dialplan.Hangup, err
	}
	if err == nil && ch.gone() && !ch.afterwards {
		return dialplan.Hangup, nil
	}
	return dialplan.Continue, err
}

// Exec implements Channel.
func (ch *channel) Exec(ctx context.Context, name, args string) error {
	ch.direct = false
	return ch.exec(ctx, name, args)
}

func (ch *channel) exec(ctx context.Context, name, args string) error {
	run := ch.srv.app(name)
	if run == nil {
		p := ch.interp.Position()
		return fmt.Errorf("%w: no application %q for extension (%s, %s, %d)", ErrNoApp, name, p.Context, p.Exten, p.Priority)
	}
	return run(ctx, ch, args)
}

// app finds an application.
func (s *Server) app(name string) func(context.Context, Channel, string) error {
	return s.apps[lower(name)].Run
}

var _ dialplan.Apps = (*channel)(nil)
var _ dialplan.Channel = (*channel)(nil)
var _ Channel = (*channel)(nil)
var _ dialog.Sink = (*leg)(nil)
