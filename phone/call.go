package phone

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/hometone/hometone/rtp"
	"github.com/hometone/hometone/sdp"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/transport"
)

// State is what a call is doing.
type State string

// The states of a call. On hold is a property of a talking call, see
// Call.OnHold.
const (
	StateCalling State = "calling" // our INVITE was sent
	StateRinging State = "ringing" // here (incoming) or there (outgoing)
	StateTalking State = "talking"
	StateEnded   State = "ended"
)

// Call is one call, made or received. Its methods may be called from any
// goroutine, at any time; after its end they return an error.
type Call struct {
	phone    *Phone
	number   int
	incoming bool
	box      *mailbox[item]
	answered chan struct{} // closed when both can talk
	done     chan struct{} // closed after the last event

	// owned by the call's goroutine
	session    *dialog.Session
	invitation *dialog.Invitation
	media      sdp.Session // what was said and agreed
	offered    string      // the caller's offer, until Answer
	audio      *audio      // nil before and after the call has any
	hold       bool        // we hold the peer
	peerHold   bool        // the peer holds us
	reoffer    *reoffer    // our re-INVITE under way
	early      bool        // early media was reported
	closing    bool        // we asked for the end

	mu     sync.Mutex
	state  State  // guarded by mu, as is what follows
	peer   string // name-addr or URI of the other side
	err    error  // why the call ended without an answer
	live   *rtp.Stream
	final  rtp.Stats // after the end
	onHold bool
}

// item is one thing for the call's goroutine to do.
type item struct {
	event dialog.Event
	run   func()
}

// Errors of calls.
var (
	ErrEnded    = errors.New("phone: the call has ended")
	ErrNotNow   = errors.New("phone: not possible in the call's state")
	ErrNoDTMF   = errors.New("phone: the peer takes no telephone events")
	errNoAnswer = errors.New("phone: the phone stopped")
)

func newCall(p *Phone, number int, incoming bool) *Call {
	state := StateCalling
	if incoming {
		state = StateRinging
	}
	return &Call{
		phone: p, number: number, incoming: incoming, state: state,
		box:      newMailbox[item](mailboxLimit),
		answered: make(chan struct{}), done: make(chan struct{}),
		media: sdp.Session{ID: uint64(time.Now().UnixNano()) >> 10},
	}
}

// Number numbers the calls of a phone, from 1.
func (c *Call) Number() int { return c.number }

// Incoming tells whether the peer called us.
func (c *Call) Incoming() bool { return c.incoming }

// State returns what the call is doing.
func (c *Call) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Peer is the other side's address, as in From or as we called it.
func (c *Call) Peer() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// OnHold tells whether we hold the peer.
func (c *Call) OnHold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.onHold
}

// Done is closed when the call has ended.
func (c *Call) Done() <-chan struct{} { return c.done }

// Stats returns the figures of the call's audio so far.
func (c *Call) Stats() rtp.Stats {
	c.mu.Lock()
	live, final := c.live, c.final
	c.mu.Unlock()
	if live != nil {
		return live.Stats()
	}
	return final
}

