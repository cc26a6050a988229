// Package dialog is the skeleton of the dialog layer; see contracts.
package dialog

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// Errors of Session and Layer methods.
var (
	ErrState    = errors.New("dialog: not possible in this state")
	ErrEnded    = errors.New("dialog: the session has ended")
	ErrOffer    = errors.New("dialog: an offer/answer exchange is under way")
	ErrLimit    = errors.New("dialog: too many sessions")
	errSkeleton = errors.New("dialog: skeleton")
)

// Header is a header field to add to a message, by name.
type Header struct{ Name, Value string }

// Authorizer answers challenges: it reads the 401 or 407 and sets
// Authorization or Proxy-Authorization on req. NewDigest makes one.
type Authorizer interface {
	Authorize(req *sip.Request, challenge *sip.Response) error
}

// NewDigest returns an Authorizer for one user name and password (any realm).
func NewDigest(user, password string) Authorizer { return nil }

// Reliability is what we do about reliable provisional responses (RFC 3262).
type Reliability uint8

const (
	ReliableSupported Reliability = iota // used when the peer requires or (as UAS) supports it
	ReliableOff                          // never; a Require of the peer is answered with 420
	ReliableRequired                     // we put 100rel in Require
)

// Config is what a Layer needs.
type Config struct {
	Transactions *transaction.Layer  // may be given later with Use, before Run
	Transport    *transport.Layer
	Next         transaction.Handler // requests that belong to no dialog
	// Contact returns the Contact URI for dialogs through this target; nil:
	// "sip:host:port;transport=…" of the listener.
	Contact        func(to transport.Target) string
	UserAgent      string
	Allow          []sip.Method  // nil: all methods this layer handles
	SessionExpires time.Duration // RFC 4028, default 30 min; negative: session timers off
	MinSE          time.Duration // default 90 s
	MaxSessions    int           // 0: 100,000
	Logger         *slog.Logger  // nil: discard
}

// Layer keeps all dialogs of a node. It is a transaction.Handler: requests in
// a dialog go to their session, all others to Config.Next.
type Layer struct{}

// New returns a layer. Run drives its timers.
func New(c Config) (*Layer, error) { return &Layer{}, nil }

// Use sets the transaction layer; call it before Run and before any request.
func (l *Layer) Use(t *transaction.Layer) {}

// Run drives the timers of all dialogs until ctx ends.
func (l *Layer) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// ServeSIP implements transaction.Handler.
func (l *Layer) ServeSIP(ctx context.Context, tx *transaction.Server, req *sip.Request) {}

// AcceptOptions are choices for one incoming session; the zero value is good.
type AcceptOptions struct {
	Contact        string // our Contact URI; "": the layer's
	Reliable       Reliability
	SessionExpires time.Duration // 0: the layer's; negative: off
	MinSE          time.Duration
	Replaces       *Session // this INVITE takes its place: it is ended with BYE when we answer
}

// Accept makes a session for an INVITE outside a dialog. If it returns an
// error the INVITE has been answered (420, 422, 415, 503 …).
func (l *Layer) Accept(tx *transaction.Server, req *sip.Request, sink Sink, o AcceptOptions) (*Session, error) {
	return nil, errSkeleton
}

// InviteConfig describes an INVITE to send.
type InviteConfig struct {
	URI            string // Request-URI
	From           string // name-addr without tag
	To             string // "": <URI>
	CallID         string // "": a fresh one
	Contact        string // our Contact URI; "": the layer's
	Targets        []transport.Target
	Route          []string // pre-loaded route set, elements of Route
	SDP            string   // the offer; "": a late offer, in the 2xx
	ContentType    string   // of SDP; "": application/sdp
	Headers        []Header
	Auth           Authorizer
	Reliable       Reliability
	SessionExpires time.Duration // 0: the layer's; negative: off
	MinSE          time.Duration
	RefresherUAS   bool // ask the peer to refresh the session
	Forks          bool // report every 2xx of a fork as Answered
}

// Invite sends an INVITE. Events go to sink.
func (l *Layer) Invite(c InviteConfig, sink Sink) (*Invitation, error) { return nil, errSkeleton }

// Find returns the session with this dialog identifier as a Replaces header
// names it: toTag is the tag on our side (RFC 3891 §3). Early reports a
// dialog that is not confirmed yet.
func (l *Layer) Find(callID, toTag, fromTag string) (s *Session, early bool) { return nil, false }

// Subscribe opens a subscription outside a dialog.
func (l *Layer) Subscribe(c SubscribeConfig, sink Sink) (*Subscription, error) { return nil, errSkeleton }

// AcceptSubscribe makes us the notifier of a SUBSCRIBE outside a dialog and
// answers it with 200. The application must call Notify at once.
func (l *Layer) AcceptSubscribe(tx *transaction.Server, req *sip.Request, expires time.Duration, sink Sink) (*Notifier, error) {
	return nil, errSkeleton
}

// Restore rebuilds a session from a snapshot.
func (l *Layer) Restore(st State, sink Sink) (*Session, error) { return nil, errSkeleton }

// Sessions returns how many dialogs the layer holds.
func (l *Layer) Sessions() int { return 0 }

// Invitation is an INVITE of ours until its first final response.
type Invitation struct{}

