package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// databases are the places the same tests run on.
func databases(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "sub dir", "r?#%.db")) })
	t.Run("memory", func(t *testing.T) { test(t, "sqlite::memory:") })
	t.Run("postgres", func(t *testing.T) { test(t, startPostgres(t)) })
}

// startPostgres runs Debian's PostgreSQL in a directory of its own, reachable
// by a socket in it only.
func startPostgres(t *testing.T) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("PostgreSQL is not installed: apt-get install postgresql")
		}
		t.Skip("PostgreSQL is not installed: apt-get install postgresql")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "records-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr, cmd.Env = dir, attr, append(os.Environ(), "LC_ALL=C.UTF-8")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	data := filepath.Join(dir, "data")
	run("initdb", "-D", data, "-U", "records", "-A", "trust", "-N", "-E", "UTF8")
	run("pg_ctl", "-D", data, "-w", "-l", filepath.Join(dir, "log"), "-o", "-c listen_addresses='' -c fsync=off -k "+dir, "start")
	t.Cleanup(func() { run("pg_ctl", "-D", data, "-m", "immediate", "stop") })
	return "postgres://records@/postgres?" + url.Values{"host": {dir}}.Encode()
}

// running opens a store and runs it until the test ends.
func running(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = s.Close()
	})
	return s
}

func put(t *testing.T, s *Store, c CDR) {
	t.Helper()
	done := make(chan error, 1)
	if err := s.Put(t.Context(), c, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no commit within 20 s")
	}
}

func example(id string) CDR {
	start := time.Date(2026, 11, 3, 10, 0, 0, 123456000, time.UTC)
	return CDR{
		ID: id, Node: "n1", AccountCode: "sales", Src: "8005", Dst: "8006", Context: "from-external", CallerID: `"Ann" <8005>`,
		Channel: "PJSIP/8005-00000001", DstChannel: "PJSIP/8006-00000002", LastApp: "Dial", LastData: "PJSIP/8006,30",
		Start: start, Answer: start.Add(4 * time.Second), End: start.Add(64500 * time.Millisecond),
		Duration: 64500 * time.Millisecond, BillSec: 60500 * time.Millisecond, Disposition: Answered, AMAFlags: "DOCUMENTATION",
		UserField: "x", UniqueID: "n1-1.1", LinkedID: "n1-1.1", HangupCause: 16, HangupSource: "PJSIP/8006-00000002",
		SIPCallID: "a@b", DstSIPCallID: "c@d", Codec: "ulaw", DstCodec: "alaw", Media: json.RawMessage(`{"loss":0}`),
	}
}

// A record comes back as it was, and the same id is one record whoever writes
// it.
func TestRoundTripAndIdempotence(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		s := running(t, Config{DSN: dsn})
		want := example("call-1")
		put(t, s, want)
		again := want
		again.Dst = "another node's idea of the same call"
		put(t, s, again)
		got, err := s.Get(t.Context(), "call-1")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
		if n, err := s.Count(t.Context(), Query{}); n != 1 || err != nil {
			t.Errorf("%d records, %v; the same id twice is one call", n, err)
		}
		odd := CDR{ID: "odd", Src: "\xff\x00'; DROP TABLE cdr; --", Start: want.Start}
		put(t, s, odd)
		if got, err := s.Get(t.Context(), "odd"); err != nil || got.Src != "\uFFFD\uFFFD'; DROP TABLE cdr; --" || !got.Answer.IsZero() {
			t.Errorf("%v, %+v: what is not text becomes text, and never answered stays so", err, got)
		}
		if _, err := s.Get(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("get of nothing: %v", err)
		}
	})
}

