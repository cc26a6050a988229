package media

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// speaker sends a tone to a recorder, packet by packet.
type speaker struct {
	rec   *Recorder
	side  Side
	codec Codec
	src   Source
	ssrc  uint32
	ts    uint32
}

// piece makes the next packet of 20 ms.
func (s *speaker) piece() Piece {
	b, _ := s.src.Next(nil, s.codec.String(), 160)
	p := Piece{Codec: s.codec, SSRC: s.ssrc, Timestamp: s.ts, Payload: b}
	s.ts += uint32(160 * s.codec.Clock() / Rate)
	return p
}

// recorded runs script beside a Recorder and gives what was written.
func recorded(t *testing.T, script func(*Recorder)) (mixed, near, far []int16) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var files [3]bytes.Buffer
		var out [3]*Writer
		for i := range files {
			out[i], _ = NewWriter(&files[i], ".sln")
		}
		rec := NewRecorder(out[0], out[1], out[2])
		done := make(chan error)
		go func() { done <- rec.Run(context.Background()) }()
		script(rec)
		rec.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		mixed, near, far = words(files[0].Bytes()), words(files[1].Bytes()), words(files[2].Bytes())
	})
	return mixed, near, far
}

// TestRecorder: both sides, in different codecs, are in the mix, each alone in
// its own file, and all have the length of the call.
func TestRecorder(t *testing.T) {
	mixed, near, far := recorded(t, func(rec *Recorder) {
		a := speaker{rec: rec, side: Near, codec: PCMU, src: Sine(440, -16), ssrc: 1, ts: 4_294_967_000}
		b := speaker{rec: rec, side: Far, codec: G722, src: Sine(1000, -16), ssrc: 2}
		for range 500 {
			time.Sleep(20 * time.Millisecond)
			rec.Put(Near, a.piece())
			rec.Put(Far, b.piece())
		}
		if rec.Quiet(Near) > 100*time.Millisecond || rec.Lost() != 0 {
			t.Errorf("quiet for %v, lost %v", rec.Quiet(Near), rec.Lost())
		}
	})
	for name, c := range map[string]struct {
		pcm []int16
		hz  float64
	}{"near": {near, 440}, "far": {far, 1000}} {
		if p := Find(c.pcm, c.hz); len(c.pcm) != 80000 || p.Share < 0.99 || p.Longest() > 0 {
			t.Errorf("%s: %d samples, the tone in %.3f, gaps %v", name, len(c.pcm), p.Share, p.Gaps)
		}
	}
	if len(mixed) != 80000 || Goertzel(mixed[8000:16000], 440) < 0.005 || Goertzel(mixed[8000:16000], 1000) < 0.005 {
		t.Errorf("mixed: %d samples, 440 Hz %v, 1000 Hz %v", len(mixed), Goertzel(mixed[8000:16000], 440), Goertzel(mixed[8000:16000], 1000))
	}
}

// TestRecorderNetwork: jitter and reordering leave no gap; a loss and a pause are
// silence of their length; a stream that begins anew goes on.
func TestRecorderNetwork(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	_, near, _ := recorded(t, func(rec *Recorder) {
		a := speaker{rec: rec, codec: PCMA, src: Sine(440, -16), ssrc: 1}
		var wait sync.WaitGroup
		for n := range 300 {
			time.Sleep(20 * time.Millisecond)
			p := a.piece()
			delay := time.Duration(rng.IntN(60)) * time.Millisecond
			switch {
			case n == 0:
				delay = 0
			case n == 100 || n == 101 || n >= 150 && n < 170: // lost; a pause
				continue
			}
			wait.Go(func() { time.Sleep(delay); rec.Put(Near, p) })
			if n == 200 {
				a.ssrc, a.ts = 99, 12345
			}
		}
		wait.Wait()
	})
	p := Find(near, 440)
	var long []time.Duration
	for _, g := range p.Gaps {
		if g.Length >= 15*time.Millisecond {
			long = append(long, g.Length.Round(20*time.Millisecond))
		}
	}
	// The new stream is placed by its first arrival, which may be late by its jitter.
	if len(long) < 2 || long[0] != 40*time.Millisecond || long[1] != 400*time.Millisecond || len(long) > 3 {
		t.Errorf("gaps %v", p.Gaps)
	}
}

// TestRecorderFull: a full disk ends the recording with the reason, and the
// packets after it go nowhere.
func TestRecorderFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	synctest.Test(t, func(t *testing.T) {
		w, _ := NewWriter(full, ".wav")
		rec := NewRecorder(w, nil, nil)
		done := make(chan error, 1)
		go func() { done <- rec.Run(context.Background()) }()
		a := speaker{rec: rec, codec: PCMU, src: Milliwatt(), ssrc: 1}
		for range 100 {
			time.Sleep(20 * time.Millisecond)
			rec.Put(Near, a.piece())
		}
		if err := <-done; !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Run: %v", err)
		}
		rec.Put(Near, a.piece())
	})
}

// stuck is a disk that takes nothing until it is let go.
type stuck struct{ free chan struct{} }

func (s stuck) Write(b []byte) (int, error) { <-s.free; return len(b), nil }

// TestRecorderSlowDisk: Put does not wait for the disk, holds no more than its
// buffer, and counts what it had no room for.
func TestRecorderSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := stuck{make(chan struct{})}
		w, _ := NewWriter(disk, ".sln")
		rec := NewRecorder(w, nil, nil)
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(context.Background())
		go func() { done <- rec.Run(ctx) }()
		a := speaker{rec: rec, codec: L16Wide, src: Milliwatt(), ssrc: 1}
		for range 1000 {
			time.Sleep(20 * time.Millisecond)
			rec.Put(Near, a.piece())
		}
		if lost := rec.Lost(); lost < 14*time.Second || lost > 17*time.Second {
			t.Errorf("of 20 s, %v are lost to a stuck disk", lost)
		}
		close(disk.free)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestRecorderQuiet: silence is told for RecordFile's limit.
func TestRecorderQuiet(t *testing.T) {
	recorded(t, func(rec *Recorder) {
		loud, soft := speaker{codec: PCMU, src: Milliwatt(), ssrc: 1}, speaker{codec: PCMU, src: Silence(), ssrc: 1}
		for n := range 150 {
			time.Sleep(20 * time.Millisecond)
			p, q := loud.piece(), soft.piece()
			if n >= 50 {
				p = q
			}
			rec.Put(Near, p)
		}
		if q := rec.Quiet(Near); q < 1900*time.Millisecond || q > 2100*time.Millisecond {
			t.Errorf("quiet for %v after 2 s of silence", q)
		}
		if q := rec.Quiet(Far); q != rec.Length() {
			t.Errorf("a side that said nothing is quiet for %v of %v", q, rec.Length())
		}
	})
}

func FuzzRecorder(f *testing.F) {
	f.Add(uint32(0), uint32(0xFFFFFF00), []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, a, b uint32, payload []byte) {
		w, _ := NewWriter(&bytes.Buffer{}, ".sln")
		rec := NewRecorder(w, nil, nil)
		for i, ts := range []uint32{a, b, a, b + 160, a ^ b} {
			rec.Put(Side(i&1), Piece{Codec: allCodecs[i], SSRC: a & 1, Timestamp: ts, Payload: payload})
		}
		if err := rec.write(time.Second); err != nil {
			t.Fatal(err)
		}
	})
}
