package edge

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/dispatcher"
	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// Settings say where requests go and how destinations are watched.
type Settings struct {
	Sets      []dispatch.Config
	Set       int   // the set calls go to
	Backup    []int // sets that stand in, in this order, when no destination of Set takes calls
	Algorithm dispatch.Algorithm
	// Tries is how many destinations one request is sent to at most, one after
	// the other. 0: 4.
	Tries int
	// Failover are the final responses upon which the next destination is tried,
	// unless the call rings already. nil: 408, 500, 502, 503, 504.
	Failover []int
	// NotFound answers 404 "No destination dispatcher" when all are down, as
	// Kamailio's example does, instead of 503.
	NotFound   bool
	RetryAfter time.Duration // in the 503; 0: 5 s
	HashHeader string        // the field that dispatch.HashCustom looks at; "" or missing: the Call-ID
	Resources  []Use         // for dispatch.Resources
	// Services are SRV names (_sip._udp.example.org) whose records are
	// destinations of Set, as well as those of Sets.
	Services  []string
	SlowStart time.Duration // of a set that has destinations from Services only

	Health dispatch.HealthConfig
	NoPing bool // send no probes
	// PingTime is how long a probe may take. 0: the interval, at least 250 ms.
	PingTime time.Duration
	// PingGood says which final responses to a probe are good signs. nil: all but
	// 408 and 5xx, because whoever refuses is alive.
	PingGood func(status int) bool
	PingFrom string // URI in From of probes. "": sip:ping@ and our address
}

func (s Settings) withDefaults() Settings {
	s.Tries = cmp.Or(s.Tries, 4)
	s.RetryAfter = cmp.Or(s.RetryAfter, retryAfter*time.Second)
	if s.Failover == nil {
		s.Failover = []int{408, 500, 502, 503, 504}
	}
	if s.Health.Interval == 0 {
		s.Health.Interval = dispatch.DefaultInterval
	}
	s.PingTime = max(cmp.Or(s.PingTime, s.Health.Interval), 250*time.Millisecond)
	if s.PingGood == nil {
		s.PingGood = func(status int) bool { return status != 408 && status/100 != 5 }
	}
	return s
}

// Load reads the section edge of a configuration and the dispatcher.list it
// names. A destination that is the node itself would send calls in a circle. The
// settings are valid if no problem is an error.
func Load(e *config.Edge, n *config.Node) (Settings, []config.Problem) {
	algorithm, ok := dispatch.ParseAlgorithm(e.Algorithm)
	s := Settings{
		Set: e.Set, Algorithm: algorithm, NotFound: e.NotFound,
		Backup: e.Backup, Tries: e.Tries, Failover: e.Failover, RetryAfter: e.RetryAfter, HashHeader: e.HashHeader, Services: e.Services,
		SlowStart: cmp.Or(e.SlowStart, slowStart),
		Health:    dispatch.HealthConfig{Interval: e.Probe.Interval, Rise: e.Probe.Rise, Fall: e.Probe.Fall},
		NoPing:    e.Probe.Off, PingTime: e.Probe.Timeout, PingFrom: e.Probe.From, PingGood: goodCodes(e.Probe.Codes),
	}
	sets := map[int]*dispatch.Config{}
	var order []int
	add := func(set int, spec dispatch.Spec) {
		if sets[set] == nil {
			sets[set] = &dispatch.Config{ID: set, SlowStart: s.SlowStart}
			order = append(order, set)
		}
		sets[set].Destinations = append(sets[set].Destinations, spec)
	}
	var problems []config.Problem
	if !ok {
		problems = append(problems, n.At("edge.algorithm").Problem(config.Error, config.DidYouMean(e.Algorithm, dispatch.AlgorithmNames()), "edge.algorithm: %q is not known", e.Algorithm))
	}
	if e.Dispatcher != "" {
		list, found := dispatcher.Load(e.Dispatcher)
		problems = append(problems, found...)
		for i := range list.Destinations {
			d := &list.Destinations[i]
			problems = append(problems, checkURI(d.URI, d.Pos, n)...)
			add(d.Set, specOf(d))
		}
	}
	for i, uri := range e.Locations {
		problems = append(problems, checkURI(uri, n.At(fmt.Sprintf("edge.destinations[%d]", i)), n)...)
		add(e.Set, dispatch.Spec{URI: uri})
	}
	for _, id := range order {
		s.Sets = append(s.Sets, *sets[id])
	}
	var odd []config.Problem
	if s.Resources, odd = readUses(e.Resources, n); len(odd) > 0 {
		problems = append(problems, odd...)
	}
	for i, name := range e.Services {
		if _, _, ok := serviceName(name); !ok {
			problems = append(problems, n.At(fmt.Sprintf("edge.srv[%d]", i)).Problem(config.Error, "write _sip._udp.example.org, _sip._tcp or _sips._tcp", "%q is no SRV name of SIP", name))
		}
	}
	return s, append(problems, s.check(n)...)
}

