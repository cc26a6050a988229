package transport

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/hometone/hometone/sip"
)

const maxTargets = 32 // of one URI

// service is one of the SRV services of a protocol (RFC 3263 §4.1, RFC 7118
// §7), in the order they are tried when there is no NAPTR record.
type service struct {
	proto  Proto
	secure bool
	naptr  string // NAPTR service field
	srv    string // SRV prefix
}

var services = [...]service{
	{UDP, false, "SIP+D2U", "_sip._udp."},
	{TCP, false, "SIP+D2T", "_sip._tcp."},
	{TLS, true, "SIPS+D2T", "_sips._tcp."},
	{WS, false, "SIP+D2W", "_sip._ws."},
	{WSS, true, "SIPS+D2W", "_sips._ws."},
}

func serviceOf(p Proto) service {
	for _, s := range services {
		if s.proto == p {
			return s
		}
	}
	return services[0]
}

// An inquiry is the work on one URI.
type inquiry struct {
	resolver *Resolver
	can      func(Proto) bool // what this host supports
	secure   bool             // sips: nothing but TLS and WSS
	name     string           // the URI's host: what a certificate must show
	targets  []Target
	failed   error // the last DNS failure
}

// Resolve finds the targets of uri in the order they are to be tried (RFC
// 3263 §4). It blocks on the network unless ResolveNumeric answers. Targets
// over UDP of an address family without a listener are left out.
func (l *Layer) Resolve(ctx context.Context, uri sip.URI) ([]Target, error) {
	if t, ok := l.ResolveNumeric(uri); ok {
		return []Target{t}, nil
	}
	host, port, proto, secure, err := locate(uri)
	if err != nil {
		return nil, err
	}
	q := &inquiry{resolver: l.resolver, can: l.supports, secure: secure, name: host}
	switch {
	case proto != 0 && port != 0:
		q.addresses(ctx, host, port, proto)
	case proto != 0:
		q.serviceOrHost(ctx, host, proto)
	case port != 0:
		q.addresses(ctx, host, port, defaultProto(secure))
	default:
		q.domain(ctx, host)
	}
	targets := slices.DeleteFunc(q.targets, func(t Target) bool { return t.Proto == UDP && l.listenerFor(t) == nil })
	if len(targets) == 0 {
		if q.failed != nil {
			return nil, fmt.Errorf("transport: resolve %s: %w", host, q.failed)
		}
		return nil, fmt.Errorf("transport: resolve %s: %w", host, ErrNoAddress)
	}
	return targets[:min(len(targets), maxTargets)], nil
}

// ResolveNumeric is Resolve for a uri whose host (or maddr) is an IP address:
// no I/O. "If the TARGET is a numeric IP address, the client SHOULD use UDP
// for a SIP URI, and TCP for a SIPS URI" (§4.1), unless the transport is named.
func (l *Layer) ResolveNumeric(uri sip.URI) (Target, bool) {
	host, port, proto, secure, err := locate(uri)
	if err != nil {
		return Target{}, false
	}
	addr, ok := sip.HostAddr(host)
	if !ok {
		return Target{}, false
	}
	proto = cmp.Or(proto, defaultProto(secure))
	return Target{Proto: proto, Addr: netip.AddrPortFrom(addr.Unmap(), cmp.Or(port, proto.DefaultPort()))}, true
}

// locate reads what RFC 3263 calls TARGET, port and transport off a URI.
func locate(uri sip.URI) (host string, port uint16, proto Proto, secure bool, err error) {
	if !uri.IsSIP() {
		return "", 0, 0, false, fmt.Errorf("transport: resolve: scheme %q cannot be sent to: %w", uri.Scheme, ErrNoAddress)
	}
	host, port, secure = uri.Host, uri.Port, uri.IsSIPS()
	if maddr, ok := uri.Params.Get("maddr"); ok && maddr != "" {
		host = maddr
	}
	if name := uri.Transport(); name != "" {
		p, ok := ParseProto(name)
		if !ok {
			return "", 0, 0, false, fmt.Errorf("transport: resolve: transport %q is not supported: %w", name, ErrNoAddress)
		}
		proto = p
	}
	if secure {
		switch proto {
		case TCP:
			proto = TLS
		case WS:
			proto = WSS
		case UDP:
			return "", 0, 0, false, fmt.Errorf("transport: resolve: a sips URI cannot be reached over UDP: %w", ErrNoAddress)
		}
	}
	return host, port, proto, secure || proto.Secure(), nil
}

