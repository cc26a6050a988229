package media

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A stream that has been late once is heard again: its timestamps go on as if nothing
// had happened, but its packets come later than the reader waits.
func TestBlendLateStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBlendOf(3)
		loud := ULaw.Encode(nil, slices.Repeat([]int16{8000}, 160))
		var ts uint32
		heard := 0
		for i := range 100 {
			if i == 20 {
				time.Sleep(300 * time.Millisecond) // the sender stands still, and its clock too
			}
			b.Put(2, Piece{Codec: CodecOf("PCMU", 8000), SSRC: 7, Timestamp: ts, Payload: loud})
			ts += 160
			time.Sleep(20 * time.Millisecond)
			frame, _ := b.Next(nil, "PCMU", 160)
			if i > 40 && ULaw.Decode(nil, frame)[80] > 4000 {
				heard++
			}
		}
		if heard < 50 {
			t.Errorf("heard in %d of 59 frames after the pause", heard)
		}
	})
}

// A stream may be late by less than Blend waits, and its reader early by what its
// clock may stray: then the stream moves on to where it is heard.
func TestBlendLateStreamEarlyReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBlendOf(3)
		loud := ULaw.Encode(nil, slices.Repeat([]int16{8000}, 160))
		time.Sleep(time.Second)
		for range 7 { // 60 ms ahead of where it should be
			b.Next(nil, "PCMU", 160)
		}
		var ts uint32
		heard := 0
		for i := range 100 {
			if i == 1 {
				time.Sleep(60 * time.Millisecond) // all that follows is late
				for range 3 {
					b.Next(nil, "PCMU", 160)
				}
			}
			b.Put(2, Piece{Codec: CodecOf("PCMU", 8000), SSRC: 7, Timestamp: ts, Payload: loud})
			ts += 160
			time.Sleep(20 * time.Millisecond)
			frame, _ := b.Next(nil, "PCMU", 160)
			if i > 40 && ULaw.Decode(nil, frame)[80] > 4000 {
				heard++
			}
		}
		if heard < 50 {
			t.Errorf("heard in %d of 59 frames", heard)
		}
	})
}
