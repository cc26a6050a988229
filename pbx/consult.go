package pbx

import (
	"context"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
)

// consultation is an attended transfer by keys: one side of the call, by, talks
// with the target of the transfer while the other one hears music. It ends with
// the other one and the target connected (by hangs up, or keys atxfercomplete), or
// with things as they were. All three legs belong to the channel; the target is one
// end of a Local channel that runs the extension dialled.
type consultation struct {
	d         *dialing
	by, other *leg
	target    *leg
	place     dialplan.Position // of the target
	until     time.Time         // the target has to have answered
	swapped   bool              // by talks with the other one, the target hears music
}

// callerEnded is told that the channel's caller has hung up. While it is part of an
// attended transfer, the call may go on without it.
func (ch *channel) callerEnded() {
	if ch.consult == nil {
		ch.end(ch.caller.cause, ch.caller.name)
	}
}

// attended is the attended transfer by keys.
func (d *dialing) attended(ctx context.Context, by *leg) {
	other := d.apart(by, "")
	exten, where := d.askTransfer(ctx, by)
	if by.state != legUp || other.state != legUp || d.ch.gone() {
		return
	}
	d.consultWith(ctx, by, other, exten, where)
}

// consultWith lets one side talk with an extension while the other one hears music; no
// extension brings the two together again.
func (d *dialing) consultWith(ctx context.Context, by, other *leg, exten, where string) {
	ch := d.ch
	c := &consultation{d: d, by: by, other: other, place: dialplan.Position{Context: where, Exten: exten, Priority: 1}}
	if exten == "" || !c.call(ctx) {
		c.back(true)
		return
	}
	ch.log().Info("attended transfer", "by", by.name, "to", exten, "context", where)
	f := ch.features().General
	by.codes = []code{{keys: f.AtxferAbort, does: doAbort}, {keys: f.AtxferComplete, does: doComplete}, {keys: f.AtxferThreeway, does: doThreeway}, {keys: f.AtxferSwap, does: doSwap}}
	ch.consult = c
	by.startSink()
	c.run(ctx)
	if ch.consult = nil; ch.caller.state == legGone {
		ch.end(ch.caller.cause, ch.caller.name)
	}
	if d.peer != nil && ch.caller != by && d.peer != by {
		by.codes = nil
	}
}

// call calls the target.
func (c *consultation) call(ctx context.Context) bool {
	ch := c.d.ch
	how := ch.calling(&DialRequest{})
	c.target = how.localBy(ctx, c.place.Exten+"@"+c.place.Context, c.by)
	if c.target == nil {
		return false
	}
	c.until = time.Now().Add(ch.features().General.AtxferNoAnswerTimeout)
	ch.branches = append(ch.branches, c.target)
	return true
}

// next is the code that by has keyed, ok false if none.
func (c *consultation) next() (deed, bool) {
	ch := c.d.ch
	for len(ch.acts) > 0 {
		a := ch.acts[0]
		ch.acts = ch.acts[1:]
		if a.by == c.by {
			return a.code.does, true
		}
	}
	return 0, false
}

// run is the story of the transfer.
func (c *consultation) run(ctx context.Context) {
	if !c.ring(ctx) {
		return
	}
	ch := c.d.ch
	c.by.play(nil)
	c.d.together(c.by, c.target)
	for {
		switch {
		case ch.gone():
			c.dropTarget()
			return
		case c.by.state == legGone:
			c.complete()
			return
		case c.target.state == legGone:
			c.back(true)
			return
		case c.other.state == legGone:
			c.without()
			return
		}
		switch does, ok := c.next(); {
		case !ok:
		case does == doAbort:
			c.back(false)
			return
		case does == doComplete:
			c.complete()
			return
		case does == doSwap:
			c.swap()
		case does == doThreeway:
			c.threeway()
			return
		}
		if !ch.step(c.d.until) {
			c.dropTarget()
			ch.end(CauseNormalClearing, ch.name)
			return
		}
	}
}

// ring waits for the target's answer; by hears how it stands. False: it is all
// over, one way or the other.
func (c *consultation) ring(ctx context.Context) bool {
	ch := c.d.ch
	c.toneTo(c.by)
	for c.target.state != legUp {
		switch {
		case ch.gone():
			c.dropTarget()
			return false
		case c.target.state == legGone:
			c.back(true)
			return false
		case c.other.state == legGone:
			c.dropTarget() // by is told by the end of the call
			if c.other != ch.caller {
				c.by.play(nil)
			}
			return false
		case c.by.state == legGone:
			c.blond(ctx)
			return false
		case c.target.state == legEarly && c.by.peer == nil:
			c.by.play(nil)
			if err := ch.join(c.by, c.target); err != nil {
				ch.log().Info("early media not connected", "error", err)
			}
		}
		switch does, ok := c.next(); {
		case ok && does == doAbort:
			c.back(false)
			return false
		case ok && does == doComplete:
			c.by.hangUp(CauseNormalClearing)
			continue
		}
		if !ch.step(c.until) {
			c.back(true)
			return false
		}
	}
	return true
}

// toneTo lets a side hear that it rings elsewhere.
func (c *consultation) toneTo(l *leg) {
	if src, err := tone("ring", l.endpoint.ToneZone); err == nil {
		l.play(src)
	}
}

// dropTarget ends the target's leg.
func (c *consultation) dropTarget() {
	ch := c.d.ch
	if c.target == nil {
		return
	}
	if c.target.peer != nil {
		ch.part(c.target, c.target.peer)
	}
	c.target.hangUp(CauseNormalClearing)
	ch.forget(c.target)
}

