package edge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip/transport"
)

// service is an SRV name whose records are destinations (RFC 2782), each of them
// probed, counted and steered like one that is written down. Guarded by
// Dispatcher.mu.
type service struct {
	name  string
	next  time.Time // look-up
	specs []dispatch.Spec
}

// domainAttr is the attribute of such a destination that keeps the domain its
// name was asked for: "the ... domain" is what its certificate shows (RFC 5922
// §4), not the host that the DNS names.
const domainAttr = "domain"

// maxRecords bounds the destinations of one name.
const maxRecords = 256

// serviceName takes a name like _sip._udp.example.org apart.
func serviceName(name string) (p transport.Proto, domain string, ok bool) {
	for _, kind := range []struct {
		prefix string
		proto  transport.Proto
	}{{"_sip._udp.", transport.UDP}, {"_sip._tcp.", transport.TCP}, {"_sips._tcp.", transport.TLS}} {
		if domain, ok = strings.CutPrefix(strings.ToLower(name), kind.prefix); ok && domain != "" {
			return kind.proto, strings.TrimSuffix(domain, "."), true
		}
	}
	return 0, "", false
}

// serve takes the names of new settings; what is known of the old ones stays.
// The caller holds mu.
func (d *Dispatcher) serve(names []string, now time.Time) {
	old := d.services
	d.services = make(map[string]*service)
	for _, name := range names {
		d.services[name] = cmp.Or(old[name], &service{name: name, next: now})
	}
}

// withServices adds what the DNS has told to the sets. The caller holds mu.
func (d *Dispatcher) withServices(s Settings) []dispatch.Config {
	sets := slices.Clone(s.Sets)
	var found []dispatch.Spec
	for _, name := range s.Services {
		if known := d.services[name]; known != nil {
			found = append(found, known.specs...)
		}
	}
	if len(found) == 0 {
		return sets
	}
	i := slices.IndexFunc(sets, func(c dispatch.Config) bool { return c.ID == s.Set })
	if i < 0 {
		return append(sets, dispatch.Config{ID: s.Set, SlowStart: s.SlowStart, Destinations: found})
	}
	sets[i].Destinations = append(slices.Clone(sets[i].Destinations), found...)
	return sets
}

// whoServes asks for the records of a service.
func (d *Dispatcher) whoServes(s *service) question {
	return func(ctx context.Context) func() {
		records, err := d.cfg.Transport.LookupService(ctx, s.name)
		return func() { d.served(s, records, err) }
	}
}

func (d *Dispatcher) served(s *service, records []transport.Service, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	s.next = now.Add(resolveAfter)
	if err != nil {
		if len(s.specs) == 0 {
			s.next = now.Add(unknownAfter)
		}
		d.log.Warn("edge: destinations not found", "service", s.name, "error", err)
		return // those that were known stay in use
	}
	specs := specsOf(s.name, records)
	if d.services[s.name] != s || slices.EqualFunc(s.specs, specs, func(a, b dispatch.Spec) bool {
		return a.URI == b.URI && a.Priority == b.Priority && slices.Equal(a.Attrs, b.Attrs)
	}) {
		return
	}
	s.specs = specs
	d.log.Info("edge: destinations found", "service", s.name, "count", len(specs))
	for _, fault := range d.apply(d.board.Load().settings, now) {
		d.log.Warn("edge: destination", "error", fault)
	}
}

// specsOf makes destinations of SRV records: the lowest number is the highest
// priority, weights become percentages of the largest one.
func specsOf(name string, records []transport.Service) []dispatch.Spec {
	proto, domain, _ := serviceName(name)
	records = slices.Clone(records[:min(len(records), maxRecords)])
	slices.SortFunc(records, func(a, b transport.Service) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
	})
	most := 1
	for _, r := range records {
		most = max(most, int(r.Weight))
	}
	specs := make([]dispatch.Spec, 0, len(records))
	for _, r := range records {
		uri := fmt.Sprintf("sip:%s:%d", r.Host, r.Port)
		if proto != transport.UDP {
			uri += ";transport=" + proto.String()
		}
		specs = append(specs, dispatch.Spec{URI: uri, Priority: -int(r.Priority), Attrs: []dispatch.Attr{
			{Name: "rweight", Value: strconv.Itoa(max(100*int(r.Weight)/most, 1))}, {Name: domainAttr, Value: domain},
		}})
	}
	return specs
}
