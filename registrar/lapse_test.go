package registrar

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/auth"
	"github.com/hometone/hometone/sip/transport"
	"github.com/hometone/hometone/store/state"
)

// memory is a Store for tests of time: the embedded server cannot run inside a
// bubble of synctest. It acknowledges from another goroutine.
type memory struct {
	mu   sync.Mutex
	data map[string]string
	fail error // outcome of the next writes
}

func (m *memory) Put(key string, value []byte, done state.Done) error {
	go func() {
		m.mu.Lock()
		err := m.fail
		if err == nil {
			m.data[key] = string(value)
		}
		m.mu.Unlock()
		done(1, err)
	}()
	return nil
}

func (m *memory) get(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data[key]
}

func (m *memory) Delete(key string, done state.Done) error { return m.Put(key, nil, done) }

func (m *memory) Load(context.Context, func(state.Entry) error) (uint64, error) { return 0, nil }

// timed runs test in a bubble, with a registrar whose Run runs.
func timed(t *testing.T, test func(h *house, m *memory)) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{data: map[string]string{}}
		h := &house{TB: t, policy: AOR{Name: "bob", MaxContacts: 5}, flow: transport.NewFlow(transport.UDP, server, phone, 0)}
		var err error
		if h.r, err = New(Config{Store: m, Auth: auth.New(auth.Config{Realm: "asterisk"}), Directory: h, Notify: h.note}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.r.Run(ctx) }()
		test(h, m)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Bindings lapse in memory at their time, in the store and as an event within a
// second.
func TestExpiry(t *testing.T) {
	timed(t, func(h *house, m *memory) {
		h.register("Contact: <sip:bob@short>;expires=60, <sip:bob@long>;expires=120")
		h.expectEvents("registered sip:bob@short", "registered sip:bob@long")
		time.Sleep(50 * time.Second)
		h.register("Contact: <sip:bob@long>;expires=120")
		h.expectEvents("refreshed sip:bob@long")
		time.Sleep(10*time.Second + time.Millisecond)
		if list := h.r.Lookup("bob"); len(list) != 1 || list[0].Contact != "sip:bob@long" {
			h.Errorf("after 60 s: %+v", list)
		}
		time.Sleep(time.Second)
		h.expectEvents("expired sip:bob@short")
		time.Sleep(112 * time.Second)
		h.expectEvents("expired sip:bob@long")
		if h.r.Count() != 0 || m.get("aor.bob") != "" {
			h.Error("an AOR without bindings is remembered")
		}
	})
}

// §10.3 step 8: a registration that could not be stored is refused and changes
// nothing; what the failed write may have left behind is put right later.
func TestStoreFails(t *testing.T) {
	timed(t, func(h *house, m *memory) {
		h.expect(h.register("Contact: <sip:bob@one>"), 200, "the store works")
		m.mu.Lock()
		m.fail = state.ErrTimeout
		m.mu.Unlock()
		h.expect(h.register("Contact: <sip:bob@two>"), 500, "the store does not answer")
		if list := h.r.Lookup("bob"); len(list) != 1 || list[0].Contact != "sip:bob@one" {
			h.Errorf("a write that failed changed the bindings: %+v", list)
		}
		m.mu.Lock()
		m.fail = nil
		m.data["aor.bob"] = "what the lost write left"
		m.mu.Unlock()
		time.Sleep(4 * time.Second)
		if list, err := decodeRecord("bob", m.get("aor.bob")); err != nil || len(list) != 1 {
			h.Errorf("the store was not put right: %v %v", list, err)
		}
		h.expectEvents("registered sip:bob@one")
	})
}

// REGISTERs for one AOR wait for each other's writes and are all carried out;
// more than may wait are answered 503.
func TestConcurrentRegistrations(t *testing.T) {
	timed(t, func(h *house, m *memory) {
		h.policy.MaxContacts = 100
		answers := make(chan int, 100)
		for i := range 100 {
			req := h.request(fmt.Sprintf("Contact: <sip:bob@pc%d>", i))
			h.r.serve(req, h.flow, func(res *sip.Response, _ bool) { answers <- res.Status() })
		}
		count := map[int]int{}
		for range 100 {
			count[<-answers]++
		}
		if count[200]+count[503] != 100 || count[200] < maxWaiting+1 {
			h.Errorf("answers %v", count)
		}
		if n := len(h.r.Lookup("bob")); n != count[200] {
			h.Errorf("%d bindings and %d answers 200", n, count[200])
		}
	})
}

// What was answered 200 comes back with the time it has left.
func TestRestartKeepsRemainingExpiry(t *testing.T) {
	h := newHouse(t)
	h.register("Contact: <" + bob + ">;expires=600;q=0.3")
	before := h.r.Lookup("bob")
	h.close()
	h.open(Config{})
	after := h.r.Lookup("bob")
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before: %+v\nafter:  %+v", before, after)
	}
	h.r.expire(time.Now().Add(601 * time.Second))
	h.expectEvents("registered "+bob, "expired "+bob)
}

