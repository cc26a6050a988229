package records

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// locked keeps everybody from writing to a store's database until the function
// it returns is called, as a backup or an operator's open transaction does.
func locked(t *testing.T, s *Store) (unlock func()) {
	t.Helper()
	tx, err := s.db.Begin() // BEGIN IMMEDIATE: the one writer of the file
	if err != nil {
		t.Fatal(err)
	}
	done := false
	unlock = func() {
		if !done {
			done = true
			_ = tx.Rollback()
		}
	}
	t.Cleanup(unlock)
	return unlock
}

// within waits until what is true.
func within(t *testing.T, limit time.Duration, why string, what func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !what(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, why)
		}
	}
}

// putMany queues records and counts those that became durable.
func putMany(t *testing.T, s *Store, prefix string, n int) *atomic.Int32 {
	t.Helper()
	durable := new(atomic.Int32)
	for i := range n {
		err := s.Put(t.Context(), CDR{ID: fmt.Sprint(prefix, i)}, func(err error) {
			if err == nil {
				durable.Add(1)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return durable
}

// A database that stands still holds up nobody: records are durable in the
// spill and come into the database when it goes on, each once.
func TestSpill(t *testing.T) {
	dir := t.TempDir()
	s := running(t, Config{DSN: "sqlite:" + filepath.Join(dir, "r.db"), Spill: filepath.Join(dir, "r.spill"), Batch: 16})
	unlock := locked(t, s)
	durable := putMany(t, s, "a", 100)
	within(t, 20*time.Second, "100 records durable beside a locked database", func() bool { return durable.Load() == 100 })
	if n := s.spill.waiting.Load(); n != 100 {
		t.Errorf("%d records wait in the spill, want all 100", n)
	}
	unlock()
	within(t, 30*time.Second, "the spill is empty", func() bool { return s.spill.waiting.Load() == 0 })
	put(t, s, CDR{ID: "after"})
	if n, err := s.Count(t.Context(), Query{}); n != 101 || err != nil {
		t.Errorf("%d records in the database, %v; want each of 101 once", n, err)
	}
	if left, err := s.spill.oldest(t.Context(), 10); len(left) != 0 || err != nil {
		t.Errorf("%d records left in the spill, %v", len(left), err)
	}
}

// What is in the spill when the node ends, by whatever means, comes into the
// database with the next start.
func TestSpillOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{DSN: "sqlite:" + filepath.Join(dir, "r.db"), Spill: filepath.Join(dir, "r.spill")}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	unlock := locked(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends below
	durable := putMany(t, s, "a", 10)
	within(t, 20*time.Second, "10 records durable", func() bool { return durable.Load() == 10 })
	last := putMany(t, s, "b", 5)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if last.Load() != 5 {
		t.Errorf("%d of the 5 records queued at the end are durable", last.Load())
	}
	unlock()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := running(t, cfg)
	within(t, 30*time.Second, "15 records in the database", func() bool {
		n, err := again.Count(t.Context(), Query{})
		return err == nil && n == 15
	})
}

// A record that a healthy database refuses does not stay in front of the others.
func TestSpillGivesUpWhatIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := running(t, Config{DSN: "sqlite:" + filepath.Join(dir, "r.db"), Spill: filepath.Join(dir, "r.spill")})
	if _, err := s.db.Exec("CREATE TRIGGER no BEFORE INSERT ON cdr WHEN NEW.id = 'a0' BEGIN SELECT RAISE(ABORT, 'refused'); END"); err != nil {
		t.Fatal(err)
	}
	unlock := locked(t, s)
	durable := putMany(t, s, "a", 3)
	within(t, 20*time.Second, "3 records durable", func() bool { return durable.Load() == 3 })
	unlock()
	within(t, 60*time.Second, "the spill is empty", func() bool { return s.spill.waiting.Load() == 0 })
	if n, err := s.Count(t.Context(), Query{}); n != 2 || err != nil {
		t.Errorf("%d records, %v; want the two that the database takes", n, err)
	}
}

// When the spill takes nothing either, records wait in memory and none is lost.
func TestNothingTakesRecords(t *testing.T) {
	dir := t.TempDir()
	s := running(t, Config{DSN: "sqlite:" + filepath.Join(dir, "r.db"), Spill: filepath.Join(dir, "r.spill"), Queue: 4, Batch: 2})
	unlock, open := locked(t, s), locked(t, &Store{database: s.spill.database})
	durable := putMany(t, s, "a", 4)
	soon, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var err error
	for i := 0; err == nil; i++ { // a batch is in hand, the queue fills behind it
		err = s.Put(soon, CDR{ID: fmt.Sprint("b", i)}, nil)
	}
	if durable.Load() != 0 {
		t.Error("a record is said to be durable that is nowhere")
	}
	unlock()
	open()
	within(t, 30*time.Second, "4 records durable", func() bool { return durable.Load() == 4 })
}
