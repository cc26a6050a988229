package dialog

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/sip/transport"
)

// A rig is a dialog layer on the real transaction layer, with an application
// that writes its events down and does what the script says.
type rig struct {
	t       testing.TB
	layer   *Layer
	net     *siptest.Memory // nil on real sockets
	script  siptest.Script
	events  chan Event
	mu      sync.Mutex // guards the following
	current *Session
	inv     *Invitation
	options AcceptOptions
	accept  error // what Accept returned
	ring    func(s *Session)
	stop    func()
	addrs   map[string]netip.AddrPort
	other   func(tx *transaction.Server, req *sip.Request) bool
}

const (
	ourSDP    = "v=0\r\no=h 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 10000 RTP/AVP 8\r\n"
	otherSDP  = "v=0\r\no=h 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 10002 RTP/AVP 8\r\n"
	heldSDP   = "v=0\r\no=p 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=sendonly\r\n"
	eventWait = 15 * time.Second
)

// ServeSIP is the application's door.
func (r *rig) ServeSIP(_ context.Context, tx *transaction.Server, req *sip.Request) {
	if r.other != nil && r.other(tx, req) {
		return
	}
	if req.Method() != sip.INVITE {
		r.layer.refuse(tx, req, *r.layer.notAllowed(req.Method()))
		return
	}
	s, err := r.layer.Accept(tx, req, r, r.options)
	r.mu.Lock()
	r.accept = err
	r.mu.Unlock()
	if err != nil {
		return
	}
	r.use(s)
	r.mu.Lock()
	ring := r.ring
	r.mu.Unlock()
	if ring != nil {
		ring(s)
	}
}

// Deliver implements Sink.
func (r *rig) Deliver(e Event) {
	switch e := e.(type) {
	case Progress:
		if e.Session != nil {
			r.use(e.Session)
		}
	case Answered:
		r.use(e.Session)
	}
	r.events <- e
}

func (r *rig) use(s *Session) {
	r.mu.Lock()
	r.current = s
	r.mu.Unlock()
}

// session returns the session made last.
func (r *rig) session() *Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// memory runs f in a synctest bubble with peers on an in-memory network.
func memory(t *testing.T, edit func(*Config), f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := siptest.NewMemory()
		r := newRig(t, n, edit)
		r.net = n
		tx, err := transaction.New(transaction.Config{Transport: n, Handler: r.layer, Shards: 2})
		if err != nil {
			t.Fatal(err)
		}
		r.stop = sync.OnceFunc(r.run(tx))
		defer r.stop()
		n.Ready()
		f(t, r)
	})
}

// sockets runs f on real loopback sockets, UDP and TCP.
func sockets(t *testing.T, edit func(*Config), f func(t *testing.T, r *rig, addr netip.AddrPort)) {
	t.Helper()
	local := netip.MustParseAddrPort("127.0.0.1:0")
	net, err := transport.New(transport.Config{Listen: []transport.Listen{
		{Name: "udp", Proto: transport.UDP, Addr: local}, {Name: "tcp", Proto: transport.TCP, Addr: local}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := net.Listen(); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, net, edit)
	tx, err := transaction.New(transaction.Config{Transport: net, Handler: r.layer})
	if err != nil {
		t.Fatal(err)
	}
	stop := r.run(tx)
	defer stop()
	r.addrs = make(map[string]netip.AddrPort)
	for _, a := range net.Addrs() {
		r.addrs[a.Name] = a.Addr
	}
	for _, a := range net.Addrs() {
		f(t, r, a.Addr)
	}
}

// addr returns the address of a listener.
func (r *rig) addr(name string) netip.AddrPort { return r.addrs[name] }

func newRig(t testing.TB, n Transport, edit func(*Config)) *rig {
	r := &rig{t: t, events: make(chan Event, 1024)}
	r.script.Do = map[string]func(){}
	r.script.Vars = map[string]string{"sut": "192.0.2.1:5060"}
	c := Config{Transport: n, Next: r, UserAgent: "Hometone"}
	if edit != nil {
		edit(&c)
	}
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.layer = l
	return r
}

func (r *rig) run(tx *transaction.Layer) (stop func()) {
	r.layer.Use(tx)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- tx.Run(ctx) }()      // owns the transactions; ends with ctx
	go func() { done <- r.layer.Run(ctx) }() // owns the timers; ends with ctx
	return func() {
		cancel()
		<-done
		<-done
	}
}

// do names something that scripts may ask for; an error fails the test. In
// memory it is done when the layer has come to rest: a peer may have our
// message before the application has the event that belongs to it.
func (r *rig) do(name string, f func() error) {
	r.script.Do[name] = func() {
		if r.net != nil {
			synctest.Wait()
		}
		if err := f(); err != nil {
			r.t.Errorf("do %s: %v", name, err)
		}
	}
}

// event waits for the next event of one type and skips Progress unless asked
// for; any other event fails the test.
func event[E Event](r *rig, why string) E {
	r.t.Helper()
	var want E
	for {
		select {
		case e := <-r.events:
			if got, ok := e.(E); ok {
				return got
			}
			if _, ok := e.(Progress); ok {
				continue
			}
			r.t.Fatalf("event %s, want %T: %s", describe(e), want, why)
		case <-time.After(eventWait):
			r.t.Fatalf("no event, want %T: %s", want, why)
		}
	}
}

// quiet fails if any event but Progress is left.
func (r *rig) quiet(why string) {
	r.t.Helper()
	for {
		select {
		case e := <-r.events:
			if _, ok := e.(Progress); !ok {
				r.t.Fatalf("event %s: %s", describe(e), why)
			}
		default:
			return
		}
	}
}

func describe(e Event) string {
	if x, ok := e.(Ended); ok {
		return fmt.Sprintf("Ended{%s, %d, %v}", x.Cause, x.Status, x.Err)
	}
	return reflect.TypeOf(e).String()
}

// invite is "do invite": we call the peer.
func (r *rig) invite(p *siptest.Peer, edit func(*InviteConfig)) func() error {
	return func() error {
		c := InviteConfig{URI: "sip:" + p.Name + "@" + p.Address(), From: "<sip:hometone@192.0.2.1>", SDP: ourSDP}
		if edit != nil {
			edit(&c)
		}
		inv, err := r.layer.Invite(c, r)
		r.mu.Lock()
		r.inv = inv
		r.mu.Unlock()
		return err
	}
}

// answering rings and makes the session answer at "do answer".
func (r *rig) answering() {
	r.do("answer", func() error { return r.session().Answer(ourSDP) })
	r.do("ring", func() error { return r.session().Provisional(180, "") })
	r.do("bye", func() error { return r.session().Bye(NormalClearing) })
}

// ended checks that the last event is an Ended of this cause, that nothing
// follows, and that the layer has forgotten the dialog.
func (r *rig) ended(cause Cause, why string) Ended {
	r.t.Helper()
	e := event[Ended](r, why)
	if e.Cause != cause {
		r.t.Errorf("ended because of %q (status %d, %v), want %q: %s", e.Cause, e.Status, e.Err, cause, why)
	}
	return e
}

// empty checks that no dialog is left once everything has come to rest.
func (r *rig) empty() {
	r.t.Helper()
	if r.net != nil {
		time.Sleep(time.Minute)
		synctest.Wait()
	}
	if n := r.layer.Len(); n != 0 {
		r.t.Errorf("%d dialogs left", n)
	}
	r.quiet("a session has one final event")
}
