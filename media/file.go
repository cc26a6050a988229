package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrFormat says that a sound file is of a kind that is not understood.
var ErrFormat = errors.New("media: unknown sound format")

// coding is how samples lie in a file.
type coding uint8

const (
	linear16 coding = iota // 16 bits, little endian
	linear8                // 8 bits, unsigned
	codedULaw
	codedALaw
	codedG722 // 64 kbit/s
)

func (c coding) width() int {
	if c == linear16 {
		return 2
	}
	return 1
}

// raw says what files without a header hold, by their extension (as Asterisk names them).
var raw = map[string]struct {
	coding coding
	rate   int
}{
	".ulaw": {codedULaw, 8000}, ".ul": {codedULaw, 8000}, ".pcm": {codedULaw, 8000}, ".mu": {codedULaw, 8000},
	".alaw": {codedALaw, 8000}, ".al": {codedALaw, 8000}, ".g722": {codedG722, g722Rate},
	".sln": {linear16, 8000}, ".raw": {linear16, 8000}, ".sln8": {linear16, 8000}, ".sln12": {linear16, 12000},
	".sln16": {linear16, 16000}, ".sln24": {linear16, 24000}, ".sln32": {linear16, 32000},
	".sln44": {linear16, 44100}, ".sln48": {linear16, 48000},
}

// Extensions are the extensions of sound files that can be read, the best first.
func Extensions() []string {
	return []string{".wav", ".wav16", ".ulaw", ".alaw", ".sln", ".sln16", ".g722", ".ul", ".al", ".pcm", ".mu", ".raw", ".sln8", ".sln12", ".sln24", ".sln32", ".sln44", ".sln48"}
}

// Reader reads sound as linear audio at Rate, mono; several channels are
// averaged. It reads ahead no more than a buffer.
type Reader struct {
	src      io.Reader
	coding   coding
	channels int
	left     int64 // octets of sound still to come
	resample *Resampler
	g722     g722
	octets   []byte
	odd      int // octets at the start of the buffer that are no whole frame yet
	pcm      []int16
	ready    []int16
	ended    bool
	err      error
}

// NewReader reads sound from src. ext is the file's extension (".wav" or one
// of the headerless ones); errors wrap ErrFormat.
func NewReader(src io.Reader, ext string) (*Reader, error) {
	r := &Reader{src: src, channels: 1, left: 1<<63 - 1, octets: make([]byte, 4096)}
	var rate int
	ext = strings.ToLower(ext)
	if ext == ".wav" || ext == ".wav16" {
		var err error
		if rate, err = r.wav(); err != nil {
			return nil, err
		}
	} else if f, ok := raw[ext]; ok {
		r.coding, rate = f.coding, f.rate
	} else {
		return nil, fmt.Errorf("%w: extension %q", ErrFormat, ext)
	}
	r.resample = NewResampler(rate, Rate)
	return r, nil
}

// Read fills pcm with the next samples; io.EOF after the last.
func (r *Reader) Read(pcm []int16) (n int, err error) {
	for n < len(pcm) {
		if len(r.ready) == 0 && !r.fill() {
			break
		}
		k := copy(pcm[n:], r.ready)
		r.ready = r.ready[k:]
		n += k
	}
	if n == 0 && len(pcm) > 0 {
		return 0, r.err
	}
	return n, nil
}

// fill makes more samples ready; false at the end.
func (r *Reader) fill() bool {
	for len(r.ready) == 0 && !r.ended {
		frame := r.coding.width() * r.channels
		want := int(min(int64(len(r.octets)-r.odd), r.left))
		n, err := r.src.Read(r.octets[r.odd : r.odd+want])
		r.left -= int64(n)
		n += r.odd
		whole := n / frame * frame
		r.pcm = r.decode(r.pcm[:0], r.octets[:whole])
		r.odd = copy(r.octets, r.octets[whole:n])
		r.ready = r.resample.Write(r.ready[:0], r.pcm)
		if err != nil || r.left == 0 {
			r.ended = true
			if r.err = err; err == nil || errors.Is(err, io.EOF) {
				r.err = io.EOF
			}
			r.ready = r.resample.Flush(r.ready)
		}
	}
	return len(r.ready) > 0
}

// decode appends whole frames as mono samples.
func (r *Reader) decode(dst []int16, b []byte) []int16 {
	if r.coding == codedG722 {
		return r.g722.decode(dst, b)
	}
	width := r.coding.width()
	for i := 0; i+width*r.channels <= len(b); {
		sum := 0
		for range r.channels {
			sum += int(r.sample(b[i:]))
			i += width
		}
		dst = append(dst, int16(sum/r.channels))
	}
	return dst
}

