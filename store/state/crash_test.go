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
	if dir := os.Getenv(crashDir); dir != "" {
		writeUntilKilled(dir)
		return
	}
	dir := t.TempDir()
	for round := range 3 {
		acked := runAndKill(t, dir, 200+rand.IntN(5000))
		s := open(t, dir)
		all := load(t, bucket(t, s))
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
func runAndKill(t *testing.T, dir string, after int) map[string]int {
	t.Helper()
	child := testdata.StartChild(t, "TestAcknowledgedWritesSurviveKill", crashDir, dir)
	acked := map[string]int{}
	for child.Lines.Scan() {
		var key string
		var n int
		line := child.Lines.Text()
		if _, err := fmt.Sscanf(line, "acked %s %d.", &key, &n); err == nil && strings.HasSuffix(line, ".") {
			acked[key] = max(acked[key], n)
			if after--; after == 0 {
				child.Kill() // what was printed before it dies is read to the end
			}
		}
	}
	child.Wait()
	return acked
}

func writeUntilKilled(dir string) {
	s, err := Open(context.Background(), Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	b, err := s.Bucket(context.Background(), BucketConfig{Name: "test", Linger: time.Millisecond})
	if err != nil {
		panic(err)
	}
	room := make(chan struct{}, 500)
	base := int(time.Now().UnixMilli()) // grows over the rounds
	for i := range 2_000_000 {
		room <- struct{}{}
		key, n := fmt.Sprintf("k%d", i%5000), base+i
		if err := b.Put(key, fmt.Appendf(nil, "v%d %0200d", n, 0), func(_ uint64, err error) {
			if err == nil {
				os.Stdout.WriteString(fmt.Sprintf("acked %s %d.\n", key, n))
			}
			<-room
		}); err != nil {
			panic(err)
		}
	}
}
