// Package media is audio without sockets: linear frames, the G.711 laws, sound
// files, call progress tones, tone and gap detection, in-band DTMF, and the
// E-model.
//
// Audio inside Hometone is []int16, mono, 8000 samples a second (Rate).
package media

// Rate is the sampling rate of all linear frames, in Hz.
const Rate = 8000

// Source gives encoded audio, frame by frame. Next appends exactly samples
// samples in the RTP encoding named ("PCMU" or "PCMA") to dst; false says that
// the audio has ended (the returned slice may hold a last frame). It is called
// every packet time by the one goroutine that plays; it must not block.
type Source interface {
	Next(dst []byte, encoding string, samples int) ([]byte, bool)
}

// Clip is a whole piece of audio in memory, immutable, shared by any number of players.
type Clip struct{ samples []int16 }

// Load reads a sound file whole (wav, ulaw, ul, alaw, al, sln, raw), at most limit of audio.
func Load(path string) (*Clip, error) { return nil, nil }

// NewClip makes a clip of samples, which must not be changed after.
func NewClip(samples []int16) *Clip { return &Clip{samples} }

// Samples returns the audio; it must not be changed.
func (c *Clip) Samples() []int16 { return c.samples }

// Play returns a Source of the clip, played times times; 0 means for ever.
func (c *Clip) Play(times int) Source { return nil }
