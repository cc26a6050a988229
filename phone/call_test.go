package phone

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hometone/hometone/media"
)

// party is a phone of a test with the events it told.
type party struct {
	*Phone
	addr string

	mu     sync.Mutex
	events []Event
	wake   chan struct{}
}

// newParty runs a phone on the loopback interface until the test ends.
func newParty(t *testing.T, c Config) *party {
	t.Helper()
	x := &party{wake: make(chan struct{}, 1)}
	c.Listen = []string{"udp://127.0.0.1:0"}
	c.OnEvent = func(e Event) {
		x.mu.Lock()
		x.events = append(x.events, e)
		x.mu.Unlock()
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	x.Phone = p
	ended := make(chan error, 1)
	go func() { ended <- p.Run(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := p.Quit(ctx); err != nil && !errors.Is(err, ErrStopped) {
			t.Errorf("Quit: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	addrs, err := p.Addrs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x.addr = strings.TrimPrefix(addrs[0], "udp://")
	return x
}

// saw waits for an event of a kind.
func (x *party) saw(t *testing.T, kind Kind) Event {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		x.mu.Lock()
		for _, e := range x.events {
			if e.Kind == kind {
				x.mu.Unlock()
				return e
			}
		}
		x.mu.Unlock()
		select {
		case <-x.wake:
		case <-deadline:
			t.Fatalf("no event %s; events %v", kind, x.events)
		}
	}
}

// connect has a call b, and b answer.
func connect(t *testing.T, a, b *party) (out, in *Call) {
	t.Helper()
	ctx := t.Context()
	out, err := a.Call(ctx, "sip:b@"+b.addr)
	if err != nil {
		t.Fatal(err)
	}
	if in, err = b.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	if err := in.Answer(ctx); err != nil {
		t.Fatal(err)
	}
	if err := out.WaitAnswered(ctx); err != nil {
		t.Fatal(err)
	}
	if err := in.WaitAnswered(ctx); err != nil {
		t.Fatal(err)
	}
	return out, in
}

// TestMain proves that no goroutine outlives its phone.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestCallWithAudio proves that both sides hear the other's tone, whole.
func TestCallWithAudio(t *testing.T) {
	a, b := newParty(t, Config{}), newParty(t, Config{Codecs: []string{"PCMA"}})
	out, in := connect(t, a, b)
	ctx := t.Context()
	heard := make(map[string]float64)
	for _, side := range []struct {
		call  *Call
		hz    float64
		hears float64
		file  string
	}{{out, 1000, 440, "a.wav"}, {in, 440, 1000, "b.wav"}} {
		path := filepath.Join(t.TempDir(), side.file)
		if err := side.call.RecordFile(ctx, path); err != nil {
			t.Fatal(err)
		}
		if _, err := side.call.Tone(ctx, side.hz, 0); err != nil {
			t.Fatal(err)
		}
		heard[path] = side.hears
	}
	played, err := in.Tone(ctx, 440, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	<-played
	if s := out.Stats(); s.Received < 40 || s.Lost != 0 || s.MOS < 4 {
		t.Errorf("after a second: %+v, want about 50 packets, none lost, MOS over 4", s)
	}
	if err := out.Hangup(ctx); err != nil {
		t.Fatal(err)
	}
	<-in.Done()
	for path, hz := range heard {
		clip, err := media.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		p := media.Find(clip.Samples(), hz)
		if p.Last-p.First < 700*time.Millisecond || p.Longest() > 20*time.Millisecond {
			t.Errorf("%s: %.0f Hz from %v to %v, gaps %v", filepath.Base(path), hz, p.First, p.Last, p.Gaps)
		}
	}
	if s := out.Stats(); s.Received == 0 {
		t.Error("the figures are gone after the call's end")
	}
	if a.saw(t, Ended).Call != out {
		t.Error("the ended event names another call")
	}
}

// TestHoldAndResume proves RFC 3264 §8.4 from both sides.
func TestHoldAndResume(t *testing.T) {
	a, b := newParty(t, Config{}), newParty(t, Config{})
	out, in := connect(t, a, b)
	ctx := t.Context()
	if err := out.Hold(ctx); err != nil {
		t.Fatal(err)
	}
	b.saw(t, PeerHeld)
	if !out.OnHold() {
		t.Error("OnHold is false after Hold")
	}
	if got := out.State(); got != StateTalking {
		t.Errorf("a call on hold is %s, want talking", got)
	}
	if err := out.Hold(ctx); err != nil {
		t.Errorf("Hold on hold: %v, want nothing to do", err)
	}
	if err := out.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	b.saw(t, PeerResumed)
	a.saw(t, Resumed)
	if err := in.Hold(ctx); err != nil {
		t.Fatalf("the called side holds: %v", err)
	}
	a.saw(t, PeerHeld)
}

// TestDTMF proves that keys arrive in order, each once (RFC 4733).
func TestDTMF(t *testing.T) {
	a, b := newParty(t, Config{}), newParty(t, Config{})
	out, in := connect(t, a, b)
	if err := out.DTMF(t.Context(), "15#"); err != nil {
		t.Fatal(err)
	}
	if err := out.DTMF(t.Context(), "x"); err == nil {
		t.Error("a digit that does not exist was sent")
	}
	deadline := time.Now().Add(5 * time.Second)
	var digits string
	for len(digits) < 3 && time.Now().Before(deadline) {
		b.saw(t, Digit)
		digits = ""
		b.mu.Lock()
		for _, e := range b.events {
			if e.Kind == Digit {
				digits += string(rune(e.Digit))
			}
		}
		b.mu.Unlock()
		if len(digits) < 3 {
			<-b.wake
		}
	}
	if digits != "15#" {
		t.Errorf("the called side heard %q, want 15#", digits)
	}
	if in.State() != StateTalking {
		t.Error("digits ended the call")
	}
}

// TestRefusals proves what a caller hears who is not answered.
func TestRefusals(t *testing.T) {
	ctx := t.Context()
	a := newParty(t, Config{})
	t.Run("rejected", func(t *testing.T) {
		b := newParty(t, Config{})
		out, err := a.Call(ctx, "sip:b@"+b.addr)
		if err != nil {
			t.Fatal(err)
		}
		in, err := b.Accept(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Reject(ctx, 0); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, out.WaitAnswered(ctx), 603)
		<-in.Done()
		if err := in.Answer(ctx); !errors.Is(err, ErrEnded) && !errors.Is(err, ErrNotNow) {
			t.Errorf("Answer after Reject: %v", err)
		}
	})
	t.Run("busy", func(t *testing.T) {
		b := newParty(t, Config{Busy: true})
		out, err := a.Call(ctx, "sip:b@"+b.addr)
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, out.WaitAnswered(ctx), 486)
	})
	t.Run("full", func(t *testing.T) {
		b := newParty(t, Config{MaxCalls: 1})
		first, err := a.Call(ctx, "sip:b@"+b.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Accept(ctx); err != nil {
			t.Fatal(err)
		}
		second, err := a.Call(ctx, "sip:b@"+b.addr)
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, second.WaitAnswered(ctx), 486)
		if err := first.Hangup(ctx); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		b := newParty(t, Config{})
		out, err := a.Call(ctx, "sip:b@"+b.addr)
		if err != nil {
			t.Fatal(err)
		}
		in, err := b.Accept(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Hangup(ctx); err != nil {
			t.Fatal(err)
		}
		<-in.Done()
		wantRefused(t, in.WaitAnswered(ctx), 487)
	})
	t.Run("nobody there", func(t *testing.T) {
		out, err := a.Call(ctx, "sip:b@127.0.0.1:9")
		if err != nil {
			return // the refusal of the port is known at once
		}
		begin := time.Now()
		if err := out.Hangup(ctx); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("giving up a call that nobody answered took %v", d)
		}
		var refused *Refused
		if err := out.WaitAnswered(ctx); !errors.As(err, &refused) {
			t.Errorf("a call to a closed port ends with %v", err)
		}
	})
}

func wantRefused(t *testing.T, err error, status int) {
	t.Helper()
	var refused *Refused
	if !errors.As(err, &refused) || refused.Status != status {
		t.Errorf("the call ends with %v, want %d", err, status)
	}
}

// TestQuitEndsCalls proves that Quit says BYE.
func TestQuitEndsCalls(t *testing.T) {
	a, b := newParty(t, Config{}), newParty(t, Config{})
	_, in := connect(t, a, b)
	if err := a.Quit(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-in.Done():
	case <-time.After(3 * time.Second):
		t.Error("the peer's call goes on after Quit")
	}
	if _, err := a.Call(t.Context(), "sip:b@"+b.addr); !errors.Is(err, ErrStopped) {
		t.Errorf("Call after Quit: %v, want ErrStopped", err)
	}
}

// TestAbuse proves that wrong use is an error and nothing else.
func TestAbuse(t *testing.T) {
	p, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Register(short); !errors.Is(err, ErrNoAccount) {
		t.Errorf("Register without an account: %v", err)
	}
	if _, err := p.Call(short, "sip:b@192.0.2.1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Call before Run: %v, want to wait for it", err)
	}
	a, b := newParty(t, Config{}), newParty(t, Config{})
	out, err := a.Call(t.Context(), "sip:b@"+b.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Answer(t.Context()); !errors.Is(err, ErrNotNow) {
		t.Errorf("Answer of our own call: %v", err)
	}
	if err := out.Hold(t.Context()); !errors.Is(err, ErrNotNow) {
		t.Errorf("Hold before the answer: %v", err)
	}
	if err := out.Hangup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Tone(t.Context(), 440, 0); !errors.Is(err, ErrEnded) {
		t.Errorf("Tone after the end: %v", err)
	}
	if err := a.Run(t.Context()); err == nil {
		t.Error("Run may be called once only")
	}
}
