package state

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// crashDir tells the test binary that it is the child that will be killed.
const crashDir = "HOMETONE_CRASH_DIR"

// TestAcknowledgedWritesSurviveKill proves what an acknowledgement is worth: a
// child process writes without pause and prints each key and value when done
// was called; it is killed with SIGKILL in the middle; every line it printed
// must be in the store afterwards, or a later write of the same key.
func TestAcknowledgedWritesSurviveKill(t *testing.T) {
	if kind, dir, child := strings.Cut(os.Getenv(crashDir), " "); child {
		writeUntilKilled(kind, dir)
		return
	}
	t.Run("bucket", func(t *testing.T) {
		surviveKills(t, "bucket", 5000, func(s *Store) map[string]string { return load(t, bucket(t, s)) })
	})
	t.Run("journal", func(t *testing.T) { // with cleaning under way
		surviveKills(t, "journal", 20000, func(s *Store) map[string]string { _, all := journal(t, s); return all })
	})
}

func surviveKills(t *testing.T, kind string, most int, load func(*Store) map[string]string) {
	dir := t.TempDir()
	for round := range 3 {
		acked := runAndKill(t, kind+" "+dir, 200+rand.IntN(most))
		s := open(t, dir)
		all := load(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if len(acked) < 100 {
			t.Fatalf("round %d: only %d writes before the kill: not a test", round, len(acked))
		}
		for key, n := range acked {
			var got int
			if _, err := fmt.Sscanf(all[key], "v%d", &got); err != nil || got < n {
				t.Fatalf("round %d: %s was acknowledged with v%d and is %q after the kill", round, key, n, all[key])
			}
		}
	}
}

// runAndKill kills the child while it goes on writing, after so many writes.
func runAndKill(t *testing.T, child string, after int) map[string]int {
	t.Helper()
	process := testdata.StartChild(t, "TestAcknowledgedWritesSurviveKill", crashDir, child)
	acked := map[string]int{}
	for process.Lines.Scan() {
		var key string
		var n int
		line := process.Lines.Text()
		if _, err := fmt.Sscanf(line, "acked %s %d.", &key, &n); err == nil && strings.HasSuffix(line, ".") {
			acked[key] = max(acked[key], n)
			if after--; after == 0 {
				process.Kill() // what was printed before it dies is read to the end
			}
		}
	}
	process.Wait()
	return acked
}

// writer is what Bucket and Journal have in common.
type writer interface {
	Put(key string, value []byte, done Done) error
}

func writeUntilKilled(kind, dir string) {
	ctx := context.Background()
	s, err := Open(ctx, Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	b, keys := childWriter(ctx, s, kind)
	room := make(chan struct{}, 500)
	base := int(time.Now().UnixMilli()) // grows over the rounds
	for i := range 2_000_000 {
		room <- struct{}{}
		key, n := fmt.Sprintf("k%d", i%keys), base+i
		if err := b.Put(key, fmt.Appendf(nil, "v%d %0200d", n, 0), func(_ uint64, err error) {
			if err == nil {
				fmt.Fprintf(os.Stdout, "acked %s %d.\n", key, n)
			}
			<-room
		}); err != nil {
			panic(err)
		}
	}
}

// childWriter opens what the child writes to, and says with how many keys.
func childWriter(ctx context.Context, s *Store, kind string) (writer, int) {
	if kind == "bucket" {
		b, err := s.Bucket(ctx, BucketConfig{Name: "test", Linger: time.Millisecond})
		if err != nil {
			panic(err)
		}
		return b, 5000
	}
	j, err := s.Journal(ctx, BucketConfig{Name: "journal", Linger: time.Millisecond})
	if err != nil {
		panic(err)
	}
	if _, err := j.Load(ctx, func(Entry) error { return nil }); err != nil {
		panic(err)
	}
	return j, 700
}
