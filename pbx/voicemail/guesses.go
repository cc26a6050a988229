package voicemail

import (
	"cmp"
	"crypto/subtle"
	"strings"
	"sync"
	"time"

	"github.com/hometone/hometone/config/voicemail"
)

// A password of four digits is found by trying unless trying is slow. Wrong tries are
// counted by who tries: the box and the caller's endpoint together, and the endpoint
// alone. After a few the next answer comes later, up to longestWait; calls at the
// same time queue for it, and who would have to wait longer than longestQueue is told that
// it was wrong whatever it was. Nobody's tries delay another endpoint's: the owner's own telephone opens the
// box while a stranger guesses.
const (
	freeGuesses   = 3  // of one box, before answers slow down
	freeEndpoint  = 20 // of all boxes together
	firstWait     = time.Second
	longestWait   = 8 * time.Second
	longestQueue  = 16 * time.Second
	guessesMemory = 15 * time.Minute // without a try
	maxGuessed    = 10_000           // who is remembered
)

// guesses counts wrong passwords. The zero value is ready.
type guesses struct {
	mu    sync.Mutex // guards the following
	tried map[guesser]guessed
}

// guesser is an endpoint that tries a box; "" is any box.
type guesser struct{ endpoint, box string }

type guessed struct {
	wrong int
	free  time.Time // when the next try is answered at once
}

// Admit returns the box of a name if the password opens it, nil otherwise, and how
// long whoever asked has to wait before it is told. It takes a time that does not tell how
// much of the password is right. Nobody opens a box that does not exist or has no
// password. endpoint is who asks, as far as that is proven.
func (o *Office) Admit(name, password, endpoint string, now time.Time) (*voicemail.Box, time.Duration) {
	b := o.Box(name)
	number, context, _ := strings.Cut(strings.TrimSpace(name), "@")
	name = number + "@" + cmp.Or(context, voicemail.DefaultContext) // however it was written
	opens := right(b, o.password(b), password)
	wait, answered := o.guesses.try(endpoint, name, opens, now)
	if !opens || !answered {
		return nil, wait
	}
	return b, wait
}

// right compares in constant time.
func right(b *voicemail.Box, want, password string) bool {
	there := 0
	if b != nil && want != "" {
		there = 1
	}
	return subtle.ConstantTimeCompare([]byte(want), []byte(password))&there == 1
}

// try counts a try and returns how long its answer has to wait; answered is false if
// it waits in vain.
func (g *guesses) try(endpoint, box string, opens bool, now time.Time) (wait time.Duration, answered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tried == nil {
		g.tried = map[guesser]guessed{}
	}
	answered = true
	keys := [2]guesser{{endpoint, box}, {endpoint, ""}}
	for i, key := range keys {
		wait = max(wait, g.tried[key].free.Sub(now))
		if i == 0 && opens && wait <= 0 {
			delete(g.tried, key)
		}
	}
	if wait > longestQueue {
		return longestQueue, false
	}
	if opens {
		return wait, true
	}
	for i, key := range keys {
		if x, ok := g.count(key, [...]int{freeGuesses, freeEndpoint}[i], now); ok {
			wait = max(wait, x.free.Sub(now))
		}
	}
	return wait, true
}

// count adds a wrong try; false if too many are remembered already. g.mu is held.
func (g *guesses) count(key guesser, free int, now time.Time) (guessed, bool) {
	x, known := g.tried[key]
	if !known && len(g.tried) >= maxGuessed {
		g.forget(now)
		if len(g.tried) >= maxGuessed {
			return x, false
		}
	}
	if now.Sub(x.free) > guessesMemory {
		x = guessed{}
	}
	x.wrong++
	x.free = later(x.free, now)
	if x.wrong > free {
		x.free = x.free.Add(min(firstWait<<min(x.wrong-free-1, 8), longestWait))
	}
	g.tried[key] = x
	return x, true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// forget drops whoever has not tried for long. g.mu is held.
func (g *guesses) forget(now time.Time) {
	for key, x := range g.tried {
		if now.Sub(x.free) > guessesMemory {
			delete(g.tried, key)
		}
	}
}
