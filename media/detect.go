package media

import (
	"math"
	"time"
)

// Goertzel is the power of one frequency in samples, relative to a full-scale
// sine: 1 is a sine of that frequency at peak 32767. The samples should hold
// whole cycles.
func Goertzel(samples []int16, hz float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	coefficient := 2 * math.Cos(2*math.Pi*hz/Rate)
	var s1, s2 float64
	for _, v := range samples {
		s1, s2 = float64(v)/32768+coefficient*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - coefficient*s1*s2
	n := float64(len(samples))
	return power * 4 / (n * n)
}

// Power is the mean power of samples, relative to a full-scale sine.
func Power(samples []int16) float64 {
	if len(samples) == 0 {
		return 0
	}
	var sum float64
	for _, v := range samples {
		f := float64(v) / 32768
		sum += f * f
	}
	return 2 * sum / float64(len(samples))
}

// Gap is a stretch of a recording where a tone is missing.
type Gap struct {
	At, Length time.Duration
}

// Presence is what Find says about a tone in a recording.
type Presence struct {
	First, Last time.Duration // where the tone begins and ends
	Gaps        []Gap         // between them, 5 ms and longer
	Share       float64       // of the recording with the tone, 0 to 1
}

// Longest is the longest gap.
func (p Presence) Longest() time.Duration {
	var out time.Duration
	for _, g := range p.Gaps {
		out = max(out, g.Length)
	}
	return out
}

// Figures of Find.
const (
	findBlock = 40   // samples, 5 ms: the resolution
	findPure  = 0.7  // share of a block's power that must be the tone's
	findFloor = 1e-5 // power below which a block is silent (-50 dBov)
)

// Find looks for a tone of hz in a recording, in steps of 5 ms. It is meant
// for proving that speech would have come through: every block in which the tone is missing
// or drowned counts as a gap. hz should be 200 or more.
func Find(recording []int16, hz float64) Presence {
	var p Presence
	blocks := len(recording) / findBlock
	first, last, count := -1, -1, 0
	gap := 0
	for b := range blocks {
		if !tonal(recording[b*findBlock:(b+1)*findBlock], hz) {
			gap++
			continue
		}
		if first < 0 {
			first = b
		} else if gap > 0 {
			p.Gaps = append(p.Gaps, Gap{At: Duration((b - gap) * findBlock), Length: Duration(gap * findBlock)})
		}
		last, gap = b, 0
		count++
	}
	if count > 0 {
		p.First, p.Last = Duration(first*findBlock), Duration((last+1)*findBlock)
		p.Share = float64(count) / float64(blocks)
	}
	return p
}

// tonal says whether a block is mostly one tone. A block need not hold whole
// cycles, so the tone is fitted by least squares.
func tonal(block []int16, hz float64) bool {
	power := Power(block)
	if power < findFloor {
		return false
	}
	var cc, ss, cs, xc, xs float64
	for i, v := range block {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / Rate)
		x := float64(v) / 32768
		cc, ss, cs = cc+cos*cos, ss+sin*sin, cs+cos*sin
		xc, xs = xc+x*cos, xs+x*sin
	}
	det := cc*ss - cs*cs
	if det < 1e-9 {
		return false
	}
	a, b := (xc*ss-xs*cs)/det, (xs*cc-xc*cs)/det
	fitted := 2 * (a*xc + b*xs) / float64(len(block)) // power of the fit
	return fitted >= findPure*power
}
