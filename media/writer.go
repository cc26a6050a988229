package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Writer writes linear audio at Rate to a file or a stream, resampled if the
// format has another rate. It buffers; Close writes the rest and, if the
// target can seek, the sizes in a WAVE header. The first error stays: a full disk
// shows in every Write after it.
type Writer struct {
	dst    io.Writer
	closer io.Closer // nil: the caller's
	coding coding
	rate   int
	wav    bool
	up     *Resampler
	g722   g722
	pcm    []int16
	octets []byte
	total  int64 // octets of sound written
	err    error
}

// NewWriter writes to dst in the format of ext: ".wav" and ".wav16" are 16-bit
// linear at 8 and 16 kHz with a header, the others as Extensions names them. Errors wrap ErrFormat.
func NewWriter(dst io.Writer, ext string) (*Writer, error) {
	w := &Writer{dst: dst, rate: Rate}
	switch ext = strings.ToLower(ext); ext {
	case ".wav", ".wav16":
		w.wav = true
		if ext == ".wav16" {
			w.rate = 2 * Rate
		}
		w.octets = w.header(0xFFFFFFFF)
	default:
		f, ok := raw[ext]
		if !ok {
			return nil, fmt.Errorf("%w: cannot write extension %q", ErrFormat, ext)
		}
		w.coding, w.rate = f.coding, f.rate
	}
	w.up = NewResampler(Rate, w.rate)
	return w, nil
}

// Create makes a sound file; its extension is the format.
func Create(path string) (*Writer, error) { return open(path, os.O_TRUNC) }

// Append opens a sound file to write on at its end, or makes it. A WAVE file
// must be one that a Writer made at the same rate.
func Append(path string) (*Writer, error) {
	w, err := open(path, 0)
	if err != nil {
		return nil, err
	}
	f := w.dst.(*os.File) // open made it
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && w.wav && size > 0 {
		err = w.resume(f, size)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("media: append to %s: %w", path, err), f.Close())
	}
	return w, nil
}

// resume checks the header of the WAVE file f.
func (w *Writer) resume(f *os.File, size int64) error {
	want, have := w.header(0), make([]byte, wavHeaderSize)
	if _, err := f.ReadAt(have, 0); err != nil {
		return fmt.Errorf("%w: no WAVE header", ErrFormat)
	}
	if string(have[8:40]) != string(want[8:40]) {
		return fmt.Errorf("%w: another kind of WAVE file", ErrFormat)
	}
	w.octets, w.total = w.octets[:0], size-wavHeaderSize
	return nil
}

func open(path string, flag int) (*Writer, error) {
	w, err := NewWriter(nil, filepath.Ext(path))
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|flag, 0o644)
	if err != nil {
		return nil, fmt.Errorf("media: create sound: %w", err)
	}
	w.dst, w.closer = f, f
	return w, nil
}

// Write writes samples. After an error it does nothing but return it.
func (w *Writer) Write(pcm []int16) error {
	w.pcm = w.up.Write(w.pcm[:0], pcm)
	w.write(w.pcm)
	return w.err
}

func (w *Writer) write(pcm []int16) {
	before := len(w.octets)
	switch w.coding {
	case codedULaw:
		w.octets = ULaw.Encode(w.octets, pcm)
	case codedALaw:
		w.octets = ALaw.Encode(w.octets, pcm)
	case codedG722:
		w.octets = w.g722.encode(w.octets, pcm)
	default:
		for _, v := range pcm {
			w.octets = binary.LittleEndian.AppendUint16(w.octets, uint16(v))
		}
	}
	w.total += int64(len(w.octets) - before)
	if len(w.octets) >= 4096 {
		w.flush()
	}
}

// Flush hands what is buffered to the system.
func (w *Writer) Flush() error {
	w.flush()
	return w.err
}

func (w *Writer) flush() {
	if w.err == nil && len(w.octets) > 0 {
		_, w.err = w.dst.Write(w.octets)
	}
	w.octets = w.octets[:0]
}

// Close finishes the file.
func (w *Writer) Close() error {
	w.write(w.up.Flush(nil))
	w.flush()
	if seeker, ok := w.dst.(io.WriteSeeker); ok && w.wav && w.err == nil {
		_, w.err = seeker.Seek(0, io.SeekStart)
		if w.err == nil {
			_, w.err = seeker.Write(w.header(uint32(min(w.total, 0xFFFFFF00))))
		}
	}
	if w.closer != nil {
		w.err = errors.Join(w.err, w.closer.Close())
		w.closer = nil
	}
	return w.err
}

// wavHeaderSize is the length of the header that is written, in octets.
const wavHeaderSize = 44

// header is a WAVE header for size octets of 16-bit mono; all ones: unknown.
func (w *Writer) header(size uint32) []byte {
	riff := size
	if size != 0xFFFFFFFF {
		riff = size + 36
	}
	b := append(make([]byte, 0, 4096+wavHeaderSize), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, riff)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, tagPCM)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(w.rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(w.rate*2))
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, size)
}