func (r *Reader) sample(b []byte) int16 {
	switch r.coding {
	case codedULaw:
		return ulawLevels[b[0]]
	case codedALaw:
		return alawLevels[b[0]]
	case linear8:
		return int16(int(b[0])-128) << 8
	default:
		return int16(binary.LittleEndian.Uint16(b))
	}
}

// WAVE format tags (RFC 2361).
const (
	tagPCM        = 0x0001
	tagALaw       = 0x0006
	tagULaw       = 0x0007
	tagExtensible = 0xFFFE
)

// wav reads the chunks up to the sound and returns its rate.
func (r *Reader) wav() (rate int, err error) {
	var head [12]byte
	if _, err := io.ReadFull(r.src, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return 0, fmt.Errorf("%w: no RIFF WAVE header", ErrFormat)
	}
	for range 64 { // chunks before the sound
		var c [8]byte
		if _, err := io.ReadFull(r.src, c[:]); err != nil {
			return 0, fmt.Errorf("%w: no data chunk", ErrFormat)
		}
		size := int64(binary.LittleEndian.Uint32(c[4:]))
		switch string(c[:4]) {
		case "fmt ":
			if rate, err = r.format(size); err != nil {
				return 0, err
			}
		case "data":
			if rate == 0 {
				return 0, fmt.Errorf("%w: no fmt chunk before the data", ErrFormat)
			}
			if size != 0 && size < 0xFFFFFFF0 { // a stream of unknown length has 0 or all ones
				r.left = size
			}
			return rate, nil
		default:
			if _, err := io.CopyN(io.Discard, r.src, size+size&1); err != nil {
				return 0, fmt.Errorf("%w: chunk %q is cut off", ErrFormat, c[:4])
			}
		}
	}
	return 0, fmt.Errorf("%w: too many chunks before the data", ErrFormat)
}

// format reads a fmt chunk.
func (r *Reader) format(size int64) (rate int, err error) {
	if size < 16 || size > 1024 {
		return 0, fmt.Errorf("%w: fmt chunk of %d octets", ErrFormat, size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r.src, b); err != nil {
		return 0, fmt.Errorf("%w: fmt chunk is cut off", ErrFormat)
	}
	tag, bits := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[14:])
	if tag == tagExtensible && size >= 26 {
		tag = binary.LittleEndian.Uint16(b[24:])
	}
	r.channels = int(binary.LittleEndian.Uint16(b[2:]))
	rate = int(binary.LittleEndian.Uint32(b[4:]))
	switch {
	case tag == tagPCM && bits == 16:
		r.coding = linear16
	case tag == tagPCM && bits == 8:
		r.coding = linear8
	case tag == tagALaw && bits == 8:
		r.coding = codedALaw
	case tag == tagULaw && bits == 8:
		r.coding = codedULaw
	default:
		return 0, fmt.Errorf("%w: WAVE tag %#x with %d bits", ErrFormat, tag, bits)
	}
	if r.channels < 1 || r.channels > 8 || rate < 4000 || rate > 192000 {
		return 0, fmt.Errorf("%w: %d channels at %d Hz", ErrFormat, r.channels, rate)
	}
	return rate, nil
}

// MaxClip is the longest audio that Load takes into memory.
const MaxClip = 30 * time.Minute

// Load reads a sound file whole. Errors wrap ErrFormat or are the file system's.
func Load(path string) (*Clip, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("media: open sound: %w", err)
	}
	defer f.Close()
	clip, err := ReadClip(f, filepath.Ext(path))
	if err != nil {
		return nil, fmt.Errorf("media: read %s: %w", path, err)
	}
	return clip, nil
}

// errTooLong says that a sound does not fit into a Clip.
var errTooLong = fmt.Errorf("longer than %v", MaxClip)

// ReadClip reads sound whole; ext is its extension, as for NewReader.
func ReadClip(src io.Reader, ext string) (*Clip, error) {
	r, err := NewReader(src, ext)
	if err != nil {
		return nil, err
	}
	var all []int16
	frame := make([]int16, Rate/2)
	for len(all) < Samples(MaxClip) {
		n, err := r.Read(frame)
		all = append(all, frame[:n]...)
		if errors.Is(err, io.EOF) {
			return NewClip(all), nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errTooLong
}
