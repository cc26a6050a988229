package console

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Event is something that has happened at the node.
type Event struct {
	Time   time.Time         `json:"time"`
	Level  string            `json:"level"` // DEBUG, STEP, INFO, WARN, ERROR
	Text   string            `json:"text"`
	Fields map[string]string `json:"fields,omitempty"` // call_id, channel, endpoint …
}

// Filter says which events a subscriber wants.
type Filter struct {
	Level slog.Level `json:"level"`          // the least severe
	Call  string     `json:"call,omitempty"` // Call-ID or channel name; "": all
	User  string     `json:"user,omitempty"` // a number or endpoint; "": all
}

// passes reports whether an event fits.
func (f *Filter) passes(e *Event) bool {
	if f.Call != "" && f.Call != e.Fields["call_id"] && f.Call != e.Fields["channel"] {
		return false
	}
	if f.User == "" {
		return true
	}
	for _, key := range []string{"from", "to", "endpoint", "aor", "user"} {
		if e.Fields[key] == f.User {
			return true
		}
	}
	return strings.HasPrefix(e.Fields["channel"], "PJSIP/"+f.User+"-")
}

// LevelStep is the level of the dialplan's steps, between the calls' and the rest.
const LevelStep = slog.LevelDebug + 2

// levelName is a level's name in an Event.
func levelName(l slog.Level) string {
	if l == LevelStep {
		return "STEP"
	}
	return l.String()
}

// Verbosity is the least level that so many -v ask for: warnings, calls, steps of
// the dialplan, everything.
func Verbosity(n int) slog.Level {
	levels := [...]slog.Level{slog.LevelWarn, slog.LevelInfo, LevelStep, slog.LevelDebug}
	return levels[max(1, min(n, len(levels)))-1]
}

// queueLength is how many events wait for a subscriber that is slow.
const queueLength = 2048

// published is an event that all its subscribers share, with the line that the
// first of them writes.
type published struct {
	Event
	once sync.Once
	line []byte
}

// reply is the event's line for a connection.
func (p *published) reply() []byte {
	p.once.Do(func() {
		line, err := json.Marshal(Reply{Event: &p.Event})
		if err == nil {
			p.line = append(line, '\n')
		}
	})
	return p.line
}

// subscription is one subscriber's queue. lost counts what did not fit.
type subscription struct {
	events chan *published
	lost   atomic.Uint64
	filter Filter
}

// nobody is above all levels.
const nobody = slog.Level(1000)

// Bus carries events to subscribers. The zero value is not ready; see NewBus.
type Bus struct {
	least atomic.Int64 // the least severe level that somebody wants

	mu   sync.RWMutex // guards the following
	subs []*subscription
}

// NewBus returns a Bus without subscribers.
func NewBus() *Bus {
	b := &Bus{}
	b.least.Store(int64(nobody))
	return b
}

// subscribe begins a subscription.
func (b *Bus) subscribe(f Filter) *subscription {
	s := &subscription{events: make(chan *published, queueLength), filter: f}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs = append(b.subs, s)
	b.weigh()
	return s
}

// unsubscribe ends it.
func (b *Bus) unsubscribe(s *subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs = slices.DeleteFunc(b.subs, func(x *subscription) bool { return x == s })
	b.weigh()
}

// weigh finds the least level anew. The caller holds mu.
func (b *Bus) weigh() {
	least := nobody
	for _, s := range b.subs {
		least = min(least, s.filter.Level)
	}
	b.least.Store(int64(least))
}

// Wants reports whether anybody wants events of a level.
func (b *Bus) Wants(l slog.Level) bool { return int64(l) >= b.least.Load() }

// publish gives an event to all who want it.
func (b *Bus) publish(l slog.Level, e Event) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	shared := &published{Event: e}
	for _, s := range b.subs {
		if l < s.filter.Level || !s.filter.passes(&e) {
			continue
		}
		select {
		case s.events <- shared:
		default:
			s.lost.Add(1)
		}
	}
}

// Handler returns a handler that passes records to next, as next is configured,
// and makes events of them for those who want them.
func (b *Bus) Handler(next slog.Handler) slog.Handler { return &handler{bus: b, next: next} }

type handler struct {
	bus   *Bus
	next  slog.Handler
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.bus.Wants(l) || h.next.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if h.bus.Wants(r.Level) {
		h.bus.publish(r.Level, h.event(r))
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

func (h *handler) event(r slog.Record) Event {
	e := Event{Time: r.Time, Level: levelName(r.Level), Text: r.Message, Fields: make(map[string]string, r.NumAttrs()+len(h.attrs))}
	add := func(a slog.Attr) bool {
		v := a.Value.Resolve()
		if v.Kind() == slog.KindDuration {
			v = slog.DurationValue(v.Duration().Round(time.Millisecond))
		}
		e.Fields[a.Key] = v.String()
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	return e
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{bus: h.bus, next: h.next.WithAttrs(attrs), attrs: append(slices.Clip(h.attrs), attrs...)}
}

// WithGroup implements slog.Handler; events do not show groups.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{bus: h.bus, next: h.next.WithGroup(name), attrs: h.attrs}
}