// back gives by and the other one to each other again.
func (c *consultation) back(failed bool) {
	ch := c.d.ch
	c.dropTarget()
	c.by.play(nil)
	c.other.play(nil)
	c.d.restore()
	c.d.together(c.by, c.other)
	if failed {
		c.by.say(ch.features().General.XferFailSound)
	}
}

// restore gives the two sides the codes that Dial's options say.
func (d *dialing) restore() {
	if d.peer != nil {
		d.empower(d.ch.caller, d.peer)
	}
}

// complete connects the other one with the target; by leaves.
func (c *consultation) complete() {
	ch := c.d.ch
	_ = ch.interp.Set("ATTENDEDTRANSFER", c.by.name)
	c.takePlace(c.by, c.other, c.target)
	ch.log().Info("transferred", "by", c.by.name, "to", c.target.name)
}

// without goes on with by and the target when the other one has hung up.
func (c *consultation) without() {
	c.takePlace(c.other, c.by, c.target)
}

// takePlace puts fresh in the place of old, which goes; stays talks with it.
func (c *consultation) takePlace(old, stays, fresh *leg) {
	ch := c.d.ch
	if fresh.peer != nil {
		ch.part(fresh, fresh.peer)
	}
	if c.by.peer != nil {
		ch.part(c.by, c.by.peer)
	}
	for i, b := range ch.branches {
		if b == fresh {
			ch.branches = append(ch.branches[:i], ch.branches[i+1:]...)
			break
		}
	}
	stays.play(nil)
	fresh.play(nil)
	old.peer, stays.peer = stays, old
	old.codes = nil
	ch.replace(old, fresh, false)
	if stays == ch.caller || stays == c.d.peer {
		c.d.restore()
		stays.listenFor(fresh)
	}
}

// swap changes whom by talks with.
func (c *consultation) swap() {
	ch := c.d.ch
	talking, waiting := c.target, c.other
	if c.swapped {
		talking, waiting = waiting, talking
	}
	ch.part(c.by, talking)
	waiting.play(nil)
	c.d.together(c.by, waiting)
	talking.startMusic(talking.endpoint.MusicOnHold)
	c.swapped = !c.swapped
}

// threeway lets all three hear each other until one leaves.
func (c *consultation) threeway() {
	ch := c.d.ch
	if c.by.peer != nil {
		ch.part(c.by, c.by.peer)
	}
	c.other.play(nil)
	c.target.play(nil)
	c.by.codes = nil
	c.d.together(c.by, c.other)
	c.target.startSink()
	third := &spying{ch: ch, ear: c.target, req: &SpyRequest{Mode: SpyBarge}, target: c.by.rtp}
	third.join()
	for !ch.gone() && c.by.state == legUp && c.other.state == legUp && c.target.state == legUp {
		if !ch.step(c.d.until) {
			ch.end(CauseNormalClearing, ch.name)
		}
	}
	third.leave()
	switch {
	case ch.gone():
		c.dropTarget()
	case c.by.state == legGone:
		c.complete()
	case c.other.state == legGone:
		c.without()
	default: // the target has left, the two talk on
		c.dropTarget()
		c.d.restore()
	}
}

// blond is what follows when by hangs up before the target has answered: the other
// one hears it ring. If nobody answers, by is called back, and so on in turn.
func (c *consultation) blond(ctx context.Context) {
	ch := c.d.ch
	f := ch.features().General
	c.other.play(nil)
	c.toneTo(c.other)
	if c.answered(c.target, c.until) {
		c.complete()
		return
	}
	c.dropTarget()
	for range f.AtxferCallbackRetries {
		if f.AtxferDropCall || c.over() {
			break
		}
		if l := c.callBack(ctx, f.AtxferNoAnswerTimeout); l != nil {
			c.target = l
			c.takePlace(c.by, c.other, l)
			return
		}
		for again := time.Now().Add(f.AtxferLoopDelay); !c.over() && ch.step(again); {
		}
		if c.over() || !c.call(ctx) {
			break
		}
		if c.answered(c.target, c.until) {
			c.complete()
			return
		}
		c.dropTarget()
	}
	if c.other != ch.caller {
		c.other.hangUp(CauseNormalClearing)
	}
	ch.end(CauseNoAnswer, c.by.name)
}

// over reports whether there is nobody left to wait for.
func (c *consultation) over() bool { return c.d.ch.gone() || c.other.state == legGone }

// answered waits until a leg has answered or it is known that it does not.
func (c *consultation) answered(l *leg, until time.Time) bool {
	for !c.over() && l.state != legUp && l.state != legGone {
		if !c.d.ch.step(until) {
			return false
		}
	}
	return !c.over() && l.state == legUp
}

// callBack calls the one who began the transfer.
func (c *consultation) callBack(ctx context.Context, patience time.Duration) *leg {
	ch := c.d.ch
	before := len(ch.branches)
	how := ch.calling(&DialRequest{})
	how.call(ctx, device(c.by.endpoint))
	legs := append([]*leg(nil), ch.branches[before:]...)
	var got *leg
	for until := time.Now().Add(patience); got == nil && !c.over(); {
		left := false
		for _, l := range legs {
			left = left || l.state != legGone
			if l.state == legUp {
				got = l
			}
		}
		if !left || got == nil && !ch.step(until) {
			break
		}
	}
	for _, l := range legs {
		if l != got {
			l.hangUp(CauseNormalClearing)
			ch.forget(l)
		}
	}
	return got
}
