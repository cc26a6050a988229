package pbx

import (
	"slices"
	"time"

	"github.com/hometone/hometone/sip/dialog"
)

// A leg belongs to one channel at a time. Transfers, Replaces and pickup hand
// a leg over to another one. The owner gives it away, with a takeover that says
// whose place it takes there; what the leg's peer says meanwhile follows it in
// order, because posting and moving exclude each other.

// takeover asks a channel to put a leg in another one's place.
type takeover struct {
	old      *leg // whose place it is
	fresh    *leg // belongs to the channel already
	answer   bool // fresh is an INVITE with Replaces that waits for its 200
	referred *dialog.Notifier
}

// depart hands over a leg that only waits for its peer's BYE.
type depart struct{ until time.Time }

// surrender asks the channel of leg of for what that is connected with, to
// take the place of to in another channel.
type surrender struct {
	of, to   *leg
	referred *dialog.Notifier
}

// declined is the answer to a surrender that is not possible.
type declined struct{ request surrender }

// post queues an event of the leg where the leg is now.
func (l *leg) post(what any, droppable bool) bool {
	l.door.Lock()
	defer l.door.Unlock()
	return l.home.box.post(mail{leg: l, what: what}, droppable)
}

// owner is the channel that has the leg now; for other goroutines.
func (l *leg) owner() *channel {
	l.door.Lock()
	defer l.door.Unlock()
	return l.home
}

// move gives the leg, by its owner, to another channel with what that shall do
// about it. False: the channel takes nothing any more and the leg has not moved.
func (l *leg) move(to *channel, what any) bool {
	l.door.Lock()
	defer l.door.Unlock()
	from := l.home
	l.home, l.ch = to, to
	if !to.box.post(mail{leg: l, what: what}, false) {
		l.home, l.ch = from, from
		return false
	}
	for _, m := range from.box.extract(func(e mail) bool { return e.leg == l }) {
		to.box.post(m, false)
	}
	return true
}

// ghost is what stays behind in the place of a leg that has gone elsewhere.
func ghost(l *leg) *leg {
	g := &leg{
		ch: l.ch, home: l.ch, endpoint: l.endpoint, name: l.name, party: l.party, dialed: l.dialed,
		outgoing: l.outgoing, state: legGone, cause: CauseNormalClearing, session: l.session, callID: l.callID,
		remoteAddr: l.remoteAddr,
	}
	return g
}

// byeTime is how long a transferer has to send its BYE: it does so when it has
// been told that the transfer succeeded (RFC 5589 §6.1).
const byeTime = 32 * time.Second

// leaving is a leg that waits for its BYE.
type leaving struct {
	leg   *leg
	until time.Time
}

// dismiss lets a leg go that another one, or nobody, takes the place of: an
// answered one may end its dialog itself, the others are refused.
func (ch *channel) dismiss(l *leg, wait bool) {
	l.peer = nil
	l.stopSink()
	if l.rtp != nil {
		l.play(nil)
	}
	if l.state != legUp || !wait {
		l.hangUp(CauseNormalClearing)
		l.closeMedia()
		return
	}
	ch.leaving = append(ch.leaving, leaving{l, time.Now().Add(byeTime)})
}

// usher ends the legs whose time to say goodbye is over, or all of them, and
// returns when to look again.
func (ch *channel) usher(now time.Time, all bool) {
	kept := ch.leaving[:0]
	for _, v := range ch.leaving {
		if v.leg.state != legGone && !all && now.Before(v.until) {
			kept = append(kept, v)
			continue
		}
		v.leg.hangUp(CauseNormalClearing)
		v.leg.closeMedia()
	}
	ch.leaving = kept
	if len(kept) == 0 {
		ch.leaving = nil
	}
}

// goodbye is when a leg that leaves has to be ended, zero if none leaves.
func (ch *channel) goodbye() time.Time {
	var first time.Time
	for _, v := range ch.leaving {
		first = earliest(first, v.until)
	}
	return first
}

// take carries out a takeover.
func (ch *channel) take(e takeover) {
	ok := !ch.gone() && ch.consult == nil && ch.owns(e.old)
	if ok && e.answer {
		ok = e.fresh.answerNow()
	}
	if !ok || e.fresh.state == legGone {
		e.fresh.drop(CauseNormalClearing)
		e.fresh.closeMedia()
		tellReferrer(e.referred, 481, "")
		return
	}
	ch.replace(e.old, e.fresh, true)
	tellReferrer(e.referred, 200, "OK")
	ch.log().Info("leg replaced", "old", e.old.name, "new", e.fresh.name)
}

