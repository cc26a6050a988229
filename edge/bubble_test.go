package edge

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// memory is the network of a bubble, with a DNS that knows services.
type memory struct {
	*siptest.Memory
	entry transport.Handler // of what arrives; set when Memory is Ready

	mu       sync.Mutex
	services map[string][]transport.Service // guarded by mu
}

func (m *memory) Addrs() []transport.Listen {
	return []transport.Listen{{Name: "udp", Proto: transport.UDP, Addr: m.Local}}
}

func (m *memory) LookupService(_ context.Context, name string) ([]transport.Service, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.services[name]; found != nil {
		return found, nil
	}
	return nil, transport.ErrNoAddress
}

func (m *memory) tell(name string, records ...transport.Service) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.services == nil {
		m.services = make(map[string][]transport.Service)
	}
	m.services[name] = records
}

// bubble is a balancer whose clock is the test's: all that waits in it waits
// exactly as long as it should.
type bubble struct {
	t     *testing.T
	net   *memory
	proxy *Proxy
	d     *Dispatcher
	do    map[string]func()
}

// inBubble runs a balancer with the settings and then the test in a bubble.
func inBubble(t *testing.T, cfg Config, shield *ShieldConfig, test func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, net: &memory{Memory: siptest.NewMemory()}, do: map[string]func(){}}
		b.d = NewDispatcher(DispatcherConfig{Transport: b.net})
		cfg.Transport, cfg.Router, cfg.Watcher, cfg.Relay = b.net, b.d, b.d, b.d.Trusts
		if shield != nil {
			cfg.Shield = NewShield(*shield)
		}
		var err error
		if b.proxy, err = New(cfg); err != nil {
			t.Fatal(err)
		}
		layer, err := transaction.New(transaction.Config{Transport: &guardedMemory{b.net, cfg.Shield}, Handler: b.proxy, Shards: 1})
		if err != nil {
			t.Fatal(err)
		}
		b.d.Use(layer, b.proxy)
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		for _, r := range []runner{layer, b.proxy, b.d} {
			running.Go(func() { _ = r.Run(ctx) }) // ends with stop
		}
		defer running.Wait()
		defer stop()
		b.net.Ready()
		test(b)
	})
}

// guardedMemory is the bubble's network behind a shield.
type guardedMemory struct {
	*memory
	shield *Shield
}

func (g *guardedMemory) Run(ctx context.Context, h transport.Handler) error {
	g.entry = g.shield.Guard(h)
	return g.memory.Run(ctx, g.entry)
}

func (b *bubble) peer(name string) *siptest.Peer {
	p := b.net.Dial(name)
	b.t.Cleanup(func() { p.Close() })
	return p
}

// use puts settings with these destinations into force.
func (b *bubble) use(s Settings, specs ...dispatch.Spec) {
	s.Set = 1
	s.Sets = []dispatch.Config{{ID: 1, Destinations: specs, SlowStart: s.SlowStart}}
	for _, fault := range b.d.Apply(s, time.Now()) {
		b.t.Error(fault)
	}
}

func (b *bubble) play(script string, peers ...*siptest.Peer) {
	b.t.Helper()
	s := &siptest.Script{System: "edge", Vars: map[string]string{"sut": b.net.Local.String()}, Patience: time.Second, Do: b.do}
	for _, p := range peers {
		s.Vars[p.Name] = p.Address()
	}
	s.Run(b.t, script, peers...)
}

// state returns the letter of the destination at a peer, as the listing shows it.
func (b *bubble) state(p *siptest.Peer) string {
	for _, info := range b.d.Destinations() {
		if strings.Contains(info.URI, p.Address()) {
			return info.Flags
		}
	}
	return "none"
}

// invite is a call to the balancer, for the dispatcher alone.
func invite(b *bubble) *sip.Request {
	return sip.NewRequest(sip.INVITE, "sip:100@"+b.net.Local.String())
}

func spec(p *siptest.Peer, priority int) dispatch.Spec {
	return dispatch.Spec{URI: "sip:" + p.Address(), Priority: priority}
}

