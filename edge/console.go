package edge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
)

// DestinationInfo is what an operator sees of a destination.
type DestinationInfo struct {
	Set       int
	ID        string // duid, or the URI
	URI       string
	State     dispatch.State
	Flags     string // Kamailio's letters: state, then P if probed, X if not
	Priority  int
	Attrs     []dispatch.Attr
	Calls     int64
	LatencyMS float64
	Since     time.Time // of the state
	LastSign  string    // the last probe or call that told something
}

// Destinations lists all destinations by set and priority.
func (d *Dispatcher) Destinations() []DestinationInfo {
	b := d.board.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []DestinationInfo
	for id, set := range b.sets {
		for _, dest := range set.Destinations() {
			pl := b.byDest[dest]
			latency, _ := dest.LatencyMS()
			list = append(list, DestinationInfo{
				Set: id, ID: dest.ID, URI: dest.URI, State: dest.State(), Flags: dest.State().Letter() + b.probed(pl),
				Priority: dest.Priority, Attrs: dest.Attrs, Calls: dest.Load(), LatencyMS: latency, Since: pl.since, LastSign: pl.lastSign,
			})
		}
	}
	slices.SortStableFunc(list, func(x, y DestinationInfo) int { return cmp.Compare(x.Set, y.Set) })
	return list
}

func (b *board) probed(pl *place) string {
	if b.settings.probes(pl) {
		return "P"
	}
	return "X"
}

// Order is what an operator wants of a destination, as one word.
type Order string

// The orders. What probes find later changes the states of Trying and Inactive as
// it would without an operator; the other states are his alone. All of them survive
// a reload, unless the new file has other flags for the destination.
const (
	Drain    Order = "drain"    // it finishes its calls and gets no new ones
	Enable   Order = "enable"   // it takes calls, and is probed as the configuration says
	Disable  Order = "disable"  // it is out of use: not even probed
	Trying   Order = "trying"   // it takes calls until the next sign tells more
	Inactive Order = "inactive" // it takes none until probes, if it is probed, find it well
	Probing  Order = "probing"  // it is probed, whatever the configuration says; its state stays
)

// parse reads an order, or a state in the letters of Kamailio's
// dispatcher.set_state: a, i, t or d, with p behind it to be probed. It returns the
// new state, and whether the destination is probed because the operator wants it.
func (o Order) parse(was *place) (to dispatch.State, probed, ok bool) {
	switch Order(strings.ToLower(string(o))) {
	case Drain:
		return dispatch.Draining, was.watched, true
	case Enable, "a":
		return dispatch.Active, false, true
	case Disable, "d", "dp":
		return dispatch.Disabled, false, true
	case Trying:
		return dispatch.Trying, was.watched, true
	case Inactive:
		return dispatch.Inactive, was.watched, true
	case Probing:
		return was.dest.State(), true, true
	case "ap":
		return dispatch.Active, true, true
	case "t", "tp":
		return dispatch.Trying, len(o) == 2, true
	case "i", "ip":
		return dispatch.Inactive, len(o) == 2, true
	}
	return 0, false, false
}

// AllSets stands for every set in Command.
const AllSets = -1

// Command carries out an order about the destination of that duid or URI in a set,
// or in all of them.
func (d *Dispatcher) Command(order Order, set int, id string) error {
	b := d.board.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	found := false
	for number, s := range b.sets {
		dest, ok := s.Find(id)
		if !ok || set != AllSets && set != number {
			continue
		}
		found = true
		pl := b.byDest[dest]
		to, probed, ok := order.parse(pl)
		if !ok {
			return fmt.Errorf("edge: no order %q: write drain, enable, disable, trying, inactive, probing, or a state as a, ap, t, tp, i, ip, d", order)
		}
		pl.watched = probed
		pl.health = dispatch.NewHealth(b.settings.Health, time.Now())
		d.change(pl, to, string(order)+" by the operator")
	}
	switch {
	case found:
		d.kick()
		return nil
	case set != AllSets:
		return fmt.Errorf("edge: no destination %q in set %d", id, set)
	}
	return fmt.Errorf("edge: no destination %q", id)
}
