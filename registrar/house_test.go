package registrar

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/state"
)

// A house is a registrar on a real store, with one endpoint, bob, that needs no
// authentication.
type house struct {
	testing.TB
	dir    string
	store  *state.Store
	r      *Registrar
	policy AOR
	users  map[string]string // endpoints with a password besides bob
	flow   transport.Flow
	// dropOptions is Endpoint.DropUserOptions of bob.
	dropOptions bool
	mu          sync.Mutex
	events      []string
	cseq        int
}

var (
	phone  = netip.MustParseAddrPort("192.0.2.201:5060")
	server = netip.MustParseAddrPort("198.51.100.1:5060")
)

func newHouse(t testing.TB) *house {
	h := &house{TB: t, dir: t.TempDir(), policy: AOR{Name: "bob", MaxContacts: 5}}
	h.flow = transport.NewFlow(transport.UDP, server, phone, 0)
	h.open(Config{})
	t.Cleanup(h.close)
	return h
}

func (h *house) open(cfg Config) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	store, err := state.Open(ctx, state.Config{Dir: h.dir})
	if err != nil {
		h.Fatal(err)
	}
	h.store = store
	bucket, err := store.Journal(ctx, state.BucketConfig{Name: "bindings", Linger: -1})
	if err != nil {
		h.Fatal(err)
	}
	cfg.Store, cfg.Directory = bucket, h
	cfg.Auth = auth.New(auth.Config{Realm: "asterisk"})
	cfg.Notify = h.note
	if h.r, err = New(cfg); err != nil {
		h.Fatal(err)
	}
	if err := h.r.Load(ctx); err != nil {
		h.Fatal(err)
	}
}

func (h *house) close() {
	if h.store != nil {
		_ = h.store.Close()
		h.store = nil
	}
}

// Identify implements Directory.
func (h *house) Identify(req *sip.Request, _ transport.Flow) (Endpoint, bool) {
	from, err := req.From()
	if err != nil {
		return Endpoint{}, false
	}
	u, err := from.ParsedURI()
	if err != nil {
		return Endpoint{}, false
	}
	if password, ok := h.users[u.User]; ok {
		return Endpoint{Name: u.User, AORs: slices.Values([]AOR{{Name: u.User, MaxContacts: 1}}), Secret: func(user, _ string) (auth.Secret, bool) {
			return auth.Secret{Password: password}, user == u.User
		}}, true
	}
	return Endpoint{Name: "bob", AORs: slices.Values([]AOR{h.policy}), DropUserOptions: h.dropOptions}, u.User == "bob"
}

func (h *house) note(ev Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch ev := ev.(type) {
	case Registered:
		h.events = append(h.events, "registered "+ev.Binding.Contact)
	case Refreshed:
		h.events = append(h.events, "refreshed "+ev.Binding.Contact)
	case Unregistered:
		word := "unregistered "
		if ev.Displaced {
			word = "displaced "
		}
		h.events = append(h.events, word+ev.Binding.Contact)
	case Expired:
		h.events = append(h.events, "expired "+ev.Binding.Contact)
	}
}

func (h *house) expectEvents(want ...string) {
	h.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		h.mu.Lock()
		got := strings.Join(h.events, ", ")
		h.mu.Unlock()
		if got == strings.Join(want, ", ") {
			break
		}
		if time.Now().After(deadline) {
			h.Fatalf("events: %s\nwant:   %s", got, strings.Join(want, ", "))
		}
		time.Sleep(time.Millisecond)
	}
	h.mu.Lock()
	h.events = nil
	h.mu.Unlock()
}

// register sends a REGISTER for bob with a new CSeq. lines are added to the
// header; one that begins with "Call-ID:", "CSeq:", "To:", "From:" or "Via:"
// takes the place of the usual one.
func (h *house) register(lines ...string) *sip.Response {
	h.Helper()
	return h.send(h.request(lines...))
}

func (h *house) request(lines ...string) *sip.Request {
	h.Helper()
	h.cseq++
	usual := []string{
		fmt.Sprintf("Via: SIP/2.0/%s 192.0.2.201:5060;branch=z9hG4bKnashds%d;rport=5060", h.flow.Proto().Via(), h.cseq),
		"From: Bob <sip:bob@biloxi.example.com>;tag=a73kszlfl", "To: Bob <sip:bob@biloxi.example.com>",
		"Call-ID: 1j9FpLxk3uxtm8tn@biloxi.example.com", fmt.Sprintf("CSeq: %d REGISTER", h.cseq),
	}
	var b strings.Builder
	b.WriteString("REGISTER sip:biloxi.example.com SIP/2.0\r\nMax-Forwards: 70\r\n")
	for _, u := range usual {
		name, _, _ := strings.Cut(u, ":")
		taken := false
		for _, l := range lines {
			taken = taken || strings.HasPrefix(l, name+":")
		}
		if !taken {
			b.WriteString(u + "\r\n")
		}
	}
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	req, _, err := sip.Parse(b.String())
	if err != nil {
		h.Fatalf("%v in\n%s", err, b.String())
	}
	return req
}

func (h *house) send(req *sip.Request) *sip.Response {
	h.Helper()
	c := make(chan *sip.Response, 2)
	h.r.serve(req, h.flow, func(res *sip.Response, _ bool) { c <- res })
	select {
	case res := <-c:
		return res
	case <-time.After(10 * time.Second):
		h.Fatal("no answer within 10 s")
		return nil
	}
}

func (h *house) expect(res *sip.Response, status int, why string) *sip.Response {
	h.Helper()
	if res.Status() != status {
		h.Fatalf("answered %d %s, want %d: %s", res.Status(), res.Reason(), status, why)
	}
	return res
}

// contacts returns the Contact URIs of a 200, in order.
func contacts(res *sip.Response) string {
	list, _, _ := res.Contacts()
	var uris []string
	for _, a := range list {
		uris = append(uris, a.URI)
	}
	return strings.Join(uris, " ")
}

// param returns a parameter of the n-th Contact of a response.
func param(res *sip.Response, n int, name string) string {
	list, _, _ := res.Contacts()
	if n >= len(list) {
		return ""
	}
	v, _ := list[n].Params.Get(name)
	return v
}
