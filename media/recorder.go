package media

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Side is one of the two directions of a call that is recorded.
type Side uint8

// The sides, from the view of the phone whose leg is recorded.
const (
	Near Side = iota // what the phone says
	Far              // what it hears
)

// Piece is the payload of one RTP packet.
type Piece struct {
	Codec     Codec
	SSRC      uint32
	Timestamp uint32 // in the codec's clock
	Payload   []byte // not kept
}

// Recorder writes the two sides of a call to files while they speak: mixed into one,
// or each into its own. Put takes packets in any order, from any goroutine, and never waits
// for the disk; Run writes. Each packet is placed by its timestamp, so that losses and
// pauses are silence of the right length and both sides stay together. It
// holds recordBuffer of audio; what a disk that is slower than that cannot take is counted
// as lost, not piled up.
type Recorder struct {
	mixed *Writer    // nil: not wanted
	each  [2]*Writer // nil: not wanted

	mu      sync.Mutex // guards the following
	start   time.Time
	sides   [2]track
	written int64 // samples since start that have left the buffers
	lost    int64 // samples that found no room
	stopped bool
	stop    chan struct{}
}

// track is one side's audio that is not yet written.
type track struct {
	ring    []int16 // sample n at n modulo the length
	decoder *Decoder
	codec   Codec
	ssrc    uint32
	known   bool
	last    uint32 // timestamp of the latest packet
	at      int64  // its sample, since the start
	loud    int64  // the latest sample that was not silence
	pcm     []int16
	stray   int64 // by which timestamps may stray from the time of arrival, in samples
}

// Figures of a Recorder.
const (
	recordBuffer = 4 * time.Second
	recordHold   = 200 * time.Millisecond // a packet may be as late as that
	recordEvery  = 100 * time.Millisecond // how often is written
	recordStray  = 500 * time.Millisecond // by which timestamps may stray from the time of arrival
	recordQuiet  = 256                    // mean amplitude below which a packet is silence
)

// NewRecorder writes both sides mixed to mixed, and each alone to near and far;
// nil is not written. Run closes the writers.
func NewRecorder(mixed, near, far *Writer) *Recorder {
	r := &Recorder{mixed: mixed, each: [2]*Writer{near, far}, start: time.Now(), stop: make(chan struct{})}
	for i := range r.sides {
		r.sides[i].ring, r.sides[i].stray = make([]int16, Samples(recordBuffer)), int64(Samples(recordStray))
	}
	return r
}

// Put takes one packet of a side.
func (r *Recorder) Put(side Side, p Piece) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || side > Far {
		return
	}
	r.lost += r.sides[side].put(p, int64(Samples(time.Since(r.start))), r.written)
}

// put decodes a packet that came at now into the ring, which begins at from;
// it returns the samples that found no room.
func (t *track) put(p Piece, now, from int64) (lost int64) {
	if t.decoder == nil || t.codec != p.Codec {
		t.codec, t.decoder = p.Codec, NewDecoder(p.Codec, Rate)
	}
	t.pcm = t.decoder.Decode(t.pcm[:0], p.Payload)
	at := t.place(p, now, from)
	if !silent(t.pcm) {
		t.loud = max(t.loud, at+int64(len(t.pcm)))
	}
	for i, v := range t.pcm {
		switch n := at + int64(i); {
		case n < from: // too late
		case n >= from+int64(len(t.ring)):
			lost++
		default:
			t.ring[n%int64(len(t.ring))] = v
		}
	}
	return lost
}

// take moves the sample at n out of the ring, and leaves silence there.
func (t *track) take(n int64) int16 {
	k := n % int64(len(t.ring))
	v := t.ring[k]
	t.ring[k] = 0
	return v
}

// place finds the sample at which a packet begins: by its timestamp while it
// belongs to the stream before it, else by the time. A stream that has fallen
// behind what is read already, from, moves on: where its timestamps say nobody
// would hear it any more.
func (t *track) place(p Piece, now, from int64) int64 {
	step := int64(int32(p.Timestamp-t.last)) * Rate / int64(p.Codec.Clock())
	at := t.at + step
	stray, behind := at-now, step > 0 && at < from
	if !t.known || p.SSRC != t.ssrc || stray > t.stray || -stray > t.stray || behind {
		at = max(now-int64(len(t.pcm)), from, 0)
	}
	t.known, t.ssrc, t.last, t.at = true, p.SSRC, p.Timestamp, at
	return at
}

func silent(pcm []int16) bool { return below(pcm, recordQuiet) }

// below reports whether the mean amplitude is under a threshold.
func below(pcm []int16, threshold int) bool {
	sum := 0
	for _, v := range pcm {
		sum += max(int(v), -int(v))
	}
	return sum < threshold*len(pcm)
}

// Quiet is for how long a side has been silent, or absent.
func (r *Recorder) Quiet(side Side) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, time.Since(r.start)-Duration(int(r.sides[side].loud)))
}

// Length is how much has been recorded.
func (r *Recorder) Length() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return Duration(int(r.written))
	}
	return time.Since(r.start)
}

// Lost is how much the disk was too slow for.
func (r *Recorder) Lost() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Duration(int(r.lost))
}

// Stop makes Run finish the files and return.
func (r *Recorder) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.stopped = true
		close(r.stop)
	}
}

// Run writes until Stop is called, ctx ends, or the disk fails (full, say):
// then it returns that error. In all cases the files are closed, with what they have.
func (r *Recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	var err error
	for err == nil {
		select {
		case <-tick.C:
			err = r.write(time.Since(r.start) - recordHold)
			continue
		case <-r.stop:
		case <-ctx.Done():
		}
		err = r.write(time.Since(r.start))
		break
	}
	r.Stop()
	for _, w := range [...]*Writer{r.mixed, r.each[Near], r.each[Far]} {
		if w == nil {
			continue
		}
		if e := w.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		return fmt.Errorf("media: record: %w", err)
	}
	return nil
}

// write writes all samples before until.
func (r *Recorder) write(until time.Duration) error {
	var pieces [2][recordChunk]int16
	for {
		n := r.take(&pieces, int64(Samples(until)))
		if n == 0 {
			return nil
		}
		for side, w := range r.each {
			if w == nil {
				continue
			}
			if err := w.Write(pieces[side][:n]); err != nil {
				return err
			}
		}
		if r.mixed == nil {
			continue
		}
		for i, v := range pieces[Far][:n] {
			pieces[Near][i] = int16(sat16(int32(pieces[Near][i]) + int32(v)))
		}
		if err := r.mixed.Write(pieces[Near][:n]); err != nil {
			return err
		}
	}
}

// recordChunk is how many samples are taken at once.
const recordChunk = 800

// take moves samples out of the buffers, and leaves silence there.
func (r *Recorder) take(pieces *[2][recordChunk]int16, until int64) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(max(0, min(until-r.written, recordChunk)))
	for side := range r.sides {
		for i := range n {
			pieces[side][i] = r.sides[side].take(r.written + int64(i))
		}
	}
	r.written += int64(n)
	return n
}
