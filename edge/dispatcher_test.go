package edge

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/dispatcher"
	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// balancer runs an edge with the destinations.
func balancer(t testing.TB, s Settings, cfg Config) (*bench, *Dispatcher) {
	t.Helper()
	any4 := netip.MustParseAddrPort("127.0.0.1:0")
	wire, err := transport.New(transport.Config{Listen: []transport.Listen{{Name: "udp", Proto: transport.UDP, Addr: any4}, {Name: "tcp", Proto: transport.TCP, Addr: any4}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Listen(); err != nil {
		t.Fatal(err)
	}
	d := NewDispatcher(DispatcherConfig{Transport: wire})
	cfg.Transport, cfg.Router, cfg.Watcher, cfg.Relay = wire, d, d, d.Trusts
	b := &bench{t: t, wire: wire, addrs: wire.Addrs()}
	if b.proxy, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	layer, err := transaction.New(transaction.Config{Transport: wire, Handler: b.proxy})
	if err != nil {
		t.Fatal(err)
	}
	d.Use(layer, b.proxy)
	for _, fault := range d.Apply(s, time.Now()) {
		t.Log(fault)
	}
	b.run(layer, d)
	return b, d
}

// kamailioList reads the dispatcher.list of the example stack with the
// addresses of the test in place of its own.
func kamailioList(t testing.TB, gateways ...*gateway) []dispatch.Spec {
	t.Helper()
	path := filepath.Join(testdata.Path(t), "..", "examples", "kamailio", "dispatcher.list")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skip("no example stack: ", err)
	}
	list := string(text)
	for i, g := range gateways {
		list = strings.Replace(list, fmt.Sprintf("sip:192.168.0.%d", i+1), "sip:"+g.addr.String(), 1)
	}
	parsed, problems := dispatcher.Parse(path, list)
	if config.HasErrors(problems) {
		t.Fatal(problems)
	}
	var specs []dispatch.Spec
	for _, d := range parsed.Set(1) {
		specs = append(specs, specOf(&d))
	}
	return specs
}

// Kamailio's own scenario: two destinations of weight 50, algorithm 9.
func TestKamailioSplit(t *testing.T) {
	one, two := newGateway(t, 0), newGateway(t, 0)
	b, d := balancer(t, Settings{Set: 1, Algorithm: dispatch.Weight, Sets: []dispatch.Config{{ID: 1, Destinations: kamailioList(t, one, two)}}}, Config{Patience: time.Minute})
	c := newCrowd(t, b.addr("udp"))
	c.run(1000, 500, nil)
	if got := c.statuses[200].Load(); got != 1000 {
		t.Errorf("%d of 1000 calls were accepted", got)
	}
	for _, g := range []*gateway{one, two} {
		if n := g.calls.Load(); n < 499 || n > 501 {
			t.Errorf("a destination of weight 50 got %d of 1000 calls, want 500±1", n)
		}
	}
	if one.byes.Load()+two.byes.Load() != 1000 || one.acks.Load() < 499 || one.byes.Load() != one.calls.Load() {
		t.Errorf("BYEs %d+%d, ACKs %d+%d: requests of a dialog must go where its INVITE went", one.byes.Load(), two.byes.Load(), one.acks.Load(), two.acks.Load())
	}
	for _, info := range d.Destinations() {
		if info.Calls != 0 {
			t.Errorf("%s has %d calls when all have ended", info.URI, info.Calls)
		}
	}
}

// A destination dies with calls in set-up: none of them fails. It comes back:
// it gets calls again.
func TestDestinationDies(t *testing.T) {
	one, two := newGateway(t, 20*time.Millisecond), newGateway(t, 20*time.Millisecond)
	b, d := balancer(t, Settings{
		Set: 1, Algorithm: dispatch.Weight, Sets: []dispatch.Config{{ID: 1, Destinations: kamailioList(t, one, two)}},
		Health: dispatch.HealthConfig{Interval: 200 * time.Millisecond, Rise: 2, Fall: 3}, PingTime: 2 * time.Second, // a busy machine is no dead one
	}, Config{Patience: 1200 * time.Millisecond})
	c := newCrowd(t, b.addr("udp"))
	is := func(want dispatch.State) {
		t.Helper()
		until(t, "the destination is "+want.String(), func() bool {
			state := d.Destinations()[0].State
			return state == want || want == dispatch.Active && state == dispatch.Trying
		})
	}
	c.run(1000, 300, func(i int) {
		switch i {
		case 200:
			go one.down() // in the middle of calls; ends when its socket is closed
		case 900:
			is(dispatch.Inactive)
			one.up() // the calls that it had wait to be ended
		}
	})
	is(dispatch.Active)
	before := one.byes.Load()
	c.run(300, 300, nil)
	if got := c.statuses[200].Load(); got != 1300 {
		for status := range c.statuses {
			if n := c.statuses[status].Load(); n > 0 {
				t.Logf("%d times %d", n, status)
			}
		}
		t.Errorf("%d of 1300 calls were accepted; want all", got)
	}
	if back := one.byes.Load() - before; back < 140 {
		t.Errorf("the destination that came back carried %d of the last 300 calls, want its half", back)
	}
}
