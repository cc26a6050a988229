package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func open(t testing.TB, dir string) *Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := Open(ctx, Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bucket(t testing.TB, s *Store) *Bucket {
	t.Helper()
	b, err := s.Bucket(t.Context(), BucketConfig{Name: "test", Linger: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type outcome struct {
	revision uint64
	err      error
}

// wait runs one write to its end.
func wait(t testing.TB, start func(Done) error) outcome {
	t.Helper()
	c := make(chan outcome, 1)
	if err := start(func(r uint64, err error) { c <- outcome{r, err} }); err != nil {
		return outcome{0, err}
	}
	select {
	case o := <-c:
		return o
	case <-time.After(10 * time.Second):
		t.Fatal("no outcome within 10 s")
		return outcome{}
	}
}

func load(t testing.TB, b *Bucket) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	all := map[string]string{}
	if _, err := b.Load(ctx, func(e Entry) error { all[e.Key] = string(e.Value); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPutGetDelete(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	b := bucket(t, s)
	first := wait(t, func(d Done) error { return b.Put("bob", []byte("1"), d) })
	second := wait(t, func(d Done) error { return b.Put("bob", []byte("2"), d) })
	if first.err != nil || second.err != nil || second.revision <= first.revision {
		t.Fatalf("two puts gave %v and %v: revisions must grow", first, second)
	}
	e, err := b.Get(t.Context(), "bob")
	if err != nil || string(e.Value) != "2" || e.Revision != second.revision {
		t.Fatalf("get after two puts: %+v, %v; the last value counts", e, err)
	}
	if o := wait(t, func(d Done) error { return b.Delete("bob", d) }); o.err != nil {
		t.Fatal(o.err)
	}
	if _, err := b.Get(t.Context(), "bob"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("get after delete: %v, want ErrNotFound", err)
	}
	if all := load(t, b); len(all) != 0 {
		t.Fatalf("a deleted key is still loaded: %v", all)
	}
}

func TestSwapRefusesAnotherRevision(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	b := bucket(t, s)
	first := wait(t, func(d Done) error { return b.Swap("lease", []byte("n1"), 0, d) })
	if first.err != nil {
		t.Fatalf("the first claim of a free key: %v", first.err)
	}
	if o := wait(t, func(d Done) error { return b.Swap("lease", []byte("n2"), 0, d) }); !errors.Is(o.err, ErrConflict) {
		t.Fatalf("a second claim of the same key: %v, want ErrConflict", o.err)
	}
	if o := wait(t, func(d Done) error { return b.Swap("lease", []byte("n1b"), first.revision, d) }); o.err != nil {
		t.Fatalf("renewal by the holder: %v", o.err)
	}
}

func TestRefusals(t *testing.T) {
	s := open(t, t.TempDir())
	b := bucket(t, s)
	if err := b.Put("", []byte("x"), nil); !errors.Is(err, ErrKey) {
		t.Errorf("empty key: %v", err)
	}
	if err := b.Put("k", []byte{}, nil); !errors.Is(err, ErrValue) {
		t.Errorf("empty value: %v", err)
	}
	if err := b.Put("k", make([]byte, DefaultMaxValue+1), nil); !errors.Is(err, ErrValue) {
		t.Errorf("too large a value: %v", err)
	}
	if _, err := Open(t.Context(), Config{Dir: s.cfg.Dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second process on the directory: %v, want ErrInUse", err)
	}
	if _, err := s.Bucket(t.Context(), BucketConfig{Name: "a.b"}); err == nil {
		t.Error("a bucket name with a dot was accepted")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Put("k", []byte("x"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v", err)
	}
}

func TestBusyWhenTooManyWritesAreInFlight(t *testing.T) {
	s, err := Open(t.Context(), Config{Dir: t.TempDir(), MaxPending: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := s.Bucket(t.Context(), BucketConfig{Name: "test", Linger: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		err = b.Put(fmt.Sprint(i), []byte("x"), nil)
	}
	if !errors.Is(err, ErrBusy) {
		t.Fatalf("fourth write of three allowed: %v, want ErrBusy", err)
	}
	b.pace.arm(0) // let the group go, so that Close need not wait for its linger
}

func TestReopenKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := bucket(t, s)
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Add(1)
		if err := b.Put(fmt.Sprintf("k%d", i%300), fmt.Appendf(nil, "v%d", i), func(_ uint64, err error) {
			if err != nil {
				t.Error(err)
			}
			wg.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	all := load(t, bucket(t, s))
	if len(all) != 300 {
		t.Fatalf("%d keys after reopening, want 300", len(all))
	}
	for i := 700; i < 1000; i++ {
		if got := all[fmt.Sprintf("k%d", i%300)]; got != fmt.Sprintf("v%d", i) {
			t.Fatalf("k%d = %q, want the last write v%d: writes of a bucket keep their order", i%300, got, i)
		}
	}
}

func TestWatchSeesChangesAndDeletions(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	b := bucket(t, s)
	wait(t, func(d Done) error { return b.Put("a", []byte("1"), d) })
	rev, err := b.Load(t.Context(), func(Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan Entry, 10)
	stop, err := b.Watch(rev+1, func(e Entry) { seen <- e })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	wait(t, func(d Done) error { return b.Put("b", []byte("2"), d) })
	wait(t, func(d Done) error { return b.Delete("b", d) })
	for _, want := range []Entry{{Key: "b", Value: []byte("2")}, {Key: "b", Deleted: true}} {
		select {
		case e := <-seen:
			if e.Key != want.Key || !bytes.Equal(e.Value, want.Value) || e.Deleted != want.Deleted {
				t.Fatalf("watch saw %+v, want %+v", e, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("watch did not see %+v within 5 s", want)
		}
	}
}

func TestLoadOfEmptyBucket(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	if all := load(t, bucket(t, s)); len(all) != 0 {
		t.Fatalf("a new bucket has %v", all)
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := open(t, t.TempDir())
	b := bucket(t, s)
	wait(t, func(d Done) error { return b.Put("a", []byte("1"), d) })
	load(t, b)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}

func TestKeysOfAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := string(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key"))
		subj, err := subject("p.", key)
		if err != nil {
			t.Fatal(err)
		}
		if got := keyOf(subj[2:]); got != key {
			t.Fatalf("key %q became %q and came back as %q", key, subj, got)
		}
		if bytes.ContainsAny([]byte(subj), " *>\r\n\t\x00$") || bytes.Contains([]byte(subj), []byte("..")) || subj[len(subj)-1] == '.' {
			t.Fatalf("subject %q is not valid", subj)
		}
	})
}

// TestHolds: what tells Load that nothing is left to come.
func TestHolds(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	b := bucket(t, s)
	var last uint64
	for _, key := range []string{"a", "b", "a"} {
		last = wait(t, func(d Done) error { return b.Put(key, []byte("1"), d) }).revision
	}
	for _, c := range []struct {
		from, to uint64
		want     bool
		why      string
	}{
		{1, last, true, "two keys are there"},
		{last, last, true, "the last write is there"},
		{1, last - 2, false, "the first write is no longer there: its key was written again"},
		{last + 1, last, false, "nothing comes after the last write"},
		{last + 1, last + 9, false, "nothing comes after the last write"},
	} {
		if got := s.holds(t.Context(), b.cfg.Name, c.from, c.to); got != c.want {
			t.Errorf("holds(%d, %d) = %v: %s", c.from, c.to, got, c.why)
		}
	}
}
