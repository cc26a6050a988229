package pbx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/relay"
	"github.com/hometone/hometone/store/records"
)

// slowRecorder is a queue of records in front of a database that stands still
// until it is let go: the bounded queue of store/records without the SQL.
type slowRecorder struct {
	queue chan func(error)

	mu  sync.Mutex // guards the following
	ids []string   // accepted
}

func newSlowRecorder(places int) *slowRecorder {
	return &slowRecorder{queue: make(chan func(error), places)}
}

func (r *slowRecorder) Put(ctx context.Context, c records.CDR, done func(error)) error {
	select {
	case r.queue <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, c.ID)
	return nil
}

// goOn makes n records durable.
func (r *slowRecorder) goOn(n int) {
	for range n {
		(<-r.queue)(nil)
	}
}

func (r *slowRecorder) accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids)
}

// recordRig is an exchange whose calls end.
type recordRig struct {
	*Server
	log strings.Builder
}

func newRecordRig(t *testing.T, rec Recorder) *recordRig {
	t.Helper()
	ports, err := relay.New(relay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // nothing ran: Run with an ended context only closes
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = ports.Run(ctx)
	})
	rig := &recordRig{}
	rig.Server = &Server{
		cfg: Config{Records: rec, Relay: ports, MaxCalls: defaultMaxCalls, Services: dialplan.Services{Shared: &dialplan.Shared{}, Groups: &dialplan.Groups{}}}, calls: map[string]*channel{},
		empty: make(chan struct{}), hurry: make(chan struct{}),
	}
	rig.log.Grow(1 << 16)
	rig.Server.log = slog.New(slog.NewTextHandler(&rig.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return rig
}

// end lets one more call, with ports of its own, come to its end.
func (rig *recordRig) end(t *testing.T, n int) {
	t.Helper()
	id := fmt.Sprint(n)
	ch := &channel{srv: rig.Server, box: newMailbox(), name: "PJSIP/" + id}
	ch.cdr = records.CDR{ID: id, Start: time.Now()}
	ch.caller = &leg{ch: ch, home: ch, endpoint: &pjsip.Endpoint{Profile: &pjsip.Profile{}}, state: legGone}
	if err := ch.caller.open(netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if !rig.enter(ch) {
		t.Fatal("no place for a call")
	}
	go func() { // the call's goroutine, at its end
		defer rig.leave(ch)
		ch.release(context.Background())
	}()
}

// ADR 0073: a call's record is durable before its ports are free and its place
// is taken back, however long the database stands still; nothing is lost and nothing
// is written twice.
func TestRecordBeforeResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newSlowRecorder(2)
		rig := newRecordRig(t, rec)
		const calls = 5
		for n := range calls {
			rig.end(t, n)
		}
		synctest.Wait()
		if rec.accepted() != 2 || rig.Calls() != calls || rig.Legs() != calls {
			t.Fatalf("%d records queued, %d calls, %d legs with ports; want 2 records, and the 5 calls whole", rec.accepted(), rig.Calls(), rig.Legs())
		}
		// recordTime is for records that are queued: those stay in the queue when
		// their call lets go. The others are nowhere yet and wait on.
		time.Sleep(time.Hour)
		synctest.Wait()
		if rig.Calls() != calls-2 || rig.Legs() != calls-2 {
			t.Errorf("%d calls and %d legs after an hour; want the 3 whose records are in no queue", rig.Calls(), rig.Legs())
		}
		if n := strings.Count(rig.log.String(), "call record waits for the database"); n != 2 {
			t.Errorf("the log says of %d records that they wait, want 2:\n%s", n, rig.log.String())
		}
		rec.goOn(calls)
		synctest.Wait()
		if rec.accepted() != calls || rig.Calls() != 0 || rig.Legs() != 0 {
			t.Errorf("%d records, %d calls, %d legs when the database goes on; want all 5 records and no call", rec.accepted(), rig.Calls(), rig.Legs())
		}
	})
}

// A database that is slow, but not for recordTime, costs time and not a word.
func TestRecordWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newSlowRecorder(1)
		rig := newRecordRig(t, rec)
		rig.end(t, 1)
		time.Sleep(recordTime - time.Second)
		synctest.Wait()
		if rig.Legs() != 1 {
			t.Error("the ports are free before the record is durable")
		}
		rec.goOn(1)
		synctest.Wait()
		if rig.Legs() != 0 || rig.Calls() != 0 || rig.log.Len() > 0 {
			t.Errorf("%d legs, %d calls, log %q; want a call that has gone without a word", rig.Legs(), rig.Calls(), rig.log.String())
		}
	})
}

// Shutdown does not wait for ever: what is not in the queue recordGrace after the calls were
// released is said in the log, with its id, and the exchange ends.
func TestRecordAtShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newSlowRecorder(1)
		rig := newRecordRig(t, rec)
		for n := range 3 {
			rig.end(t, n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- rig.Run(ctx) }() // ends below
		synctest.Wait()
		cancel()
		began := time.Now()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(began); took != recordGrace {
			t.Errorf("shutdown took %v, want %v", took, recordGrace)
		}
		if rig.Calls() != 0 || rig.Legs() != 0 {
			t.Errorf("%d calls, %d legs after Run", rig.Calls(), rig.Legs())
		}
		if text := rig.log.String(); strings.Count(text, "call record not written") != 2 || !strings.Contains(text, context.Canceled.Error()) {
			t.Errorf("the log does not name the two records that found no place:\n%s", text)
		}
	})
}

// A record that the database refuses is said in the log with its id.
func TestRecordRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newSlowRecorder(1)
		rig := newRecordRig(t, rec)
		rig.end(t, 7)
		synctest.Wait()
		(<-rec.queue)(errors.New("no such column"))
		synctest.Wait()
		if text := rig.log.String(); !strings.Contains(text, "id=7") || !strings.Contains(text, "no such column") || rig.Legs() != 0 {
			t.Errorf("%d legs, the log says:\n%s", rig.Legs(), text)
		}
	})
}