func anyBinding(t *rapid.T) Binding {
	text := rapid.StringN(0, 30, 60)
	at := func(name string) time.Time {
		return time.UnixMilli(rapid.Int64Range(0, 1<<45).Draw(t, name))
	}
	addr := func(name string) netip.AddrPort {
		return rapid.SampledFrom([]netip.AddrPort{{}, phone, netip.MustParseAddrPort("[2001:db8::1]:65535")}).Draw(t, name)
	}
	return Binding{
		AOR: "bob", Contact: text.Draw(t, "contact"), Params: sip.Params(text.Draw(t, "params")),
		Path: rapid.Custom(func(t *rapid.T) []string {
			return append([]string(nil), rapid.SliceOfN(text, 0, 3).Draw(t, "values")...)
		}).Draw(t, "path"),
		Q: uint16(rapid.IntRange(0, 1000).Draw(t, "q")), Expires: at("expires"), Created: at("created"), Refreshed: at("refreshed"),
		Instance: text.Draw(t, "instance"), RegID: rapid.Uint32().Draw(t, "reg-id"), CallID: text.Draw(t, "call-id"),
		CSeq: rapid.Uint32().Draw(t, "cseq"), UserAgent: text.Draw(t, "agent"),
		Proto: transport.Proto(rapid.IntRange(1, 5).Draw(t, "proto")), Source: addr("source"), Local: addr("local"),
		Direct: rapid.Bool().Draw(t, "direct"), branch: rapid.Uint64().Draw(t, "branch"),
	}
}

// Writing and reading a record gives back what was written.
func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(anyBinding), 0, 4).Draw(t, "bindings")
		got, err := decodeRecord("bob", string(appendRecord(nil, list)))
		if err != nil || len(got) != len(list) {
			t.Fatalf("%v, %d of %d", err, len(got), len(list))
		}
		for i := range list {
			if !reflect.DeepEqual(got[i], list[i]) {
				t.Fatalf("wrote %+v\nread  %+v", list[i], got[i])
			}
		}
		now := time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "now"))
		if at, err := firstLapse(string(appendRecord(nil, list)), now); err != nil || at != earliest(list, now) {
			t.Fatalf("first lapse %d, %v, want %d", at, err, earliest(list, now))
		}
	})
}

// A damaged record is refused or read, never a panic, and costs no more memory
// than its length allows.
func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, []Binding{{Contact: bob, Path: []string{"<sip:p>"}, Source: phone}}))
	f.Add([]byte{recordVersion, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeRecord("bob", string(data))
		if err == nil && len(list) > len(data) {
			t.Errorf("%d bindings out of %d bytes", len(list), len(data))
		}
		if _, other := firstLapse(string(data), time.Unix(0, 0)); (err == nil) != (other == nil) {
			t.Errorf("decoded: %v, looked through: %v", err, other)
		}
	})
}

// The schedule yields entries in the order of their times, each once.
func TestSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sh shard
		entries := make([]entry, 8)
		first := map[*entry]int64{}
		for _, at := range rapid.SliceOfN(rapid.Int64Range(1, 100), 1, 60).Draw(t, "times") {
			e := &entries[rapid.IntRange(0, 7).Draw(t, "entry")]
			sh.schedule(e, at)
			if old, ok := first[e]; !ok || at < old {
				first[e] = at
			}
		}
		for now := int64(1); now <= 100; now++ {
			for e := sh.due.next(now); e != nil; e = sh.due.next(now) {
				if first[e] != now {
					t.Fatalf("looked at in %d, wanted %d", now, first[e])
				}
				delete(first, e)
			}
		}
		if len(first) > 0 || len(sh.due) > 0 {
			t.Fatalf("left: %d entries, %d places", len(first), len(sh.due))
		}
	})
}

// places counts what the schedules hold.
func (h *house) places() (n int) {
	for i := range h.r.shards {
		sh := &h.r.shards[i]
		sh.mu.Lock()
		n += len(sh.due)
		sh.mu.Unlock()
	}
	return n
}

// TestRemovedBindingsLeaveNothing: a UA that registers and goes leaves no place
// in the schedule behind once its time has come.
func TestRemovedBindingsLeaveNothing(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		h.expect(h.register("Contact: <sip:bob@192.0.2.201>", "Expires: 3600"), 200, "§10.3")
		h.expect(h.register("Contact: <sip:bob@192.0.2.201>", "Expires: 0"), 200, "§10.2.2")
	}
	h.r.expire(time.Now().Add(2 * time.Hour))
	if n, aors := h.places(), h.r.Count(); n != 0 || aors != 0 {
		t.Errorf("%d places and %d AORs are left", n, aors)
	}
}

// TestLoadTakesTheLast: the journal tells every write again; what counts is the
// last, with one place in the schedule, and a removal is one.
func TestLoadTakesTheLast(t *testing.T) {
	h := newHouse(t)
	h.expect(h.register("Contact: <sip:bob@192.0.2.201>;q=0.1", "Expires: 3600"), 200, "§10.3")
	h.expect(h.register("Contact: <sip:bob@192.0.2.201>;q=0.7", "Expires: 3600"), 200, "§10.3")
	h.close()
	h.open(Config{})
	if list := h.r.Lookup("bob"); len(list) != 1 || list[0].Q != 700 || h.places() != 1 {
		t.Fatalf("after a refresh and a restart: %+v, %d places", list, h.places())
	}
	h.expect(h.register("Contact: <sip:bob@192.0.2.201>", "Expires: 0"), 200, "§10.2.2")
	h.close()
	h.open(Config{})
	if list := h.r.Lookup("bob"); len(list) != 0 || h.r.Count() != 0 {
		t.Fatalf("after a removal and a restart: %+v", list)
	}
}
