package media

import (
	"math"
	"time"
)

// Cadence is a piece of a tone plan: up to two frequencies for a time.
type Cadence struct {
	Hz       [2]float64    // 0: none; both 0: silence
	Duration time.Duration // 0: for ever
	Once     bool          // not repeated with the others; those come first
}

// Tones are the call progress tones of a country.
type Tones struct {
	Country                        string // ISO 3166, small letters
	Dial, Ring, Busy, Congestion   []Cadence
	CallWaiting, Stutter, Reminder []Cadence
}

const (
	ms = time.Millisecond
	s  = time.Second
)

// countries are the tone plans of ITU-T E.180 Supplement 2 (various tones used
// in national networks).
var countries = [...]Tones{
	{
		Country:     "us",
		Dial:        []Cadence{{Hz: [2]float64{350, 440}, Duration: 0}},
		Ring:        []Cadence{{Hz: [2]float64{440, 480}, Duration: 2 * s}, {Duration: 4 * s}},
		Busy:        []Cadence{{Hz: [2]float64{480, 620}, Duration: 500 * ms}, {Duration: 500 * ms}},
		Congestion:  []Cadence{{Hz: [2]float64{480, 620}, Duration: 250 * ms}, {Duration: 250 * ms}},
		CallWaiting: []Cadence{{Hz: [2]float64{440}, Duration: 300 * ms}, {Duration: 10 * s}},
		Stutter:     []Cadence{{Hz: [2]float64{350, 440}, Duration: 100 * ms}, {Duration: 100 * ms}},
		Reminder:    []Cadence{{Hz: [2]float64{1400}, Duration: 500 * ms}, {Duration: 15 * s}},
	},
	{
		Country:     "cn",
		Dial:        []Cadence{{Hz: [2]float64{450}, Duration: 0}},
		Ring:        []Cadence{{Hz: [2]float64{450}, Duration: 1 * s}, {Duration: 4 * s}},
		Busy:        []Cadence{{Hz: [2]float64{450}, Duration: 350 * ms}, {Duration: 350 * ms}},
		Congestion:  []Cadence{{Hz: [2]float64{450}, Duration: 700 * ms}, {Duration: 700 * ms}},
		CallWaiting: []Cadence{{Hz: [2]float64{450}, Duration: 400 * ms}, {Duration: 4 * s}},
		Stutter:     []Cadence{{Hz: [2]float64{450}, Duration: 400 * ms}, {Duration: 40 * ms}},
		Reminder:    []Cadence{{Hz: [2]float64{950}, Duration: 400 * ms}, {Duration: 10 * s}},
	},
	{
		Country:     "uk",
		Dial:        []Cadence{{Hz: [2]float64{350, 440}, Duration: 0}},
		Ring:        []Cadence{{Hz: [2]float64{400, 450}, Duration: 400 * ms}, {Duration: 200 * ms}, {Hz: [2]float64{400, 450}, Duration: 400 * ms}, {Duration: 2 * s}},
		Busy:        []Cadence{{Hz: [2]float64{400}, Duration: 375 * ms}, {Duration: 375 * ms}},
		Congestion:  []Cadence{{Hz: [2]float64{400}, Duration: 400 * ms}, {Duration: 350 * ms}, {Hz: [2]float64{400}, Duration: 225 * ms}, {Duration: 525 * ms}},
		CallWaiting: []Cadence{{Hz: [2]float64{400}, Duration: 100 * ms}, {Duration: 4 * s}},
		Stutter:     []Cadence{{Hz: [2]float64{350, 440}, Duration: 750 * ms}, {Hz: [2]float64{440}, Duration: 750 * ms}},
		Reminder:    []Cadence{{Hz: [2]float64{1400}, Duration: 500 * ms}, {Duration: 60 * s}},
	},
}

// TonesOf are the tones of a country; those of the USA if it is not known.
func TonesOf(country string) Tones {
	for _, t := range countries {
		if t.Country == country {
			return t
		}
	}
	return countries[0]
}

// milliwattPeak is the peak of a sine at 0 dBm0 in G.711 µ-law: 3.17 dB under
// full scale (ITU-T G.711 table 2a, note).
const milliwattPeak = 22360

// level is the amplitude of one frequency of a progress tone, about -13 dBm0.
const level = milliwattPeak / 4.47

// Play is a Source that repeats cadences for ever.
func Play(cadences []Cadence) Source { return &tone{cadences: cadences} }

// Milliwatt is a Source of 1004 Hz at 0 dBm0, the field's test tone.
func Milliwatt() Source { return Sine(1004, 0) }

// Sine is a Source of one frequency, in Hz, at a level in dBm0.
func Sine(hz, dBm0 float64) Source {
	return &tone{cadences: []Cadence{{Hz: [2]float64{hz}}}, peak: milliwattPeak * math.Pow(10, dBm0/20)}
}

// tone is a Source of cadences. The phase runs on over frames, so there are no clicks inside a cadence.
type tone struct {
	cadences []Cadence
	peak     float64 // of each frequency; 0: level
	at       int     // cadence
	in       int     // sample in it
	frame    []int16
	voice    voice
}

// Next implements Source.
func (t *tone) Next(dst []byte, encoding string, samples int) ([]byte, bool) {
	t.frame = t.frame[:0]
	for range samples {
		t.frame = append(t.frame, t.sample())
	}
	return t.voice.encode(dst, encoding, t.frame), true
}

// again is where the repetition begins.
func (t *tone) again() int {
	for i := range t.cadences {
		if !t.cadences[i].Once {
			return i
		}
	}
	return len(t.cadences)
}

func (t *tone) sample() int16 {
	if len(t.cadences) == 0 {
		return 0
	}
	c := t.cadences[t.at]
	if c.Duration > 0 && t.in >= Samples(c.Duration) {
		if t.at, t.in = t.at+1, 0; t.at == len(t.cadences) {
			t.at = t.again()
		}
		if t.at == len(t.cadences) { // all were to be played once
			t.cadences = nil
			return 0
		}
		c = t.cadences[t.at]
	}
	peak := t.peak
	if peak == 0 {
		peak = level
	}
	var sum float64
	for _, hz := range c.Hz {
		if hz > 0 {
			// The whole cycles are taken off before the sine, which stays exact for days.
			_, phase := math.Modf(hz * float64(t.in%Rate) / Rate)
			_, whole := math.Modf(hz * float64(t.in/Rate))
			sum += peak * math.Sin(2*math.Pi*(phase+whole))
		}
	}
	if t.in++; t.in == math.MaxInt32 {
		t.in = 0
	}
	return clip(sum)
}

func clip(v float64) int16 {
	return int16(math.RoundToEven(max(-32768, min(v, 32767))))
}
