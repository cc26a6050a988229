package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func journal(t testing.TB, s *Store) (*Journal, map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	j, err := s.Journal(ctx, BucketConfig{Name: "journal", Linger: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	if _, err := j.Load(ctx, func(e Entry) error {
		if e.Deleted {
			delete(all, e.Key)
		} else {
			all[e.Key] = string(e.Value)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return j, all
}

// writeAll puts, or with an empty value deletes, and waits until all is durable.
func writeAll(t testing.TB, j *Journal, writes [][2]string) {
	t.Helper()
	outcomes := make(chan error, len(writes))
	done := func(_ uint64, err error) { outcomes <- err }
	for _, w := range writes {
		var err error
		if w[1] == "" {
			err = j.Delete(w[0], done)
		} else {
			err = j.Put(w[0], []byte(w[1]), done)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range writes {
		select {
		case err := <-outcomes:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no outcome within 10 s")
		}
	}
}

func TestJournalRefusals(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	j, err := s.Journal(t.Context(), BucketConfig{Name: "journal"})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Put("k", []byte("v"), nil); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("a write before Load: %v, want ErrNotLoaded: what cleaning may drop is not known yet", err)
	}
	if _, err := j.Load(t.Context(), func(Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := j.Put("", []byte("v"), nil); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
	if err := j.Put("k", nil, nil); !errors.Is(err, ErrValue) {
		t.Errorf("no value: %v", err)
	}
	if err := j.Put("k", make([]byte, DefaultMaxValue+1), nil); !errors.Is(err, ErrValue) {
		t.Errorf("too large a value: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Put("k", []byte("v"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("put after close: %v", err)
	}
}

// TestJournalCloseWaits: what gathers when the store closes is written and told.
func TestJournalCloseWaits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	j, _ := journal(t, s)
	told := make(chan error, 1)
	if err := j.Put("last", []byte("word"), func(_ uint64, err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Fatalf("a write that was gathering when the store closed: %v", err)
	}
	s = open(t, dir)
	defer s.Close()
	if _, all := journal(t, s); all["last"] != "word" {
		t.Fatalf("after reopening: %v", all)
	}
}

// TestJournalKeepsTheLastOfEach holds the journal to a map, over random writes,
// with cleaning all the time and the store opened again in between.
func TestJournalKeepsTheLastOfEach(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		model := map[string]string{}
		for round := range rapid.IntRange(1, 3).Draw(rt, "rounds") {
			s := open(t, dir)
			j, all := journal(t, s)
			if !maps.Equal(all, model) {
				t.Fatalf("round %d: loaded %v, want %v", round, all, model)
			}
			for range rapid.IntRange(1, 12).Draw(rt, "groups") {
				var writes [][2]string
				for range rapid.IntRange(1, 2*maxGroup).Draw(rt, "size") {
					w := [2]string{fmt.Sprint("k", rapid.IntRange(0, 300).Draw(rt, "key")), rapid.StringN(0, 30, 40).Draw(rt, "value")}
					writes = append(writes, w)
					if model[w[0]] = w[1]; w[1] == "" {
						delete(model, w[0])
					}
				}
				writeAll(t, j, writes)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestJournalCleans: many times more is written than lives, and the store keeps
// little of it; keys that nobody writes again survive the cleaning.
func TestJournalCleans(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	j, _ := journal(t, s)
	want := map[string]string{}
	var writes [][2]string
	for i := range 500 {
		want[fmt.Sprint("rare", i)] = "stays"
		writes = append(writes, [2]string{fmt.Sprint("rare", i), "stays"})
	}
	writes = append(writes, [2]string{"gone", "1"})
	writeAll(t, j, writes)
	writeAll(t, j, [][2]string{{"gone", ""}})
	for round := range 30 {
		writes = writes[:0]
		for i := range 1000 {
			key, value := fmt.Sprint("often", i%100), fmt.Sprint(round, i)
			want[key] = value
			writes = append(writes, [2]string{key, value})
		}
		writeAll(t, j, writes)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		j.mu.Lock()
		cleaning, records := j.cleaning, j.records
		j.mu.Unlock()
		if !cleaning && records <= 2*600+wasteMost {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d records are kept of 600 that live; cleaning: %v", records, cleaning)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	j, all := journal(t, s)
	if !maps.Equal(all, want) {
		t.Fatalf("%d keys after cleaning, want %d: %v", len(all), len(want), all)
	}
	if j.records > 2*600+wasteMost {
		t.Errorf("the store holds %d records of 600 that live", j.records)
	}
}

// TestJournalLeavesDamageOut: a message that nobody could have written costs
// itself and nothing else.
func TestJournalLeavesDamageOut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	j, _ := journal(t, s)
	writeAll(t, j, [][2]string{{"a", "1"}})
	if _, err := s.js.Publish("journal.group", []byte("\x05ab")); err != nil {
		t.Fatal(err)
	}
	writeAll(t, j, [][2]string{{"b", "2"}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	if _, all := journal(t, s); !maps.Equal(all, map[string]string{"a": "1", "b": "2"}) {
		t.Fatalf("loaded %v", all)
	}
}

func FuzzEachRecord(f *testing.F) {
	f.Add(appendRecord(appendRecord(nil, "key", []byte("value")), "gone", nil))
	f.Add([]byte("\x05ab"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var again []byte
		err := eachRecord(data, func(key string, value []byte) error {
			again = appendRecord(again, key, value)
			return nil
		})
		if err != nil {
			return
		}
		count := 0
		if err := eachRecord(again, func(string, []byte) error { count++; return nil }); err != nil {
			t.Fatalf("%x was read and written as %x, which is %v", data, again, err)
		}
		if !bytes.Equal(again, appendAll(t, again)) {
			t.Fatalf("%x is not stable", again)
		}
	})
}

func appendAll(t *testing.T, data []byte) (dst []byte) {
	if err := eachRecord(data, func(key string, value []byte) error {
		dst = appendRecord(dst, key, value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return dst
}

// What a bucket has kept is there when it has become a journal, and stays there when
// the journal cleans: nobody who updates has to register again.
func TestBucketBecomesJournal(t *testing.T) {
	dir := t.TempDir()
	want := map[string]string{}
	func() {
		s := open(t, dir)
		defer s.Close()
		b, err := s.Bucket(context.Background(), BucketConfig{Name: "journal", Linger: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		stored := make(chan error, 200)
		for i := range 100 {
			for _, value := range []string{"old", fmt.Sprint("value ", i)} {
				if err := b.Put(fmt.Sprintf("aor.user%d@example.org", i), []byte(value), func(_ uint64, err error) { stored <- err }); err != nil {
					t.Fatal(err)
				}
			}
			want[fmt.Sprintf("aor.user%d@example.org", i)] = fmt.Sprint("value ", i)
		}
		for range 200 {
			if err := <-stored; err != nil {
				t.Fatal(err)
			}
		}
	}()
	for range 2 {
		s := open(t, dir)
		j, got := journal(t, s)
		if !maps.Equal(got, want) {
			t.Errorf("%d values of %d are there", len(got), len(want))
		}
		var writes [][2]string
		for i := range 3 * wasteMost { // until it cleans
			writes = append(writes, [2]string{"aor.busy", fmt.Sprint(i)})
		}
		writeAll(t, j, writes)
		want["aor.busy"] = fmt.Sprint(3*wasteMost - 1)
		writeAll(t, j, [][2]string{{"aor.user7@example.org", ""}})
		delete(want, "aor.user7@example.org")
		s.Close()
	}
}
