package pbx

import (
	"context"
	"log/slog"
	"time"
)

// choose takes the leg that answered first: the others are told that the call
// was taken elsewhere.
func (d *dialing) choose(winner *leg) {
	ch := d.ch
	cause := d.req.Options.rare().ElsewhereCause
	for i := 0; i < len(ch.branches); {
		if b := ch.branches[i]; b != winner {
			if cause != CauseNone {
				b.hangUp(cause)
			} else {
				b.cancelElsewhere()
			}
			ch.forget(b)
			continue
		}
		i++
	}
	d.peer, d.answered = winner, time.Now()
	if o := d.req.Options.rare(); !o.Screening.On && o.Confirm == nil { // else the caller waits on
		ch.StopTone()
	}
	_ = ch.interp.Set("DIALEDPEERNAME", winner.name)
	_ = ch.interp.Set("DIALEDPEERNUMBER", winner.dialed)
	ch.cdr.DstChannel, ch.cdr.DstSIPCallID = winner.name, winner.callID
}

// connect makes the call: the caller is answered, and the two are joined.
func (d *dialing) connect(winner *leg) error {
	ch, answered := d.ch, d.answered
	ch.StopTone()
	if d.req.Options.Reset && !ch.cdr.Answer.IsZero() {
		ch.cdr.Start, ch.cdr.Answer = answered, answered
	}
	d.empower(ch.caller, winner)
	before := ch.caller.state == legUp
	err := ch.answer(winner)
	if err == nil {
		err = ch.join(ch.caller, winner)
	}
	if err != nil {
		ch.log().Warn("call not connected", "peer", winner.name, "error", err)
		d.hangUpPeer(winner)
		d.conclude(StatusCongestion)
		ch.end(CauseFailure, ch.name)
		return ErrHangup
	}
	ch.event("connected", slog.String("peer", winner.name), slog.String("codec", ch.caller.codec()), slog.String("peer_codec", winner.codec()))
	if before && !d.req.Options.rare().Quiet {
		ch.connectedLine(ch.caller, winner)
	}
	if d.replaced {
		ch.connectedLine(winner, ch.caller)
	}
	ch.cdr.Codec, ch.cdr.DstCodec = ch.caller.codec(), winner.codec()
	d.prefer = nil
	if t := d.req.Options.AnswerLimit; t > 0 {
		d.until = answered.Add(t)
	}
	if t := d.req.Options.CallLimit; t > 0 {
		d.until = earliest(d.until, answered.Add(t))
		d.armWarning(t)
	}
	return nil
}

// talk is the bridged call: it returns when one side, or the time, has ended.
func (d *dialing) talk(ctx context.Context) {
	for !d.talked(ctx) {
		if at := d.ch.alarm(d.wakeAt()); !d.ch.box.wait(at) && d.timeUp() {
			return
		}
	}
}

// talked does what there is to do in the bridged call, without waiting, and
// reports whether one side has ended it.
func (d *dialing) talked(ctx context.Context) bool {
	for !d.ch.gone() && d.ch.transfer == nil && d.peer.state == legUp {
		if !d.act(ctx) && !d.ch.attend() {
			return false
		}
	}
	return true
}

// timeUp does what is due and reports whether the call has lasted its time.
func (d *dialing) timeUp() bool { return !d.ch.alarmed(d.wakeAt()) && !d.warn() }

// wakeAt is when the connected call needs attention; zero = never.
//
//go:noinline
func (d *dialing) wakeAt() time.Time { return earliest(d.until, d.warnAt) }

// after takes the bridge down and decides whether the dialplan goes on: only
// with option g, and only if the caller is still there.
func (d *dialing) after(ctx context.Context) error {
	peer, answered := d.peer, d.answered
	ch := d.ch
	ch.part(ch.caller, peer)
	ended := time.Now()
	ch.interp.Waited(ended.Sub(answered))
	cause := peer.cause
	if peer.state != legGone {
		cause = ch.cause
	}
	if cause == CauseNone {
		cause = CauseNormalClearing
	}
	ch.noteMedia()
	d.peerAfter(ctx, peer)
	if ch.owns(peer) { // else it goes on by itself
		d.hangUpPeer(peer)
	}
	_ = ch.interp.Set("ANSWEREDTIME", whole(ended.Sub(answered)))
	_ = ch.interp.Set("ANSWEREDTIME_MS", millis(ended.Sub(answered)))
	d.conclude(StatusAnswer)
	ch.cause = cause
	if ch.gone() {
		return ErrHangup
	}
	if ch.follow() || d.req.Options.GoOn {
		if ch.owns(peer) {
			ch.forget(peer)
		}
		return nil
	}
	ch.end(cause, peer.name)
	return ErrHangup
}

// hangUpPeer ends the callee's leg. Its ports stay open until the record is
// written, as part of the channel.
func (d *dialing) hangUpPeer(peer *leg) {
	peer.hangUp(d.ch.cause)
}
