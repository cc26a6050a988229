package edge

import (
	"testing"
	"time"

	"github.com/hometone/hometone/edge/dispatch"
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// peerSet makes a set of one peer.
func peerSet(p *siptest.Peer, attrs ...dispatch.Attr) Settings {
	return Settings{Set: 1, Algorithm: dispatch.RoundRobin, NoPing: true,
		Sets: []dispatch.Config{{ID: 1, Destinations: []dispatch.Spec{{URI: "sip:" + p.Address(), Attrs: attrs}}}}}
}

// RFC 3327 and RFC 5626: a phone registers through the edge over TCP; the
// registrar behind it reaches the phone over that connection, by the Path.
func TestPath(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{Path: true})
	conn, err := siptest.DialTCP(b.addr("tcp"))
	if err != nil {
		t.Fatal(err)
	}
	phone, pbx := siptest.NewPeer("phone", conn), b.udp("pbx")
	d.Apply(peerSet(pbx), time.Now())
	s := &siptest.Script{System: "edge", Vars: map[string]string{"sut": b.addr("udp").String(), "pbx": pbx.Address()}}
	s.Run(t, `
		phone -> REGISTER sip:{sut} | Supported: path, outbound
		pbx <- REGISTER | Path: <sip:{token}@*;ob>
		pbx -> 200
		phone <- 200
	`, phone, pbx)
	s.Vars["edge"] = b.addr("tcp").String()
	s.Run(t, `
		pbx -> INVITE sip:phone@10.1.2.3:5070;transport=tcp | new | Route: <sip:{token}@{edge};transport=tcp;lr> | sdp
		phone <- INVITE | uri: sip:phone@10.1.2.3:5070;transport=tcp | -Route
		phone -> 200 | sdp
		pbx <- 200 INVITE
		pbx -> ACK
		phone <- ACK
		pbx -> BYE
		phone <- BYE
		phone -> 200
		pbx <- 200
	`, phone, pbx)
	phone.Close()
	until(t, "the edge sees the end of the connection", func() bool {
		flow, _, known := b.proxy.flows.decode(s.Vars["token"])
		if !known {
			t.Fatal("the Path carries no token")
		}
		_, open := b.wire.Find(transport.Target{Proto: transport.TCP, Addr: flow.Remote(), Flow: flow})
		return !open
	})
	s.Run(t, `
		pbx -> OPTIONS sip:phone@10.1.2.3:5070;transport=tcp | new | Route: <sip:{token}@{edge};transport=tcp;lr>
		pbx <- 430        # RFC 5626 §5.3.1: the flow has failed
		pbx -> OPTIONS sip:phone@10.1.2.3 | new | Route: <sip:forged{token}@{edge};lr>, <sip:{pbx};lr>
		pbx <- OPTIONS    # a token of somebody else means nothing
		pbx -> 200
	`, pbx)
}

// A call between two phones on connections: both ends are reached over their
// flows, in both directions, although their contacts lead nowhere.
func TestFlowsOfBothEnds(t *testing.T) {
	b := start(t, Config{}, transaction.Timers{})
	alice, bob := siptest.TCP(t, "alice", b.addr("tcp")), siptest.TCP(t, "bob", b.addr("tcp"))
	flow := make(chan transport.Flow, 1)
	b.proxy.cfg.Router.(*catcher).flow = flow
	s := &siptest.Script{System: "edge", Vars: map[string]string{"sut": b.addr("tcp").String()}}
	s.Run(t, "bob -> OPTIONS sip:bob@{sut}\nbob <- 480\n", bob)
	b.plan.Store(&Plan{Groups: [][]Branch{{{Targets: []transport.Target{{Proto: transport.TCP, Flow: <-flow}}}}}})
	s.Run(t, `
		alice -> INVITE sip:bob@{sut} | Contact: <sip:alice@10.0.0.1;transport=tcp> | sdp
		bob <- INVITE
		bob -> 200 | Contact: <sip:bob@10.0.0.2;transport=tcp> | sdp
		alice <- 200 INVITE
		alice -> ACK
		bob <- ACK | uri: sip:bob@10.0.0.2;transport=tcp | -Route
		bob -> INVITE | Contact: <sip:bob@10.0.0.2;transport=tcp> | sdp
		alice <- INVITE | uri: sip:alice@10.0.0.1;transport=tcp
		alice -> 200 | Contact: <sip:alice@10.0.0.1;transport=tcp> | sdp
		bob <- 200 INVITE
		bob -> ACK
		alice <- ACK
		alice -> BYE
		bob <- BYE
		bob -> 200
		alice <- 200
	`, alice, bob)
}

