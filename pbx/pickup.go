package pbx

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hometone/hometone/config/pjsip"
)

// rings are the Dials whose callees ring, for those who take calls that ring
// elsewhere. Only calls that somebody could take are told. It is safe for
// concurrent use.
type rings struct {
	mu   sync.Mutex // guards list
	list []*ringing // the oldest first
}

// ringing is one Dial. What it says never changes.
type ringing struct {
	ch                   *channel
	context, exten, mark string
}

func (r *rings) add(e *ringing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e)
}

func (r *rings) remove(e *ringing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(other *ringing) bool { return other == e })
}

func (r *rings) all() []*ringing {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// pickupMark is the variable that Pickup(MARK@PICKUPMARK) looks for.
const pickupMark = "PICKUPMARK"

// tellRinging lets others take the call until the function returned is called; nil: nobody
// could. It is asked before anybody is called, so that whoever knows of the call can take
// it, and, where only groups count, once more when the callees are known.
func (d *dialing) tellRinging(called bool) (over func()) {
	ch := d.ch
	grouped := func(l *leg) bool { return len(l.endpoint.CallGroup)+len(l.endpoint.NamedCallGroup) > 0 }
	if !ch.set.Plan.PicksUp() && !(called && slices.ContainsFunc(ch.branches, grouped)) {
		return nil
	}
	at := ch.interp.Position()
	e := &ringing{ch: ch, context: at.Context, exten: at.Exten}
	for _, v := range ch.interp.Inherited() {
		if v.Name == pickupMark {
			e.mark = v.Value
		}
	}
	ch.srv.rings.add(e)
	return func() { ch.srv.rings.remove(e) }
}

// groups are the numbered and named groups of one side of a pickup.
type groups struct{ numbers, names []string }

// callGroups are the groups that a called leg rings for.
func (d *dialing) callGroups(l *leg) groups {
	var notes map[string]string
	if c := d.callees[l]; c != nil {
		notes = c.notes
	}
	return groupsOf(notes, "call", l.endpoint.CallGroup, l.endpoint.NamedCallGroup)
}

// pickupGroups are those that the channel may take calls of.
func (ch *channel) pickupGroups(e *pjsip.Endpoint) groups {
	return groupsOf(ch.notes, "pickup", e.PickupGroup, e.NamedPickupGroup)
}

// groupsOf reads the groups of an endpoint, or those that CHANNEL() has set.
func groupsOf(notes map[string]string, kind string, numbers, names []string) groups {
	if v, ok := notes["channel-"+kind+"group"]; ok {
		numbers = strings.Split(v, ",")
	}
	if v, ok := notes["channel-named"+kind+"group"]; ok {
		names = strings.Split(v, ",")
	}
	var g groups
	for _, n := range numbers {
		g.numbers = append(g.numbers, spread(strings.TrimSpace(n))...)
	}
	for _, n := range names {
		if n = strings.TrimSpace(n); n != "" {
			g.names = append(g.names, n)
		}
	}
	return g
}

// maxGroup is the highest number of a group.
const maxGroup = 63

// spread reads a number, or a range of them such as 1-3.
func spread(s string) (list []string) {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		to = from
	}
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil {
		return nil
	}
	for n := max(first, 0); n <= min(last, maxGroup); n++ {
		list = append(list, strconv.Itoa(n))
	}
	return list
}

// meet reports whether a call of one side's groups may be taken by the other.
func (g groups) meet(other groups) bool {
	return slices.ContainsFunc(g.numbers, func(n string) bool { return slices.Contains(other.numbers, n) }) ||
		slices.ContainsFunc(g.names, func(n string) bool { return slices.Contains(other.names, n) })
}

// pickedUp puts a leg in the place of one that rings.
type pickedUp struct{ old, fresh *leg }

// PickupRequest says which call is taken; the first that rings and fits.
type PickupRequest struct {
	Extens   []string // EXTEN[@CONTEXT] or MARK@PICKUPMARK
	Channels []string // names of called channels, the device of one, or with Partial a beginning
	Partial  bool
	Group    bool // a call of the groups of the caller's endpoint
}

// Pickup implements Switchboard.
func (ch *channel) Pickup(ctx context.Context, req PickupRequest) (bool, error) {
	mine := ch.pickupGroups(ch.caller.endpoint)
	for _, e := range ch.srv.rings.all() {
		if e.ch == ch || !req.fitsCall(e, ch.interp.Position().Context) {
			continue
		}
		var found *leg
		got := make(chan *leg, 1) // the answer may come when nobody waits for it any more
		err := ch.ask(e.ch, func(o *channel) { got <- o.ringingLeg(&req, mine) })
		if err == nil {
			found = <-got
		}
		if found == nil {
			continue
		}
		return true, ch.takeCall(ctx, e.ch, found)
	}
	if sound := ch.features().General.PickupFailSound; sound != "" && ch.Answered() {
		_, err := Speak(ctx, ch, "", sound)
		return false, err
	}
	return false, nil
}

// fitsCall reports whether a Dial may have the call that is asked for.
func (r *PickupRequest) fitsCall(e *ringing, here string) bool {
	if len(r.Extens) == 0 {
		return true
	}
	return slices.ContainsFunc(r.Extens, func(s string) bool {
		exten, where, ok := strings.Cut(s, "@")
		if strings.EqualFold(where, pickupMark) {
			return e.mark == exten && exten != ""
		}
		return e.exten == exten && (where == e.context || !ok && (here == e.context || e.context == ""))
	})
}

// ringingLeg is the called leg of the channel's Dial that may be taken.
func (ch *channel) ringingLeg(req *PickupRequest, mine groups) *leg {
	d := ch.dialing
	if d == nil || d.peer != nil || ch.gone() {
		return nil
	}
	for _, l := range ch.branches {
		if l.state != legTrying && l.state != legRinging && l.state != legEarly {
			continue
		}
		if req.Group && !d.callGroups(l).meet(mine) {
			continue
		}
		if len(req.Channels) == 0 || slices.ContainsFunc(req.Channels, func(name string) bool {
			return strings.EqualFold(name, l.name) || strings.EqualFold(name, deviceOf(l.name)) ||
				req.Partial && name != "" && strings.HasPrefix(strings.ToLower(l.name), strings.ToLower(name))
		}) {
			return l
		}
	}
	return nil
}

// takeCall answers the caller and gives it to the channel whose callee rings.
func (ch *channel) takeCall(ctx context.Context, to *channel, rings *leg) error {
	if err := ch.Answer(ctx); err != nil {
		return err
	}
	if sound := ch.features().General.PickupSound; sound != "" {
		if _, err := Speak(ctx, ch, "", sound); err != nil {
			return err
		}
	}
	fresh := ch.caller
	ch.log().Info("call picked up", "peer", rings.name, "by", fresh.name)
	ch.StopMonitor("")
	ch.detach(fresh)
	if !fresh.move(to, pickedUp{rings, fresh}) {
		ch.caller = fresh // it has ended meanwhile
		return nil
	}
	ch.end(CauseNormalClearing, ch.name)
	return ErrHangup
}

// takePicked puts a leg that has come in the place of the one that rings.
func (ch *channel) takePicked(e pickedUp) {
	if ch.gone() || ch.dialing == nil || ch.dialing.peer != nil || !ch.owns(e.old) || e.old.state >= legUp || e.fresh.state != legUp {
		e.fresh.drop(CauseNormalClearing)
		e.fresh.closeMedia()
		return
	}
	e.old.cancelElsewhere()
	ch.replace(e.old, e.fresh, false)
	ch.dialing.replaced = true
}
