package pbx

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// signals are those that channels wait for (WaitForSignal), by name. It is safe for
// concurrent use; the zero value is ready.
type signals struct {
	mu      sync.Mutex // guards waiting
	waiting map[string]map[*channel]bool
}

// signal is what a waiting channel is told; posted by the sender.
type signal struct{ name, payload string }

// wait puts a channel among those that wait for a name, or takes it away.
func (s *signals) wait(name string, ch *channel, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[string]map[*channel]bool{}
	}
	if on {
		if s.waiting[name] == nil {
			s.waiting[name] = map[*channel]bool{}
		}
		s.waiting[name][ch] = true
		return
	}
	if delete(s.waiting[name], ch); len(s.waiting[name]) == 0 {
		delete(s.waiting, name)
	}
}

// send tells all that wait for a name and returns how many.
func (s *signals) send(name, payload string) int {
	s.mu.Lock()
	list := s.waiting[name]
	delete(s.waiting, name)
	s.mu.Unlock()
	for ch := range list {
		ch.box.post(mail{nil, signal{name, payload}}, false)
	}
	return len(list)
}

// Signal implements Switchboard.
func (ch *channel) Signal(name, payload string) (int, error) {
	if name == "" || len(name) > maxNote {
		return 0, fmt.Errorf("%q is no name of a signal", clip(name))
	}
	return ch.srv.signals.send(name, payload), nil
}

// AwaitSignal implements Switchboard.
func (ch *channel) AwaitSignal(_ context.Context, name string, limit time.Duration) (payload string, ok bool, err error) {
	if name == "" || len(name) > maxNote {
		return "", false, fmt.Errorf("%q is no name of a signal", clip(name))
	}
	var until time.Time
	if limit > 0 {
		until = time.Now().Add(limit)
	}
	listener := ch // whose goroutine takes the events
	for listener.host != nil {
		listener = listener.host
	}
	listener.signalled = nil
	ch.srv.signals.wait(name, listener, true)
	defer ch.srv.signals.wait(name, listener, false)
	for !ch.gone() {
		if s := listener.signalled; s != nil && s.name == name {
			return s.payload, true, nil
		}
		if !ch.step(until) {
			return "", false, nil
		}
	}
	return "", false, ErrHangup
}

// AwaitText implements Switchboard.
func (ch *channel) AwaitText(_ context.Context, limit time.Duration) (Text, bool, error) {
	var until time.Time
	if limit > 0 {
		until = time.Now().Add(limit)
	}
	ch.awaitsText = true
	defer func() { ch.awaitsText, ch.heardText = false, nil }()
	for !ch.gone() {
		if t := ch.heardText; t != nil {
			return *t, true, nil
		}
		if !ch.step(until) {
			return Text{}, false, nil
		}
	}
	return Text{}, false, ErrHangup
}
