package media

// Clip is a piece of audio in memory. It is immutable.
type Clip struct{ samples []int16 }

// NewClip makes a clip of samples, which must not be changed after.
func NewClip(samples []int16) *Clip { return &Clip{samples} }

// Samples returns the audio; it must not be changed.
func (c *Clip) Samples() []int16 { return c.samples }

// Play returns a Source of the clip that plays it times times; 0 is for ever.
func (c *Clip) Play(times int) Source { return &player{samples: c.samples, left: times} }

// Silence is a Source of silence that never ends.
func Silence() Source { return (&Clip{make([]int16, Rate/50)}).Play(0) }

// player walks through a clip.
type player struct {
	samples []int16
	at      int
	left    int // rounds to go; 0 is for ever
}

// Next implements Source.
func (p *player) Next(dst []byte, encoding string, samples int) ([]byte, bool) {
	law, _ := LawOf(encoding)
	for samples > 0 && len(p.samples) > 0 {
		n := min(samples, len(p.samples)-p.at)
		dst = law.Encode(dst, p.samples[p.at:p.at+n])
		samples -= n
		if p.at += n; p.at < len(p.samples) {
			continue
		}
		if p.left == 1 {
			return pad(dst, law, samples), false
		}
		p.at, p.left = 0, max(p.left-1, 0)
	}
	return pad(dst, law, samples), len(p.samples) > 0
}

// pad appends n samples of silence.
func pad(dst []byte, law Law, n int) []byte {
	for range n {
		dst = append(dst, law.Silence())
	}
	return dst
}
