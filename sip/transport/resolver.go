package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// ResolverConfig configures a Resolver.
type ResolverConfig struct {
	// Servers are the DNS servers to ask, in order, as host:port; none: those of
	// ResolvConf.
	Servers    []string
	ResolvConf string        // default /etc/resolv.conf, read again when it changes
	Hosts      string        // default /etc/hosts; "-": none
	CacheSize  int           // answers kept; default 10,000
	Timeout    time.Duration // for one answer of one server; default 2 s
	Attempts   int           // rounds over the servers; default 2
	// Random returns a number in [0,n); default: a random one. For SRV weights.
	Random func(n int) int
}

// A Resolver asks DNS servers and keeps the answers for as long as their TTL
// says (at most an hour), in a bounded cache. Equal questions under way are
// asked once. It has no goroutine of its own beyond a question's.
type Resolver struct {
	cfg    ResolverConfig
	random func(n int) int
	hosts  hostsFile
	system watched // resolv.conf

	mu      sync.Mutex // guards the following
	cache   map[question]answer
	asking  map[question]*asked
	servers []string // of resolv.conf
	fixed   []string // Servers
}

type question struct {
	name string // lower case, with final dot
	kind uint16
}

type answer struct {
	records []dns.RR
	err     error
	expires time.Time
}

// asked is a question under way; done is closed when the answer is there.
type asked struct {
	done chan struct{}
	answer
}

const (
	maxTTL      = time.Hour
	minTTL      = time.Second
	negativeTTL = 30 * time.Second // no SOA says otherwise
	failureTTL  = 2 * time.Second  // no server answered: do not make every call wait
	recheck     = 5 * time.Second  // of the system's files
	dnsSize     = 1232             // EDNS0 payload that is not fragmented
)

var errNoServers = errors.New("no DNS server configured")

// NewResolver returns a resolver; zero fields of cfg take the defaults.
func NewResolver(cfg ResolverConfig) *Resolver {
	cfg.ResolvConf = cmp.Or(cfg.ResolvConf, "/etc/resolv.conf")
	cfg.Hosts = cmp.Or(cfg.Hosts, "/etc/hosts")
	cfg.CacheSize = cmp.Or(cfg.CacheSize, 10_000)
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	cfg.Attempts = cmp.Or(cfg.Attempts, 2)
	r := &Resolver{cfg: cfg, random: cfg.Random, cache: make(map[question]answer), asking: make(map[question]*asked), fixed: cfg.Servers}
	if r.random == nil {
		r.random = randomInt
	}
	r.hosts.path, r.system.path = cfg.Hosts, cfg.ResolvConf
	return r
}

