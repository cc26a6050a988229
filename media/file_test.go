package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

func sweep(n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(10000 * math.Sin(float64(i)*float64(i)/40000))
	}
	return out
}

func readAll(t *testing.T, r *Reader) []int16 {
	t.Helper()
	var out []int16
	frame := make([]int16, 333)
	for {
		n, err := r.Read(frame)
		out = append(out, frame[:n]...)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFileRoundTrip: what is written is read again, in every format.
func TestFileRoundTrip(t *testing.T) {
	pcm := sweep(10001)
	for ext, law := range map[string]int{".wav": -1, ".sln": -1, ".raw": -1, ".ulaw": int(ULaw), ".alaw": int(ALaw), ".ul": int(ULaw), ".al": int(ALaw)} {
		path := filepath.Join(t.TempDir(), "x"+ext)
		w, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		for part := range slices.Chunk(pcm, 160) {
			if err := w.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := pcm
		if law >= 0 {
			want = Law(law).Decode(nil, Law(law).Encode(nil, pcm))
		}
		clip, err := Load(path)
		if err != nil || !slices.Equal(clip.Samples(), want) {
			t.Errorf("%s: %v, %d samples", ext, err, len(clip.Samples()))
		}
	}
}

// TestFileRates: formats of other rates hold the same sound, at their rate.
func TestFileRates(t *testing.T) {
	pcm := sine(440, Rate, 16000)
	for ext, octets := range map[string]int64{
		".g722": 16000, ".sln16": 64000, ".wav16": 64044, ".sln12": 48000, ".sln24": 96000, ".sln32": 128000, ".sln44": 176400, ".sln48": 192000,
	} {
		path := filepath.Join(t.TempDir(), "x"+ext)
		w, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(pcm[:7777]), w.Write(pcm[7777:]), w.Close()); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() < octets*99/100 || info.Size() > octets*101/100 {
			t.Errorf("%s: %v octets, want about %d: %v", ext, info.Size(), octets, err)
		}
		clip, err := Load(path)
		if err != nil {
			t.Errorf("%s: %v", ext, err)
			continue
		}
		got := clip.Samples()
		if p := Find(got, 440); len(got) < 15900 || len(got) > 16100 || p.Share < 0.98 || p.Longest() > 0 {
			t.Errorf("%s: %d samples, the tone in %.2f, gaps %v", ext, len(got), p.Share, p.Gaps)
		}
	}
}

// TestAppend: a file is written on at its end; another kind is refused and kept.
func TestAppend(t *testing.T) {
	pcm := sweep(3000)
	for _, ext := range []string{".wav", ".ulaw", ".sln"} {
		path := filepath.Join(t.TempDir(), "x"+ext)
		for part := range slices.Chunk(pcm, 1000) {
			w, err := Append(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Write(part), w.Close()); err != nil {
				t.Fatal(err)
			}
		}
		want := pcm
		if ext == ".ulaw" {
			want = ULaw.Decode(nil, ULaw.Encode(nil, pcm))
		}
		if clip, err := Load(path); err != nil || !slices.Equal(clip.Samples(), want) {
			t.Errorf("%s: %v", ext, err)
		}
	}
	other := filepath.Join(t.TempDir(), "x.wav")
	b := wavOf(tagPCM, 2, 16, 44100, make([]byte, 64))
	if err := os.WriteFile(other, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Append(other); !errors.Is(err, ErrFormat) {
		t.Errorf("stereo at 44.1 kHz: %v", err)
	}
	if got, _ := os.ReadFile(other); !bytes.Equal(got, b) {
		t.Error("the refused file has changed")
	}
}

// TestDiskFull: a full disk is an error of Write or Close, not silence.
func TestDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	w, err := NewWriter(full, ".sln")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]int16, 10000)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
}

// TestWAVStream: a target that cannot seek gets a header of unknown length; a
// source that gives one octet at a time is read the same.
func TestWAVStream(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, ".wav")
	if err != nil {
		t.Fatal(err)
	}
	pcm := sweep(5000)
	if err := errors.Join(w.Write(pcm), w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(iotest.OneByteReader(&b), ".wav")
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, r); !slices.Equal(got, pcm) {
		t.Errorf("%d samples", len(got))
	}
}

