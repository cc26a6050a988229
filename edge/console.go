package edge

import (
	"cmp"
	"fmt"
	"slices"
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
				Set: id, ID: dest.ID, URI: dest.URI, State: dest.State(), Flags: dest.State().Letter() + b.probed(dest),
				Priority: dest.Priority, Attrs: dest.Attrs, Calls: dest.Load(), LatencyMS: latency, Since: pl.since, LastSign: pl.lastSign,
			})
		}
	}
	slices.SortStableFunc(list, func(x, y DestinationInfo) int { return cmp.Compare(x.Set, y.Set) })
	return list
}

func (b *board) probed(dest *dispatch.Destination) string {
	if b.settings.NoPing || dest.Flags&dispatch.FlagNoPing != 0 {
		return "X"
	}
	return "P"
}

// Drain lets a destination finish its calls and gives it no new ones.
func (d *Dispatcher) Drain(id string) error {
	return d.command(id, dispatch.Draining, "drained by the operator")
}

// Disable takes a destination out of use: it is not even probed.
func (d *Dispatcher) Disable(id string) error {
	return d.command(id, dispatch.Disabled, "disabled by the operator")
}

// Enable takes a destination into use again.
func (d *Dispatcher) Enable(id string) error {
	return d.command(id, dispatch.Active, "enabled by the operator")
}

// command gives the destinations of that duid or URI, in all sets, a state.
func (d *Dispatcher) command(id string, to dispatch.State, why string) error {
	b := d.board.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	found := false
	for _, set := range b.sets {
		if dest, ok := set.Find(id); ok {
			found = true
			pl := b.byDest[dest]
			pl.health = dispatch.NewHealth(b.settings.Health, time.Now())
			d.change(pl, to, why)
		}
	}
	if !found {
		return fmt.Errorf("edge: no destination %q", id)
	}
	d.kick()
	return nil
}
