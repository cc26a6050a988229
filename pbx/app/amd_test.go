package app

import (
	"testing"
	"time"
)

// A short greeting and silence is a person; long speech, many words, or nothing at all is a
// machine; what fits neither in time is not sure.
func TestAMD(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name          string
		pieces        []time.Duration // talk and silence in turns, talk first
		status, cause string
	}{
		{"hello", []time.Duration{500 * ms, 2000 * ms}, "HUMAN", "HUMAN-800-800"},
		{"hello, who is it", []time.Duration{300 * ms, 300 * ms, 500 * ms, 2000 * ms}, "HUMAN", "HUMAN-800-800"},
		{"nobody", []time.Duration{0, 6000 * ms}, "MACHINE", "INITIALSILENCE-2500-2500"},
		{"a click and nobody", []time.Duration{40 * ms, 6000 * ms}, "MACHINE", "INITIALSILENCE-2500-2500"},
		{"a long speech", []time.Duration{6000 * ms}, "MACHINE", "LONGGREETING-1500-1500"},
		{"many words", []time.Duration{200 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms, 200 * ms, 900 * ms}, "MACHINE", "MAXWORDS-3-2"},
		{"speech in two pieces", []time.Duration{800 * ms, 200 * ms, 900 * ms}, "MACHINE", "LONGGREETING-1500-1500"},
		{"noises", []time.Duration{60 * ms, 1000 * ms, 60 * ms, 1000 * ms, 60 * ms, 1000 * ms, 60 * ms, 1000 * ms, 60 * ms, 1000 * ms}, "NOTSURE", "TOOLONG-5000"},
	} {
		g := &guess{initialSilence: 2500 * ms, greeting: 1500 * ms, afterGreeting: 800 * ms, total: 5000 * ms, leastWord: 100 * ms, between: 50 * ms, longestWord: 5000 * ms, mostWords: 2}
		at, done := time.Duration(0), false
		for i, piece := range c.pieces {
			for in := time.Duration(0); in < piece && !done; {
				in += 20 * ms
				at += 20 * ms
				done = g.hear(at, i%2 == 0, in)
			}
		}
		if !done || g.status != c.status || g.cause != c.cause {
			t.Errorf("%s: %s %s, want %s %s", c.name, g.status, g.cause, c.status, c.cause)
		}
	}
}
