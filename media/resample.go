package media

import "math"

// Resampler changes the sampling rate of a stream: each sample it makes is the
// sum of the 2·taps input samples around it, weighted by a windowed sinc that cuts
// off below half of the lower rate. Its output is delayed by taps input samples,
// which Flush brings out.
type Resampler struct {
	from, to int
	cutoff   float64 // of the input's half rate, 0 to 1
	taps     int
	past     []float64   // input that is still needed
	at       int         // index in past of the input sample at or before the next output
	phase    int         // of the next output after it, in 1/to input samples
	kernels  [][]float64 // by phase; nil: not yet made, or not kept
}

// resampleTaps is half the length of the kernel for equal rates.
const resampleTaps = 24

// maxKernels is for how many phases kernels are kept.
const maxKernels = 512

// NewResampler makes a Resampler from one rate in Hz to another.
func NewResampler(from, to int) *Resampler {
	d := gcd(from, to)
	from, to = from/d, to/d
	r := &Resampler{from: from, to: to}
	if to <= maxKernels { // odd rates have too many phases to keep
		r.kernels = make([][]float64, to)
	}
	ratio := math.Min(1, float64(to)/float64(from))
	r.cutoff = ratio * 0.94
	r.taps = int(math.Ceil(resampleTaps / ratio))
	r.past = make([]float64, r.taps)
	r.at = r.taps
	return r
}

// Write appends what can be made of pcm and the input before it to dst.
func (r *Resampler) Write(dst, pcm []int16) []int16 {
	if r.from == r.to {
		return append(dst, pcm...)
	}
	for _, v := range pcm {
		r.past = append(r.past, float64(v))
	}
	for r.at+r.taps < len(r.past) {
		dst = append(dst, clip(r.sum()))
		r.phase += r.from
		r.at += r.phase / r.to
		r.phase %= r.to
	}
	// Keep only what the next output needs.
	if drop := r.at - r.taps; drop > 0 {
		drop = min(drop, len(r.past))
		r.past = append(r.past[:0], r.past[drop:]...)
		r.at -= drop
	}
	return dst
}

// prime puts silence before the stream, as long as the delay, so that each Write
// gives as much time as it takes.
func (r *Resampler) prime() {
	if r.from != r.to {
		r.past = append(r.past, make([]float64, r.taps)...)
	}
}

// Flush appends the rest.
func (r *Resampler) Flush(dst []int16) []int16 {
	if r.from == r.to {
		return dst
	}
	return r.Write(dst, make([]int16, r.taps))
}

func (r *Resampler) sum() (out float64) {
	kernel := r.kernel(r.phase)
	window := r.past[r.at-r.taps+1:]
	for i, k := range kernel {
		out += k * window[i]
	}
	return out
}

// kernel is the weights for one phase, a Blackman-windowed sinc with a sum of one.
func (r *Resampler) kernel(phase int) []float64 {
	if r.kernels != nil && r.kernels[phase] != nil {
		return r.kernels[phase]
	}
	k := make([]float64, 2*r.taps)
	offset := float64(phase) / float64(r.to)
	var sum float64
	for i := range k {
		x := float64(i-r.taps+1) - offset
		w := 0.42 + 0.5*math.Cos(math.Pi*x/float64(r.taps)) + 0.08*math.Cos(2*math.Pi*x/float64(r.taps))
		v := r.cutoff
		if x != 0 {
			v = math.Sin(math.Pi*x*r.cutoff) / (math.Pi * x)
		}
		k[i] = v * w
		sum += k[i]
	}
	for i := range k {
		k[i] /= sum
	}
	if r.kernels != nil {
		r.kernels[phase] = k
	}
	return k
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
