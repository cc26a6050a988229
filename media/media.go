// Package media is audio without sockets: the codecs G.711, G.722 and L16 and
// transcoding between them, sound files, recording, call progress tones, tone and gap detection, in-band DTMF, and the E-model.
//
// Audio inside Hometone is []int16, mono, 8000 samples a second (Rate); only what
// goes from one wideband codec to another stays at 16000. What
// is sent comes from a Source, frame by frame, already encoded; a Clip is
// audio in memory that any number of Sources share. Files of other sampling
// rates are resampled while they are read.
//
// Nothing here starts a goroutine or reads a clock. Clips and tables are
// immutable and may be shared; Sources, readers, writers and detectors belong
// to one goroutine.
package media

import "time"

// Rate is the sampling rate of all linear audio, in Hz.
const Rate = 8000

// Source gives encoded audio, frame by frame. Next appends the payload of exactly
// samples samples (at Rate) in the encoding named (see Codec.String) to dst, and returns the
// result; false says that this was the last frame. It is called every packet
// time by the one goroutine that plays; it must not block.
type Source interface {
	Next(dst []byte, encoding string, samples int) ([]byte, bool)
}

// Samples is the number of samples in d.
func Samples(d time.Duration) int { return int(d * Rate / time.Second) }

// Duration is how long n samples last.
func Duration(n int) time.Duration { return time.Duration(n) * time.Second / Rate }
