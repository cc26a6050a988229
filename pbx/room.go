package pbx

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/relay"
)

// room lets several legs of one channel hear each other, or one of them be heard by
// all. Its members are numbered; each hears a mix of the others.
type room struct {
	size    int
	talkers []*member
	members []*member
}

// member is one leg in a room.
type member struct {
	leg   *leg
	n     int
	hears *media.Blend
	stop  func()
}

func newRoom(size int) *room { return &room{size: size} }

// enter adds a leg: what it says goes to all others if it may talk, and it hears them
// unless it is deaf.
func (r *room) enter(l *leg, talks, deaf bool) {
	if len(r.members) >= r.size || l.rtp == nil {
		return
	}
	m := &member{leg: l, n: len(r.members), hears: media.NewBlendOf(r.size)}
	r.members = append(r.members, m)
	if talks {
		r.talkers = append(r.talkers, m)
		m.talk(r.members)
	}
	for _, other := range r.talkers {
		if other != m {
			other.talk(r.members)
		}
	}
	if !deaf {
		l.play(m.hears)
	}
}

// talk sends what the leg says to all others; it is set anew when one comes.
func (m *member) talk(all []*member) {
	if m.stop != nil {
		m.stop()
		m.stop = nil
	}
	others := make([]*media.Blend, 0, len(all))
	for _, o := range all {
		if o != m {
			others = append(others, o.hears)
		}
	}
	n := media.Side(m.n)
	stop, err := m.leg.rtp.Tap(func(p relay.Packet) {
		if p.Sent {
			return
		}
		for _, b := range others {
			caught(b.Put, n, p)
		}
	})
	if err == nil {
		m.stop = stop
	}
}

// leave takes a leg out; its number stays taken.
func (r *room) leave(l *leg) {
	for _, m := range r.members {
		if m.leg == l && m.stop != nil {
			m.stop()
			m.stop = nil
		}
	}
	r.talkers = slices.DeleteFunc(r.talkers, func(m *member) bool { return m.leg == l })
}

// close ends the room.
func (r *room) close() {
	for _, m := range r.members {
		if m.stop != nil {
			m.stop()
		}
		if m.leg.state != legGone {
			m.leg.play(nil)
		}
	}
}

// PageRequest is what Page is asked to do.
type PageRequest struct {
	Destinations []string
	Timeout      time.Duration // of the ringing; 0 = none
	Duplex       bool          // d: all hear each other
	Quiet        bool          // q: no beep
	FreeOnly     bool          // s: only devices that are free
	NoForward    bool          // i
	Announce     string        // A: a sound for everybody; "" = none
	Record       string        // r: the file; "" = none
	CalleeFirst  string        // b
	CallerFirst  string        // B
}

// Page implements Switchboard.
func (ch *channel) Page(ctx context.Context, req PageRequest) error {
	if req.CallerFirst != "" {
		if err := ch.interp.Subroutine(ctx, ch.qualify(req.CallerFirst)); err != nil && !ch.gone() {
			ch.log().Warn("Page: subroutine on the caller", "target", req.CallerFirst, "error", err)
		}
	}
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	d := ch.calling(&DialRequest{Options: DialOptions{CalleeFirst: req.CalleeFirst, NoForward: req.NoForward}})
	d.callAll(ctx, &req)
	defer func() {
		for _, b := range slices.Clone(ch.branches) {
			b.hangUp(CauseNormalClearing)
			ch.forget(b)
		}
	}()
	if !req.Quiet {
		if _, err := Speak(ctx, ch, "", "beep"); err != nil {
			return err
		}
	}
	if req.Record != "" {
		if id, err := ch.Monitor(MonitorRequest{Mixed: req.Record}); err == nil {
			defer ch.StopMonitor(id)
		} else {
			ch.log().Warn("Page: not recorded", "error", err)
		}
	}
	r := newRoom(len(ch.branches) + 1)
	defer r.close()
	r.enter(ch.caller, true, !req.Duplex)
	var until time.Time
	if req.Timeout > 0 {
		until = time.Now().Add(req.Timeout)
	}
	for !ch.gone() && d.gather(r, &req) {
		if ch.step(until) {
			continue
		}
		until = time.Time{}
		for _, b := range slices.Clone(ch.branches) {
			if b.state != legUp {
				b.hangUp(CauseNormalClearing)
			}
		}
	}
	return ch.orHangup()
}

// callAll calls who is paged.
func (d *dialing) callAll(ctx context.Context, req *PageRequest) {
	ch := d.ch
	for _, to := range req.Destinations {
		if len(ch.branches) >= maxBranches {
			break
		}
		if s := ch.srv.cfg.Services.States; req.FreeOnly && s != nil {
			device, _, _ := strings.Cut(to, "@")
			if state := s.Device(device).String(); state != "NOT_INUSE" && state != "UNKNOWN" {
				continue
			}
		}
		d.call(ctx, to)
	}
}

// gather takes those in who have answered, and out who have gone; false if nobody is
// left.
func (d *dialing) gather(r *room, req *PageRequest) bool {
	for _, b := range slices.Clone(d.ch.branches) {
		in := slices.ContainsFunc(r.members, func(m *member) bool { return m.leg == b })
		switch {
		case b.state == legGone:
			r.leave(b)
			d.ch.noteEnd(b)
			d.ch.forget(b)
		case b.state == legUp && !in:
			r.enter(b, req.Duplex, false)
			if req.Announce != "" {
				b.say(req.Announce)
			}
		}
	}
	return len(d.ch.branches) > 0
}