// wavOf builds a WAVE file.
func wavOf(tag, channels, bits uint16, rate uint32, data []byte) []byte {
	b := []byte("RIFF\xff\xff\xff\xffWAVELIST\x03\x00\x00\x00abc\x00fmt \x12\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, tag)
	b = binary.LittleEndian.AppendUint16(b, channels)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*uint32(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, channels*bits/8)
	b = binary.LittleEndian.AppendUint16(b, bits)
	b = append(b, 0, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(append(b, data...), "LIST rest that is no sound"...)
}

// TestWAVKinds reads laws, 8 bits, stereo and other rates; what follows the
// data chunk is no sound.
func TestWAVKinds(t *testing.T) {
	tone := func(rate int) (out []int16) {
		for i := range rate {
			out = append(out, int16(8000*math.Sin(2*math.Pi*440*float64(i)/float64(rate))))
		}
		return out
	}
	le := func(pcm []int16, twice bool) (b []byte) {
		for _, v := range pcm {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
			if twice {
				b = binary.LittleEndian.AppendUint16(b, uint16(v))
			}
		}
		return b
	}
	eight := func(pcm []int16) (b []byte) {
		for _, v := range pcm {
			b = append(b, byte(v>>8)+128)
		}
		return b
	}
	for name, file := range map[string][]byte{
		"µ-law":         wavOf(tagULaw, 1, 8, 8000, ULaw.Encode(nil, tone(8000))),
		"A-law":         wavOf(tagALaw, 1, 8, 8000, ALaw.Encode(nil, tone(8000))),
		"8 bits":        wavOf(tagPCM, 1, 8, 8000, eight(tone(8000))),
		"stereo":        wavOf(tagPCM, 2, 16, 8000, le(tone(8000), true)),
		"16 kHz":        wavOf(tagPCM, 1, 16, 16000, le(tone(16000), false)),
		"48 kHz stereo": wavOf(tagPCM, 2, 16, 48000, le(tone(48000), true)),
		"44.1 kHz":      wavOf(tagPCM, 1, 16, 44100, le(tone(44100), false)),
		"11.025 kHz":    wavOf(tagPCM, 1, 16, 11025, le(tone(11025), false)),
	} {
		r, err := NewReader(bytes.NewReader(file), ".wav")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := readAll(t, r)
		if len(got) < 7990 || len(got) > 8010 {
			t.Errorf("%s: %d samples of one second", name, len(got))
		}
		if p := Find(got, 440); p.Share < 0.98 || p.Longest() > 0 {
			t.Errorf("%s: 440 Hz in %.2f of it, gaps %v", name, p.Share, p.Gaps)
		}
		if p := Power(got[1000:7000]); math.Abs(10*math.Log10(p/(8000.0*8000/32768/32768))) > 0.3 {
			t.Errorf("%s: the level changed to %v", name, p)
		}
	}
}

// TestResampleAlias: what is above half of the new rate goes, what is below stays.
func TestResampleAlias(t *testing.T) {
	for _, hz := range []float64{300, 1000, 3000, 3400, 5000, 6000, 7000} {
		in := make([]int16, 32000)
		for i := range in {
			in[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/16000))
		}
		r := NewResampler(16000, 8000)
		out := r.Flush(r.Write(nil, in))
		dB := 10 * math.Log10(Power(out[1000:15000])/Power(in)+1e-12)
		if hz <= 3400 && math.Abs(dB) > 0.5 || hz >= 5000 && dB > -50 {
			t.Errorf("%v Hz comes out at %.1f dB", hz, dB)
		}
	}
}

// TestFileErrors: no file of the world makes a panic or a guess.
func TestFileErrors(t *testing.T) {
	good := wavOf(tagPCM, 1, 16, 8000, make([]byte, 100))
	for name, b := range map[string][]byte{
		"empty": nil, "no RIFF": []byte("hello world, this is no sound"),
		"cut in fmt": good[:30], "no data": good[:50], "float": wavOf(3, 1, 32, 8000, nil),
		"no channels": wavOf(tagPCM, 0, 16, 8000, nil), "absurd rate": wavOf(tagPCM, 1, 16, 1, nil),
	} {
		if _, err := NewReader(bytes.NewReader(b), ".wav"); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewReader(bytes.NewReader(nil), ".mp3"); !errors.Is(err, ErrFormat) {
		t.Error("mp3 is not understood")
	}
	if _, err := Create(filepath.Join(t.TempDir(), "x.mp3")); !errors.Is(err, ErrFormat) {
		t.Error("mp3 is not written")
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.wav")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	r, err := NewReader(iotest.TimeoutReader(bytes.NewReader(good)), ".wav")
	if err == nil {
		for err == nil {
			_, err = r.Read(make([]int16, 10))
		}
	}
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a failing source must show: %v", err)
	}
	if MaxClip < time.Minute {
		t.Error("a clip holds music")
	}
}

func FuzzReader(f *testing.F) {
	f.Add(wavOf(tagPCM, 2, 16, 44100, make([]byte, 64)))
	f.Add(wavOf(tagULaw, 1, 8, 8000, make([]byte, 64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b), ".wav")
		if err != nil {
			return
		}
		total := 0
		frame := make([]int16, 1000)
		for {
			n, err := r.Read(frame)
			total += n
			if err != nil {
				break
			}
		}
		if total > 2*len(b)+100 {
			t.Fatalf("%d samples of %d octets", total, len(b))
		}
	})
}
