package media

import (
	"math"
	"slices"
	"testing"
	"time"
)

// played decodes n samples of a source.
func played(src Source, n int) []int16 {
	var out []int16
	for len(out) < n {
		b, more := src.Next(nil, "PCMU", 160)
		out = ULaw.Decode(out, b)
		if !more {
			break
		}
	}
	return out
}

// TestMilliwatt: 1004 Hz at 0 dBm0, which is 3.17 dB under the overload point of µ-law.
func TestMilliwatt(t *testing.T) {
	pcm := played(Milliwatt(), 8000)
	want := float64(milliwattPeak) * milliwattPeak / (32768 * 32768)
	if p := Goertzel(pcm, 1004); p < want*0.97 || p > want*1.03 {
		t.Errorf("power %f, want %f", p, want)
	}
	overload := 10 * math.Log10(float64(milliwattPeak)*milliwattPeak/(32124.0*32124.0))
	if math.Abs(overload+3.17) > 0.05 {
		t.Errorf("0 dBm0 is %.2f dB against overload, G.711 says -3.17", overload)
	}
	if p := Goertzel(pcm, 1300); p > want/1000 {
		t.Errorf("1300 Hz has power %f", p)
	}
}

// TestCadences: each progress tone of each country has its frequencies and pauses.
func TestCadences(t *testing.T) {
	for _, country := range []string{"us", "cn", "uk"} {
		tones := TonesOf(country)
		if tones.Country != country {
			t.Fatalf("no tones of %s", country)
		}
		for name, cadences := range map[string][]Cadence{"dial": tones.Dial, "ring": tones.Ring, "busy": tones.Busy, "congestion": tones.Congestion} {
			pcm := played(Play(cadences), 6*Rate)
			at := 0
			for _, c := range cadences {
				n := min(Samples(c.Duration), len(pcm)-at)
				if c.Duration == 0 {
					n = len(pcm)
				}
				part := pcm[at : at+n]
				at += n
				for _, hz := range c.Hz {
					if hz > 0 && Goertzel(part[:min(n, 1600)], hz) < 0.01 {
						t.Errorf("%s %s: %v Hz is missing", country, name, hz)
					}
				}
				if c.Hz[0] == 0 && Power(part) > 1e-6 {
					t.Errorf("%s %s: the pause is not silent", country, name)
				}
			}
		}
	}
	if TonesOf("xx").Country != "us" {
		t.Error("an unknown country gets the tones of the USA")
	}
}

// TestFind finds gaps of 5 ms and more, and their places.
func TestFind(t *testing.T) {
	pcm := played(Sine(440, -10), 2*Rate)
	if p := Find(pcm, 440); len(p.Gaps) != 0 || p.Share != 1 || p.First != 0 || p.Last != 2*time.Second {
		t.Errorf("a whole tone: %+v", p)
	}
	clear(pcm[4000:4040])   // 5 ms at 0.5 s
	clear(pcm[8000:8160])   // 20 ms at 1 s
	clear(pcm[12040:12046]) // 0.75 ms is below the resolution
	p := Find(pcm, 440)
	want := []Gap{{500 * time.Millisecond, 5 * time.Millisecond}, {time.Second, 20 * time.Millisecond}}
	if !slices.Equal(p.Gaps, want) || p.Longest() != 20*time.Millisecond {
		t.Errorf("gaps %v, want %v", p.Gaps, want)
	}
	if p := Find(pcm, 1000); p.Share > 0.02 {
		t.Errorf("1000 Hz is found in 440 Hz: %v", p.Share)
	}
	if p := Find(make([]int16, 8000), 440); p.Share != 0 || p.First != 0 {
		t.Errorf("silence holds no tone: %+v", p)
	}
}

// TestClip plays whole and in parts, once, often and for ever.
func TestClip(t *testing.T) {
	pcm := make([]int16, 400)
	for i := range pcm {
		pcm[i] = int16(i * 50)
	}
	want := ULaw.Decode(nil, ULaw.Encode(nil, pcm))
	got := played(NewClip(pcm).Play(1), 10000)
	if len(got) != 480 || !slices.Equal(got[:400], want) || Power(got[400:]) > 0 {
		t.Errorf("once: %d samples, the last frame filled with silence", len(got))
	}
	if got := played(NewClip(pcm).Play(2), 10000); len(got) != 800 || !slices.Equal(got[400:], want) {
		t.Errorf("twice: %d samples", len(got))
	}
	if got := played(NewClip(pcm).Play(0), 10000); len(got) != 10080 {
		t.Errorf("for ever: %d samples", len(got))
	}
	if b, more := NewClip(nil).Play(0).Next(nil, "PCMA", 160); more || len(b) != 160 || b[0] != 0xD5 {
		t.Errorf("an empty clip ends at once: %d, %v", len(b), more)
	}
	if b, more := Silence().Next(nil, "PCMA", 80); !more || len(b) != 80 || b[79] != 0xD5 {
		t.Errorf("silence: %d, %v", len(b), more)
	}
}

// TestMOS: G.107's maximum without impairments, and a plain order of worse and worse.
func TestMOS(t *testing.T) {
	best := MOS(0, 0, 0)
	if best < 4.35 || best > 4.45 {
		t.Errorf("no impairment gives %.2f, G.107 has 4.41 for R=93.2", best)
	}
	last := best
	for _, loss := range []float64{0.01, 0.03, 0.1, 0.3, 1} {
		m := MOS(loss, 0, 0)
		if m >= last || m < 1 {
			t.Errorf("loss %v gives %.2f after %.2f", loss, m, last)
		}
		last = m
	}
	if a, b := MOS(0, 0, 150*time.Millisecond), MOS(0, 0, 400*time.Millisecond); a <= b || b < 2 {
		t.Errorf("150 ms give %.2f, 400 ms %.2f", a, b)
	}
	if m := MOS(-1, 0, 0); m != best {
		t.Errorf("a negative loss is none: %.2f", m)
	}
}