// RFC 3261 §16.6 step 11 and §16.8: Timer C is more than three minutes, each
// provisional response but 100 starts it anew, and its end is a CANCEL.
func TestTimerCExact(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		alice, pbx := b.peer("alice"), b.peer("pbx")
		b.use(Settings{NoPing: true}, spec(pbx, 0))
		b.play(`
			alice -> INVITE sip:100@{sut}
			pbx <- INVITE
			pbx -> 180
			alice <- 180
			pbx silence 189s
			pbx -> 183                                 # 1 s before the end
			alice <- 183
			pbx <- CANCEL | after: 189s | within: 191s
			pbx -> 200 CANCEL
			pbx -> 487 INVITE
			pbx <- ACK
			alice <- 487
			alice -> ACK
		`, alice, pbx)
	})
}

// A destination may be silent to an INVITE for Patience, to another request three
// times as long; one that has said 100 is waited for.
func TestPatienceExact(t *testing.T) {
	inBubble(t, Config{Patience: 2 * time.Second}, nil, func(b *bubble) {
		alice, mute, pbx := b.peer("alice"), b.peer("mute"), b.peer("pbx")
		b.use(Settings{NoPing: true, Algorithm: dispatch.Priority, Health: dispatch.HealthConfig{Fall: 100}}, spec(mute, 9), spec(pbx, 1))
		b.play(`
			alice -> INVITE sip:100@{sut}
			mute <- INVITE
			pbx <- INVITE | after: 1.99s | within: 2.01s
			pbx -> 200
			alice <- 200 INVITE
			alice -> ACK
			pbx <- ACK
			alice -> BYE
			pbx <- BYE
			pbx -> 200
			alice <- 200
		`, alice, mute, pbx)
		b.play(`
			alice -> MESSAGE sip:100@{sut} | new
			pbx <- MESSAGE | after: 5.99s | within: 6.01s
			pbx -> 200
			alice <- 200
		`, alice, pbx)
	})
	inBubble(t, Config{Patience: 2 * time.Second}, nil, func(b *bubble) {
		alice, slow, pbx := b.peer("alice"), b.peer("slow"), b.peer("pbx")
		b.use(Settings{NoPing: true, Algorithm: dispatch.Priority}, spec(slow, 9), spec(pbx, 1))
		b.play(`
			alice -> INVITE sip:100@{sut}
			slow <- INVITE
			slow -> 100
			pbx silence 1m         # 100 says that somebody is at work
			slow -> 200
			alice <- 200 INVITE
			alice -> ACK
			slow <- ACK
		`, alice, slow, pbx)
	})
}

// Probes: a destination that falls silent is T after the first lost probe, I after
// the third, A again after two good answers; the letters are Kamailio's. A
// disabled one is not even probed, a drained one is.
func TestProbesExact(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		pbx := b.peer("pbx")
		seen := map[string]bool{} // a probe that is sent again is no new one
		b.net.Lose = func(from, _ netip.AddrPort, m []byte) bool {
			again := from == b.net.Local && seen[string(m)]
			seen[string(m)] = true
			return again
		}
		is := func(want string) func() {
			return func() {
				b.t.Helper()
				synctest.Wait()
				if got := b.state(pbx); got != want {
					b.t.Errorf("the destination is %s, want %s: %s", got, want, b.d.Destinations()[0].LastSign)
				}
			}
		}
		for _, flags := range []string{"AP", "TP", "IP", "DP"} {
			b.do[flags] = is(flags)
		}
		b.do["disable"] = func() { _ = b.d.Command(Disable, AllSets, "sip:"+pbx.Address()) }
		b.do["enable"] = func() { _ = b.d.Command(Enable, AllSets, "sip:"+pbx.Address()) }
		b.do["drain"] = func() { _ = b.d.Command(Drain, AllSets, "sip:"+pbx.Address()) }
		b.use(Settings{Health: dispatch.HealthConfig{Interval: 10 * time.Second, Rise: 2, Fall: 3}, PingTime: 4 * time.Second}, spec(pbx, 0))
		b.play(`
			pbx <- OPTIONS | call: one
			do AP
			pause 3.99s
			do AP
			pause 20ms
			do TP                                       # no answer to the first within 4 s
			pbx <- OPTIONS | call: two | after: 5.9s | within: 6.1s
			pause 4.01s
			do TP
			pbx <- OPTIONS | call: three | within: 6.1s
			pause 4.01s
			do IP                                       # the third: out
			pbx <- OPTIONS | call: four | within: 6.1s
			pbx -> 200
			do IP                                       # one good answer is not enough
			pbx <- OPTIONS | call: five | after: 9.9s | within: 10.1s
			pbx -> 404                                  # whoever refuses is alive
			do AP
			pbx <- OPTIONS | call: six | within: 10.1s
			pbx -> 503
			do TP
			pbx <- OPTIONS | call: seven | within: 10.1s
			pbx -> 200
			do AP
			do drain
			do DP
			pbx <- OPTIONS | call: eight | within: 10.1s
			pbx -> 200
			do DP                                       # a probe brings no drained one back
			do disable
			pbx silence 1m                              # not even probed
			do enable
			do AP
			pbx <- OPTIONS | call: nine | within: 10.1s
		`, pbx)
	})
}

