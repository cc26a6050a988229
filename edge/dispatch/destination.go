package dispatch

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/sip/transport"
)

// State says whether new calls may go to a destination.
type State uint8

// The states; the letters are those of Kamailio's listing.
const (
	Active   State = iota // A: takes calls
	Trying                // T: takes calls, has failed but not yet often enough
	Inactive              // I: found dead, takes none
	Disabled              // D: switched off by the operator
	Draining              // takes no new calls, keeps those it has
)

// String returns the state's word.
func (s State) String() string {
	return [...]string{"active", "trying", "inactive", "disabled", "draining"}[s]
}

// Letter returns the state's letter in Kamailio's listing.
func (s State) Letter() string { return [...]string{"A", "T", "I", "D", "D"}[s] }

// takesCalls reports whether Select may choose a destination in this state.
func (s State) takesCalls() bool { return s <= Trying }

// Flags of a line of dispatcher.list.
const (
	FlagInactive = 1 << 0
	FlagTrying   = 1 << 1
	FlagDisabled = 1 << 2
	FlagProbing  = 1 << 3
	FlagNoDNS    = 1 << 4 // the host name is looked up when it is used
	FlagNoPing   = 1 << 5
)

// Attr is one name=value of a destination.
type Attr struct{ Name, Value string }

// Spec describes a destination as configured.
type Spec struct {
	URI      string
	Flags    uint32
	Priority int // the higher, the earlier
	Attrs    []Attr
}

// Destination is one place calls can go to, with what is known of it now.
// Its configuration is immutable; load, latency and state are atomic.
type Destination struct {
	URI      string
	ID       string // attribute duid, else the URI
	Priority int
	Flags    uint32
	Attrs    []Attr

	weight, rweight   int // percent; 0: takes no part in that algorithm
	maxLoad           int64
	congestionControl bool
	ocMin, ocRate     int // percent
	resources         []resource
	seed              uint64 // of the rendezvous hash

	state     atomic.Uint32
	live      *live
	overloads atomic.Uint32 // counts the offers that Overload has made
}

// live is what outlives a reload.
type live struct {
	load    atomic.Int64  // calls, from the dialog table
	latency atomic.Uint64 // float64 bits, ms: recent estimate
	normal  atomic.Uint64 // float64 bits, ms: long-term average
	upSince atomic.Int64  // Unix nanoseconds of the last change to Active, 0: always was
	warming atomic.Uint64 // counts the offers during slow start
	targets atomic.Pointer[[]transport.Target]
	govern  *Governor
	heard   atomic.Int64 // Unix nanoseconds of the last first answer to an INVITE
	back    atomic.Int64 // the same of the first one after the destination was gone
}

// resource is something of which a destination has only so much.
type resource struct {
	name     string
	capacity int64
	used     *atomic.Int64 // by calls in progress; outlives a reload
}

func newDestination(spec Spec) (*Destination, []error) {
	d := &Destination{URI: spec.URI, ID: spec.URI, Priority: spec.Priority, Flags: spec.Flags, Attrs: spec.Attrs, ocMin: 10, ocRate: 100, live: &live{govern: NewGovernor()}}
	var faults []error
	percent := func(name, value string, low int, into *int) {
		n, err := strconv.Atoi(value)
		if err != nil || n < low || n > 100 {
			faults = append(faults, fmt.Errorf("dispatch: %s: %s=%s is no number from %d to 100 and is taken as %d", spec.URI, name, value, low, *into))
			return
		}
		*into = n
	}
	for _, a := range spec.Attrs {
		switch a.Name {
		case "duid":
			d.ID = a.Value
		case "weight":
			percent(a.Name, a.Value, 1, &d.weight)
		case "rweight":
			percent(a.Name, a.Value, 1, &d.rweight)
		case "ocmin":
			percent(a.Name, a.Value, 0, &d.ocMin)
		case "ocrate":
			percent(a.Name, a.Value, 0, &d.ocRate)
		case "cc":
			d.congestionControl = a.Value == "1"
		case "maxload":
			n, err := strconv.ParseInt(a.Value, 10, 64)
			if err != nil || n < 0 {
				faults = append(faults, fmt.Errorf("dispatch: %s: maxload=%s is no number of calls; no limit is set", spec.URI, a.Value))
				continue
			}
			d.maxLoad = n
		case "latency":
			if ms, err := strconv.ParseFloat(a.Value, 64); err == nil && ms >= 0 {
				d.live.latency.Store(math.Float64bits(ms))
				d.live.normal.Store(math.Float64bits(ms))
			}
		case "resources":
			faults = append(faults, d.parseResources(a.Value)...)
		}
	}
	d.seed = mix(hashText(d.ID))
	d.state.Store(uint32(initialState(spec.Flags)))
	return d, faults
}

func initialState(flags uint32) State {
	switch {
	case flags&FlagDisabled != 0:
		return Disabled
	case flags&FlagInactive != 0:
		return Inactive
	case flags&FlagTrying != 0:
		return Trying
	}
	return Active
}

// parseResources reads name:capacity,… of the attribute resources.
func (d *Destination) parseResources(text string) []error {
	var faults []error
	for item := range strings.SplitSeq(text, ",") {
		name, capacity, found := strings.Cut(item, ":")
		n, err := strconv.ParseInt(capacity, 10, 64)
		if !found || name == "" || err != nil || n <= 0 {
			faults = append(faults, fmt.Errorf("dispatch: %s: resource %q is not name:capacity", d.URI, item))
			continue
		}
		d.resources = append(d.resources, resource{name, n, new(atomic.Int64)})
	}
	return faults
}

