package edge

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip/siptest"
)

// order gives an order about the destination at a peer, in all sets.
func (b *bubble) order(o Order, p *siptest.Peer) {
	b.t.Helper()
	if err := b.d.Command(o, AllSets, "sip:"+p.Address()); err != nil {
		b.t.Error(err)
	}
}

// expect says what a listing has to show now.
func (b *bubble) expect(p *siptest.Peer, flags, why string) {
	b.t.Helper()
	synctest.Wait()
	if got := b.state(p); got != flags {
		b.t.Errorf("the destination is %s, want %s: %s", got, flags, why)
	}
}

// The states of Kamailio's dispatcher.set_state by hand, by word and by letter: what
// each means for calls and for probes, and that a reload keeps them.
func TestOperatorStates(t *testing.T) {
	for _, c := range []struct {
		order  Order
		noPing bool
		flags  string
		calls  bool
		why    string
	}{
		{Trying, true, "TX", true, "T takes calls"},
		{Inactive, true, "IX", false, "I takes none, and without probes nothing brings it back"},
		{Disable, true, "DX", false, "D takes none"},
		{Drain, true, "DX", false, "a drained one takes none, its listing is Kamailio's D"},
		{Probing, true, "AP", true, "P is probed although the configuration probes nobody"},
		{"a", true, "AX", true, "Kamailio's letters"},
		{"AP", true, "AP", true, "in either case"},
		{"t", true, "TX", true, ""},
		{"tp", true, "TP", true, ""},
		{"i", true, "IX", false, ""},
		{"ip", true, "IP", false, ""},
		{"d", true, "DX", false, ""},
		{Inactive, false, "IP", false, "it is probed, as the configuration says"},
		{Enable, false, "AP", true, ""},
	} {
		inBubble(t, Config{}, nil, func(b *bubble) {
			pbx := b.peer("pbx")
			settings := Settings{NoPing: c.noPing, Health: dispatch.HealthConfig{Interval: time.Minute}}
			b.use(settings, spec(pbx, 0))
			b.order(c.order, pbx)
			for _, when := range []string{"at once", "after a reload"} {
				b.expect(pbx, c.flags, string(c.order)+" "+when+": "+c.why)
				var plan Plan
				b.d.dispatch(b.d.board.Load(), invite(b), &plan)
				if taken := plan.Status == 0; taken != c.calls {
					b.t.Errorf("%s %s: takes calls is %v, want %v: %s", c.order, when, taken, c.calls, c.why)
				}
				b.use(settings, spec(pbx, 0))
			}
			changed := spec(pbx, 0)
			changed.Flags = dispatch.FlagTrying
			b.use(settings, changed)
			b.expect(pbx, "T"+c.flags[1:], "a file that says something new about the destination counts more than the operator before it")
		})
	}
}

// An inactive destination comes back when probes find it well; P makes one that the
// configuration does not probe come back too, and stays until the operator says
// otherwise.
func TestOperatorProbing(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		pbx := b.peer("pbx")
		settings := Settings{NoPing: true, Health: dispatch.HealthConfig{Interval: 10 * time.Second, Rise: 2}}
		b.use(settings, spec(pbx, 0))
		b.order("i", pbx)
		b.play("pbx silence 5m\n", pbx)
		b.expect(pbx, "IX", "nobody probes it")
		b.order(Probing, pbx)
		b.play("pbx <- OPTIONS | call: one\npbx -> 200\n", pbx)
		b.expect(pbx, "IP", "one good answer")
		b.use(settings, spec(pbx, 0)) // a reload in between forgets nothing
		b.play("pbx <- OPTIONS | call: two | within: 11s\npbx -> 200\n", pbx)
		b.expect(pbx, "AP", "the second good answer")
		b.order(Enable, pbx)
		b.play("pbx silence 5m\n", pbx)
		b.expect(pbx, "AX", "enable is what the configuration says")
	})
}

// A set and a destination that do not exist are said, and an order that is none.
func TestOperatorErrors(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		pbx := b.peer("pbx")
		uri := "sip:" + pbx.Address()
		b.use(Settings{NoPing: true}, spec(pbx, 0))
		for _, c := range []struct {
			order Order
			set   int
			id    string
			want  string
		}{
			{Drain, 1, uri, ""},
			{Drain, 2, uri, "in set 2"},
			{Drain, AllSets, "sip:nobody", `no destination "sip:nobody"`},
			{"stop", AllSets, uri, `no order "stop"`},
		} {
			err := b.d.Command(c.order, c.set, c.id)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				b.t.Errorf("%s %s in set %d: %v, want %q", c.order, c.id, c.set, err, c.want)
			}
		}
	})
}

// A probe ends when it counts as lost: it is sent again until then (RFC 3261
// §17.1.2.1), and not for 64*T1.
func TestLostProbeEnds(t *testing.T) {
	inBubble(t, Config{}, nil, func(b *bubble) {
		pbx := b.peer("pbx")
		copies := map[string][]time.Duration{}
		began := time.Now()
		b.net.Lose = func(from, _ netip.AddrPort, m []byte) bool {
			if from == b.net.Local {
				copies[string(m)] = append(copies[string(m)], time.Since(began))
			}
			return true
		}
		b.use(Settings{Health: dispatch.HealthConfig{Interval: time.Minute}, PingTime: 4 * time.Second}, spec(pbx, 0))
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if len(copies) != 1 {
			t.Fatalf("%d probes in a minute, want one", len(copies))
		}
		for _, at := range copies {
			if len(at) != 4 || at[3]-at[0] > 4*time.Second {
				t.Errorf("the probe left after %v, want 4 times (0, 0.5, 1.5 and 3.5 s) until it counts as lost after 4 s", at)
			}
		}
		if _, clients := b.d.layer.Load().Load(); clients != 0 {
			t.Errorf("%d transactions are left, want none", clients)
		}
	})
}
