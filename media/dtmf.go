package media

import (
	"math"
	"strings"
	"time"
)

// The grid of ITU-T Q.23.
var (
	dtmfLow  = [4]float64{697, 770, 852, 941}
	dtmfHigh = [4]float64{1209, 1336, 1477, 1633}
)

const dtmfKeys = "123A456B789C*0#D" // row by row

// DTMF is a Source of digits (0-9 * # A-D) as tones in the audio, each on for
// on (zero: 100 ms) with off (zero: the same) after it, at -7 dBm0 per
// frequency. Other characters are pauses.
func DTMF(digits string, on, off time.Duration) Source {
	if on <= 0 {
		on = 100 * time.Millisecond
	}
	if off <= 0 {
		off = on
	}
	peak := milliwattPeak * math.Pow(10, -7.0/20)
	var pcm []int16
	for i := range len(digits) {
		k := strings.IndexByte(dtmfKeys, upper(digits[i]))
		for n := range Samples(on) {
			if k < 0 {
				pcm = append(pcm, 0)
				continue
			}
			w := 2 * math.Pi * float64(n) / Rate
			pcm = append(pcm, clip(peak*(math.Sin(w*dtmfLow[k/4])+math.Sin(w*dtmfHigh[k%4]))))
		}
		pcm = append(pcm, make([]int16, Samples(off))...)
	}
	return NewClip(pcm).Play(1)
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'd' {
		return c - 'a' + 'A'
	}
	return c
}

// Figures of the detector; the limits are those of ITU-T Q.24.
const (
	dtmfBlock    = 102    // samples, 12.75 ms: bins 78 Hz wide
	dtmfNormal   = 6.31   // 8 dB: how much stronger the low tone may be than the high one
	dtmfReverse  = 2.51   // 4 dB: and the other way round
	dtmfPeak     = 6.31   // 8 dB: by which a tone stands out from the others of its group
	dtmfShare    = 0.78   // of the whole power that the two tones must have
	dtmfFloor    = 0.0006 // least power of a tone: -29 dB under 0 dBm0
	dtmfHits     = 2      // blocks in a row that make a digit
	dtmfMisses   = 2      // blocks in a row that end it
	dtmfBlockDur = time.Second * dtmfBlock / Rate
)

// DTMFDetector finds digits in audio. The zero value is ready. It belongs to
// one goroutine.
type DTMFDetector struct {
	block  [dtmfBlock]int16
	filled int
	last   byte // digit of the block before, 0: none
	run    int  // blocks in a row with it
	digit  byte // that is on
	length int  // blocks since it began
	misses int
}

// Write looks at more audio. tell is called for each digit that has ended, with its length to 13 ms.
func (d *DTMFDetector) Write(pcm []int16, tell func(digit byte, length time.Duration)) {
	for len(pcm) > 0 {
		n := copy(d.block[d.filled:], pcm)
		pcm = pcm[n:]
		if d.filled += n; d.filled == dtmfBlock {
			d.filled = 0
			d.step(dtmfIn(d.block[:]), tell)
		}
	}
}

// step takes the digit of one block.
func (d *DTMFDetector) step(found byte, tell func(byte, time.Duration)) {
	if found == d.last {
		d.run++
	} else {
		d.last, d.run = found, 1
	}
	if d.digit != 0 {
		d.length++
		if found == d.digit {
			d.misses = 0
			return
		}
		d.misses++
		if d.misses < dtmfMisses && (found == 0 || d.run < dtmfHits) {
			return
		}
		tell(d.digit, time.Duration(d.length-d.misses)*dtmfBlockDur)
		d.digit = 0
	}
	if found != 0 && d.run >= dtmfHits {
		d.digit, d.length, d.misses = found, d.run, 0
	}
}

// dtmfIn is the digit whose tones fill a block, 0 if none do.
func dtmfIn(block []int16) byte {
	total := Power(block)
	if total < dtmfFloor {
		return 0
	}
	row, low, ok := strongest(block, dtmfLow)
	if !ok {
		return 0
	}
	column, high, ok := strongest(block, dtmfHigh)
	// Twist (Q.24 §4): the line weakens the high tone more, so it may be the weaker by 8 dB, the stronger by 4.
	if !ok || low > high*dtmfNormal || high > low*dtmfReverse || (low+high) < dtmfShare*total {
		return 0
	}
	return dtmfKeys[4*row+column]
}

// strongest finds the tone of a group that stands out.
func strongest(block []int16, group [4]float64) (index int, power float64, ok bool) {
	var all [4]float64
	for i, hz := range group {
		if all[i] = Goertzel(block, hz); all[i] > power {
			index, power = i, all[i]
		}
	}
	ok = power >= dtmfFloor
	for i, p := range all {
		ok = ok && (i == index || p*dtmfPeak <= power)
	}
	return index, power, ok
}
