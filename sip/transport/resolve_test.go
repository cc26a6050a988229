package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip"
)

// nameServer is a DNS server on loopback.
type nameServer struct {
	addr  string
	asked atomic.Int64
	mu    sync.Mutex
	zone  []dns.RR
	cut   bool // UDP answers are truncated
}

func newNameServer(t testing.TB, zone string) *nameServer {
	t.Helper()
	s := new(nameServer)
	s.load(t, zone)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = pc.LocalAddr().String()
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, srv := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: ln, Handler: s}} {
		started := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(started) }
		done := make(chan struct{})
		go func() { srv.ActivateAndServe(); close(done) }()
		<-started
		t.Cleanup(func() { srv.Shutdown(); <-done })
	}
	return s
}

func (s *nameServer) load(t testing.TB, zone string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = nil
	p := dns.NewZoneParser(strings.NewReader(zone), "example.com.", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		s.zone = append(s.zone, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
}

func (s *nameServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	m := new(dns.Msg)
	m.SetReply(q)
	if s.cut && w.RemoteAddr().Network() == "udp" {
		m.Truncated = true
		w.WriteMsg(m)
		return
	}
	name := q.Question[0].Name
	for alias := ""; name != alias; {
		alias = name
		for _, rr := range s.zone {
			h := rr.Header()
			if !strings.EqualFold(h.Name, name) {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok {
				m.Answer = append(m.Answer, rr)
				name = c.Target
			} else if h.Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
	}
	w.WriteMsg(m)
}

func resolving(t *testing.T, zone string, listen ...Listen) (*Layer, *nameServer) {
	t.Helper()
	s := newNameServer(t, zone)
	r := NewResolver(ResolverConfig{Servers: []string{s.addr}, Hosts: "-", Random: func(int) int { return 0 }})
	if listen == nil {
		listen = []Listen{{Proto: UDP, Addr: at("0.0.0.0:0")}, {Proto: UDP, Addr: at("[::]:0")}}
	}
	l, err := New(Config{Listen: listen, Resolver: r})
	if err != nil {
		t.Fatal(err)
	}
	return l, s
}

func resolve(t *testing.T, l *Layer, uri string) string {
	t.Helper()
	u, err := sip.ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	targets, err := l.Resolve(ctx, u)
	if err != nil {
		return "error: " + err.Error()
	}
	var out []string
	for _, target := range targets {
		out = append(out, target.String())
	}
	return strings.Join(out, ", ")
}

const plainZone = `
$TTL 60
a       A     192.0.2.10
a       AAAA  2001:db8::10
b       A     192.0.2.11
c       A     192.0.2.12
host    A     192.0.2.20
alias   CNAME host
_sip._udp.srv  SRV 10 0 5070 a.example.com.
_sip._udp.srv  SRV 20 0 5071 b.example.com.
_sip._tcp.srv  SRV 10 0 5072 c.example.com.
_sips._tcp.srv SRV 10 0 5073 c.example.com.
_sip._udp.gone SRV 0 0 0 .
gone    A     192.0.2.30
naptr   NAPTR 20 50 "s" "SIP+D2U"  "" _sip._udp.srv.example.com.
naptr   NAPTR 10 50 "s" "SIP+D2T"  "" _sip._tcp.srv.example.com.
naptr   NAPTR 5  50 "s" "SIP+D2S"  "" _sip._sctp.srv.example.com.
naptr   NAPTR 5  50 "u" "E2U+sip"  "!^.*$!sip:x@y!" .
naptr   NAPTR 30 50 "s" "SIPS+D2T" "" _sips._tcp.srv.example.com.
`

func TestResolve(t *testing.T) {
	l, _ := resolving(t, plainZone)
	for _, c := range []struct{ uri, want, why string }{
		{"sip:u@192.0.2.1", "udp 192.0.2.1:5060", "§4.1: numeric, SIP: UDP; §4.2: default port"},
		{"sip:u@192.0.2.1:5080", "udp 192.0.2.1:5080", "§4.1: numeric with port"},
		{"sips:u@192.0.2.1", "tls 192.0.2.1:5061", "§4.1: numeric, SIPS: TLS"},
		{"sip:u@[2001:db8::1];transport=tcp", "tcp [2001:db8::1]:5060", "§4.1: the transport parameter is followed"},
		{"sip:u@x.invalid;maddr=192.0.2.9", "udp 192.0.2.9:5060", "§4: maddr is the TARGET"},
		{"sip:u@host.example.com:5099", "udp 192.0.2.20:5099", "§4.2: a port means no SRV"},
		{"sips:u@host.example.com:5099", "tls 192.0.2.20:5099", "§4.1: SIPS with a port: TLS"},
		{"sip:u@alias.example.com", "udp 192.0.2.20:5060", "a CNAME is followed"},
		{"sip:u@a.example.com:5060", "udp 192.0.2.10:5060, udp [2001:db8::10]:5060", "A and AAAA"},
		{"sip:u@srv.example.com", "udp 192.0.2.10:5070, udp [2001:db8::10]:5070, udp 192.0.2.11:5071, tcp 192.0.2.12:5072, tls 192.0.2.12:5073",
			"§4.1: no NAPTR: SRV for each supported transport"},
		{"sip:u@srv.example.com;transport=tcp", "tcp 192.0.2.12:5072", "§4.2: transport known: its SRV"},
		{"sips:u@srv.example.com", "tls 192.0.2.12:5073", "§4.1: SIPS: only _sips"},
		{"sip:u@naptr.example.com", "tcp 192.0.2.12:5072, udp 192.0.2.10:5070, udp [2001:db8::10]:5070, udp 192.0.2.11:5071, tls 192.0.2.12:5073",
			"§4.1: NAPTR order decides; unknown services are left out"},
		{"sips:u@naptr.example.com", "tls 192.0.2.12:5073", "§4.1: a SIPS URI discards SIP+D2X"},
		{"sip:u@gone.example.com;transport=udp", "udp 192.0.2.30:5060", "RFC 2782: target '.' is no target"},
	} {
		if got := resolve(t, l, c.uri); got != c.want {
			t.Errorf("%s\n got %s\nwant %s\n(%s)", c.uri, got, c.want, c.why)
		}
	}
	for _, uri := range []string{"sip:u@nowhere.example.com", "tel:+123", "sip:u@h.example.com;transport=sctp", "sips:u@192.0.2.1;transport=udp"} {
		if got := resolve(t, l, uri); !strings.HasPrefix(got, "error: ") {
			t.Errorf("%s resolves to %s, want an error", uri, got)
		}
	}
}

// TestResolveRFC3263Example is the example of §4.1 and §4.2, from the shared material.
func TestResolveRFC3263Example(t *testing.T) {
	data, err := os.ReadFile(testdata.Path(t, "25-dns-rfc3263", "naptr-example.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var zone strings.Builder
	zone.WriteString("$TTL 60\n")
	for line := range strings.Lines(string(data)) {
		if rr, ok := strings.CutPrefix(line, "record\t"); ok {
			zone.WriteString("example.com. " + rr)
		}
	}
	zone.WriteString(`
_sip._tcp   SRV 0 1 5060 server1
_sip._tcp   SRV 0 2 5060 server2
_sips._tcp  SRV 0 0 5061 server1
_sip._udp   SRV 0 0 5062 server1
server1 A 192.0.2.1
server2 A 192.0.2.2
`)
	l, _ := resolving(t, zone.String())
	got := strings.Split(resolve(t, l, "sip:user@example.com"), ", ")
	want := []string{"tls 192.0.2.1:5061", "tcp 192.0.2.1:5060", "tcp 192.0.2.2:5060", "udp 192.0.2.1:5062"}
	if !slices.Equal(got, want) {
		t.Errorf("with TLS support the first is TLS, then TCP, then UDP\n got %v\nwant %v", got, want)
	}
}

// TestSRVWeights: RFC 2782: the share of first places follows the weights.
func TestSRVWeights(t *testing.T) {
	first := make(map[uint16]int)
	src := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		list := []*dns.SRV{{Priority: 2, Weight: 100, Port: 9}, {Priority: 1, Weight: 10, Port: 1}, {Priority: 1, Weight: 30, Port: 3}, {Priority: 1, Weight: 60, Port: 6}}
		out := orderSRV(list, src.IntN)
		if len(out) != 4 || out[3].Port != 9 {
			t.Fatalf("a client MUST attempt to contact the target host with the lowest-numbered priority first: %v", out)
		}
		first[out[0].Port]++
	}
	for port, weight := range map[uint16]int{1: 10, 3: 30, 6: 60} {
		if got := first[port]; got < weight*85 || got > weight*115 {
			t.Errorf("weight %d came first %d times of 10,000, want about %d", weight, got, weight*100)
		}
	}
}

// The records of a service as they are, for who chooses himself.
func TestLookupService(t *testing.T) {
	l, _ := resolving(t, "_sip._udp.example.org. 60 IN SRV 10 60 5060 a.example.org.\n"+
		"_sip._udp.example.org. 60 IN SRV 20 0 5080 b.example.org.\n_sip._tcp.example.org. 60 IN SRV 0 0 0 .\n")
	got, err := l.LookupService(t.Context(), "_sip._udp.example.org")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b Service) int { return int(a.Priority) - int(b.Priority) })
	if want := []Service{{"a.example.org", 5060, 10, 60}, {"b.example.org", 5080, 20, 0}}; !slices.Equal(got, want) {
		t.Errorf("the records are %v, want %v", got, want)
	}
	for _, name := range []string{"_sip._tcp.example.org", "_sip._udp.nowhere.example.org"} {
		if got, err := l.LookupService(t.Context(), name); err == nil {
			t.Errorf("%s has %v; a service that is not there is an error", name, got)
		}
	}
}

func TestCacheFollowsTTL(t *testing.T) {
	l, s := resolving(t, "$TTL 1\nh A 192.0.2.1\n")
	if got := resolve(t, l, "sip:h.example.com:5060"); got != "udp 192.0.2.1:5060" {
		t.Fatal(got)
	}
	asked := s.asked.Load()
	s.load(t, "$TTL 1\nh A 192.0.2.2\n")
	if got := resolve(t, l, "sip:H.Example.com:5060"); got != "udp 192.0.2.1:5060" || s.asked.Load() != asked {
		t.Errorf("within the TTL the cache answers: %s, %d questions more", got, s.asked.Load()-asked)
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if resolve(t, l, "sip:h.example.com:5060") == "udp 192.0.2.2:5060" {
			return
		}
	}
	t.Error("after the TTL the server is asked again")
}

func TestCacheIsBounded(t *testing.T) {
	s := newNameServer(t, "$TTL 60\nh A 192.0.2.1\n")
	r := NewResolver(ResolverConfig{Servers: []string{s.addr}, CacheSize: 50})
	for i := range 500 {
		r.Query(t.Context(), fmt.Sprintf("n%d.example.com", i), dns.TypeA)
	}
	if len(r.cache) > 50 || len(r.asking) != 0 {
		t.Errorf("%d entries, limit 50; %d questions under way, want 0", len(r.cache), len(r.asking))
	}
}

func TestTruncatedAnswerComesOverTCP(t *testing.T) {
	l, s := resolving(t, plainZone)
	s.mu.Lock()
	s.cut = true
	s.mu.Unlock()
	if got := resolve(t, l, "sip:host.example.com:5060"); got != "udp 192.0.2.20:5060" {
		t.Errorf("a truncated answer is asked for again over TCP: %s", got)
	}
}

func TestDeadServerIsPassedOver(t *testing.T) {
	s := newNameServer(t, plainZone)
	r := NewResolver(ResolverConfig{Servers: []string{"127.0.0.1:1", s.addr}, Timeout: 200 * time.Millisecond})
	rrs, err := r.Query(t.Context(), "host.example.com", dns.TypeA)
	if err != nil || len(rrs) != 1 {
		t.Errorf("the second server answers: %v %v", rrs, err)
	}
	r = NewResolver(ResolverConfig{Servers: []string{"127.0.0.1:1"}, Timeout: 200 * time.Millisecond})
	if _, err := r.Query(t.Context(), "host.example.com", dns.TypeA); err == nil {
		t.Error("no server: want an error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Query(ctx, "other.example.com", dns.TypeA); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

func TestHostsAndResolvConf(t *testing.T) {
	s := newNameServer(t, plainZone)
	dir := t.TempDir()
	hosts := filepath.Join(dir, "hosts")
	os.WriteFile(hosts, []byte("192.0.2.77 pbx Pbx.Example.com # here\n::1 pbx\nbad line\n"), 0o600)
	conf := filepath.Join(dir, "resolv.conf")
	host, _, _ := net.SplitHostPort(s.addr)
	os.WriteFile(conf, []byte("nameserver "+host+"\n"), 0o600)
	r := NewResolver(ResolverConfig{Hosts: hosts, ResolvConf: conf})
	l, err := New(Config{Listen: []Listen{{Proto: UDP, Addr: at("0.0.0.0:0")}}, Resolver: r})
	if err != nil {
		t.Fatal(err)
	}
	if got := resolve(t, l, "sip:u@pbx.example.com:5070"); got != "udp 192.0.2.77:5070" {
		t.Errorf("the hosts file answers: %s", got)
	}
	if got := resolve(t, l, "sip:u@pbx:5070"); got != "udp 192.0.2.77:5070" {
		t.Errorf("UDP targets of a family without a listener are left out: %s", got)
	}
	if list := r.serverList(); !slices.Equal(list, []string{net.JoinHostPort(host, "53")}) {
		t.Errorf("servers of resolv.conf: %v", list)
	}
}

// Escapes of a zone file are taken off a text (RFC 1035 §5.1).
func TestPlainText(t *testing.T) {
	for text, want := range map[string]string{`a\\+b`: `a\+b`, `\"q\"`: `"q"`, `\065\066`: "AB", `a\`: `a\`, `\12`: "12", `\999`: "999", "": ""} {
		if got := plainText(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