// locatorFunc makes a Locator of a function.
type locatorFunc func(aor sip.URI) ([]Contact, bool)

func (f locatorFunc) Locate(aor sip.URI) ([]Contact, bool) { return f(aor) }

// Full service: phones registered at the edge are called by the PBX, by
// preference; strangers are sent to the PBX.
func TestLocator(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{})
	alice, bob, carol, pbx := b.udp("alice"), b.udp("bob"), b.udp("carol"), b.udp("pbx")
	d.cfg.Locator = locatorFunc(func(aor sip.URI) ([]Contact, bool) {
		switch aor.User {
		case "bob":
			return []Contact{{URI: "sip:carol@" + carol.Address(), Q: 500}, {URI: "sip:bob@" + bob.Address(), Q: 1000}}, true
		case "asleep":
			return nil, true
		}
		return nil, false
	})
	d.Apply(peerSet(pbx), time.Now())
	b.play(`
		alice -> INVITE sip:bob@{sut}
		pbx <- INVITE | uri: sip:bob@{sut}
		pbx -> 404
		pbx <- ACK
		alice <- 404
		alice -> ACK
		pbx -> INVITE sip:bob@{sut} | new
		bob <- INVITE | uri: sip:bob@{bob}      # the higher q first
		bob -> 486
		bob <- ACK
		carol <- INVITE
		carol -> 200
		pbx <- 200 INVITE
		pbx -> ACK
		carol <- ACK
		pbx -> INVITE sip:asleep@{sut} | new
		pbx <- 480
		pbx -> ACK
		pbx -> INVITE sip:nobody@{sut} | new
		pbx <- 404
		pbx -> ACK
		pbx -> OPTIONS sip:bob@{bob} | new      # a PBX may send anywhere
		bob <- OPTIONS
		bob -> 200
		pbx <- 200
		alice -> OPTIONS sip:x@{bob} | new | Route: <sip:{sut};lr>, <sip:{bob};lr>
		alice <- 403                            # a stranger may not use us as a relay
	`, alice, bob, carol, pbx)
}

// A destination is sticky for a dialog even if its requests carry no Route, and
// its calls are counted from INVITE to BYE.
func TestStickyWithoutRoute(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{})
	alice, pbx := b.udp("alice"), b.udp("pbx")
	d.Apply(peerSet(pbx, dispatch.Attr{Name: "duid", Value: "one"}), time.Now())
	calls := func(want int64) func() {
		return func() {
			t.Helper()
			if got := d.Destinations()[0].Calls; got != want {
				t.Errorf("%d calls at the destination, want %d", got, want)
			}
		}
	}
	s := &siptest.Script{System: "edge", Vars: map[string]string{"sut": b.addr("udp").String()},
		Do: map[string]func(){"none": calls(0), "one": calls(1), "reload": func() {
			d.Apply(peerSet(pbx, dispatch.Attr{Name: "duid", Value: "one"}), time.Now())
		}}}
	s.Run(t, `
		do none
		alice -> INVITE sip:100@{sut} | sdp
		pbx <- INVITE
		do one
		pbx -> 486
		pbx <- ACK
		alice <- 486
		alice -> ACK
		do none
		alice -> INVITE sip:100@{sut} | new | sdp
		pbx <- INVITE
		pbx -> 200 | sdp
		alice <- 200 INVITE
		alice -> ACK | -Route
		pbx <- ACK
		do reload
		do one
		alice -> BYE | -Route
		pbx <- BYE
		pbx -> 200
		alice <- 200
		do none
	`, alice, pbx)
}

