package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/phone"
)

// script does the commands of `hometone phone`, one after the other. All its
// fields but the atomic and the guarded ones belong to the goroutine of run.
type script struct {
	phone      *phone.Phone
	out        *printer
	autoAnswer atomic.Bool
	played     <-chan struct{} // of the last play or tone

	mu      sync.Mutex
	call    *phone.Call    // the current call: the last that began
	seen    map[string]int // events by kind that no wait has used up
	changed chan struct{}  // closed and replaced with each event
}

// errQuit ends a script without an error.
var errQuit = errors.New("quit")

// patience is how long a wait waits without a timeout of its own.
const patience = 60 * time.Second

// verbs is the table of commands: name, arguments at least and at most, what
// to do.
func verbs() map[string]verb {
	return map[string]verb{
		"register":    {0, 0, func(s *script, ctx context.Context, _ []string) error { return s.phone.Register(ctx) }},
		"unregister":  {0, 0, func(s *script, ctx context.Context, _ []string) error { return s.phone.Unregister(ctx) }},
		"call":        {1, 1, (*script).dial},
		"answer":      {0, 0, onCall((*phone.Call).Answer)},
		"reject":      {0, 1, (*script).reject},
		"auto-answer": {1, 1, (*script).setAutoAnswer},
		"play":        {1, 2, (*script).play},
		"tone":        {1, 2, (*script).tone},
		"silence":     {0, 0, (*script).silence},
		"record":      {0, 1, (*script).record},
		"dtmf":        {1, 1, (*script).dtmf},
		"hold":        {0, 0, onCall((*phone.Call).Hold)},
		"resume":      {0, 0, onCall((*phone.Call).Resume)},
		"hangup":      {0, 0, onCall((*phone.Call).Hangup)},
		"wait":        {1, 2, (*script).wait},
		"stats":       {0, 0, (*script).stats},
		"quit":        {0, 0, func(*script, context.Context, []string) error { return errQuit }},
	}
}

// verb is one command; do is a method expression, so the script comes first.
type verb struct {
	least, most int
	do          func(s *script, ctx context.Context, args []string) error
}

func newScript(out *printer) *script {
	return &script{out: out, seen: make(map[string]int), changed: make(chan struct{})}
}

