package pbx

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/pbx/message"
	"github.com/hometone/hometone/pbx/presence"
	"github.com/hometone/hometone/pbx/voicemail"
	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transaction"
)

// Config is what a Server needs.
type Config struct {
	Dialogs   *dialog.Layer     // required; its Next leads to Server.ServeSIP
	Transport Transport         // required
	Relay     *relay.Relay      // required
	Locator   Locator           // required
	Records   Recorder          // required
	Auth      *auth.Server      // required
	Apps      []App             // the table of applications
	Burst     *Burst            // of the transport's readers; nil: channels are woken at once
	Board     *presence.Board   // is told what telephones do; nil: nobody
	Presence  *presence.Server  // serves SUBSCRIBE and PUBLISH; nil: 489
	Messages  *message.Center   // serves MESSAGE outside a call; nil: 405
	Voicemail *voicemail.Office // where VoiceMail keeps messages; nil: no boxes
	// Unreachable reports whether a contact did not answer its last probe; Dial
	// leaves it out. nil: nobody probes.
	Unreachable func(uri string) bool
	Globals     *dialplan.Globals
	Services    dialplan.Services // what the channels have in common; Shared and Groups are made if they are nil
	Node        string            // goes into identifiers and CDRs
	MaxCalls    int               // channels at a time; 0 = 10,000
	Drain       time.Duration     // how long Run lets calls end by themselves when its context ends; 0 = not at all
	Logger      *slog.Logger      // nil = discarded
}

// defaultMaxCalls bounds channels when Config.MaxCalls is zero.
const defaultMaxCalls = 10_000

// retryAfter is what a refused caller is told to wait, in seconds.
const retryAfter = "5"

// Server is the exchange of one node. It is a transaction.Handler for requests
// outside a dialog.
type Server struct {
	cfg        Config
	log        *slog.Logger
	apps       map[string]App // by lower-case name
	functions  dialplan.Functions
	owned      map[string]channelFunction // those that a channel answers itself
	settings   atomic.Pointer[Settings]
	epoch      string        // makes identifiers unique over restarts
	seq        atomic.Uint64 // numbers channels
	draining   atomic.Bool
	routes     routes
	legs       atomic.Int64  // with ports at the relay
	hurry      chan struct{} // closed when calls may not wait for their records any more
	air        air
	inboxes    inboxes
	lots       lots
	rings      rings
	locks      locks
	signals    signals
	recordings sync.WaitGroup // goroutines that write files

	mu    sync.Mutex          // guards the following
	calls map[string]*channel // by name
	empty chan struct{}       // closed when draining and the last call has gone
}

// New returns a Server; nothing runs before a request comes.
func New(cfg Config, s *Settings) (*Server, error) {
	if cfg.Dialogs == nil || cfg.Transport == nil || cfg.Relay == nil || cfg.Locator == nil || cfg.Records == nil || cfg.Auth == nil {
		return nil, errors.New("pbx: Config lacks a required room")
	}
	if cfg.MaxCalls <= 0 {
		cfg.MaxCalls = defaultMaxCalls
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Globals == nil {
		cfg.Globals = &dialplan.Globals{}
	}
	if cfg.Services.Shared == nil {
		cfg.Services.Shared = &dialplan.Shared{}
	}
	if cfg.Services.Groups == nil {
		cfg.Services.Groups = &dialplan.Groups{}
	}
	srv := &Server{
		cfg:       cfg,
		log:       cfg.Logger,
		apps:      make(map[string]App, len(cfg.Apps)),
		functions: dialplan.Builtin(),
		owned:     channelFunctions(),
		epoch:     newEpoch(),
		calls:     map[string]*channel{},
		empty:     make(chan struct{}),
		hurry:     make(chan struct{}),
	}
	for _, a := range cfg.Apps {
		srv.apps[lower(a.Name)] = a
	}
	srv.settings.Store(s)
	srv.showSpaces(s)
	return srv, nil
}

// Use makes new calls follow s; calls in progress keep what they have. Global
// variables that the dialplan's [globals] names are set anew, others stay.
func (s *Server) Use(settings *Settings) {
	s.settings.Store(settings)
	s.cfg.Globals.Load(settings.Plan)
	s.showSpaces(settings)
}

// Calls returns how many calls are in progress.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// Legs returns how many legs have ports at the relay.
func (s *Server) Legs() int { return int(s.legs.Load()) }

// Run waits until ctx ends. Then new calls are refused with 503, calls in
// progress have Config.Drain to end by themselves and are released after it; their
// records have recordGrace more.
// Run returns when the last channel has written its record and gone; the
// dialogs, the relay and the records must run until then.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.mu.Lock()
	s.draining.Store(true)
	none := len(s.calls) == 0
	s.mu.Unlock()
	defer s.recordings.Wait()
	if none {
		return nil
	}
	timer := time.NewTimer(s.cfg.Drain)
	defer timer.Stop()
	select {
	case <-s.empty:
		return nil
	case <-timer.C:
	}
	s.releaseAll()
	grace := time.NewTimer(recordGrace)
	defer grace.Stop()
	select {
	case <-s.empty:
	case <-grace.C:
		close(s.hurry)
		<-s.empty
	}
	return nil
}