// slowStart is how long a destination that came back needs until it gets its
// whole share: long enough for caches to fill, short enough not to be missed.
const slowStart = 5 * time.Second

// goodCodes makes a test of codes like 200 and 4xx; nil for none.
func goodCodes(codes []string) func(int) bool {
	if len(codes) == 0 {
		return nil
	}
	return func(status int) bool {
		text := strconv.Itoa(status)
		return slices.ContainsFunc(codes, func(c string) bool { return c == text || c[0] == text[0] && c[1:] == "xx" })
	}
}

func specOf(d *dispatcher.Destination) dispatch.Spec {
	spec := dispatch.Spec{URI: d.URI, Flags: d.Flags, Priority: d.Priority}
	for _, a := range d.Attrs {
		spec.Attrs = append(spec.Attrs, dispatch.Attr{Name: a.Name, Value: a.Value})
	}
	return spec
}

func checkURI(uri string, at config.Pos, n *config.Node) []config.Problem {
	u, err := sip.ParseURI(uri)
	switch {
	case err != nil || !u.IsSIP() || u.Host == "":
		return []config.Problem{at.Problem(config.Error, "write sip:HOST:PORT", "destination %q is not a SIP URI", uri)}
	case itself(&u, n.SIP.Listen):
		return []config.Problem{at.Problem(config.Warning, "name the PBX's address", "destination %q is this node itself: calls would go in a circle", uri)}
	}
	return nil
}

// itself reports whether a URI is one of the addresses to listen on.
func itself(uri *sip.URI, listen []config.Address) bool {
	bound := make([]transport.Listen, 0, len(listen))
	for _, l := range listen {
		proto, _ := transport.ParseProto(l.Proto)
		bound = append(bound, transport.Listen{Name: l.String(), Proto: proto, Addr: l.Addr})
	}
	s := newSelf(nil, func() []transport.Listen { return bound })
	name, _ := s.is(uri, transport.Flow{})
	return name != ""
}

// check finds what only shows with the whole: an empty set, attributes that the
// algorithm ignores or misses.
func (s *Settings) check(n *config.Node) []config.Problem {
	var problems []config.Problem
	at := n.At("edge")
	count := 0
	for _, c := range s.Sets {
		_, faults := dispatch.New(c)
		for _, f := range faults {
			problems = append(problems, at.Problem(config.Warning, "", "%v", f))
		}
		if c.ID == s.Set {
			count = len(c.Destinations)
		}
	}
	if count == 0 && len(s.Services) == 0 {
		problems = append(problems, n.At("edge.set").Problem(config.Error, "name a set that the list has", "edge.set: set %d has no destinations", s.Set))
	}
	if s.Algorithm == dispatch.Weight && count > 0 && !s.weighted() {
		problems = append(problems, n.At("edge.algorithm").Problem(config.Error, "add weight=50 to the lines of the set, or use algorithm: 4",
			"edge.algorithm: weight chooses nobody, because no destination of set %d has a weight", s.Set))
	}
	return problems
}

func (s *Settings) weighted() bool {
	for _, c := range s.Sets {
		for _, d := range c.Destinations {
			for _, a := range d.Attrs {
				if c.ID == s.Set && a.Name == "weight" && a.Value != "0" {
					return true
				}
			}
		}
	}
	return false
}