func TestFind(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		s := running(t, Config{DSN: dsn})
		base := example("").Start
		for i := range 10 {
			c := example(fmt.Sprintf("c%d", i))
			c.Start = base.Add(time.Duration(i/2) * time.Minute) // pairs share a start
			if i%2 == 1 {
				c.Dst, c.Disposition, c.DstSIPCallID = "8007", NoAnswer, "odd@x"
			}
			if err := s.Put(t.Context(), c, nil); err != nil {
				t.Fatal(err)
			}
		}
		put(t, s, CDR{ID: "last", Start: base.Add(time.Hour)})
		for _, q := range []struct {
			query Query
			want  string
		}{
			{Query{}, "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 last"},
			{Query{Limit: 3}, "c0 c1 c2"},
			{Query{Limit: 3, After: &CDR{ID: "c2", Start: base.Add(time.Minute)}}, "c3 c4 c5"},
			{Query{Dst: "8007", Disposition: NoAnswer}, "c1 c3 c5 c7 c9"},
			{Query{SIPCallID: "odd@x", From: base.Add(time.Minute), To: base.Add(3 * time.Minute)}, "c3 c5"},
			{Query{Src: "nobody"}, ""},
			{Query{LinkedID: "n1-1.1", Src: "8005", Limit: 1}, "c0"},
		} {
			list, err := s.Find(t.Context(), q.query)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, c := range list {
				ids = append(ids, c.ID)
			}
			if got := strings.Join(ids, " "); got != q.want {
				t.Errorf("%+v: %q, want %q", q.query, got, q.want)
			}
		}
	})
}

// Exactly one record per call, from many calls at once, and back-pressure
// instead of loss.
func TestManyWriters(t *testing.T) {
	databases(t, func(t *testing.T, dsn string) {
		s := running(t, Config{DSN: dsn, Queue: 10, Batch: 50})
		var writers, commits sync.WaitGroup
		for w := range 8 {
			writers.Add(1)
			go func() {
				defer writers.Done()
				for i := range 100 {
					commits.Add(1)
					if err := s.Put(context.Background(), CDR{ID: fmt.Sprintf("%d-%d", w, i)}, func(err error) {
						if err != nil {
							t.Error(err)
						}
						commits.Done()
					}); err != nil {
						t.Error(err)
						commits.Done()
					}
				}
			}()
		}
		writers.Wait()
		commits.Wait()
		if n, err := s.Count(t.Context(), Query{}); n != 800 || err != nil {
			t.Errorf("%d records, %v; want 800", n, err)
		}
	})
}

// Put waits while the queue is full and gives up with its context; the end of
// Run commits what is queued and refuses the rest.
func TestBackPressureAndEnd(t *testing.T) {
	before := goleak.IgnoreCurrent()
	path := filepath.Join(t.TempDir(), "r.db")
	s, err := Open(t.Context(), Config{DSN: "sqlite:" + path, Queue: 2})
	if err != nil {
		t.Fatal(err)
	}
	var committed atomic.Int32
	for i := range 2 {
		if err := s.Put(t.Context(), CDR{ID: fmt.Sprint(i)}, func(err error) {
			if err == nil {
				committed.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Put(soon, CDR{ID: "3"}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put into a full queue: %v", err)
	}
	ended, cancelRun := context.WithCancel(context.Background())
	cancelRun()
	if err := s.Run(ended); err != nil {
		t.Fatal(err)
	}
	if committed.Load() != 2 {
		t.Errorf("%d of 2 queued records committed at the end", committed.Load())
	}
	if err := s.Put(t.Context(), CDR{ID: "4"}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("put after the end: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}

// A database that refuses for a while costs time, not records; a record that
// alone is refused is given up and the others are kept.
func TestRefusals(t *testing.T) {
	s := running(t, Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "r.db")})
	if _, err := s.db.Exec("CREATE TRIGGER no BEFORE INSERT ON cdr WHEN NEW.src = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END"); err != nil {
		t.Fatal(err)
	}
	outcomes := make(chan string, 3)
	for _, c := range []CDR{{ID: "1"}, {ID: "2", Src: "bad"}, {ID: "3"}} {
		if err := s.Put(t.Context(), c, func(err error) { outcomes <- fmt.Sprint(c.ID, " ", err == nil) }); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]bool{}
	for range 3 {
		select {
		case o := <-outcomes:
			got[o] = true
		case <-time.After(20 * time.Second):
			t.Fatalf("outcomes after 20 s: %v", got)
		}
	}
	if !got["1 true"] || !got["2 false"] || !got["3 true"] {
		t.Errorf("outcomes %v: only the refused record is given up", got)
	}
}

func TestBadDSN(t *testing.T) {
	for _, dsn := range []string{"", "mysql://x", "sqlite:/proc/nowhere/r.db"} {
		if s, err := Open(t.Context(), Config{DSN: dsn}); err == nil {
			t.Errorf("%q was opened", dsn)
			_ = s.Close()
		}
	}
}
