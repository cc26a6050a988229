package console

import (
	"log/slog"
	"testing"
)

// A slow console loses events, with a count; who logs is never held up.
func TestSlowSubscriber(t *testing.T) {
	b := NewBus()
	log := slog.New(b.Handler(slog.DiscardHandler))
	s := b.subscribe(Filter{Level: slog.LevelInfo})
	for range queueLength + 7 {
		log.Info("call")
	}
	if len(s.events) != queueLength || s.lost.Load() != 7 {
		t.Errorf("%d events wait and %d are lost, want %d and 7", len(s.events), s.lost.Load(), queueLength)
	}
	b.unsubscribe(s)
	if b.Wants(slog.LevelError) {
		t.Error("somebody wants events after the last has gone")
	}
}

// A subscriber gets what its filter says.
func TestFilter(t *testing.T) {
	b := NewBus()
	log := slog.New(b.Handler(slog.DiscardHandler)).With("node", "n1")
	call := b.subscribe(Filter{Level: slog.LevelInfo, Call: "c1"})
	user := b.subscribe(Filter{Level: slog.LevelDebug, User: "8005"})
	log.Info("a", "call_id", "c1", "channel", "PJSIP/8006-00000001")
	log.Info("b", "call_id", "c2", "channel", "PJSIP/8005-00000002")
	log.Debug("c", "call_id", "c1", "from", "8005")
	if len(call.events) != 1 || len(user.events) != 2 {
		t.Fatalf("%d and %d events, want 1 (a) and 2 (b, c)", len(call.events), len(user.events))
	}
	if e := <-call.events; e.Text != "a" || e.Fields["node"] != "n1" {
		t.Errorf("got %+v", e)
	}
}

// With nobody attached a line below the log's level costs next to nothing.
func BenchmarkNobody(b *testing.B) {
	log := slog.New(NewBus().Handler(slog.DiscardHandler))
	for b.Loop() {
		log.Info("call", slog.String("call_id", "c"))
	}
}
