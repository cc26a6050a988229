package pbx

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
)

// This file runs the dialplan for a called leg: before its INVITE (Dial's b)
// and after its answer (U). The leg gets a channel of its own whose caller it
// is, so that every application and function works there. That channel has no
// goroutine and no mailbox: its host's goroutine runs it while the call waits,
// and the host takes the events of all its legs.

// calleeChannel is the channel of a called leg. The same one serves all
// subroutines of one Dial, so that what the first sets the next can read.
func (d *dialing) calleeChannel(l *leg) *channel {
	if c := d.callees[l]; c != nil {
		return c
	}
	ch := d.ch
	_, unique, _ := ch.srv.newID(d.started)
	c := &channel{srv: ch.srv, set: ch.set, box: ch.box, host: ch, name: l.name, caller: l, master: ch.first(), quiet: true, start: ch.interp.Position()}
	c.cdr = ch.cdr
	c.cdr.UniqueID, c.cdr.Channel, c.cdr.Answer, c.cdr.Disposition = unique, l.name, time.Time{}, ""
	c.interp = dialplan.New(dialplan.Config{
		Plan: func() *dialplan.Plan { return c.set.Plan }, Apps: c, Channel: c, Functions: c.srv.functions,
		Globals: c.srv.cfg.Globals, Services: c.srv.cfg.Services, Now: time.Now, Logger: c.srv.log,
	})
	c.setVariables()
	for _, v := range ch.interp.Inherited() {
		_ = c.interp.Set(strings.Repeat("_", int(v.Inherit))+v.Name, v.Value)
	}
	c.interp.Start(c.start)
	if d.callees == nil {
		d.callees = map[*leg]*channel{}
	}
	d.callees[l] = c
	return c
}

// subroutine runs a subroutine on a called leg and returns the leg's channel.
// Whether the leg has ended by it is the leg's state.
func (d *dialing) subroutine(ctx context.Context, l *leg, target string) *channel {
	c := d.calleeChannel(l)
	l.ch = c
	err := c.interp.Subroutine(ctx, d.ch.qualify(target))
	if l.ch == c { // else it has gone elsewhere
		l.ch = d.ch
	}
	c.StopMonitor("")
	c.StopTone()
	for _, b := range c.branches { // a Dial within that was cut off
		b.hangUp(CauseNormalClearing)
		b.closeMedia()
	}
	c.branches = nil
	switch {
	case c.ending && c.cause != CauseNone:
		l.drop(c.cause)
	case c.ending:
		l.drop(CauseNormalClearing)
	case err != nil && !c.gone():
		d.ch.log().Warn("Dial: subroutine on the callee", "target", target, "peer", l.name, "error", err)
	}
	return c
}

// prepare runs Dial's b on a leg that is about to be called and reports whether
// it is still to be.
func (d *dialing) prepare(ctx context.Context, l *leg) bool {
	if target := d.req.Options.CalleeFirst; target != "" {
		d.subroutine(ctx, l, target)
	}
	return l.state != legGone
}

// qualify names the context and the extension of a place that leaves them out:
// those where the channel is.
func (ch *channel) qualify(target string) string {
	place, _, _ := strings.Cut(target, "(")
	at := ch.interp.Position()
	switch strings.Count(place, ",") {
	case 0:
		return at.Context + "," + at.Exten + "," + target
	case 1:
		return at.Context + "," + target
	}
	return target
}

// verdict is what GOSUB_RESULT of the subroutine of Dial's U asks for.
type verdict struct {
	status DialStatus
	goOn   bool   // the caller goes on in the dialplan
	place  string // where; "" = at the next priority
}

// verdictOf reads GOSUB_RESULT; nil: connect the two.
func verdictOf(result string) *verdict {
	if place, ok := strings.CutPrefix(result, "GOTO:"); ok {
		return &verdict{StatusAnswer, true, strings.ReplaceAll(place, "^", ",")}
	}
	switch strings.ToUpper(result) {
	case "ABORT":
		return &verdict{StatusAnswer, false, ""}
	case "BUSY":
		return &verdict{StatusBusy, true, ""}
	case "CONGESTION":
		return &verdict{StatusCongestion, true, ""}
	case "CONTINUE":
		return &verdict{StatusAnswer, true, ""}
	}
	return nil
}

// decline ends a Dial whose callee has answered and is not connected.
func (d *dialing) decline(winner *leg, v *verdict) error {
	ch := d.ch
	ch.log().Info("callee not connected", slog.String("peer", winner.name), slog.String("status", string(v.status)))
	ch.StopTone()
	d.conclude(v.status)
	if ch.owns(winner) { // else it goes on by itself
		winner.hangUp(CauseNormalClearing)
		ch.forget(winner)
	}
	if ch.gone() {
		return ErrHangup
	}
	if !v.goOn {
		ch.end(CauseNormalClearing, winner.name)
		return ErrHangup
	}
	if v.place == "" {
		return nil
	}
	return ch.interp.Goto(v.place)
}
