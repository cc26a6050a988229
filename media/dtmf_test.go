package media

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// detected runs a detector over audio in odd pieces.
func detected(pcm []int16) (digits string, lengths []time.Duration) {
	var d DTMFDetector
	tell := func(digit byte, length time.Duration) {
		digits += string(digit)
		lengths = append(lengths, length)
	}
	for len(pcm) > 0 {
		n := min(77, len(pcm))
		d.Write(pcm[:n], tell)
		pcm = pcm[n:]
	}
	d.Write(make([]int16, 1000), tell)
	return digits, lengths
}

// pair makes two tones with their own levels in dBm0 and noise.
func pair(low, high, lowLevel, highLevel, noise float64, n int) []int16 {
	rng := rand.New(rand.NewPCG(5, 6))
	out := make([]int16, n)
	a, b := milliwattPeak*math.Pow(10, lowLevel/20), milliwattPeak*math.Pow(10, highLevel/20)
	sigma := milliwattPeak / math.Sqrt2 * math.Pow(10, noise/20)
	for i := range out {
		w := 2 * math.Pi * float64(i) / Rate
		out[i] = clip(a*math.Sin(w*low) + b*math.Sin(w*high) + sigma*rng.NormFloat64())
	}
	return out
}

// TestDTMFAll: every digit, in both laws, at ten a second (Q.24).
func TestDTMFAll(t *testing.T) {
	const all = "0123456789*#ABCD00112"
	for _, law := range []Law{ULaw, ALaw} {
		for on, off := range map[time.Duration]time.Duration{50 * time.Millisecond: 50 * time.Millisecond, 100 * time.Millisecond: 60 * time.Millisecond} {
			var pcm []int16
			for src, more := DTMF(all, on, off), true; more; {
				var b []byte
				b, more = src.Next(nil, law.String(), 160)
				pcm = law.Decode(pcm, b)
			}
			got, lengths := detected(pcm)
			if got != all {
				t.Errorf("%v %v on, %v off: %q", law, on, off, got)
				continue
			}
			for _, l := range lengths {
				if l < on-2*dtmfBlockDur || l > on+2*dtmfBlockDur {
					t.Errorf("a digit of %v is told as %v", on, l)
				}
			}
		}
	}
}

// TestDTMFLimits: the limits that Q.24 sets a receiver.
func TestDTMFLimits(t *testing.T) {
	const none = -99
	for name, c := range map[string]struct {
		pcm  []int16
		want string
	}{
		"40 ms must be found":        {pair(770, 1336, -7, -7, none, Samples(40*time.Millisecond)), "5"},
		"10 ms must not":             {pair(770, 1336, -7, -7, none, Samples(10*time.Millisecond)), ""},
		"low by 26 dB":               {pair(770, 1336, -26, -26, none, 800), "5"},
		"normal twist of 7.5 dB":     {pair(770, 1336, -5, -12.5, none, 800), "5"},
		"normal twist of 10 dB":      {pair(770, 1336, -5, -15, none, 800), ""},
		"reverse twist of 3.5 dB":    {pair(770, 1336, -8.5, -5, none, 800), "5"},
		"reverse twist of 6 dB":      {pair(770, 1336, -11, -5, none, 800), ""},
		"frequencies 1.5 % up":       {pair(770*1.015, 1336*1.015, -7, -7, none, 800), "5"},
		"frequencies 1.5 % down":     {pair(770*0.985, 1336*0.985, -7, -7, none, 800), "5"},
		"frequencies 3.5 % up":       {pair(770*1.035, 1336*1.035, -7, -7, none, 800), ""},
		"frequencies 3.5 % down":     {pair(770*0.965, 1336*0.965, -7, -7, none, 800), ""},
		"15 dB above the noise":      {pair(770, 1336, -7, -7, -19, 800), "5"},
		"one tone alone":             {pair(770, 1336, -7, none, none, 800), ""},
		"two tones of one group":     {pair(770, 852, -7, -7, none, 800), ""},
		"dial tone":                  {pair(350, 440, -13, -13, none, 8000), ""},
		"noise":                      {pair(770, 1336, none, none, -15, 80000), ""},
		"a digit after silence":      {append(make([]int16, 1234), pair(941, 1209, -7, -7, none, 800)...), "*"},
		"a gap of 10 ms is no pause": {append(append(pair(941, 1209, -7, -7, none, 800), make([]int16, 80)...), pair(941, 1209, -7, -7, none, 800)...), "*"},
	} {
		if got, _ := detected(c.pcm); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
