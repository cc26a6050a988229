package media

import (
	"bytes"
	"fmt"
	"math"
	"testing"
)

var allCodecs = []Codec{PCMU, PCMA, G722, L16, L16Wide}

// sine is n samples of a tone at a rate.
func sine(hz float64, rate, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return out
}

// TestCodecNames: names and clocks as SDP has them (RFC 3551 §4.5, §6).
func TestCodecNames(t *testing.T) {
	for _, c := range []struct {
		name  string
		clock int
		want  Codec
	}{
		{"pcmu", 8000, PCMU}, {"PCMA", 0, PCMA}, {"L16", 8000, L16}, {"L16", 16000, L16Wide}, {"l16", 44100, NoCodec},
		// RFC 3551 §4.5.2: "the assigned value of 8,000 Hz must remain unchanged for backward compatibility".
		{"G722", 8000, G722}, {"G722", 16000, NoCodec}, {"telephone-event", 8000, NoCodec}, {"", 0, NoCodec},
	} {
		if got := CodecOf(c.name, c.clock); got != c.want {
			t.Errorf("%s/%d is %v, want %v", c.name, c.clock, got, c.want)
		}
	}
	for _, c := range allCodecs {
		if CodecNamed(c.String()) != c {
			t.Errorf("%v is not found by its name", c)
		}
	}
}

// TestTranscodePairs: between any two codecs, at each packet time, a packet
// gives one of the same time, and a tone comes through without a gap and in
// its level.
func TestTranscodePairs(t *testing.T) {
	for _, from := range allCodecs {
		for _, to := range allCodecs {
			for _, samples := range []int{80, 240} {
				enc, dec := NewEncoder(from, from.Rate()), NewDecoder(to, Rate)
				tr := NewTranscoder(from, to)
				frame := samples * from.Rate() / Rate
				in := sine(440, from.Rate(), frame*(4800/samples))
				var heard []int16
				for i := 0; i < len(in); i += frame {
					b := enc.Encode(nil, in[i:i+frame])
					if len(b) != from.Size(samples) {
						t.Fatalf("%v: %d octets for %d samples", from, len(b), samples)
					}
					if b = tr.Transcode(nil, b); len(b) != to.Size(samples) {
						t.Fatalf("%v to %v: %d octets for %d samples", from, to, len(b), samples)
					}
					heard = dec.Decode(heard, b)
				}
				if p := Find(heard[400:], 440); p.Share < 0.99 || p.Longest() > 0 {
					t.Errorf("%v to %v at %d: the tone is in %.2f, gaps %v", from, to, samples, p.Share, p.Gaps)
				}
				if change := 10 * math.Log10(Power(heard[800:4800])/Power(sine(440, Rate, 4000))); math.Abs(change) > 0.5 {
					t.Errorf("%v to %v at %d: the level changes by %.2f dB", from, to, samples, change)
				}
			}
		}
	}
}

// TestTranscodeWide: what is above 4 kHz passes between wideband codecs, and
// leaves no alias in narrow ones.
func TestTranscodeWide(t *testing.T) {
	in := sine(5500, 16000, 32000)
	coded := NewEncoder(G722, 16000).Encode(nil, in)
	wide := NewDecoder(L16Wide, 16000).Decode(nil, NewTranscoder(G722, L16Wide).Transcode(nil, coded))
	if change := 10 * math.Log10(Power(wide[1000:])/Power(in)); math.Abs(change) > 1 {
		t.Errorf("5.5 kHz changes by %.1f dB between G.722 and L16/16000", change)
	}
	narrow := NewDecoder(PCMU, Rate).Decode(nil, NewTranscoder(G722, PCMU).Transcode(nil, coded))
	if change := 10 * math.Log10(Power(narrow[1000:])/Power(in)); change > -30 {
		t.Errorf("5.5 kHz is heard at %.1f dB in PCMU", change)
	}
}

// TestSourceCodecs: every source plays in every codec, in frames of exact size.
func TestSourceCodecs(t *testing.T) {
	for _, c := range allCodecs {
		for name, src := range map[string]Source{"tone": Sine(440, -10), "clip": NewClip(sine(440, Rate, 8000)).Play(0)} {
			dec := NewDecoder(c, Rate)
			var heard []int16
			for range 100 {
				b, more := src.Next(nil, c.String(), 160)
				if len(b) != c.Size(160) || !more {
					t.Fatalf("%s in %v: %d octets, more %v", name, c, len(b), more)
				}
				heard = dec.Decode(heard, b)
			}
			if p := Find(heard[400:], 440); p.Share < 0.99 || p.Longest() > 0 {
				t.Errorf("%s in %v: the tone is in %.2f, gaps %v", name, c, p.Share, p.Gaps)
			}
		}
	}
}

// FuzzTranscoder: no payload makes a panic, or more than its time.
func FuzzTranscoder(f *testing.F) {
	f.Add(byte(3), byte(1), bytes.Repeat([]byte{0x80, 0x55}, 100))
	f.Fuzz(func(t *testing.T, from, to byte, payload []byte) {
		a, b := allCodecs[int(from)%len(allCodecs)], allCodecs[int(to)%len(allCodecs)]
		tr := NewTranscoder(a, b)
		whole := len(payload) / a.Size(1) * a.Size(1)
		for range 2 {
			if got, want := len(tr.Transcode(nil, payload[:whole])), b.Size(whole/a.Size(1)); got != want {
				t.Fatalf("%v to %v: %d octets of %d, want %d", a, b, got, whole, want)
			}
		}
		tr.Transcode(nil, payload)
	})
}

func BenchmarkTranscode(b *testing.B) {
	for _, from := range allCodecs {
		for _, to := range allCodecs {
			if from == to {
				continue
			}
			b.Run(fmt.Sprintf("%v-%v", from, to), func(b *testing.B) {
				tr := NewTranscoder(from, to)
				in := NewEncoder(from, from.Rate()).Encode(nil, sine(440, from.Rate(), from.Rate()/50))
				var out []byte
				b.ReportAllocs()
				for b.Loop() {
					out = tr.Transcode(out[:0], in)
				}
			})
		}
	}
}