// As OpenSIPS' load_balancer: a call takes the resources that its number says, its
// end gives them back, and what has no room for it does not get it.
func TestResources(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{})
	alice, gateway, bridge := b.udp("alice"), b.udp("gateway"), b.udp("bridge")
	d.Apply(Settings{Set: 1, Algorithm: dispatch.Resources, NoPing: true, Resources: []Use{{"pstn", "0*"}, {"conf", "8*"}, {"all", ""}},
		Sets: []dispatch.Config{{ID: 1, Destinations: []dispatch.Spec{
			{URI: "sip:" + gateway.Address(), Attrs: []dispatch.Attr{{Name: "resources", Value: "pstn:1,all:100"}}},
			{URI: "sip:" + bridge.Address(), Attrs: []dispatch.Attr{{Name: "resources", Value: "conf:5,all:100"}}},
		}}}}, time.Now())
	b.play(`
		alice -> INVITE sip:8000@{sut}
		bridge <- INVITE
		bridge -> 486
		bridge <- ACK
		alice <- 486
		alice -> ACK
		alice -> INVITE sip:0301234@{sut} | new
		gateway <- INVITE
		gateway -> 200
		alice <- 200 INVITE | call: held
		alice -> ACK
		gateway <- ACK
		alice -> INVITE sip:0305678@{sut} | new
		alice <- 503                              # the only line is taken
		alice -> ACK
		alice -> BYE | call: held
		gateway <- BYE
		gateway -> 200
		alice <- 200
		alice -> INVITE sip:0305678@{sut} | new
		gateway <- INVITE
		gateway -> 200
		alice <- 200 INVITE
		alice -> ACK
		gateway <- ACK
	`, alice, gateway, bridge)
}

// What happens when nobody can take a call.
func TestNobodyThere(t *testing.T) {
	for _, c := range []struct {
		notFound bool
		want     string
	}{{false, "alice <- 503 | Retry-After: 5"}, {true, "alice <- 404 | reason: No destination dispatcher"}} {
		b, d := balancer(t, Settings{Set: 1}, Config{})
		alice, pbx := b.udp("alice"), b.udp("pbx")
		set := peerSet(pbx, dispatch.Attr{Name: "duid", Value: "one"})
		set.NotFound = c.notFound
		d.Apply(set, time.Now())
		if err := d.Command(Drain, AllSets, "one"); err != nil {
			t.Fatal(err)
		}
		b.play("alice -> INVITE sip:100@{sut}\n"+c.want+"\nalice -> ACK\n", alice)
		if err := d.Command(Enable, AllSets, "one"); err != nil {
			t.Fatal(err)
		}
		b.play("alice -> OPTIONS sip:100@{sut} | new\npbx <- OPTIONS\npbx -> 200\nalice <- 200\n", alice, pbx)
		if err := d.Command(Disable, AllSets, "two"); err == nil {
			t.Error("a destination that does not exist was disabled")
		}
	}
}

// The Router's destinations answer probes; one that stops is found dead, and
// calls that wait for it go to the next at once, before any patience is over.
func TestFoundDeadWhileWaiting(t *testing.T) {
	b, d := balancer(t, Settings{Set: 1}, Config{Patience: time.Minute})
	alice, mute, pbx := b.udp("alice"), b.udp("mute"), b.udp("pbx")
	d.Apply(Settings{Set: 1, Algorithm: dispatch.First, NoPing: true, Sets: []dispatch.Config{{ID: 1, Destinations: []dispatch.Spec{
		{URI: "sip:" + mute.Address(), Priority: 9}, {URI: "sip:" + pbx.Address()},
	}}}}, time.Now())
	s := &siptest.Script{System: "edge", Vars: map[string]string{"sut": b.addr("udp").String()}, Do: map[string]func(){"dies": func() {
		dead := d.board.Load().order[0].Destinations()[0]
		for range 3 {
			d.Silent(dead, errPatience)
		}
	}}}
	s.Run(t, `
		alice -> INVITE sip:100@{sut}
		mute <- INVITE
		mute -> 100
		do dies
		pbx <- INVITE | within: 1s
		pbx -> 200
		alice <- 200 INVITE
		alice -> ACK
		pbx <- ACK
		mute -> 180
		mute <- CANCEL       # it woke up, too late
		alice silence 30ms
	`, alice, mute, pbx)
}
