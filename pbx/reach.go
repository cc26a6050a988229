package pbx

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
)

// This file is what a channel does to others by their names. A name is that of a
// channel, or of a leg that a Dial has called; both are channels to the dialplan.

// withLeg does something with the leg of a name on the goroutine that owns it.
// do gets the channel that has the leg.
func (ch *channel) withLeg(name string, do func(o *channel, l *leg)) error {
	name = strings.TrimSpace(name)
	if o := ch.srv.find(name); o != nil {
		return ch.ask(o, func(o *channel) { do(o, o.caller) })
	}
	found := ch.srv.air.find(name).leg
	if found == nil {
		return errNoChannel
	}
	gone := false
	err := ch.ask(found.owner(), func(o *channel) {
		if gone = !o.owns(found); !gone {
			do(o, found)
		}
	})
	if err == nil && gone {
		err = errNoChannel
	}
	return err
}

// Send implements Switchboard.
func (ch *channel) Send(ctx context.Context, name, target string) error {
	failed := make(chan error, 1) // the answer may come when nobody waits for it any more
	at := ch.interp.Position()
	err := ch.withLeg(name, func(o *channel, l *leg) {
		to, err := o.targetFrom(at, target)
		switch {
		case err != nil:
		case o.gone() || o.consult != nil || l.state == legGone:
			err = errNoChannel
		case l == o.caller:
			o.sendTo(place(to))
		case !o.settle(ctx, l, place(to)):
			err = errNotUp
		}
		failed <- err
	})
	if err != nil {
		return err
	}
	return <-failed
}

// targetFrom reads a place as seen from another channel's.
func (ch *channel) targetFrom(at dialplan.Position, target string) (dialplan.Position, error) {
	parts := strings.Split(target, ",")
	switch len(parts) {
	case 1:
		target = at.Context + "," + at.Exten + "," + target
	case 2:
		target = at.Context + "," + target
	}
	to, err := ch.interp.Target(target)
	if err == nil && !ch.set.Plan.Exists(to.Context, to.Exten, to.Priority, ch.caller.number, time.Now()) {
		err = fmt.Errorf("there is no %s", to)
	}
	return to, err
}

// HangupOther implements Switchboard.
func (ch *channel) HangupOther(name string, all bool) int {
	n := 0
	for _, found := range ch.srv.named(name, all) {
		if found == ch.name {
			continue
		}
		if ch.withLeg(found, func(o *channel, l *leg) {
			if l == o.caller {
				o.end(CauseNormalClearing, ch.name)
				return
			}
			l.hangUp(CauseNormalClearing)
		}) == nil {
			n++
		}
	}
	if slices.Contains(ch.srv.named(name, all), ch.name) {
		ch.end(CauseNormalClearing, ch.name)
		n++
	}
	return n
}

// named are the channels of a name, or with all those of a device.
func (s *Server) named(name string, all bool) (list []string) {
	fits := func(other string) bool {
		return strings.EqualFold(other, name) || strings.EqualFold(deviceOf(other), name)
	}
	s.mu.Lock()
	for other := range s.calls {
		if fits(other) {
			list = append(list, other)
		}
	}
	s.mu.Unlock()
	for _, other := range s.air.names(deviceOf(name)) {
		if fits(other) {
			list = append(list, other)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if !all && len(list) > 1 {
		list = list[:1]
	}
	return list
}

// How Connect ended, for BRIDGERESULT.
const (
	BridgeSuccess     = "SUCCESS"
	BridgeFailure     = "FAILURE"
	BridgeLoop        = "LOOP"
	BridgeNonexistent = "NONEXISTENT"
)

// Connect implements Switchboard.
func (ch *channel) Connect(ctx context.Context, name string, o DialOptions) (string, error) {
	list := ch.srv.named(name, false)
	switch {
	case len(list) == 0:
		return BridgeNonexistent, nil
	case list[0] == ch.name:
		return BridgeLoop, nil
	}
	l, err := ch.fetchLeg(list[0])
	if err != nil {
		ch.log().Info("Bridge: not connected", "channel", name, "error", err)
		return BridgeFailure, nil
	}
	if o.rare().CalleeEnds {
		l.left = nil
	}
	return BridgeSuccess, ch.talkTo(ctx, l, o)
}

// fetchLeg brings an answered leg of another channel here.
func (ch *channel) fetchLeg(name string) (*leg, error) {
	if o := ch.srv.find(name); o != nil {
		return ch.fetch(o)
	}
	got := make(chan *leg, 1)
	err := ch.withLeg(name, func(o *channel, l *leg) {
		if o == ch || o.gone() || o.consult != nil || l.state != legUp || l.inside {
			got <- nil
			return
		}
		o.detach(l)
		if !l.move(ch, settled{}) {
			l.drop(CauseNormalClearing)
			l.closeMedia()
			l = nil
		}
		got <- l
	})
	if err != nil {
		return nil, err
	}
	if l := <-got; l != nil {
		return l, nil
	}
	return nil, errNotUp
}

// transferWish is what BlindTransfer or AttendedTransfer asks of the bridge that the
// channel's side is in.
type transferWish struct {
	exten, context string
	attended       bool
}

// TransferBridge implements Switchboard.
func (ch *channel) TransferBridge(exten, where string, attended bool) string {
	host := ch
	if ch.host != nil {
		host = ch.host
	}
	d := host.dialing
	if d == nil || d.inFeature == nil || d.inFeature != ch.caller {
		return "FAILURE"
	}
	if where == "" {
		where = ch.caller.transferContext()
	}
	if !ch.set.Plan.Exists(where, exten, 1, host.caller.number, time.Now()) {
		return "INVALID"
	}
	if !ch.caller.endpoint.AllowTransfer {
		return "NOTPERMITTED"
	}
	d.wish = &transferWish{exten, where, attended}
	return "SUCCESS"
}