func defaultProto(secure bool) Proto {
	if secure {
		return TLS
	}
	return UDP
}

// supports reports whether requests can leave over p: over UDP only from a
// listener, over the others always.
func (l *Layer) supports(p Proto) bool {
	if p != UDP && p <= TLS {
		return true
	}
	return slices.ContainsFunc(l.listening.Load().active, func(ln *listener) bool { return ln.Proto == p })
}

func (q *inquiry) usable(s service) bool { return q.can(s.proto) && (s.secure || !q.secure) }

// domain: neither transport nor port are given: NAPTR, else SRV for each
// supported transport, else the host's addresses (§4.1).
func (q *inquiry) domain(ctx context.Context, host string) {
	for _, n := range q.naptr(ctx, host) {
		q.srv(ctx, n.name, n.service.proto)
	}
	if len(q.targets) > 0 {
		return
	}
	for _, s := range services {
		if q.usable(s) && s.proto <= TLS {
			q.srv(ctx, s.srv+host, s.proto)
		}
	}
	if len(q.targets) == 0 {
		p := defaultProto(q.secure)
		q.addresses(ctx, host, p.DefaultPort(), p)
	}
}

// serviceOrHost: the transport is known, the port is not (§4.2).
func (q *inquiry) serviceOrHost(ctx context.Context, host string, p Proto) {
	q.srv(ctx, serviceOf(p).srv+host, p)
	if len(q.targets) == 0 {
		q.addresses(ctx, host, p.DefaultPort(), p)
	}
}

type pointer struct {
	service           service
	order, preference uint16
	name              string
}

// naptr returns the records for services this host can use, by order and
// preference. "The services relevant for the task of transport protocol
// selection are those with NAPTR service fields with values SIP+D2X and
// SIPS+D2X" with the flag "s" (§4.1).
func (q *inquiry) naptr(ctx context.Context, host string) []pointer {
	var list []pointer
	for _, rr := range q.ask(ctx, host, dns.TypeNAPTR) {
		n, ok := rr.(*dns.NAPTR)
		if !ok || !strings.EqualFold(n.Flags, "s") {
			continue
		}
		for _, s := range services {
			if strings.EqualFold(n.Service, s.naptr) && q.usable(s) {
				list = append(list, pointer{s, n.Order, n.Preference, n.Replacement})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b pointer) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.preference, b.preference))
	})
	return list
}

// Service is one SRV record (RFC 2782).
type Service struct {
	Host             string // without the final dot
	Port             uint16
	Priority, Weight uint16
}

// LookupService returns the SRV records of a name like _sip._udp.example.org in
// the order of the answer; which of them is used is the caller's choice. It
// blocks on the network. The error may be the DNS server's or ErrNoAddress.
func (l *Layer) LookupService(ctx context.Context, name string) ([]Service, error) {
	rrs, err := l.resolver.Query(ctx, name, dns.TypeSRV)
	if err != nil {
		return nil, fmt.Errorf("transport: look up %s: %w", name, err)
	}
	var list []Service
	for _, s := range present(rrs) {
		list = append(list, Service{strings.TrimSuffix(s.Target, "."), s.Port, s.Priority, s.Weight})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("transport: look up %s: %w", name, ErrNoAddress)
	}
	return list, nil
}

