package pbx

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// locks are those of LOCK(): one channel at a time has one. A channel that ends
// gives its locks back. It is safe for concurrent use.
type locks struct {
	mu   sync.Mutex // guards held
	held map[string]*channel
}

// The limits of LOCK().
const (
	lockTime = 3 * time.Second // that LOCK() waits, as Asterisk's
	lockLook = 20 * time.Millisecond
	maxLocks = 10_000
)

// take gives a lock to a channel; true also if it has it already.
func (s *locks) take(name string, ch *channel) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[string]*channel{}
	}
	if owner := s.held[name]; owner != nil || len(s.held) >= maxLocks {
		return owner == ch
	}
	s.held[name] = ch
	return true
}

// drop takes a lock back; name "" is all of the channel's.
func (s *locks) drop(name string, ch *channel) (had bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, owner := range s.held {
		if owner == ch && (name == "" || n == name) {
			delete(s.held, n)
			had = true
		}
	}
	return had
}

// lock is LOCK(name): 1 if the channel has got the lock within three seconds.
func (ch *channel) lock(args string) (string, error) {
	name, err := lockName(args)
	if err != nil {
		return "", err
	}
	for end := time.Now().Add(lockTime); !ch.srv.locks.take(name, ch.first()); {
		now := time.Now()
		if ch.gone() || !now.Before(end) {
			return "0", nil
		}
		ch.step(now.Add(lockLook))
	}
	return "1", nil
}

// tryLock is TRYLOCK(name).
func (ch *channel) tryLock(args string) (string, error) {
	name, err := lockName(args)
	if err != nil {
		return "", err
	}
	return oneIf(ch.srv.locks.take(name, ch.first())), nil
}

// unlock is UNLOCK(name).
func (ch *channel) unlock(args string) (string, error) {
	name, err := lockName(args)
	if err != nil {
		return "", err
	}
	return oneIf(ch.srv.locks.drop(name, ch.first())), nil
}

func lockName(args string) (string, error) {
	name := strings.TrimSpace(args)
	if name == "" || len(name) > maxNote {
		return "", fmt.Errorf("LOCK: %q is no name", clip(args))
	}
	return name, nil
}
