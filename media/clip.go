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
	voice   voice
	frame   []int16
}

// Next implements Source.
func (p *player) Next(dst []byte, encoding string, samples int) ([]byte, bool) {
	p.frame = p.frame[:0]
	more := p.fill(samples)
	for len(p.frame) < samples {
		p.frame = append(p.frame, 0)
	}
	return p.voice.encode(dst, encoding, p.frame), more
}

// fill takes the next samples into the frame; false at the end.
func (p *player) fill(samples int) bool {
	for samples > 0 && len(p.samples) > 0 {
		n := min(samples, len(p.samples)-p.at)
		p.frame = append(p.frame, p.samples[p.at:p.at+n]...)
		samples -= n
		if p.at += n; p.at < len(p.samples) {
			continue
		}
		if p.left == 1 {
			return false
		}
		p.at, p.left = 0, max(p.left-1, 0)
	}
	return len(p.samples) > 0
}