// plainText takes the escapes of a zone file off a text: \DDD is an octet, \X is X (RFC 1035
// §5.1).
func plainText(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if n, err := strconv.ParseUint(s[i:min(i+3, len(s))], 10, 8); err == nil && i+3 <= len(s) {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Pointer is one NAPTR record (RFC 3403 §4.1).
type Pointer struct {
	Order, Preference                   uint16
	Flags, Service, Regexp, Replacement string
}

// LookupPointers returns the NAPTR records of a name in the order of the answer; none is no
// error. It blocks on the network.
func (l *Layer) LookupPointers(ctx context.Context, name string) ([]Pointer, error) {
	rrs, err := l.resolver.Query(ctx, name, dns.TypeNAPTR)
	if err != nil {
		return nil, fmt.Errorf("transport: look up %s: %w", name, err)
	}
	var list []Pointer
	for _, rr := range rrs {
		if n, ok := rr.(*dns.NAPTR); ok {
			list = append(list, Pointer{n.Order, n.Preference, plainText(n.Flags), plainText(n.Service), plainText(n.Regexp), n.Replacement})
		}
	}
	return list, nil
}

// LookupText returns the TXT records of a name, each as one text; none is no error. It
// blocks on the network.
func (l *Layer) LookupText(ctx context.Context, name string) ([]string, error) {
	rrs, err := l.resolver.Query(ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, fmt.Errorf("transport: look up %s: %w", name, err)
	}
	var list []string
	for _, rr := range rrs {
		if t, ok := rr.(*dns.TXT); ok {
			list = append(list, plainText(strings.Join(t.Txt, "")))
		}
	}
	return list, nil
}

// present are the SRV records that lead somewhere: a target of "." says that the
// service is not there.
func present(rrs []dns.RR) (list []*dns.SRV) {
	for _, rr := range rrs {
		if s, ok := rr.(*dns.SRV); ok && s.Target != "." && s.Port != 0 {
			list = append(list, s)
		}
	}
	return list
}

// srv adds the targets of an SRV name, by priority and weight (RFC 2782).
func (q *inquiry) srv(ctx context.Context, name string, p Proto) {
	for _, s := range orderSRV(present(q.ask(ctx, name, dns.TypeSRV)), q.resolver.random) {
		if len(q.targets) >= maxTargets {
			return
		}
		q.addresses(ctx, s.Target, s.Port, p)
	}
}

// orderSRV sorts by priority and, inside one, draws by weight: "the order of
// those with weight 0 is at the beginning" of the drawing (RFC 2782).
func orderSRV(list []*dns.SRV, random func(n int) int) []*dns.SRV {
	slices.SortStableFunc(list, func(a, b *dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Weight, b.Weight))
	})
	out := make([]*dns.SRV, 0, len(list))
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Priority == list[0].Priority {
			n++
		}
		out = append(out, drawSRV(slices.Clone(list[:n]), random)...)
		list = list[n:]
	}
	return out
}

func drawSRV(group []*dns.SRV, random func(n int) int) []*dns.SRV {
	var out []*dns.SRV
	for len(group) > 0 {
		sum := 0
		for _, s := range group {
			sum += int(s.Weight)
		}
		mark, i := random(sum+1), 0
		for run := int(group[0].Weight); run < mark; run += int(group[i].Weight) {
			i++
		}
		out = append(out, group[i])
		group = slices.Delete(group, i, i+1)
	}
	return out
}

// addresses adds host's IPv4 and then its IPv6 addresses.
func (q *inquiry) addresses(ctx context.Context, host string, port uint16, p Proto) {
	addrs := q.resolver.hosts.lookup(host)
	if a, ok := sip.HostAddr(host); ok {
		addrs = []netip.Addr{a}
	}
	if len(addrs) == 0 {
		for _, rr := range q.ask(ctx, host, dns.TypeA) {
			if a, ok := rr.(*dns.A); ok {
				if ip, ok := netip.AddrFromSlice(a.A.To4()); ok {
					addrs = append(addrs, ip)
				}
			}
		}
		for _, rr := range q.ask(ctx, host, dns.TypeAAAA) {
			if a, ok := rr.(*dns.AAAA); ok {
				if ip, ok := netip.AddrFromSlice(a.AAAA.To16()); ok {
					addrs = append(addrs, ip.Unmap())
				}
			}
		}
	}
	for _, a := range addrs {
		t := Target{Proto: p, Addr: netip.AddrPortFrom(a, port)}
		if p.Secure() {
			t.ServerName = strings.TrimSuffix(q.name, ".") // RFC 5922 §4: the domain asked for, not the SRV target
		}
		if !slices.Contains(q.targets, t) {
			q.targets = append(q.targets, t)
		}
	}
}

func (q *inquiry) ask(ctx context.Context, name string, kind uint16) []dns.RR {
	rrs, err := q.resolver.Query(ctx, name, kind)
	if err != nil {
		q.failed = err
	}
	return rrs
}

// randomInt is the default source of SRV draws.
func randomInt(n int) int { return rand.IntN(n) }