// Probes may be 100 ms apart, not less.
func TestProbesFast(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		pbx := b.peer("pbx")
		b.use(Settings{Health: dispatch.HealthConfig{Interval: time.Millisecond}}, spec(pbx, 0))
		for _, line := range strings.Fields("a b c d e f g h") {
			b.play("pbx <- OPTIONS | call: "+line+" | within: 101ms\npbx -> 200\npbx silence 98ms\n", pbx)
		}
	})
}

// A destination that came back gets a share of the calls that grows to the whole
// within SlowStart.
func TestSlowStartExact(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		one, two := b.peer("one"), b.peer("two")
		b.use(Settings{NoPing: true, Algorithm: dispatch.RoundRobin, SlowStart: 10 * time.Second}, spec(one, 0), spec(two, 0))
		if err := b.d.Command(Disable, AllSets, "sip:"+one.Address()); err != nil {
			b.t.Fatal(err)
		}
		if err := b.d.Command(Enable, AllSets, "sip:"+one.Address()); err != nil {
			b.t.Fatal(err)
		}
		req := invite(b)
		for second, want := range []struct{ low, high int }{0: {1, 5}, 2: {15, 25}, 5: {45, 55}, 8: {75, 85}, 10: {100, 100}} {
			if want.high != 0 {
				got := 0
				for range 200 {
					var plan Plan
					b.d.dispatch(b.d.board.Load(), req, &plan)
					if plan.Groups[0][0].NextHop == "sip:"+one.Address() {
						got++
					}
				}
				if got < want.low || got > want.high {
					b.t.Errorf("%d s after it came back: %d of 200 calls, want %d to %d of its 100", second, got, want.low, want.high)
				}
			}
			time.Sleep(time.Second)
		}
	})
}

// A scanner is not answered for the time of its ban, exactly.
func TestBanExact(t *testing.T) {
	inBubble(t, Config{}, &ShieldConfig{Failures: 3, Window: time.Minute, Ban: 10 * time.Minute}, func(b *bubble) {
		scanner, alice, pbx := b.peer("scanner"), b.peer("alice"), b.peer("pbx")
		b.use(Settings{NoPing: true}, spec(pbx, 0))
		b.play(strings.Repeat(`
			scanner -> OPTIONS sip:100@{sut} | new
			pbx <- OPTIONS
			pbx -> 404
			scanner <- 404
		`, 4)+`
			scanner -> OPTIONS sip:101@{sut} | new
			pbx silence 40s
			scanner silence 1s
			alice -> OPTIONS sip:100@{sut}
			pbx <- OPTIONS
			pbx -> 200
			alice <- 200
			pause 558s
			scanner -> OPTIONS sip:102@{sut} | new
			pbx silence 500ms
			pause 600ms
			scanner -> OPTIONS sip:103@{sut} | new
			pbx <- OPTIONS
			pbx -> 200
			scanner <- 200
		`, scanner, alice, pbx)
	})
}