// State returns the state.
func (d *Destination) State() State { return State(d.state.Load()) }

// Load returns how many calls the destination has.
func (d *Destination) Load() int64 { return d.live.load.Load() }

// Begin counts a call that goes to the destination with the resources it uses,
// End the same call's end. They belong to the beginning and the end of a dialog
// in the dialog table, so the count cannot drift from it.
func (d *Destination) Begin(resources ...string) { d.count(1, resources) }

// End is the counterpart of Begin, with the same resources.
func (d *Destination) End(resources ...string) { d.count(-1, resources) }

func (d *Destination) count(by int64, resources []string) {
	d.live.load.Add(by)
	for _, name := range resources {
		if i := d.resourceIndex(name); i >= 0 {
			d.resources[i].used.Add(by)
		}
	}
}

func (d *Destination) resourceIndex(name string) int {
	return slices.IndexFunc(d.resources, func(r resource) bool { return r.name == name })
}

// inherit takes over what is known of was, the same destination before a reload.
// Calls count on at was, which shares its counters with d.
func (d *Destination) inherit(was *Destination) {
	d.live = was.live
	for i := range d.resources {
		if old := was.resourceIndex(d.resources[i].name); old >= 0 {
			d.resources[i].used = was.resources[old].used
		}
	}
	if d.Flags == was.Flags {
		d.state.Store(uint32(was.State()))
	}
}

// Governor returns the destination's overload control; a reload keeps it.
func (d *Destination) Governor() *Governor { return d.live.govern }

// gone is how long a destination that is asked says nothing until it was away: one
// that is busy goes on answering, late.
const gone = time.Second

// Answered takes the time from an INVITE to its first answer. What was sent before
// the destination came back says how long it was away, not how busy it is.
func (d *Destination) Answered(after time.Duration, now time.Time) {
	t := now.UnixNano()
	if was := d.live.heard.Swap(t); was < t-int64(gone) {
		d.live.back.Store(t)
	}
	if after <= slowAnswer || t-int64(after) > d.live.back.Load() {
		d.live.govern.Answered(after)
	}
}

// full reports whether maxload is reached.
func (d *Destination) full() bool { return d.maxLoad > 0 && d.Load() >= d.maxLoad }

// free returns the smallest share of what is left of the resources, 0 to 1; 0
// if the destination lacks one of them. Without resources it is the share of maxload.
func (d *Destination) free(resources []string) float64 {
	least := 1.0
	if len(resources) == 0 && d.maxLoad > 0 {
		least = 1 - float64(d.Load())/float64(d.maxLoad)
	}
	for _, name := range resources {
		i := d.resourceIndex(name)
		if i < 0 {
			return 0
		}
		r := &d.resources[i]
		least = min(least, 1-float64(r.used.Load())/float64(r.capacity))
	}
	return max(least, 0)
}

// latencyAlpha is the weight of the past in the recent estimate, normalAlpha
// in the long-term average (Kamailio's ds_latency_estimator_alpha is 900‰).
const (
	latencyAlpha = 0.9
	normalAlpha  = 0.99
)

// Measured takes the time a probe took.
func (d *Destination) Measured(rtt time.Duration) {
	ms := float64(rtt) / float64(time.Millisecond)
	average(&d.live.latency, ms, latencyAlpha)
	average(&d.live.normal, ms, normalAlpha)
}

func average(into *atomic.Uint64, sample, alpha float64) {
	for {
		old := into.Load()
		value := math.Float64frombits(old)
		if old == 0 {
			value = sample
		}
		if into.CompareAndSwap(old, math.Float64bits(alpha*value+(1-alpha)*sample)) {
			return
		}
	}
}

// LatencyMS returns the recent estimate and the long-term average, in ms.
func (d *Destination) LatencyMS() (estimate, normal float64) {
	return math.Float64frombits(d.live.latency.Load()), math.Float64frombits(d.live.normal.Load())
}

// congestion returns by how many ms the destination is slower than normally,
// or than nothing if cc is not set.
func (d *Destination) congestion() float64 {
	estimate, normal := d.LatencyMS()
	if d.congestionControl {
		return max(estimate-normal, 0)
	}
	return estimate
}

// adjustedPriority is PRIORITY − LATENCY/PRIORITY, in whole points.
func (d *Destination) adjustedPriority() int {
	if d.Priority <= 0 {
		return d.Priority
	}
	return d.Priority - int(d.congestion())/d.Priority
}

func byPriority(a, b *Destination) int { return cmp.Compare(b.Priority, a.Priority) }

// Targets returns where the destination's URI leads, as found out last; nil if
// that is not known.
func (d *Destination) Targets() []transport.Target {
	if list := d.live.targets.Load(); list != nil {
		return *list
	}
	return nil
}

// SetTargets notes where the destination's URI leads. The list is not changed
// afterwards.
func (d *Destination) SetTargets(list []transport.Target) { d.live.targets.Store(&list) }

// Reaches reports whether f leads to the destination, so that what comes over f
// comes from it: its address and port, over streams the address.
func (d *Destination) Reaches(f transport.Flow) bool {
	remote := netip.AddrPortFrom(f.Remote().Addr().Unmap(), f.Remote().Port())
	for _, t := range d.Targets() {
		if t.Addr == remote || t.Proto.Reliable() && f.Reliable() && t.Addr.Addr() == remote.Addr() {
			return true
		}
	}
	return false
}