// run does lines until quit, the first error, the end of input or of ctx.
func (s *script) run(ctx context.Context, lines <-chan string) error {
	table := verbs()
	for {
		var text string
		var more bool
		select {
		case text, more = <-lines:
			if !more {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
		err := s.do(ctx, table, text)
		if errors.Is(err, errQuit) || ctx.Err() != nil {
			return nil //nolint:nilerr // both are how a script ends
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", strings.TrimSpace(text), err)
			s.out.print(line{Time: time.Now(), Event: "error", Text: err.Error()}, "error: "+err.Error())
			return err
		}
	}
}

// do does one line.
func (s *script) do(ctx context.Context, table map[string]verb, text string) error {
	fields := strings.Fields(text)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	v, ok := table[fields[0]]
	args := fields[1:]
	switch {
	case !ok:
		return errors.New("no such command; see hometone phone --help")
	case len(args) < v.least || len(args) > v.most:
		return errors.New("wrong number of arguments; see hometone phone --help")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	return v.do(s, ctx, args)
}

// event is the phone's OnEvent: it prints, remembers and wakes a wait.
func (s *script) event(e phone.Event) {
	s.out.event(e)
	if e.Kind == phone.Incoming && s.autoAnswer.Load() {
		go func() { // ends with the answer or its timeout
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := e.Call.Answer(ctx); err != nil {
				s.out.print(line{Time: time.Now(), Event: "error", Text: err.Error()}, "error: "+err.Error())
			}
		}()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind == phone.Incoming {
		s.call = e.Call
	}
	s.note(string(e.Kind))
}

// note counts an event; mu is held.
func (s *script) note(kind string) {
	s.seen[kind]++
	close(s.changed)
	s.changed = make(chan struct{})
}

// current is the call that commands are for.
func (s *script) current() (*phone.Call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call == nil {
		return nil, errors.New("there is no call")
	}
	return s.call, nil
}

// onCall makes a command of a method of Call.
func onCall(f func(*phone.Call, context.Context) error) func(*script, context.Context, []string) error {
	return func(s *script, ctx context.Context, _ []string) error {
		c, err := s.current()
		if err != nil {
			return err
		}
		return f(c, ctx)
	}
}

func (s *script) dial(ctx context.Context, args []string) error {
	c, err := s.phone.Call(ctx, args[0])
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.call = c
	return nil
}

func (s *script) reject(ctx context.Context, args []string) error {
	c, err := s.current()
	if err != nil {
		return err
	}
	status := 0
	if len(args) > 0 {
		if status, err = strconv.Atoi(args[0]); err != nil || status < 400 || status > 699 {
			return errors.New("the status is a number from 400 to 699")
		}
	}
	return c.Reject(ctx, status)
}

func (s *script) setAutoAnswer(_ context.Context, args []string) error {
	switch args[0] {
	case "on":
		s.autoAnswer.Store(true)
	case "off":
		s.autoAnswer.Store(false)
	default:
		return errors.New("on or off")
	}
	return nil
}

func (s *script) play(ctx context.Context, args []string) error {
	c, err := s.current()
	if err != nil {
		return err
	}
	times := 1
	if len(args) > 1 {
		if times, err = strconv.Atoi(args[1]); err != nil || times < 0 {
			return errors.New("times is a number; 0 is for ever")
		}
	}
	s.played, err = c.PlayFile(ctx, args[0], times)
	return err
}

func (s *script) tone(ctx context.Context, args []string) error {
	c, err := s.current()
	if err != nil {
		return err
	}
	hz, err := strconv.ParseFloat(args[0], 64)
	if err != nil || hz <= 0 || hz >= media.Rate/2 {
		return fmt.Errorf("a frequency is between 0 and %d Hz", media.Rate/2)
	}
	var length time.Duration
	if len(args) > 1 {
		if length, err = time.ParseDuration(args[1]); err != nil {
			return err
		}
	}
	s.played, err = c.Tone(ctx, hz, length)
	return err
}

func (s *script) silence(ctx context.Context, _ []string) error {
	c, err := s.current()
	if err != nil {
		return err
	}
	s.played, err = c.Play(ctx, nil)
	return err
}

func (s *script) record(ctx context.Context, args []string) error {
	c, err := s.current()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return c.StopRecording(ctx)
	}
	return c.RecordFile(ctx, args[0])
}

func (s *script) dtmf(ctx context.Context, args []string) error {
	c, err := s.current()
	if err != nil {
		return err
	}
	return c.DTMF(ctx, args[0])
}

func (s *script) stats(context.Context, []string) error {
	c, err := s.current()
	if err != nil {
		return err
	}
	f := figuresOf(c.Stats())
	s.out.print(line{Time: time.Now(), Event: "stats", Call: c.Number(), Stats: f}, f.String())
	return nil
}

// wait waits for a time or for an event.
func (s *script) wait(ctx context.Context, args []string) error {
	if d, err := time.ParseDuration(args[0]); err == nil {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return nil
	}
	timeout := patience
	if len(args) > 1 {
		var err error
		if timeout, err = time.ParseDuration(args[1]); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := s.waitFor(ctx, args[0])
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("nothing happened for %v", timeout)
	}
	return err
}

// waitFor waits for what a word names: a state the current call reaches, or an
// event that no earlier wait has seen.
func (s *script) waitFor(ctx context.Context, what string) error {
	switch what {
	case "answered", "ended", "played":
		c, err := s.current()
		if err != nil {
			return err
		}
		if what == "answered" {
			return c.WaitAnswered(ctx)
		}
		ended := c.Done()
		if what == "played" {
			if ended = s.played; ended == nil {
				return errors.New("nothing was played")
			}
		}
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	case "incoming", "ringing", "digit", "held", "resumed", "peer-held", "peer-resumed", "registered", "early-media":
		return s.waitEvent(ctx, what)
	}
	return errors.New("no such event; see hometone phone --help")
}

// waitEvent uses up one event of a kind.
func (s *script) waitEvent(ctx context.Context, kind string) error {
	for {
		s.mu.Lock()
		if s.seen[kind] > 0 {
			s.seen[kind]--
			s.mu.Unlock()
			return nil
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
