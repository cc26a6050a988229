package dispatch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
)

var now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// set makes a set of "name priority attr=value;…" lines.
func set(t *testing.T, lines ...string) *dispatch.Set {
	t.Helper()
	cfg := dispatch.Config{ID: 1}
	for _, line := range lines {
		var name, attrs string
		var priority int
		if _, err := fmt.Sscan(line, &name, &priority, &attrs); err != nil && attrs != "" {
			t.Fatal(err)
		}
		spec := dispatch.Spec{URI: "sip:" + name, Priority: priority}
		for pair := range strings.SplitSeq(attrs, ";") {
			if key, value, found := strings.Cut(pair, "="); found {
				spec.Attrs = append(spec.Attrs, dispatch.Attr{Name: key, Value: value})
			}
		}
		cfg.Destinations = append(cfg.Destinations, spec)
	}
	s, faults := dispatch.New(cfg)
	for _, fault := range faults {
		t.Errorf("unexpected: %v", fault)
	}
	return s
}

func many(t *testing.T, n int) *dispatch.Set {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("d%02d 0", i)
	}
	return set(t, lines...)
}

func names(all []*dispatch.Destination) string {
	var out []string
	for _, d := range all {
		out = append(out, strings.TrimPrefix(d.URI, "sip:"))
	}
	return strings.Join(out, " ")
}

// calls counts the first choices of n calls.
func calls(s *dispatch.Set, alg dispatch.Algorithm, n int, key func(i int) dispatch.Key) map[string]int {
	count := make(map[string]int)
	for i := range n {
		if all := s.Select(nil, alg, key(i), now); len(all) > 0 {
			count[strings.TrimPrefix(all[0].URI, "sip:")]++
		}
	}
	return count
}

func noKey(int) dispatch.Key { return dispatch.Key{} }

func setState(t *testing.T, s *dispatch.Set, name string, to dispatch.State) {
	t.Helper()
	d, found := s.Find("sip:" + name)
	if !found {
		t.Fatalf("no destination %s", name)
	}
	s.SetState(d, to, now)
}

