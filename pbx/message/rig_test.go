package message

import (
	"context"
	"errors"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
	"github.com/hometone/hometone/store/state"
)

// TestMain proves that no goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a Store in memory, because time in a bubble cannot pass through a
// disk; TestRestart runs with the real one.
type shelf struct {
	mu     sync.Mutex
	values map[string][]byte
	fail   bool
	wait   time.Duration
}

func (s *shelf) Put(key string, value []byte, done state.Done) error {
	s.mu.Lock()
	fail := s.fail
	if !fail {
		s.values[key] = value
	}
	s.mu.Unlock()
	go func() { // an acknowledgement; ends at once
		time.Sleep(s.wait)
		if fail {
			done(0, errors.New("disk full"))
			return
		}
		done(1, nil)
	}()
	return nil
}

func (s *shelf) Delete(key string, _ state.Done) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

func (s *shelf) Load(_ context.Context, fn func(state.Entry) error) (uint64, error) {
	s.mu.Lock()
	var list []state.Entry
	for k, v := range s.values {
		list = append(list, state.Entry{Key: k, Value: v})
	}
	s.mu.Unlock()
	sort.Slice(list, func(i, j int) bool { return list[i].Key < list[j].Key })
	for _, e := range list {
		if err := fn(e); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

func (s *shelf) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.values)
}

// users is a Directory.
type users struct {
	mu     sync.Mutex
	places map[string][]Place
	asked  atomic.Int64
}

func (u *users) Known(user string) bool { return user == "bob" || user == "alice" }
func (u *users) Places(user string) []Place {
	u.asked.Add(1)
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.places[user]
}
func (u *users) at(user string, peers ...*siptest.Peer) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.places[user] = nil
	for _, p := range peers {
		u.places[user] = append(u.places[user], Place{URI: "sip:" + user + "@" + p.Address()})
	}
}

// rig is a Center on the real dialog and transaction layers.
type rig struct {
	center *Center
	shelf  *shelf
	users  *users
	net    *siptest.Memory
	script siptest.Script
	stop   func()
}

// ServeSIP stands for the exchange.
func (r *rig) ServeSIP(_ context.Context, tx *transaction.Server, req *sip.Request) {
	r.center.Serve(tx, req, "")
}

// play runs body in a synctest bubble.
func play(t *testing.T, edit func(*Config), body func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{shelf: &shelf{values: map[string][]byte{}}, users: &users{places: map[string][]Place{}}, net: siptest.NewMemory()}
		r.script.Do = map[string]func(){"register": func() { r.center.Registered("bob") }}
		r.script.Vars = map[string]string{"sut": "192.0.2.1:5060"}
		dialogs, err := dialog.New(dialog.Config{Transport: r.net, Next: r})
		if err != nil {
			t.Fatal(err)
		}
		c := Config{Network: dialogs, Store: r.shelf, Directory: r.users}
		if edit != nil {
			edit(&c)
		}
		if r.center, err = New(c); err != nil {
			t.Fatal(err)
		}
		tx, err := transaction.New(transaction.Config{Transport: r.net, Handler: dialogs, Shards: 2})
		if err != nil {
			t.Fatal(err)
		}
		dialogs.Use(tx)
		var group sync.WaitGroup
		ctx, end := context.WithCancel(context.Background())
		below, endBelow := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- r.center.Run(ctx) }() // ends with ctx
		group.Go(func() { _ = tx.Run(below) })
		group.Go(func() { _ = dialogs.Run(below) })
		r.net.Ready()
		r.stop = sync.OnceFunc(func() { end(); <-ran; time.Sleep(time.Minute); endBelow(); group.Wait() })
		defer r.stop()
		body(t, r)
	})
}

// empty checks that nothing waits.
func (r *rig) empty(t *testing.T) {
	t.Helper()
	time.Sleep(time.Minute)
	synctest.Wait()
	r.center.mu.Lock()
	defer r.center.mu.Unlock()
	if n := r.shelf.len(); n+r.center.waiting+len(r.center.queues)+len(r.center.agenda)+r.center.storing != 0 {
		t.Errorf("left: %d stored, %d waiting, %d queues, %d deadlines, %d writes", n, r.center.waiting, len(r.center.queues), len(r.center.agenda), r.center.storing)
	}
}