// releaseAll asks every channel to end.
func (s *Server) releaseAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.calls {
		ch.box.post(mail{what: released{CauseTemporaryFailure}}, false)
	}
}

// enter gives a new channel its place; false if there is none.
func (s *Server) enter(ch *channel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() || len(s.calls) >= s.cfg.MaxCalls {
		return false
	}
	ch.entered = entry{from: ch.cdr.Src, callID: ch.cdr.SIPCallID, start: ch.cdr.Start}
	s.calls[ch.name] = ch
	s.cfg.Services.Shared.Add(ch.name)
	return true
}

// leave takes the place back; the last thing a channel does.
func (s *Server) leave(ch *channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[ch.name] == ch { // a leg of that name may have a channel of its own by now
		delete(s.calls, ch.name)
	}
	if s.draining.Load() && len(s.calls) == 0 {
		close(s.empty)
	}
}

// rename gives a channel the name of the leg that it goes on with.
func (s *Server) rename(ch *channel, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch.forgotten()
	delete(s.calls, ch.name)
	ch.name = name
	s.calls[name] = ch
	s.cfg.Services.Shared.Add(name)
}

// forgotten takes the channel out of what other channels can see of it.
func (ch *channel) forgotten() {
	ch.srv.cfg.Services.Shared.Drop(ch.name)
	ch.srv.cfg.Services.Groups.Drop(ch.name)
	ch.srv.locks.drop("", ch)
}

// find returns the channel of a name; nil if there is none, or not any more.
func (s *Server) find(name string) *channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[name]
}

// ServeSIP answers a request outside a dialog; an INVITE that may come in
// becomes a channel. It runs on the transaction's shard.
func (s *Server) ServeSIP(ctx context.Context, tx *transaction.Server, req *sip.Request) {
	set := s.settings.Load()
	if !set.Permitted(req, tx.Flow().Remote().Addr()) {
		respond(tx, req, 403)
		return
	}
	if !understands(tx, req) {
		return
	}
	switch req.Method() {
	case sip.ACK:
		// RFC 3261 §17.1.1.3: nobody answers an ACK.
	case sip.OPTIONS:
		s.options(set, tx, req)
	case sip.INVITE:
		s.invite(ctx, set, tx, req)
	case sip.MESSAGE, sip.SUBSCRIBE, sip.PUBLISH, sip.REFER, sip.INFO, sip.NOTIFY, sip.UPDATE, sip.BYE, sip.PRACK:
		s.outside(ctx, set, tx, req)
	default:
		notAllowed(tx, req)
	}
}

// invite admits a call or refuses it on the spot.
func (s *Server) invite(ctx context.Context, set *Settings, tx *transaction.Server, req *sip.Request) {
	if s.draining.Load() {
		s.overload(tx, req)
		return
	}
	e := s.admit(set, tx, req)
	if e == nil {
		return
	}
	if req.Has(sip.HeaderReplaces) {
		s.replacing(e, tx, req)
		return
	}
	ch := s.newChannel(set, e, tx, req)
	if status := ch.locate(); status != 0 {
		s.refuse(tx, req, e, status)
		return
	}
	if !s.enter(ch) {
		s.overload(tx, req)
		return
	}
	session, err := s.cfg.Dialogs.Accept(tx, req, ch.caller, s.acceptOptions(e))
	if err != nil {
		s.log.Info("call refused", "call_id", req.CallID(), "endpoint", e.Name, "error", err)
		s.leave(ch)
		return
	}
	ch.caller.accepted(session)
	// RFC 3261 §17.2.1 asks for 100 within 200 ms; callers of Asterisk are used
	// to it at once.
	respond(tx, req, 100)
	// The goroutine owns the channel and its legs. It ends with the call, at
	// the latest when Run releases it.
	ctx = context.WithoutCancel(ctx)
	s.cfg.Burst.wake(wakeUp{start: func() { go ch.run(ctx) }})
}

// refuse answers an admitted caller with a status, for the log's sake.
func (s *Server) refuse(tx *transaction.Server, req *sip.Request, e *pjsip.Endpoint, status int) {
	s.log.Info("call refused", "call_id", req.CallID(), "endpoint", e.Name, "uri", req.URI(), "status", status)
	respond(tx, req, status)
}

// overload refuses with 503 and a time to come back (RFC 3261 §21.5.4).
func (s *Server) overload(tx *transaction.Server, req *sip.Request) {
	res := sip.NewResponse(req, 503, "")
	res.Set(sip.HeaderRetryAfter, retryAfter)
	_ = tx.Respond(res)
}

// respond answers without further header fields. An error means that the
// peer's transaction is over, which needs no answer.
func respond(tx *transaction.Server, req *sip.Request, status int) {
	_ = tx.Respond(sip.NewResponse(req, status, ""))
}

// newID makes the identifiers of a channel: the one of the CDR, unique for
// ever, and Asterisk's UNIQUEID, seconds and a number.
func (s *Server) newID(now time.Time) (id, unique string, n uint64) {
	n = s.seq.Add(1)
	number := strconv.FormatUint(n, 10)
	return s.cfg.Node + "-" + s.epoch + "-" + number, strconv.FormatInt(now.Unix(), 10) + "." + number, n
}