// Query returns the records of the given kind that name has, following
// aliases. A name without such records is no error.
func (r *Resolver) Query(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	q := question{strings.ToLower(dns.Fqdn(name)), kind}
	if _, ok := dns.IsDomainName(q.name); !ok {
		return nil, fmt.Errorf("%q is no domain name", name)
	}
	r.mu.Lock()
	if a, ok := r.cache[q]; ok && time.Now().Before(a.expires) {
		r.mu.Unlock()
		return a.records, a.err
	}
	if w := r.asking[q]; w != nil {
		r.mu.Unlock()
		select {
		case <-w.done:
			if errors.Is(w.err, context.Canceled) && ctx.Err() == nil {
				return r.Query(ctx, name, kind) // the one who asked has given up
			}
			return w.records, w.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w := &asked{done: make(chan struct{})}
	r.asking[q] = w
	r.mu.Unlock()

	w.answer = r.exchange(ctx, q)
	r.mu.Lock()
	delete(r.asking, q)
	if ctx.Err() == nil { // else the failure is the caller's, not the name's
		r.keep(q, w.answer)
	}
	r.mu.Unlock()
	close(w.done)
	return w.records, w.err
}

// keep enters an answer; r.mu is held. A full cache first drops what has
// expired, then whatever comes first.
func (r *Resolver) keep(q question, a answer) {
	if len(r.cache) >= r.cfg.CacheSize {
		now := time.Now()
		for k, old := range r.cache {
			if now.After(old.expires) {
				delete(r.cache, k)
			}
		}
		for k := range r.cache {
			if len(r.cache) < r.cfg.CacheSize {
				break
			}
			delete(r.cache, k)
		}
	}
	r.cache[q] = a
}

// exchange asks the servers in order until one answers.
func (r *Resolver) exchange(ctx context.Context, q question) answer {
	servers := r.serverList()
	err := errNoServers
	for range r.cfg.Attempts {
		for _, server := range servers {
			var m *dns.Msg
			if m, err = r.askServer(ctx, server, q); err == nil {
				return readAnswer(m, q)
			}
			if ctx.Err() != nil {
				return answer{err: ctx.Err()}
			}
		}
	}
	return answer{err: err, expires: time.Now().Add(failureTTL)}
}

// askServer asks one server over UDP, and over TCP if the answer was cut.
func (r *Resolver) askServer(ctx context.Context, server string, q question) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.SetEdns0(dnsSize, false)
	client := dns.Client{Timeout: r.cfg.Timeout, UDPSize: dnsSize}
	res, _, err := client.ExchangeContext(ctx, m, server)
	if err == nil && res.Truncated {
		client.Net = "tcp"
		res, _, err = client.ExchangeContext(ctx, m, server)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("DNS server %s: %w", server, err)
	case len(res.Question) != 1 || !strings.EqualFold(res.Question[0].Name, q.name) || res.Question[0].Qtype != q.kind:
		return nil, fmt.Errorf("DNS server %s answers another question", server)
	case res.Rcode != dns.RcodeSuccess && res.Rcode != dns.RcodeNameError:
		return nil, fmt.Errorf("DNS server %s: %s", server, dns.RcodeToString[res.Rcode])
	}
	return res, nil
}

const maxAliases = 8

// readAnswer collects the records of the question, behind at most maxAliases
// CNAMEs; the shortest TTL counts.
func readAnswer(m *dns.Msg, q question) answer {
	name, ttl := q.name, uint32(maxTTL/time.Second)
	var records []dns.RR
	for range maxAliases {
		alias := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if !strings.EqualFold(h.Name, name) {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok && q.kind != dns.TypeCNAME {
				alias, ttl = c.Target, min(ttl, h.Ttl)
			} else if h.Rrtype == q.kind {
				records, ttl = append(records, rr), min(ttl, h.Ttl)
			}
		}
		if alias == "" || len(records) > 0 {
			break
		}
		name = alias
	}
	life := max(time.Duration(ttl)*time.Second, minTTL)
	if len(records) == 0 {
		life = negativeLife(m)
	}
	return answer{records: records, expires: time.Now().Add(life)}
}

// negativeLife is how long "there is none" holds (RFC 2308 §5).
func negativeLife(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			life := time.Duration(min(soa.Minttl, soa.Hdr.Ttl)) * time.Second
			return min(max(life, minTTL), 5*time.Minute)
		}
	}
	return negativeTTL
}

// Use names other servers to ask from now on, as ResolverConfig.Servers does. What
// is in the cache stays for as long as its TTL says.
func (r *Resolver) Use(servers []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fixed = slices.Clone(servers)
}

// serverList returns the configured servers, or those of resolv.conf.
func (r *Resolver) serverList() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.fixed) > 0 {
		return r.fixed
	}
	if !r.system.changed() {
		return r.servers
	}
	conf, err := dns.ClientConfigFromFile(r.cfg.ResolvConf)
	if err != nil {
		return r.servers
	}
	r.servers = nil
	for _, s := range conf.Servers {
		r.servers = append(r.servers, net.JoinHostPort(s, conf.Port))
	}
	return r.servers
}

// watched is a file that is read again when it changes. Its owner guards it.
type watched struct {
	path    string
	looked  time.Time
	changes time.Time
}

// changed reports whether the file is to be read.
func (w *watched) changed() bool {
	now := time.Now()
	if now.Sub(w.looked) < recheck {
		return false
	}
	w.looked = now
	info, err := os.Stat(w.path)
	if err != nil || info.ModTime().Equal(w.changes) {
		return false
	}
	w.changes = info.ModTime()
	return true
}

// hostsFile is /etc/hosts.
type hostsFile struct {
	mu sync.Mutex // guards the following
	watched
	names map[string][]netip.Addr
}

// lookup returns the addresses the file gives a name.
func (h *hostsFile) lookup(name string) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed() {
		if data, err := os.ReadFile(h.path); err == nil {
			h.names = parseHosts(string(data))
		}
	}
	return h.names[strings.ToLower(strings.TrimSuffix(name, "."))]
}

// parseHosts reads lines of "address name...", with comments behind '#'.
func parseHosts(text string) map[string][]netip.Addr {
	names := make(map[string][]netip.Addr)
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			name = strings.ToLower(name)
			names[name] = append(names[name], addr.Unmap())
		}
	}
	return names
}