// CallID returns the Call-ID; LocalTag our From tag.
func (inv *Invitation) CallID() string   { return "" }
func (inv *Invitation) LocalTag() string { return "" }

// Cancel gives up: CANCEL is sent as soon as RFC 3261 §9.1 allows. The end is
// reported as Rejected (487 as a rule); a 2xx that crosses it is ended with BYE.
func (inv *Invitation) Cancel(reason Reason) error { return errSkeleton }

// Session is an INVITE dialog.
type Session struct{}

// ID is a dialog identifier seen from us (RFC 3261 §12).
type ID struct{ CallID, LocalTag, RemoteTag string }

func (s *Session) ID() ID                { return ID{} }
func (s *Session) LocalURI() string      { return "" } // as in From of our requests
func (s *Session) RemoteURI() string     { return "" }
func (s *Session) RemoteDisplay() string { return "" }
func (s *Session) Target() string        { return "" } // remote target (Contact)
func (s *Session) RouteSet() []string    { return nil }
func (s *Session) Confirmed() bool       { return false }
func (s *Session) Ended() bool           { return false }
func (s *Session) LocalSDP() string      { return "" } // last description we sent
func (s *Session) RemoteSDP() string     { return "" }
func (s *Session) Flow() transport.Flow  { return transport.Flow{} }

// Provisional sends a 101–199 response, reliably if negotiated and sdp or
// Require ask for it.
func (s *Session) Provisional(status int, sdp string, h ...Header) error { return errSkeleton }

// Answer sends 200 to the INVITE. sdp is the answer, or the offer when the
// INVITE had none (then the answer comes with Confirmed).
func (s *Session) Answer(sdp string, h ...Header) error { return errSkeleton }

// Reject answers the INVITE with 300 and more.
func (s *Session) Reject(status int, reason string, h ...Header) error { return errSkeleton }

// AnswerOffer answers the Offer, Progress.Offer, Answered.Offer or
// Answer.Offer that is pending.
func (s *Session) AnswerOffer(sdp string, h ...Header) error { return errSkeleton }

// RejectOffer refuses the Offer that is pending (488 as a rule).
func (s *Session) RejectOffer(status int, reason string, h ...Header) error { return errSkeleton }

// Bye ends the session in any state: BYE when answered (after the ACK, §15),
// 480 as callee before that, BYE to the early dialog as caller.
func (s *Session) Bye(reason Reason, h ...Header) error { return errSkeleton }

// ReInvite offers sdp ("": asks the peer for an offer) in a re-INVITE; 491 is
// retried as RFC 3261 §14.1 says. The result is an Answer event.
func (s *Session) ReInvite(sdp string, h ...Header) error { return errSkeleton }

// Update offers sdp in an UPDATE (RFC 3311).
func (s *Session) Update(sdp string, h ...Header) error { return errSkeleton }

// Refer asks the peer to contact to (a Refer-To value). Progress comes as
// Notified of the returned subscription.
func (s *Session) Refer(to string, h ...Header) (*Subscription, error) { return nil, errSkeleton }

// Send sends any other request in the dialog (INFO, MESSAGE, OPTIONS …).
// reply may be nil; it runs on the shard and must not block.
func (s *Session) Send(m sip.Method, contentType, body string, reply func(*sip.Response, error), h ...Header) error {
	return errSkeleton
}

// Snapshot returns the session's state for another node or a restart.
func (s *Session) Snapshot() (State, error) { return State{}, errSkeleton }

// State is a session that can be written down.
type State struct{}

// Referral is a REFER that waits for its answer.
type Referral struct{}

// Accept answers 202. The notifier is nil when the peer asked for none
// (norefersub, RFC 4488); otherwise report progress with Notifier.Sipfrag.
func (r *Referral) Accept(h ...Header) (*Notifier, error) { return nil, errSkeleton }

// Reject answers with 300 and more.
func (r *Referral) Reject(status int, reason string) error { return errSkeleton }

// SubscribeConfig describes a subscription to open.
type SubscribeConfig struct {
	URI, From, To, Contact string
	Targets                []transport.Target
	Route                  []string
	Event                  string // package with parameters
	Accept                 string
	Expires                time.Duration
	Headers                []Header
	Auth                   Authorizer
}

// Subscription is a subscription of ours (RFC 6665 §4.1), refreshed until
// Unsubscribe.
type Subscription struct{}

// Event returns the event package.
func (s *Subscription) Event() string { return "" }

// Unsubscribe ends the subscription with SUBSCRIBE, Expires: 0.
func (s *Subscription) Unsubscribe() error { return errSkeleton }

// Notifier is a subscription of the peer (RFC 6665 §4.2).
type Notifier struct{}

// Event returns the event package, ID its id parameter.
func (n *Notifier) Event() string { return "" }

// Notify sends the state. terminated, if not empty, is the event-reason that
// ends the subscription ("noresource", "timeout" …).
func (n *Notifier) Notify(contentType, body, terminated string, h ...Header) error { return errSkeleton }

// Sipfrag sends a status line as the state of a REFER; a final status ends
// the subscription (RFC 3515 §2.4.5).
func (n *Notifier) Sipfrag(status int, reason string) error { return errSkeleton }
