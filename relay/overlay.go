package relay

import "github.com/hometone/hometone/media"

// overlay is what is sent in the place of all else.
type overlay struct {
	player
	aside []*tap // sees what is displaced; one or none
}

// Overlay sends src to the peer in the place of everything else, until src has
// ended by itself (which is not told), stop is called, or another overlay takes its
// place. What is forwarded, or plays, meanwhile is shown to aside (nil: nobody),
// under the rules of Tap, so that src can be a mix of it and something else.
// Telephone events pass.
func (l *Leg) Overlay(src media.Source, aside func(Packet)) (stop func()) {
	now := l.relay.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return func() {}
	}
	id := l.relay.ids.Add(1)
	l.over = &overlay{player: player{source: src, id: id, due: now}}
	if aside != nil {
		l.over.aside = []*tap{{aside}}
	}
	l.pair.loop.schedule(due{at: now, leg: l, id: id})
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.over != nil && l.over.id == id {
			l.over = nil
		}
	}
}

// Joined is the leg that this one forwards to; nil if there is none, or itself.
func (l *Leg) Joined() *Leg {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peer == l {
		return nil
	}
	return l.peer
}

// playing is the player with an id, nil if it has been replaced. Needs mu.
func (l *Leg) playing(id uint64) *player {
	switch {
	case l.closed || id == 0:
		return nil
	case l.over != nil && id == l.over.id:
		return &l.over.player
	case id == l.player.id:
		return &l.player
	}
	return nil
}

// displaced says who sees a packet that an overlay keeps from being sent, and
// whether there is an overlay. Needs mu.
func (l *Leg) displaced() (aside []*tap, yes bool) {
	if l.over == nil {
		return nil, false
	}
	return l.over.aside, true
}