// answerNow answers an INVITE that takes another leg's place.
func (l *leg) answerNow() bool {
	err := l.readOffer(l.takeBody())
	var body string
	if err == nil {
		body, err = l.describe()
	}
	if err == nil {
		err = l.session.Answer(body)
	}
	if err != nil {
		l.ch.log().Info("INVITE with Replaces not answered", "peer", l.name, "error", err)
		l.cause = CauseBearerNotAvailable
		return false
	}
	l.state = legUp
	return true
}

// owns reports whether the leg takes part in the channel's call.
func (ch *channel) owns(l *leg) bool {
	if l == ch.caller {
		return true
	}
	for _, b := range ch.branches {
		if b == l {
			return true
		}
	}
	return false
}

// replace puts fresh in the place of old: as the caller or as a branch of the
// Dial under way. It goes on with whatever old had: its peer, the ringing, the
// sound that is played. wait lets old end its dialog itself.
func (ch *channel) replace(old, fresh *leg, wait bool) {
	peer, playing := old.peer, old.playing
	ch.noteMedia()
	if peer != nil {
		ch.part(old, peer)
	}
	if old == ch.caller {
		ch.caller = fresh
		ch.followMonitors()
	} else {
		for i, b := range ch.branches {
			if b == old {
				ch.branches[i] = fresh
			}
		}
		fresh.outgoing = true
		ch.cdr.DstChannel, ch.cdr.DstSIPCallID = fresh.name, fresh.callID
	}
	if d := ch.dialing; d != nil {
		if d.peer == old {
			d.peer = fresh
		}
		d.early = nil
		if fresh == ch.caller && d.peer == nil {
			d.replaced = !ch.tellRinging()
		}
	}
	ch.dismiss(old, wait)
	switch {
	case peer != nil:
		if err := ch.join(peer, fresh); err != nil {
			ch.log().Warn("sound not connected", "peer", fresh.name, "error", err)
		}
		ch.connectedLine(peer, fresh)
		ch.connectedLine(fresh, peer)
	case old != ch.caller && playing != nil:
		fresh.play(playing)
	}
}

// tellRinging tells the telephones that ring who calls them now, and reports
// whether all could be told; the others are when they answer.
func (ch *channel) tellRinging() bool {
	all := true
	for _, b := range ch.branches {
		all = ch.connectedLine(b, ch.caller) && all
	}
	return all
}

// surrender gives what a leg is connected with to the channel that asks.
func (ch *channel) surrender(e surrender) {
	other := e.of.peer
	to := e.to.owner()
	if ch.gone() || ch.consult != nil || other == nil || e.of.state != legUp || other.state != legUp || e.of != ch.caller && other != ch.caller {
		e.to.post(declined{e}, false)
		return
	}
	ch.noteMedia()
	ch.part(e.of, other)
	undo := ch.empty(e.of, other)
	if !other.move(to, takeover{old: e.to, fresh: other, referred: e.referred}) {
		undo()
		ch.end(CauseNormalClearing, ch.name) // the transferer's call has gone, and with it this one's purpose
		return
	}
	ch.vacate(e.of, to)
}

// empty fills the places of two legs with ghosts, before one of them goes to
// another goroutine, and returns what takes that back.
func (ch *channel) empty(a, b *leg) (undo func()) {
	ch.forgetKeys(a)
	ch.forgetKeys(b)
	caller, branches, d := ch.caller, slices.Clone(ch.branches), ch.dialing
	var peer *leg
	if caller == a || caller == b {
		ch.caller = ghost(caller)
	}
	ch.branches = slices.DeleteFunc(ch.branches, func(l *leg) bool { return l == a || l == b })
	if d != nil && d.peer != nil {
		peer, d.peer = d.peer, ghost(d.peer)
	}
	return func() {
		ch.caller, ch.branches = caller, branches
		if peer != nil {
			d.peer = peer
		}
	}
}

// vacate ends a channel whose call goes on in the channel to; the leg that
// remains, the transferer's, leaves with it.
func (ch *channel) vacate(remains *leg, to *channel) {
	remains.peer = nil
	if remains.state != legUp || !remains.move(to, depart{time.Now().Add(byeTime)}) {
		remains.hangUp(CauseNormalClearing)
		remains.closeMedia()
	}
	ch.end(CauseNormalClearing, ch.name)
}

// noteMedia keeps what the record says of the sound before the legs change.
func (ch *channel) noteMedia() {
	if d := ch.dialing; d != nil && d.peer != nil && ch.cdr.Media == nil {
		ch.cdr.Media = mediaReport(ch.caller, d.peer)
	}
}

// tellReferrer sends a transferer the outcome.
func tellReferrer(n *dialog.Notifier, status int, reason string) {
	if n != nil {
		_ = n.Sipfrag(status, reason) // the transferer may have gone
	}
}