// RFC 2782: the records of a service are destinations, the lowest priority number
// first, by weight inside one; what the DNS tells later comes into force without
// a reload, what it fails to tell changes nothing.
func TestServiceRecords(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		a, c, spare := b.peer("a"), b.peer("c"), b.peer("spare")
		b.net.Names = map[string]netip.AddrPort{}
		for _, p := range []*siptest.Peer{a, c, spare} {
			b.net.Names[p.Name+".example.org"] = netip.MustParseAddrPort(p.Address())
		}
		record := func(p *siptest.Peer, priority, weight uint16) transport.Service {
			return transport.Service{Host: p.Name + ".example.org", Port: 5060, Priority: priority, Weight: weight}
		}
		const name = "_sip._udp.example.org"
		last, first, second := record(spare, 20, 1), record(a, 10, 60), record(c, 10, 20) // before anybody resolves a name
		b.net.tell(name, last, first, second)
		for _, fault := range b.d.Apply(Settings{Set: 1, Algorithm: dispatch.Tiers, NoPing: true, Services: []string{name}}, time.Now()) {
			b.t.Error(fault)
		}
		count := func() map[string]int {
			got := map[string]int{}
			for range 80 {
				var plan Plan
				b.d.dispatch(b.d.board.Load(), sip.NewRequest(sip.INVITE, "sip:100@example.org"), &plan)
				if plan.Status != 0 {
					got["refused"]++
					continue
				}
				got[plan.Groups[0][0].Targets[0].Addr.String()]++
			}
			return got
		}
		expect := func(when string, want map[string]int) {
			b.t.Helper()
			synctest.Wait()
			got := count()
			for where, n := range want {
				if got[where] != n {
					b.t.Errorf("%s: %s gets %d of 80 calls, want %d; all: %v", when, where, got[where], n, got)
				}
			}
		}
		expect("at first", map[string]int{a.Address(): 60, c.Address(): 20})
		if err := b.d.Command(Drain, AllSets, "sip:a.example.org:5060"); err != nil {
			b.t.Fatal(err)
		}
		expect("a drained", map[string]int{c.Address(): 80})
		b.net.tell(name, last, first)
		time.Sleep(20 * time.Second)
		expect("c is gone, a is drained still", map[string]int{spare.Address(): 80})
		b.net.tell(name)
		time.Sleep(time.Minute)
		expect("the DNS knows nothing any more", map[string]int{spare.Address(): 80})
	})
}

// RFC 5922 §4: over TLS a destination of the DNS must show the domain that was
// asked for, not the host that an unsigned record names.
func TestServiceCertificate(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		b.net.Proto = transport.TLS
		b.net.Names = map[string]netip.AddrPort{"host.elsewhere.example": netip.MustParseAddrPort("192.0.2.77:5061")}
		b.net.tell("_sips._tcp.example.org", transport.Service{Host: "host.elsewhere.example", Port: 5061})
		b.d.Apply(Settings{Set: 1, NoPing: true, Services: []string{"_sips._tcp.example.org"}}, time.Now())
		time.Sleep(time.Second)
		set, found := b.d.board.Load().sets[1]
		if !found {
			b.t.Fatal("the record has made no destination")
		}
		for _, target := range set.Destinations()[0].Targets() {
			if target.ServerName != "example.org" {
				b.t.Errorf("the certificate must show %q, want example.org", target.ServerName)
			}
		}
		if uri := set.Destinations()[0].URI; uri != "sip:host.elsewhere.example:5061;transport=tls" {
			b.t.Errorf("the destination is %s", uri)
		}
	})
}

