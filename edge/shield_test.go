package edge

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// shielded has a Shield and asks it with a clock of its own.
type shielded struct {
	*Shield
	now time.Time
}

func newShielded(cfg ShieldConfig) *shielded { return &shielded{NewShield(cfg), time.Unix(1e9, 0)} }

// silently stands for a request that gets no answer.
const silently = -1

func flowFrom(addr string) transport.Flow {
	return transport.NewFlow(transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"), netip.AddrPortFrom(netip.MustParseAddr(addr), 5060), 0)
}

// ask returns the status of a fresh INVITE of a user, 0 if it is let in.
func (s *shielded) ask(addr, user string) int {
	req := sip.NewRequest(sip.INVITE, "sip:100@192.0.2.1")
	req.Add(sip.HeaderFrom, "<sip:"+user+"@example.org>;tag=1")
	req.Add(sip.HeaderTo, "<sip:100@192.0.2.1>")
	if s.shut(flowFrom(addr), s.now) {
		return silently
	}
	return s.admit(flowFrom(addr), req, s.now).status
}

func TestShieldRates(t *testing.T) {
	s := newShielded(ShieldConfig{Rate: 10, Burst: 20, Account: 5})
	count := func(n int, addr func(int) string, user func(int) string) (in int) {
		for i := range n {
			if s.ask(addr(i), user(i)) == 0 {
				in++
			}
		}
		return in
	}
	same := func(text string) func(int) string { return func(int) string { return text } }
	each := func(format string) func(int) string { return func(i int) string { return fmt.Sprintf(format, i) } }
	if in := count(100, same("198.51.100.1"), each("u%d")); in != 20 {
		t.Errorf("%d of 100 requests of one source are let in at once, want the burst of 20", in)
	}
	s.now = s.now.Add(time.Second)
	if in := count(100, same("198.51.100.1"), each("v%d")); in != 10 {
		t.Errorf("%d of 100 after a second, want the rate of 10", in)
	}
	if in := count(100, each("203.0.113.%d"), same("bob")); in != 10 {
		t.Errorf("%d of 100 requests of one account from many sources, want twice the rate of 5", in)
	}
	if in := count(200, each("2001:db8:0:1::%x"), each("w%d")); in != 20 {
		t.Errorf("%d of 200 from one /64, which is one source; want 20", in)
	}
}

func TestShieldBans(t *testing.T) {
	for _, c := range []struct {
		why      string
		statuses []int
		want     int // requests until the source is not answered any more, 0: never
	}{
		{"who dials numbers that do not exist", []int{404}, 21},
		{"who guesses passwords", []int{401, 403}, 33},
		{"who tries logins without an end", []int{401}, 81},
		{"a phone that registers", []int{401, 200}, 0},
		{"a carrier with wrong numbers among right ones", []int{404, callAccepted, callAccepted}, 0},
		{"who sends nonsense", []int{400}, 41},
	} {
		s := newShielded(ShieldConfig{})
		banned := 0
		for i := 0; i < 200 && banned == 0; i++ {
			if s.ask("198.51.100.1", "x") == silently {
				banned = i
				break
			}
			s.judge(flowFrom("198.51.100.1"), c.statuses[i%len(c.statuses)], s.now)
			if c.want == 0 {
				s.now = s.now.Add(time.Second)
			}
		}
		if banned != c.want {
			t.Errorf("%s: banned after %d requests, want %d", c.why, banned, c.want)
		}
		if s.ask("198.51.100.2", "x") != 0 {
			t.Errorf("%s: somebody else is refused", c.why)
		}
		s.now = s.now.Add(11 * time.Minute)
		if s.ask("198.51.100.1", "x") != 0 {
			t.Errorf("%s: still banned after the ban's time", c.why)
		}
	}
}

func TestShieldLists(t *testing.T) {
	s := newShielded(ShieldConfig{Rate: 1, Burst: 1, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Deny: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	for range 10 {
		if s.ask("10.1.2.3", "x") != 0 {
			t.Error("an allowed network is limited")
		}
		if s.ask("203.0.113.9", "x") != silently {
			t.Error("a denied network is answered")
		}
	}
}

// What strangers can grow is bounded, and a ban is not forgotten for a flood of
// new addresses.
func TestShieldMemory(t *testing.T) {
	s := newShielded(ShieldConfig{Sources: 3200})
	for range 30 {
		s.ask("198.51.100.1", "x")
		s.judge(flowFrom("198.51.100.1"), 404, s.now)
	}
	for i := range 100_000 {
		s.ask(netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}).String(), "x")
	}
	total := 0
	for i := range s.shards {
		total += len(s.shards[i].sources)
	}
	if total > 3200 {
		t.Errorf("%d sources are remembered, want at most 3200", total)
	}
	if s.ask("198.51.100.1", "x") != silently {
		t.Error("the ban was forgotten")
	}
	s.now = s.now.Add(time.Hour)
	s.sweep(s.now)
	if s.Banned(s.now) != 0 || len(s.shards[0].sources) != 0 {
		t.Error("the silent are still remembered after an hour")
	}
}

// A scanner on the wire is banned in a second and others go on.
func TestScanner(t *testing.T) {
	b := start(t, Config{Shield: NewShield(ShieldConfig{})}, transaction.Timers{})
	b.plan.Store(&Plan{Status: 404})
	scanner := newCrowd(t, b.addr("udp"))
	shield := b.proxy.cfg.Shield
	for i := 0; i < 200 && shield.Banned(time.Now()) == 0; i++ {
		call := scanner.start(i)
		select { // one after the other, as long as there are answers
		case <-call.ended:
		case <-time.After(time.Second):
		}
	}
	if got := scanner.statuses[404].Load(); got < 20 || got > 40 {
		t.Errorf("the scanner got %d answers, want about 20 and then silence", got)
	}
	dropped := func() (n uint64) {
		for name, total := range shield.report.Totals {
			if name == "banned" {
				n = total
			}
		}
		return n
	}
	before := dropped()
	for i := range 20 {
		scanner.start(1000 + i)
	}
	until(t, "the scanner's calls are dropped", func() bool { return dropped() >= before+20 })
	if servers, _ := b.layer.Load(); servers > 40 {
		t.Errorf("%d transactions: what a banned source sends must cost none", servers)
	}
	shield.Pardon(netip.MustParseAddr("127.0.0.1"))
	alice := b.udp("alice")
	b.play("alice -> OPTIONS sip:{sut}\nalice <- 200\n", alice)
}