// WaitAnswered returns when both can talk, or with the reason why that will not
// be: a *Refused error when the callee (or Reject) answered so.
func (c *Call) WaitAnswered(ctx context.Context) error {
	select {
	case <-c.answered:
		return nil
	default:
	}
	select {
	case <-c.answered:
		return nil
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err != nil {
			return c.err
		}
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Answer takes an incoming call. It returns when the 200 was sent; see
// WaitAnswered for the caller's acknowledgement.
func (c *Call) Answer(ctx context.Context) error { return c.do(ctx, c.accept) }

// Reject refuses an incoming call that rings; status 0 is 603 Decline.
func (c *Call) Reject(ctx context.Context, status int) error {
	if status == 0 {
		status = 603
	}
	return c.do(ctx, func() error {
		if !c.incoming || c.State() != StateRinging {
			return ErrNotNow
		}
		c.closing = true
		return c.session.Reject(status, "")
	})
}

// Hangup ends the call in whatever state it is and waits for the end.
func (c *Call) Hangup(ctx context.Context) error {
	c.box.put(item{run: c.end}, true)
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do runs f on the call's goroutine and returns its error.
func (c *Call) do(ctx context.Context, f func() error) error {
	reply := make(chan error, 1)
	c.box.put(item{run: func() { reply <- f() }}, true)
	select {
	case err := <-reply:
		return err
	case <-c.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Deliver implements dialog.Sink.
func (c *Call) Deliver(e dialog.Event) {
	must := true
	switch e.(type) {
	case dialog.Info, dialog.Message, dialog.Notified, dialog.Refer:
		must = false // a peer can send as many as it likes
	}
	c.box.put(item{event: e}, must)
}

// run is the call's goroutine.
func (c *Call) run() {
	for {
		select {
		case <-c.box.wake:
		case <-c.phone.over:
			c.finish(0, "the phone stopped", errNoAnswer)
			return
		}
		for _, it := range c.box.take() {
			if it.run != nil {
				it.run()
			} else {
				c.handle(it.event)
			}
			if c.State() == StateEnded {
				return
			}
		}
	}
}

// invite sends the INVITE of an outgoing call; the call's goroutine starts
// when that worked.
func (c *Call) invite(uri sip.URI, targets []transport.Target) error {
	p := c.phone
	host, port := p.transport.SentBy(targets[0])
	local, ok := sip.HostAddr(host)
	if !ok {
		return fmt.Errorf("phone: no local address towards %v", targets[0])
	}
	if err := c.listen(local); err != nil {
		return err
	}
	from := p.set.aor
	from.Password, from.Params, from.Headers = "", "", ""
	if from.Host == "" {
		from = sip.URI{Scheme: "sip", User: "phone", Host: host, Port: port}
	}
	c.setPeer(uri.String())
	var err error
	c.invitation, err = p.dialogs.Invite(dialog.InviteConfig{
		URI:     uri.String(),
		From:    nameAddr(p.set.Display, from.String()),
		Targets: targets,
		SDP:     c.media.Offer(c.local()),
		Auth:    p.identity,
	}, c)
	if err != nil {
		c.closeAudio()
		return fmt.Errorf("phone: call %s: %w", uri, err)
	}
	p.emit(Event{Kind: Calling, Call: c, Text: uri.String()})
	go c.run() // owns the call; ends with it, and Run waits for it
	return nil
}

// ring tells the caller that we ring, and the user that somebody calls.
func (c *Call) ring(offer string) {
	c.offered = offer
	if offer != "" {
		if _, err := c.tryAnswer(offer); err != nil {
			c.refuse(err)
			return
		}
	}
	if err := c.session.Provisional(180, ""); err != nil {
		return // cancelled meanwhile: Ended follows
	}
	c.phone.emit(Event{Kind: Incoming, Call: c, Text: c.Peer()})
	c.phone.offer(c)
}

// tryAnswer negotiates without saying or changing anything.
func (c *Call) tryAnswer(offer string) (sdp.Negotiated, error) {
	d, err := sdp.Parse(offer)
	if err != nil {
		return sdp.Negotiated{}, err
	}
	probe := c.media
	_, n, err := probe.Answer(d, c.localAt(netip.AddrPortFrom(netip.IPv4Unspecified(), 9)))
	return n, err
}

// refuse answers an INVITE whose offer we cannot take.
func (c *Call) refuse(err error) {
	c.closing = true
	if err := c.session.Reject(statusOf(err), ""); err != nil {
		c.finish(statusOf(err), err.Error(), err)
	}
}

// statusOf maps an error of negotiation to a status code.
func statusOf(err error) int {
	if errors.Is(err, sdp.ErrSyntax) {
		return 400
	}
	return 488
}

// accept answers an incoming call.
func (c *Call) accept() error {
	if !c.incoming || c.State() != StateRinging || c.audio != nil {
		return ErrNotNow
	}
	if err := c.listen(c.session.Flow().Local().Addr().Unmap()); err != nil {
		c.refuse(err)
		return err
	}
	body, err := c.describe(c.offered)
	if err != nil {
		c.refuse(err)
		return err
	}
	return c.session.Answer(body)
}

// describe writes our answer to an offer, or our offer if there was none, and
// sets the stream to what was agreed.
func (c *Call) describe(offer string) (string, error) {
	if offer == "" {
		return c.media.Offer(c.local()), nil
	}
	d, err := sdp.Parse(offer)
	if err != nil {
		return "", err
	}
	body, n, err := c.media.Answer(d, c.local())
	if err != nil {
		return "", err
	}
	c.apply(n)
	return body, nil
}

// end asks for the end of the call; finish follows when the peer agreed.
func (c *Call) end() {
	if c.closing {
		return
	}
	c.closing = true
	var err error
	switch {
	case c.session != nil && c.incoming && c.State() == StateRinging && c.audio == nil:
		err = c.session.Reject(603, "")
	case c.session != nil && c.State() == StateTalking, c.incoming:
		err = c.session.Bye(dialog.NormalClearing)
	default:
		err = c.invitation.Cancel(dialog.Reason{})
		if err == nil && c.State() == StateCalling {
			// RFC 3261 §9.1: without a provisional response the CANCEL must
			// wait, perhaps for ever. The user need not; should an answer come,
			// the dialog layer ends it with BYE.
			c.finish(487, "given up", &Refused{487, "given up"})
		}
	}
	if err != nil {
		c.finish(0, err.Error(), err)
	}
}

// finish ends the call here: the last event, and nothing after it.
func (c *Call) finish(status int, text string, err error) {
	if c.State() == StateEnded {
		return
	}
	if c.reoffer != nil {
		c.reoffer.reply <- ErrEnded
		c.reoffer = nil
	}
	c.closeAudio()
	c.mu.Lock()
	c.state, c.err = StateEnded, err
	c.mu.Unlock()
	c.phone.emit(Event{Kind: Ended, Call: c, Status: status, Text: text})
	close(c.done)
	c.phone.forget(c)
}

func (c *Call) setState(s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
}

func (c *Call) setPeer(peer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer = peer
}

// talking marks the call as answered.
func (c *Call) talking(status int) {
	if c.State() == StateTalking {
		return
	}
	c.setState(StateTalking)
	close(c.answered)
	c.phone.emit(Event{Kind: Answered, Call: c, Status: status})
}
