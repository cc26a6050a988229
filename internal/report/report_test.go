package report

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func quiet(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestTellOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var r Reporter
		garbage, fine := r.Counter("garbage"), r.Counter("fine")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx, quiet(&out), "dropped", 0) }()
		for i := range 1000 {
			garbage.Note(func() string { return strings.Repeat("x", i+1) })
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		want := "level=WARN msg=dropped garbage=1000 garbage_sample=x\n"
		if out.String() != want {
			t.Errorf("one line a second, with the first sample: got %q, want %q", out.String(), want)
		}
		out.Reset()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if out.Len() != 0 {
			t.Errorf("counters that stand still are not logged: %q", out.String())
		}
		fine.Add(3)
		cancel()
		<-done
		if !strings.Contains(out.String(), "fine=3") {
			t.Errorf("what happened before the end is told at the end: %q", out.String())
		}
	})
}

func TestNoteDoesNotAllocate(t *testing.T) {
	var r Reporter
	c := r.Counter("c")
	c.Note(func() string { return "first" })
	if n := testing.AllocsPerRun(100, func() { c.Note(func() string { return "never" }) }); n != 0 {
		t.Errorf("Note allocates %v times, want 0", n)
	}
	if c.Total() != 102 {
		t.Errorf("Total = %d, want 102", c.Total())
	}
}
