package presence

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/sip/transaction"
)

// TestMain proves that no goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files is a Directory.
type files struct {
	hints     map[string]string // by context/exten
	mailboxes map[string][]string
	lamps     []Lamp
	lists     map[string]*List
}

func (f *files) List(name string) *List { return f.lists[name] }

func (f *files) Hint(context, exten string, _ time.Time) (string, bool) {
	h, ok := f.hints[context+"/"+exten]
	return h, ok
}
func (f *files) Mailboxes(aor string) []string { return f.mailboxes[aor] }
func (f *files) Lamps(mailbox, aor string) []Lamp {
	if mailbox == "100@default" || aor == "alice" {
		return f.lamps
	}
	return nil
}

// boxes are Mailboxes.
type boxes struct {
	mu    sync.Mutex
	count map[string]Counts
}

func (b *boxes) Counts(box string) (Counts, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.count[box]
	return c, ok
}

func (b *boxes) set(box string, c Counts) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count[box] = c
}

// rig is a Server on the real dialog and transaction layers.
type rig struct {
	server  *Server
	board   *Board
	dialogs *dialog.Layer
	net     *siptest.Memory
	script  siptest.Script
	boxes   *boxes
	stop    func()
}

// ServeSIP stands for the exchange: the watcher is whoever From names.
func (r *rig) ServeSIP(_ context.Context, tx *transaction.Server, req *sip.Request) {
	from, _ := req.From()
	u, _ := from.ParsedURI()
	w := Watcher{Name: u.User, Context: "default", Shortest: time.Minute}
	switch req.Method() {
	case sip.SUBSCRIBE:
		r.server.Subscribe(tx, req, w)
	case sip.PUBLISH:
		r.server.Publish(tx, req, w)
	default:
		refuse(tx, req, 405)
	}
}

// play runs f in a synctest bubble.
func play(t *testing.T, f *files, edit func(*Config), body func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{board: NewBoard(), net: siptest.NewMemory(), boxes: &boxes{count: map[string]Counts{}}}
		r.script.Do = map[string]func(){}
		r.script.Vars = map[string]string{"sut": "192.0.2.1:5060"}
		r.script.Bodies = map[string]string{}
		var err error
		if r.dialogs, err = dialog.New(dialog.Config{Transport: r.net, Next: r, Events: Packages()}); err != nil {
			t.Fatal(err)
		}
		c := Config{Dialogs: r.dialogs, Board: r.board, Directory: f, Mailboxes: r.boxes}
		if edit != nil {
			edit(&c)
		}
		if r.server, err = New(c); err != nil {
			t.Fatal(err)
		}
		tx, err := transaction.New(transaction.Config{Transport: r.net, Handler: r.dialogs, Shards: 2})
		if err != nil {
			t.Fatal(err)
		}
		r.dialogs.Use(tx)
		var group sync.WaitGroup
		above, end := context.WithCancel(t.Context())
		below, endBelow := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- r.server.Run(above) }() // ends with above
		group.Go(func() { _ = tx.Run(below) })
		group.Go(func() { _ = r.dialogs.Run(below) })
		r.net.Ready()
		r.stop = sync.OnceFunc(func() { end(); <-ran; time.Sleep(time.Minute); endBelow(); group.Wait() })
		defer r.stop()
		body(t, r)
	})
}

// empty checks that nothing is left of any subscription.
func (r *rig) empty(t *testing.T) {
	t.Helper()
	time.Sleep(time.Minute)
	synctest.Wait()
	if n := r.server.Len(); n != 0 {
		t.Errorf("%d subscriptions left", n)
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if len(r.server.watchers)+len(r.server.topics)+len(r.server.paced) != 0 {
		t.Error("traces of subscriptions left")
	}
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	if len(r.board.watchers) != 0 {
		t.Error("watches left")
	}
}
