package rtp

import "time"

// Figures of the jitter buffer.
const (
	ringSamples  = 1 << 14 // samples it can hold: two seconds at 8 kHz
	marginWindow = 25      // frames after which a too long delay is shortened
)

// JitterBuffer lays received audio out on a time line by its RTP timestamps and
// gives it back frame by frame. Its delay starts at Start and adapts: a packet
// that comes too late lengthens it at once, an abundance over half a second
// shortens it again. It is bounded, and a machine without a clock: Get is the
// clock.
type JitterBuffer struct {
	Start    int // samples of delay at the beginning
	Min, Max int // samples; the limits of the delay

	Late     uint64 // packets that came after their time
	Missing  uint64 // frames that were not there when they were due, wholly or in part
	Expanded uint64 // frames inserted to lengthen the delay
	Dropped  uint64 // frames left out to shorten it

	ring    [ringSamples]int16
	have    [ringSamples / 64]uint64 // which samples of the ring are filled
	started bool
	next    uint32 // timestamp of the next sample to give
	newest  uint32 // timestamp after the newest sample
	hold    int    // samples to wait before next
	margin  int    // least abundance in the present window
	frames  int    // in the window
	last    []int16
	fade    int // frames since the last good one
}

// Put lays the samples of a packet at its timestamp. restarted says that the source began anew.
func (j *JitterBuffer) Put(ts uint32, samples []int16, restarted bool) {
	if len(samples) == 0 || len(samples) > ringSamples/4 {
		return
	}
	ahead := int(int32(ts - j.next))
	if !j.started || restarted || ahead > ringSamples-len(samples) || ahead < -ringSamples {
		j.restart(ts)
		ahead = 0
	}
	if ahead < 0 {
		j.Late++
		j.lengthen(-ahead)
		if -ahead >= len(samples) {
			return
		}
		samples, ts = samples[-ahead:], j.next
	}
	for i, s := range samples {
		at := (ts + uint32(i)) % ringSamples
		j.ring[at] = s
		j.have[at/64] |= 1 << (at % 64)
	}
	if end := ts + uint32(len(samples)); int32(end-j.newest) > 0 {
		j.newest = end
	}
}

func (j *JitterBuffer) restart(ts uint32) {
	clear(j.have[:])
	j.started = true
	j.next, j.newest = ts, ts
	j.hold = j.Start
	j.margin, j.frames = ringSamples, 0
}

// lengthen makes the delay longer by late samples, within Max.
func (j *JitterBuffer) lengthen(late int) {
	delay := int(int32(j.newest-j.next)) + j.hold
	j.hold += min(late, max(0, j.Max-max(delay, 0)))
	j.margin, j.frames = ringSamples, 0
}

// Get fills frame with the next samples; true if all were there. What is
// missing is concealed: the last good frame, fading out over 60 ms.
func (j *JitterBuffer) Get(frame []int16) bool {
	n := len(frame)
	if !j.started {
		clear(frame)
		return false
	}
	if j.hold >= n {
		j.hold -= n
		j.Expanded++
		j.conceal(frame, 0)
		return false
	}
	j.hold = 0
	j.shorten(n)
	good := j.take(frame)
	if good == n {
		j.last = append(j.last[:0], frame...)
		j.fade = 0
		return true
	}
	j.Missing++
	j.conceal(frame, good)
	return false
}

// take copies samples that are there, up to the first that is not, and frees
// the places of the whole frame.
func (j *JitterBuffer) take(frame []int16) (good int) {
	good = -1
	for i := range frame {
		at := (j.next + uint32(i)) % ringSamples
		bit := uint64(1) << (at % 64)
		if j.have[at/64]&bit == 0 && good < 0 {
			good = i
		}
		frame[i] = j.ring[at]
		j.have[at/64] &^= bit
	}
	j.next += uint32(len(frame))
	if int32(j.newest-j.next) < 0 {
		j.newest = j.next
	}
	if good < 0 {
		good = len(frame)
	}
	return good
}

// shorten watches how much is always in store, and leaves out half of what is
// more than two frames over Min for a whole window, or all that is over Max. A buffer with
// Min and Max equal keeps its delay.
func (j *JitterBuffer) shorten(n int) {
	if j.Min == j.Max {
		return
	}
	store := int(int32(j.newest - j.next))
	j.margin = min(j.margin, store)
	if over := store - j.Max - n; over > 0 {
		j.drop(n, over/n+1)
		return
	}
	if j.frames++; j.frames < marginWindow {
		return
	}
	if over := j.margin - max(j.Min, j.Start); over >= 2*n {
		j.drop(n, over/n/2)
		return
	}
	j.margin, j.frames = ringSamples, 0
}

// drop leaves out frames of n samples.
func (j *JitterBuffer) drop(n, frames int) {
	for i := range n * frames {
		at := (j.next + uint32(i)) % ringSamples
		j.have[at/64] &^= 1 << (at % 64)
	}
	j.next += uint32(n * frames)
	j.Dropped += uint64(frames)
	j.margin, j.frames = ringSamples, 0
}

// conceal fills a frame from good on.
func (j *JitterBuffer) conceal(frame []int16, good int) {
	const steps = 3 // frames until silence
	for i := good; i < len(frame); i++ {
		frame[i] = 0
		if j.fade < steps && len(j.last) > 0 {
			frame[i] = int16(int(j.last[i%len(j.last)]) * (steps - j.fade) / (steps + 1))
		}
	}
	j.fade++
}

// Delay is how much audio is in store, in samples.
func (j *JitterBuffer) Delay() int {
	if !j.started {
		return 0
	}
	return int(int32(j.newest-j.next)) + j.hold
}

// DelayTime is Delay as a time at clock Hz.
func (j *JitterBuffer) DelayTime(clock int) time.Duration {
	return time.Duration(j.Delay()) * time.Second / time.Duration(clock)
}