// Nothing that a stranger sends over UDP, who may be somebody else than his address
// says, makes the edge send much more to that address: the bytes are counted for as
// long as any timer runs.
func TestNoAmplification(t *testing.T) {
	const small = "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKx;rport\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>%s\r\nCall-ID: x\r\nCSeq: 1 %s\r\n%s\r\n"
	for _, c := range []struct {
		what, method, uri, to, more string
	}{
		{"a probe", "OPTIONS", "sip:192.0.2.1", "", "Max-Forwards: 9\r\n"},
		{"the last hop", "OPTIONS", "sip:1@192.0.2.1", "", "Max-Forwards: 0\r\n"},
		{"a call when nobody is there", "INVITE", "sip:1@192.0.2.1", "", "Max-Forwards: 9\r\nContact: <sip:a@b>\r\n"},
		{"a call of another scheme", "INVITE", "tel:+49", "", "Max-Forwards: 9\r\n"},
		{"a call with a Route of its own", "INVITE", "sip:1@192.0.2.1", "", "Max-Forwards: 9\r\nRoute: <sip:192.0.2.99;lr>\r\n"},
		{"a request in no dialog", "BYE", "sip:1@192.0.2.99", ";tag=2", "Max-Forwards: 9\r\n"},
		{"a call without anything", "INVITE", "sip:1@192.0.2.1", "", ""},
		{"a wrong length", "INVITE", "sip:1@192.0.2.1", "", "Content-Length: 99\r\n"},
		{"an extension", "INVITE", "sip:1@192.0.2.1", "", "Max-Forwards: 9\r\nProxy-Require: x\r\n"},
		{"a CANCEL of nothing", "CANCEL", "sip:1@192.0.2.1", "", "Max-Forwards: 9\r\n"},
		{"a method nobody knows", "X", "sip:1@192.0.2.1", "", "Max-Forwards: 9\r\n"},
		{"a registration", "REGISTER", "sip:192.0.2.1", "", "Max-Forwards: 9\r\n"},
	} {
		t.Run(c.what, func(t *testing.T) {
			inBubble(t, Config{}, &ShieldConfig{}, func(b *bubble) {
				b.peer("victim") // at 192.0.2.10
				b.use(Settings{NoPing: true, Algorithm: dispatch.RoundRobin})
				var bytes, datagrams int
				b.net.Lose = func(from, to netip.AddrPort, m []byte) bool {
					if to.Addr() == netip.MustParseAddr("192.0.2.10") {
						bytes, datagrams = bytes+len(m), datagrams+1
					}
					return false
				}
				message := fmt.Sprintf("%s %s SIP/2.0\r\n", c.method, c.uri) + fmt.Sprintf(small, c.to, c.method, c.more)
				req, _, err := sip.Parse(message)
				if err == nil {
					err = req.Validate()
				}
				flow := b.net.Flow("192.0.2.10:5060")
				b.net.entry.ServeRequest(flow, req, err)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				t.Logf("%d bytes sent, %d datagrams with %d bytes come back", len(message), datagrams, bytes)
				if datagrams > 1 {
					t.Errorf("%d datagrams come back, want one at most", datagrams)
				}
				if limit := len(message)*3/2 + 50; bytes > limit {
					t.Errorf("%d bytes come back for %d, want %d at most: the fields that SIP has repeated and a tag", bytes, len(message), limit)
				}
			})
		})
	}
}

// RFC 3261 §22.2: credentials answer the challenge of one destination, whatever the
// algorithm says; they are no turn of it, so the next call goes to the next.
func TestCredentialsGoToTheChallenger(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		alice, one, two := b.peer("alice"), b.peer("one"), b.peer("two")
		b.use(Settings{NoPing: true, Algorithm: dispatch.RoundRobin}, spec(one, 0), spec(two, 0))
		call := func(name, first, second string) string {
			return strings.NewReplacer("NAME", name, "FIRST", first, "SECOND", second).Replace(`
				alice -> INVITE sip:100@{sut} | new
				FIRST <- INVITE
				FIRST -> 401 | WWW-Authenticate: Digest realm="x", nonce="NAME"
				FIRST <- ACK
				alice <- 401
				alice -> ACK
				alice -> INVITE sip:100@{sut} | To: <sip:100@{sut}> | Authorization: Digest username="a", realm="x", nonce="NAME", uri="sip:100@x", response="0"
				SECOND <- INVITE
				SECOND -> 486
				SECOND <- ACK
				alice <- 486
				alice -> ACK
			`)
		}
		b.play(call("a", "one", "one")+call("b", "two", "two")+call("c", "one", "one"), alice, one, two)
		b.do["drain"] = func() { _ = b.d.Command(Drain, AllSets, "sip:"+two.Address()) }
		b.play(strings.Replace(call("d", "two", "one"), "alice -> INVITE sip:100@{sut} | To", "do drain\nalice -> INVITE sip:100@{sut} | To", 1), alice, one, two)
	})
	c := newChallenges()
	begin := time.Unix(1e9, 0)
	d := new(dispatch.Destination)
	c.note("x", d, begin)
	for after, want := range map[time.Duration]*dispatch.Destination{0: d, 31 * time.Second: d} {
		if got := c.find("x", begin.Add(after)); got != want {
			t.Errorf("after %v the challenger is %v", after, got)
		}
	}
	if c.find("x", begin.Add(65*time.Second)) != nil {
		t.Error("a challenge is remembered for more than two lives")
	}
	for i := range 3 * maxChallenges {
		c.note(fmt.Sprint(i), d, begin.Add(65*time.Second))
	}
	if n := len(c.now) + len(c.before); n > 2*maxChallenges {
		t.Errorf("%d challenges are remembered, want %d at most", n, 2*maxChallenges)
	}
}
