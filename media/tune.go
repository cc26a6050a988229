package media

import "math"

// Tune makes the program's own music on hold: some bars of broken chords on soft
// sines, quiet enough to talk over, which begin and end in silence so that they
// can be played again and again.
func Tune() *Clip {
	const (
		note = Rate * 3 / 10 // samples between two notes
		ring = Rate          // how long one sounds
		peak = 3200          // of one note
	)
	chords := [...][4]float64{ // C, Am, F, G, twice, and back to C
		{261.63, 329.63, 392.00, 523.25}, {220.00, 261.63, 329.63, 440.00},
		{174.61, 220.00, 261.63, 349.23}, {196.00, 246.94, 293.66, 392.00},
	}
	order := [...]int{0, 1, 2, 3, 2, 1, 2, 1}
	bars := 2 * len(chords)
	sum := make([]float64, bars*len(order)*note+ring)
	for bar := range bars {
		for i, tone := range order {
			hz := 2 * chords[bar%len(chords)][tone]
			at := (bar*len(order) + i) * note
			for n := range ring {
				t := float64(n) / Rate
				attack := min(1, t/0.015)
				sum[at+n] += peak * attack * math.Exp(-3.5*t) * (1 - float64(n)/ring) * (math.Sin(2*math.Pi*hz*t) + 0.3*math.Sin(4*math.Pi*hz*t))
			}
		}
	}
	pcm := make([]int16, len(sum))
	for i, v := range sum {
		pcm[i] = clip(v)
	}
	return NewClip(pcm)
}
