package media

import (
	"encoding/binary"
	"strings"
)

// Codec is an audio encoding of RTP that Hometone reads and makes. The zero
// value is none. Codecs are compared with ==.
type Codec uint8

// The codecs.
const (
	NoCodec Codec = iota
	PCMU          // G.711 µ-law
	PCMA          // G.711 A-law
	G722          // G.722 at 64 kbit/s: 16 kHz audio, and an RTP clock of 8000 (RFC 3551 §4.5.2)
	L16           // 16 bits linear in network order at 8 kHz (RFC 3551 §4.5.11)
	L16Wide       // the same at 16 kHz
)

// codecs are the properties of each.
var codecs = [...]struct {
	name   string // what Source.Next is told
	rtp    string // RTP encoding name
	clock  int    // of RTP timestamps, Hz
	rate   int    // of the audio, Hz
	octets int    // of payload per 8 kHz sample time
}{
	PCMU:    {"PCMU", "PCMU", 8000, 8000, 1},
	PCMA:    {"PCMA", "PCMA", 8000, 8000, 1},
	G722:    {"G722", "G722", 8000, 16000, 1},
	L16:     {"L16", "L16", 8000, 8000, 2},
	L16Wide: {"L16/16000", "L16", 16000, 16000, 4},
}

// CodecOf is the codec of an RTP encoding name and clock rate in Hz; zero is
// the name's usual one. NoCodec if it is not known.
func CodecOf(encoding string, clock int) Codec {
	for c := PCMU; int(c) < len(codecs); c++ {
		if strings.EqualFold(codecs[c].rtp, encoding) && (clock == 0 || clock == codecs[c].clock) {
			return c
		}
	}
	return NoCodec
}

// CodecNamed is the codec with a name as String gives it.
func CodecNamed(name string) Codec {
	for c := PCMU; int(c) < len(codecs); c++ {
		if strings.EqualFold(codecs[c].name, name) {
			return c
		}
	}
	return NoCodec
}

// String is the name that Source.Next is told: "PCMU", "G722", "L16/16000".
func (c Codec) String() string { return codecs[c].name }

// Clock is the rate of RTP timestamps, in Hz.
func (c Codec) Clock() int { return codecs[c].clock }

// Rate is the sampling rate of the audio, in Hz.
func (c Codec) Rate() int { return codecs[c].rate }

// Size is the octets of payload for samples at Rate 8000.
func (c Codec) Size(samples int) int { return samples * codecs[c].octets }

// law is the law of a G.711 codec.
func (c Codec) law() (Law, bool) {
	switch c {
	case PCMU:
		return ULaw, true
	case PCMA:
		return ALaw, true
	}
	return ULaw, false
}

// Encoder makes payloads of one stream. It belongs to one goroutine.
type Encoder struct {
	codec Codec
	g722  g722
	up    *Resampler // from the rate of Frames; nil: none
	wide  []int16
}

// NewEncoder begins a stream of c, of audio at rate Hz.
func NewEncoder(c Codec, rate int) *Encoder {
	e := &Encoder{codec: c}
	if rate != c.Rate() {
		e.up = NewResampler(rate, c.Rate())
		e.up.prime()
	}
	return e
}

// Encode appends the payload of a frame to dst. A frame that holds a whole
// number of sample times of 8 kHz gives a payload of the same time.
func (e *Encoder) Encode(dst []byte, pcm []int16) []byte {
	if e.up != nil {
		e.wide = e.up.Write(e.wide[:0], pcm)
		pcm = e.wide
	}
	if law, ok := e.codec.law(); ok {
		return law.Encode(dst, pcm)
	}
	switch e.codec {
	case G722:
		return e.g722.encode(dst, pcm)
	case L16, L16Wide:
		for _, v := range pcm {
			dst = binary.BigEndian.AppendUint16(dst, uint16(v))
		}
	}
	return dst
}

// Decoder reads payloads of one stream. It belongs to one goroutine.
type Decoder struct {
	codec Codec
	g722  g722
	down  *Resampler // to the rate wanted; nil: none
	wide  []int16
}

// NewDecoder begins to read a stream of c as audio at rate Hz.
func NewDecoder(c Codec, rate int) *Decoder {
	d := &Decoder{codec: c}
	if rate != c.Rate() {
		d.down = NewResampler(c.Rate(), rate)
		d.down.prime()
	}
	return d
}

// Decode appends the audio of a payload to dst.
func (d *Decoder) Decode(dst []int16, payload []byte) []int16 {
	if d.down == nil {
		return d.samples(dst, payload)
	}
	d.wide = d.samples(d.wide[:0], payload)
	return d.down.Write(dst, d.wide)
}

func (d *Decoder) samples(dst []int16, payload []byte) []int16 {
	if law, ok := d.codec.law(); ok {
		return law.Decode(dst, payload)
	}
	switch d.codec {
	case G722:
		return d.g722.decode(dst, payload)
	case L16, L16Wide:
		for ; len(payload) >= 2; payload = payload[2:] {
			dst = append(dst, int16(binary.BigEndian.Uint16(payload)))
		}
	}
	return dst
}

// Transcoder turns the payloads of one codec into those of another, packet by
// packet, each of the same time. What was lost before stays lost: nothing is put
// in its place, so that the receiver's own concealment knows of it, and its decoder and
// our encoder stay in step (docs/adr/0045-transcoding.md). It belongs to one goroutine.
type Transcoder struct {
	from, to Codec
	in       *Decoder
	out      *Encoder
	pcm      []int16
}

// NewTranscoder begins a stream.
func NewTranscoder(from, to Codec) *Transcoder {
	// Through the lower of both rates: the higher one has nothing the other could carry.
	rate := min(from.Rate(), to.Rate())
	return &Transcoder{from: from, to: to, in: NewDecoder(from, rate), out: NewEncoder(to, rate)}
}

// Is says whether the transcoder works between the two.
func (t *Transcoder) Is(from, to Codec) bool { return t != nil && t.from == from && t.to == to }

// Transcode appends the payload to dst.
func (t *Transcoder) Transcode(dst, payload []byte) []byte {
	t.pcm = t.in.Decode(t.pcm[:0], payload)
	return t.out.Encode(dst, t.pcm)
}

// voice encodes 8 kHz audio for a Source, whatever codec it is asked for. The
// zero value is ready; a change of codec begins a stream.
type voice struct{ out *Encoder }

func (v *voice) encode(dst []byte, encoding string, pcm []int16) []byte {
	if law, ok := LawOf(encoding); ok {
		return law.Encode(dst, pcm)
	}
	c := CodecNamed(encoding)
	if c == NoCodec {
		return ULaw.Encode(dst, pcm)
	}
	if v.out == nil || v.out.codec != c {
		v.out = NewEncoder(c, Rate)
	}
	return v.out.Encode(dst, pcm)
}
