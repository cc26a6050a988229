package media

import (
	"math"
	"sync"
	"time"
)

// Blend is a Source that mixes live streams, two of them unless more are asked for: Put takes their packets from any
// goroutine, Next gives the mix blendDelay later. It never ends. Losses and
// pauses are silence; each stream stays at the place that its timestamps say.
type Blend struct {
	mu    sync.Mutex
	start time.Time
	sides []track
	gain  []float64
	at    int64 // the sample that is given next
	voice voice
	frame []int16
}

// Figures of a Blend.
const (
	blendBuffer = time.Second
	blendDelay  = 80 * time.Millisecond // what jitter may take
	blendStray  = 60 * time.Millisecond // by which the reader's clock may stray
)

// NewBlend mixes both sides as loud as they are.
func NewBlend() *Blend { return NewBlendOf(2) }

// NewBlendOf mixes n sides, from 0 on, as loud as they are.
func NewBlendOf(n int) *Blend {
	b := &Blend{start: time.Now(), sides: make([]track, n), gain: make([]float64, n)}
	for i := range b.sides {
		// A stream that comes later than the reader waits would not be heard any more.
		b.sides[i].ring, b.sides[i].stray = make([]int16, Samples(blendBuffer)), int64(Samples(blendDelay))
		b.gain[i] = 1
	}
	return b
}

// Gain makes a side louder or softer, by dB.
func (b *Blend) Gain(side Side, dB float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gain[side] = math.Pow(10, dB/20)
}

// Put takes one packet of a side.
func (b *Blend) Put(side Side, p Piece) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sides[side].put(p, int64(Samples(time.Since(b.start))), b.at)
}

// Next implements Source.
func (b *Blend) Next(dst []byte, encoding string, samples int) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.follow(int64(Samples(time.Since(b.start) - blendDelay)))
	b.frame = b.frame[:0]
	for range samples {
		sum := 0.0
		for i := range b.sides {
			sum += float64(b.sides[i].take(b.at)) * b.gain[i]
		}
		b.frame = append(b.frame, clip(sum))
		b.at++
	}
	return b.voice.encode(dst, encoding, b.frame), true
}

// follow keeps the reader near the time it should be at: forward over what it
// has missed, or waiting where it is.
func (b *Blend) follow(want int64) {
	stray := int64(Samples(blendStray))
	if ring := int64(len(b.sides[0].ring)); want-b.at >= ring {
		for i := range b.sides {
			clear(b.sides[i].ring)
		}
		b.at = want
	}
	if want-b.at <= stray && b.at-want <= stray {
		return
	}
	for ; b.at < want; b.at++ {
		for i := range b.sides {
			b.sides[i].take(b.at)
		}
	}
	b.at = max(want, 0)
}