// Each algorithm's order of destinations for a row of calls, against its
// definition in the documentation of Kamailio's dispatcher module.
func TestOrder(t *testing.T) {
	three := []string{"a 0", "b 0", "c 0"}
	for _, c := range []struct {
		alg   dispatch.Algorithm
		lines []string
		down  string
		want  []string
		why   string
	}{
		{dispatch.RoundRobin, three, "", []string{"a b c", "b c a", "c a b", "a b c"}, "4: next destination, the rest in a circle"},
		{dispatch.RoundRobin, three, "b", []string{"a c", "c a", "a c"}, "4: an inactive destination is ignored"},
		{dispatch.HashAuthUser, three, "", []string{"a b c", "b c a"}, "5: without a user name round robin is used"},
		{dispatch.Priority, []string{"a 1", "b 3", "c 2"}, "", []string{"b c a", "b c a"}, "8: sorted by priority"},
		{dispatch.Priority, []string{"a 1", "b 3", "c 2"}, "b", []string{"c a"}, "8: the next priority when the first is down"},
		{dispatch.Parallel, three, "", []string{"a b c", "a b c"}, "12: all at once"},
		{dispatch.RoundRobinTie, []string{"a 5", "b 5"}, "", []string{"a b", "b a", "a b"}, "14: the same priority above 0 is round robin"},
		{dispatch.RoundRobinTie, []string{"a 5", "b 6"}, "", []string{"b a", "b a"}, "14: other priorities are serial"},
		{dispatch.RoundRobinTie, three, "", []string{"a b c", "a b c"}, "14: priority 0 is serial"},
		{dispatch.First, three, "a", []string{"b c", "b c"}, "15: the first entry"},
		{dispatch.Latency, []string{"g1 30 latency=21", "g2 30 latency=91", "g3 30 latency=61", "g4 30 latency=19", "g5 30 latency=32", "g6 30 latency=0", "g7 30 latency=201"},
			"", []string{"g1 g2 g3 g4 g5 g6 g7", "g4 g5 g6 g7 g1 g2 g3", "g6 g7 g1 g2 g3 g4 g5", "g1 g2 g3 g4 g5 g6 g7"}, "13: the documentation's own table: 1, 4 and 6 share the calls"},
	} {
		t.Run(c.why, func(t *testing.T) {
			s := set(t, c.lines...)
			if c.down != "" {
				setState(t, s, c.down, dispatch.Inactive)
			}
			for i, want := range c.want {
				if got := names(s.Select(nil, c.alg, dispatch.Key{}, now)); got != want {
					t.Errorf("call %d goes to %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

// 9: percent of the calls, exact over any 100 calls; the last fills up to 100;
// survivors share what a dead destination leaves, in proportion.
func TestWeight(t *testing.T) {
	s := set(t, "a 0 weight=50", "b 0 weight=30", "c 0 weight=20")
	for start := range 7 {
		got := calls(s, dispatch.Weight, 100, noKey)
		if got["a"] != 50 || got["b"] != 30 || got["c"] != 20 {
			t.Fatalf("100 calls from position %d split %v, want 50/30/20", start*101, got)
		}
		calls(s, dispatch.Weight, 1, noKey)
	}
	setState(t, s, "a", dispatch.Inactive)
	if got := calls(s, dispatch.Weight, 100, noKey); got["b"] != 60 || got["c"] != 40 {
		t.Errorf("with a down 100 calls split %v, want 60/40", got)
	}
	filled := set(t, "a 0 weight=30", "b 0 weight=30")
	if got := calls(filled, dispatch.Weight, 100, noKey); got["a"] != 30 || got["b"] != 70 {
		t.Errorf("weights 30 and 30 split %v; the last is used to fill the missing percentage: want 30/70", got)
	}
}

// The example of the stack that is replaced: two destinations, weight 50 each.
func TestWeightThousandCalls(t *testing.T) {
	s := set(t, "a 0 weight=50", "b 0 weight=50")
	if got := calls(s, dispatch.Weight, 1000, noKey); got["a"] != 500 || got["b"] != 500 {
		t.Errorf("1,000 calls split %v, want 500 each", got)
	}
}

// A weight outside 1 to 100, or beyond a sum of 100, is ignored with a word.
func TestWeightFaults(t *testing.T) {
	spec := func(uri, weight string) dispatch.Spec {
		return dispatch.Spec{URI: uri, Attrs: []dispatch.Attr{{Name: "weight", Value: weight}}}
	}
	s, faults := dispatch.New(dispatch.Config{ID: 7, Destinations: []dispatch.Spec{spec("sip:a", "60"), spec("sip:b", "60"), spec("sip:c", "much"), spec("sip:d", "0")}})
	if len(faults) != 3 {
		t.Errorf("faults are %v; want one each for b, c and d", faults)
	}
	if got := calls(s, dispatch.Weight, 100, noKey); got["a"] != 100 {
		t.Errorf("100 calls split %v, want all to a", got)
	}
}

// 11: the documentation's example: 1/2/1 is 25/50/25, and 33/67/0 when the
// third is inactive.
func TestRelativeWeight(t *testing.T) {
	s := set(t, "a 0 rweight=1", "b 0 rweight=2", "c 0 rweight=1")
	if got := calls(s, dispatch.RelativeWeight, 100, noKey); got["a"] != 25 || got["b"] != 50 || got["c"] != 25 {
		t.Errorf("100 calls split %v, want 25/50/25", got)
	}
	setState(t, s, "c", dispatch.Inactive)
	if got := calls(s, dispatch.RelativeWeight, 99, noKey); got["a"] != 33 || got["b"] != 66 {
		t.Errorf("99 calls split %v, want 33/66", got)
	}
}

// 11 with cc=1: more ms of congestion than weight sends the calls elsewhere.
func TestRelativeWeightCongestion(t *testing.T) {
	s := set(t, "a 0 rweight=50;weight=50;cc=1;latency=20", "b 0 rweight=50;weight=50;cc=1;latency=20")
	a, _ := s.Find("sip:a")
	for range 20 {
		a.Measured(400 * time.Millisecond)
	}
	if estimate, normal := a.LatencyMS(); estimate-normal < 50 {
		t.Fatalf("estimate %.0f ms, normal %.0f ms: the test does not congest", estimate, normal)
	}
	if got := calls(s, dispatch.RelativeWeight, 100, noKey); got["b"] != 100 {
		t.Errorf("100 calls split %v, want all to b", got)
	}
}

// 10: the fewest calls; maxload is a limit.
func TestCallLoad(t *testing.T) {
	s := set(t, "a 0 duid=1;maxload=2", "b 0 duid=2")
	var got []string
	for range 6 {
		chosen := s.Select(nil, dispatch.CallLoad, dispatch.Key{}, now)[0]
		chosen.Begin()
		got = append(got, chosen.ID)
	}
	if want := "1 2 1 2 2 2"; strings.Join(got, " ") != want {
		t.Errorf("six calls go to %v, want %s: a takes two at most", got, want)
	}
	a, _ := s.Find("1")
	a.End()
	if chosen := s.Select(nil, dispatch.CallLoad, dispatch.Key{}, now)[0]; chosen != a {
		t.Errorf("after a call of a ended the next goes to %s, want a", chosen.ID)
	}
}

// 100: the largest share of the scarcest resource asked for.
func TestResources(t *testing.T) {
	s := set(t, "a 0 resources=pstn:10,conf:1", "b 0 resources=pstn:100")
	a, _ := s.Find("sip:a")
	a.Begin("pstn")
	if chosen := s.Select(nil, dispatch.Resources, dispatch.Key{Resources: []string{"pstn"}}, now); names(chosen[:1]) != "b" {
		t.Errorf("pstn goes to %s, want b with all of 100 free", names(chosen[:1]))
	}
	if chosen := s.Select(nil, dispatch.Resources, dispatch.Key{Resources: []string{"pstn", "conf"}}, now); names(chosen[:1]) != "a" {
		t.Errorf("pstn and conf go to %s, want a: only it has both", names(chosen[:1]))
	}
	a.Begin("conf")
	if chosen := s.Select(nil, dispatch.Resources, dispatch.Key{Resources: []string{"conf"}}, now); chosen != nil {
		t.Errorf("conf goes to %s although none is free", names(chosen))
	}
}

var hashes = map[dispatch.Algorithm]func(text string) dispatch.Key{
	dispatch.HashCallID:     func(x string) dispatch.Key { return dispatch.Key{CallID: x} },
	dispatch.HashFrom:       func(x string) dispatch.Key { return dispatch.Key{From: x} },
	dispatch.HashTo:         func(x string) dispatch.Key { return dispatch.Key{To: x} },
	dispatch.HashRequestURI: func(x string) dispatch.Key { return dispatch.Key{User: x} },
	dispatch.HashAuthUser:   func(x string) dispatch.Key { return dispatch.Key{AuthUser: x} },
	dispatch.HashCustom:     func(x string) dispatch.Key { return dispatch.Key{Custom: x} },
	dispatch.BoundedHash:    func(x string) dispatch.Key { return dispatch.Key{CallID: x} },
}

// 0, 1, 2, 3, 5, 7: the same text goes to the same destination, sixty
// destinations share evenly, and the loss of one of six moves only its calls
// and spreads them over all others (max/mean at most 1.25).
func TestHashes(t *testing.T) {
	const n = 60000
	for alg, key := range hashes {
		t.Run(alg.String(), func(t *testing.T) {
			at := func(i int) dispatch.Key { return key(fmt.Sprintf("sip:user%d@example.org", i)) }
			spread(t, calls(many(t, 60), alg, n, at), n, 60, 1.25)
			six := many(t, 6)
			before := make([]string, n)
			for i := range before {
				before[i] = six.Select(nil, alg, at(i), now)[0].URI
			}
			setState(t, six, "d03", dispatch.Inactive)
			moved := make(map[string]int)
			for i := range before {
				after := six.Select(nil, alg, at(i), now)[0].URI
				if before[i] != "sip:d03" && after != before[i] {
					t.Fatalf("%v moved from %s to %s although its destination lives", at(i), before[i], after)
				}
				if before[i] == "sip:d03" {
					moved[after]++
				}
			}
			total := 0
			for _, count := range moved {
				total += count
			}
			spread(t, moved, total, 5, 1.25)
		})
	}
}

func spread(t *testing.T, got map[string]int, total, destinations int, maxMean float64) {
	t.Helper()
	if len(got) != destinations {
		t.Errorf("%d destinations got calls, want %d", len(got), destinations)
	}
	mean := float64(total) / float64(destinations)
	for name, count := range got {
		if float64(count) > maxMean*mean {
			t.Errorf("%s got %d calls, the mean is %.0f: more than %.2f of it", name, count, mean, maxMean)
		}
	}
}

// 6 and 102: nobody is left out; two choices keep the load level.
func TestRandom(t *testing.T) {
	spread(t, calls(many(t, 6), dispatch.Random, 60000, noKey), 60000, 6, 1.1)
	s := many(t, 60)
	for range 6000 {
		s.Select(nil, dispatch.TwoChoices, dispatch.Key{}, now)[0].Begin()
	}
	for _, d := range s.Destinations() {
		if d.Load() < 90 || d.Load() > 110 {
			t.Errorf("%s has %d of 6,000 calls, want 100 within 10", d.URI, d.Load())
		}
	}
}

// 101: one hot key does not fill one destination beyond 1.25 of the mean.
func TestBoundedHash(t *testing.T) {
	s := many(t, 10)
	for range 1000 {
		s.Select(nil, dispatch.BoundedHash, dispatch.Key{CallID: "the same"}, now)[0].Begin()
	}
	for _, d := range s.Destinations() {
		if d.Load() > 126 {
			t.Errorf("%s has %d of 1,000 calls of one key, want at most 126", d.URI, d.Load())
		}
	}
}

// 64: a destination gets ocrate percent of its turns, at least ocmin.
func TestOverload(t *testing.T) {
	s := set(t, "a 0 ocrate=50", "b 0", "c 0 ocrate=0")
	got := calls(s, dispatch.Overload, 1000, noKey)
	if a, b := got["a"], got["b"]; float64(a) < 0.45*float64(b) || float64(a) > 0.55*float64(b) {
		t.Errorf("1,000 calls split %v, want half as many for a as for b", got)
	}
	if float64(got["c"]) < 0.08*float64(got["b"]) || float64(got["c"]) > 0.12*float64(got["b"]) {
		t.Errorf("1,000 calls split %v, want a tenth for c: ocmin is 10 percent", got)
	}
}

// No destination, none that takes calls: nothing is selected by any algorithm.
func TestNobody(t *testing.T) {
	empty, down := many(t, 0), many(t, 2)
	setState(t, down, "d00", dispatch.Disabled)
	setState(t, down, "d01", dispatch.Draining)
	for alg := range dispatch.Tiers + 1 {
		if got := empty.Select(nil, alg, dispatch.Key{}, now); got != nil {
			t.Errorf("%v selects %s of an empty set", alg, names(got))
		}
		if got := down.Select(nil, alg, dispatch.Key{}, now); got != nil {
			t.Errorf("%v selects %s although both are out of service", alg, names(got))
		}
	}
}

// Every algorithm gives each usable destination once, so that failover reaches all.
func TestFailoverReachesAll(t *testing.T) {
	s := set(t, "a 3 weight=20;rweight=5;maxload=9;resources=r:5", "b 3 weight=30;rweight=5;resources=r:5", "c 3 weight=50;rweight=5;resources=r:5")
	for alg := range dispatch.Tiers + 1 {
		if _, ok := dispatch.ParseAlgorithm(fmt.Sprint(int(alg))); !ok {
			continue
		}
		all := s.Select(nil, alg, dispatch.Key{Resources: []string{"r"}}, now)
		sorted := slices.Sorted(strings.SplitSeq(names(all), " "))
		if strings.Join(sorted, " ") != "a b c" {
			t.Errorf("%v gives %s, want each of a, b and c once", alg, names(all))
		}
	}
}

// What is full, or lacks what the call needs, does not get it by failover either.
func TestFailoverNotToTheFull(t *testing.T) {
	s := set(t, "a 0 maxload=1;resources=pstn:1", "b 0 maxload=5;resources=pstn:5", "c 0 maxload=5;resources=conf:5")
	a, _ := s.Find("sip:a")
	b, _ := s.Find("sip:b")
	a.Begin("pstn")
	b.Begin("pstn")
	for alg, want := range map[dispatch.Algorithm]string{dispatch.CallLoad: "c b", dispatch.Resources: "b"} {
		if got := names(s.Select(nil, alg, dispatch.Key{Resources: []string{"pstn"}}, now)); got != want {
			t.Errorf("%v gives %q, want %q", alg, got, want)
		}
	}
}

// Sixty destinations share as the definition says, whatever the algorithm that
// has one for equals: nobody is left out, nobody gets much more.
func TestSixty(t *testing.T) {
	lines := make([]string, 60)
	for i := range lines {
		lines[i] = fmt.Sprintf("d%02d 7 weight=%d;rweight=1;maxload=1000;resources=r:1000", i, 1+i/20%2)
	}
	for alg, maxMean := range map[dispatch.Algorithm]float64{
		dispatch.RoundRobin: 1, dispatch.HashAuthUser: 1, dispatch.Random: 1.5, dispatch.CallLoad: 1, dispatch.RelativeWeight: 1, dispatch.Latency: 1,
		dispatch.RoundRobinTie: 1, dispatch.Overload: 1, dispatch.Resources: 1, dispatch.TwoChoices: 1.1, dispatch.Tiers: 1,
	} {
		s := set(t, lines...)
		got := make(map[string]int)
		for range 6000 {
			d := s.Select(nil, alg, dispatch.Key{Resources: []string{"r"}}, now)[0]
			d.Begin("r")
			got[d.URI]++
		}
		t.Run(alg.String(), func(t *testing.T) { spread(t, got, 6000, 60, maxMean) })
	}
	got := calls(set(t, lines...), dispatch.Weight, 100, noKey)
	for i := range 60 {
		want := 1 + i/20%2
		if i == 59 {
			want += 20 // "the last one fills what is missing to 100"
		}
		if name := fmt.Sprintf("d%02d", i); got[name] != want {
			t.Errorf("weight: %s gets %d of 100 calls, want %d", name, got[name], want)
		}
	}
	for _, alg := range []dispatch.Algorithm{dispatch.Priority, dispatch.First} {
		if got := calls(set(t, lines...), alg, 100, noKey); got["d00"] != 100 {
			t.Errorf("%v: the first of equals gets %d of 100 calls, want all", alg, got["d00"])
		}
	}
	if all := set(t, lines...).Select(nil, dispatch.Parallel, dispatch.Key{}, now); len(all) != 60 {
		t.Errorf("parallel: %d are called at once, want all 60", len(all))
	}
}

// 103: RFC 2782's order: the highest priority by weight, the next one only when
// none of it takes calls.
func TestTiers(t *testing.T) {
	s := set(t, "a 9 rweight=75", "b 9 rweight=25", "c 5 rweight=100")
	if got := calls(s, dispatch.Tiers, 100, noKey); got["a"] != 75 || got["b"] != 25 {
		t.Errorf("100 calls split %v, want 75/25", got)
	}
	for range 8 {
		if got := names(s.Select(nil, dispatch.Tiers, dispatch.Key{}, now)); got != "a b c" && got != "b a c" {
			t.Errorf("the order is %q, want c last", got)
		}
	}
	setState(t, s, "a", dispatch.Inactive)
	if got := calls(s, dispatch.Tiers, 100, noKey); got["b"] != 100 {
		t.Errorf("with a down 100 calls split %v, want all at b", got)
	}
	setState(t, s, "b", dispatch.Draining)
	if got := calls(s, dispatch.Tiers, 100, noKey); got["c"] != 100 {
		t.Errorf("with a and b out of service 100 calls split %v, want all at c", got)
	}
}

// A destination that came back gets its share little by little.
func TestSlowStart(t *testing.T) {
	s, _ := dispatch.New(dispatch.Config{SlowStart: 10 * time.Second, Destinations: []dispatch.Spec{{URI: "sip:a"}, {URI: "sip:b"}}})
	setState(t, s, "b", dispatch.Inactive)
	setState(t, s, "b", dispatch.Active)
	share := func(after time.Duration) int {
		n := 0
		for range 1000 {
			if s.Select(nil, dispatch.RoundRobin, dispatch.Key{}, now.Add(after))[0].URI == "sip:b" {
				n++
			}
		}
		return n
	}
	if n := share(time.Second); n < 25 || n > 75 {
		t.Errorf("after 1 s of 10 b gets %d of 1,000 calls, want about 50", n)
	}
	if n := share(5 * time.Second); n < 225 || n > 275 {
		t.Errorf("after 5 s of 10 b gets %d of 1,000 calls, want about 250", n)
	}
	if n := share(10 * time.Second); n != 500 {
		t.Errorf("after 10 s b gets %d of 1,000 calls, want 500", n)
	}
}

// A reload keeps loads and states; what is new starts afresh.
func TestInherit(t *testing.T) {
	old := set(t, "a 0", "b 0")
	a, _ := old.Find("sip:a")
	a.Begin()
	setState(t, old, "b", dispatch.Inactive)
	fresh := set(t, "a 0", "b 0", "c 0")
	fresh.Inherit(old)
	if again, _ := fresh.Find("sip:a"); again.Load() != 1 {
		t.Errorf("a has %d calls after the reload, want 1", again.Load())
	}
	a.End() // the old call ends later
	if again, _ := fresh.Find("sip:a"); again.Load() != 0 {
		t.Errorf("a has %d calls after its call ended, want 0", again.Load())
	}
	// Resources count on too, whatever the new configuration has of them.
	before := set(t, "a 0 resources=pstn:10,conf:2")
	of, _ := before.Find("sip:a")
	of.Begin("pstn", "conf")
	after := set(t, "a 0 resources=pstn:1,fax:1")
	after.Inherit(before)
	pick := func(name string) string {
		return names(after.Select(nil, dispatch.Resources, dispatch.Key{Resources: []string{name}}, now))
	}
	if got := pick("pstn"); got != "" {
		t.Errorf("pstn goes to %q although its one place is taken since before the reload", got)
	}
	of.End("pstn", "conf")
	if pick("pstn") != "a" || pick("fax") != "a" {
		t.Errorf("pstn goes to %q and fax to %q when the call has ended, want a", pick("pstn"), pick("fax"))
	}
	if b, _ := fresh.Find("sip:b"); b.State() != dispatch.Inactive {
		t.Errorf("b is %v after the reload, want inactive as before", b.State())
	}
	if got := names(fresh.Select(nil, dispatch.Priority, dispatch.Key{}, now)); got != "a c" {
		t.Errorf("calls go to %q, want a and c", got)
	}
}

// Rise and fall: 3 failures take it out, 2 good answers bring it back, one
// failure alone marks it and one good answer clears it.
func TestHealth(t *testing.T) {
	for _, c := range []struct {
		signs string // g good, b bad
		want  string
	}{
		{"b", "T"}, {"bg", "TA"}, {"bbb", "TTI"}, {"bbbg", "TTII"}, {"bbbgg", "TTIIA"}, {"bbbgbgg", "TTIIIIA"}, {"bbgbb", "TTATT"}, {"ggg", "AAA"},
	} {
		h := dispatch.NewHealth(dispatch.HealthConfig{}, now)
		state, got := dispatch.Active, ""
		for _, sign := range c.signs {
			if sign == 'g' {
				state = h.Good(state)
			} else {
				state = h.Bad(state)
			}
			got += state.Letter()
		}
		if got != c.want {
			t.Errorf("signs %s give states %s, want %s", c.signs, got, c.want)
		}
	}
	h := dispatch.NewHealth(dispatch.HealthConfig{Interval: time.Millisecond}, now)
	if next := h.Probing(now); next != now.Add(dispatch.MinInterval) {
		t.Errorf("the next probe is %v later, want %v at least", next.Sub(now), dispatch.MinInterval)
	}
	if state := h.Good(dispatch.Disabled); state != dispatch.Disabled {
		t.Errorf("a good probe makes a disabled destination %v", state)
	}
}

func TestParseAlgorithm(t *testing.T) {
	for text, want := range map[string]dispatch.Algorithm{"9": dispatch.Weight, "weight": dispatch.Weight, "Round-Robin": dispatch.RoundRobin, "64": dispatch.Overload, "two-choices": dispatch.TwoChoices} {
		if got, ok := dispatch.ParseAlgorithm(text); !ok || got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "16", "-1", "heavy"} {
		if got, ok := dispatch.ParseAlgorithm(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	for _, alg := range []dispatch.Algorithm{dispatch.Weight, dispatch.HashCallID, dispatch.CallLoad} {
		b.Run(alg.String(), func(b *testing.B) {
			cfg := dispatch.Config{}
			for i := range 6 {
				cfg.Destinations = append(cfg.Destinations, dispatch.Spec{URI: fmt.Sprint("sip:d", i), Attrs: []dispatch.Attr{{Name: "weight", Value: "16"}}})
			}
			s, _ := dispatch.New(cfg)
			dst := make([]*dispatch.Destination, 0, 8)
			b.ReportAllocs()
			for b.Loop() {
				dst = s.Select(dst[:0], alg, dispatch.Key{CallID: "a84b4c76e66710@192.0.2.1"}, now)
			}
		})
	}
}
