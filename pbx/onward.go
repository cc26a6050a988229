package pbx

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/store/records"
)

// This file sends channels and legs onward: a channel to another place of the
// dialplan whatever it does, a leg to a channel of its own or to another one's.

// destination is where a channel goes on: a place in the dialplan, or one
// application after which it ends.
type destination struct {
	dialplan.Position
	app, args string
}

// place is the destination of a position.
func place(p dialplan.Position) destination { return destination{Position: p} }

// settled says to a leg's new channel that the leg has come.
type settled struct{}

// errNotUp means that a leg has not been answered, or has ended.
var errNotUp = errors.New("pbx: the other channel is not in a call")

// sendTo sends the channel elsewhere: what it does ends as if it had hung up, and
// it goes on there.
func (ch *channel) sendTo(to destination) { ch.next = &to }

// relocate goes on where sendTo has said, and reports whether there is such a place.
//
//go:noinline
func (ch *channel) relocate() bool {
	to := ch.next
	if to == nil || ch.ending || ch.caller.state == legGone {
		return false
	}
	ch.next, ch.cause, ch.hungUp = nil, CauseNone, ""
	if to.app != "" {
		ch.opening = to
		return true
	}
	ch.interp.Start(to.Position)
	return true
}

// open runs the application that the channel was sent to, if there is one.
func (ch *channel) open(ctx context.Context) bool {
	to := ch.opening
	if to == nil {
		return false
	}
	ch.opening, ch.mayRest = nil, false
	if _, err := ch.Run(ctx, to.app, to.args); err != nil {
		ch.log().Warn("application failed", "application", to.app, "error", err)
	}
	return true
}

// settle gives a leg of the channel a channel of its own, which goes on at a
// destination with the variables that called channels inherit. False: there is no
// room; the leg stays.
func (ch *channel) settle(ctx context.Context, l *leg, to destination) bool {
	return ch.settleAt(ctx, l, to, nil)
}

// settleAt is settle; left, if not nil, is a dialplan that goes on, with its own
// variables.
func (ch *channel) settleAt(ctx context.Context, l *leg, to destination, left *dialplan.State) bool {
	now := time.Now()
	id, unique, _ := ch.srv.newID(now)
	c := &channel{srv: ch.srv, set: ch.set, box: newMailbox(), name: l.name, caller: l, start: to.Position}
	c.cdr = records.CDR{
		ID: id, UniqueID: unique, LinkedID: ch.cdr.LinkedID, Start: now, Node: ch.srv.cfg.Node, AMAFlags: "DOCUMENTATION",
		Channel: l.name, Context: to.Context, Dst: to.Exten, Src: l.number, CallerID: l.party.String(), SIPCallID: l.callID, AccountCode: l.endpoint.AccountCode,
	}
	if l.state == legUp {
		c.cdr.Answer = now
	}
	if c.left = left; left == nil {
		c.inherited = ch.interp.Inherited()
	}
	if to.app != "" {
		c.opening = &to
	}
	if !ch.srv.enter(c) {
		return false
	}
	ch.detach(l)
	l.move(c, settled{}) // its mailbox is open
	// The goroutine owns the channel; it ends with the call.
	go c.run(context.WithoutCancel(ctx))
	return true
}

// detach takes a leg out of the channel, before it goes to another one. What the
// channel did with it ends: a ghost is in its place.
func (ch *channel) detach(l *leg) {
	if l.peer != nil {
		ch.noteMedia()
		ch.part(l, l.peer)
	}
	l.play(nil)
	ch.forgetKeys(l)
	if l == ch.caller {
		ch.caller = ghost(l)
	}
	for i, b := range ch.branches {
		if b == l {
			ch.branches = append(ch.branches[:i], ch.branches[i+1:]...)
			break
		}
	}
	if d := ch.dialing; d != nil && d.peer == l {
		d.peer = ghost(l)
	}
}

// fetch brings the leg that another channel is about, its caller, to this one;
// the other one ends. The leg belongs to nobody's call then.
func (ch *channel) fetch(other *channel) (*leg, error) {
	var got *leg
	const wanted, taken, given = 0, 1, 2
	var state atomic.Int32 // a late errand takes nothing
	err := ch.ask(other, func(o *channel) {
		l := o.caller
		if o == ch || o.gone() || o.consult != nil || l.state != legUp || !state.CompareAndSwap(wanted, taken) {
			return
		}
		o.detach(l)
		l.left = o.leftAt()
		if l.move(ch, settled{}) {
			got = l
		}
		o.end(CauseNormalClearing, o.name)
		state.Store(given)
	})
	if err != nil && !state.CompareAndSwap(wanted, given) {
		for state.Load() != given { // it is under way on the other goroutine
			time.Sleep(time.Millisecond)
		}
		err = nil
	}
	if err == nil && got == nil {
		err = errNotUp
	}
	return got, err
}

// leftAt is where the channel's dialplan goes on after what runs now; nil if it has
// none.
func (ch *channel) leftAt() *dialplan.State {
	if ch.interp == nil {
		return nil
	}
	s := ch.interp.State()
	s.Priority++
	return &s
}

// restart has a leg that Bridge has taken out of another channel go on in the
// dialplan where that one was, and reports whether it does.
func (ch *channel) restart(ctx context.Context, l *leg) bool {
	left := l.left
	if left == nil || l.state != legUp || ch.srv.draining.Load() || !ch.owns(l) || !ch.set.Plan.Exists(left.Context, left.Exten, left.Priority, l.number, time.Now()) {
		return false
	}
	l.left = nil
	return ch.settleAt(ctx, l, place(left.Position), left)
}

// talkTo connects the channel's caller with an answered leg that has come to the
// channel, as if Dial had called it.
func (ch *channel) talkTo(ctx context.Context, l *leg, o DialOptions) error {
	defer func() { ch.dialing = nil }()
	now := time.Now()
	d := &dialing{ch: ch, req: &DialRequest{Options: o}, started: now, answered: now, peer: l, replaced: true}
	ch.dialing = d
	ch.branches = append(ch.branches, l)
	ch.cdr.DstChannel, ch.cdr.DstSIPCallID = l.name, l.callID
	if ch.gone() {
		return ErrHangup
	}
	if err := d.connect(l); err != nil {
		return err
	}
	d.talk(ctx)
	return d.after(ctx)
}
