package relay

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hometone/hometone/rtp"
)

// TestOutputSplice: whatever sources come and go, a receiver sees one stream:
// one SSRC, numbers without a gap, timestamps that follow the time.
func TestOutputSplice(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	o := newOutput()
	var r rtp.Reception
	now := time.Duration(0)
	var last rtp.Header
	total := uint64(0)
	for source := range 200 {
		from := origin{id: uint64(rng.IntN(5) + 1), ssrc: rng.Uint32(), restarts: uint32(source)}
		seq, ts := uint16(rng.Uint32()), rng.Uint32()
		for i := range 1 + rng.IntN(30) {
			h := rtp.Header{Sequence: seq + uint16(i), Timestamp: ts + uint32(i)*160}
			if !o.number(&h, from, now, 8000, 160, false) {
				t.Fatal("a packet in order is older than its own splice")
			}
			if total > 0 {
				if h.Sequence != last.Sequence+1 || h.SSRC != last.SSRC {
					t.Fatalf("source %d packet %d: %+v after %+v", source, i, h, last)
				}
				if step := int32(h.Timestamp - last.Timestamp); step < 160 || step > 160*60 {
					t.Fatalf("timestamp steps by %d", step)
				}
				if h.Marker != (i == 0) {
					t.Fatalf("marker %v at packet %d", h.Marker, i)
				}
			}
			o.sent(h, now, 160)
			r.Update(h, now, 8000, false)
			last = h
			total++
			now += 20 * time.Millisecond
		}
		pause := time.Duration(rng.IntN(1000)) * time.Millisecond
		now += pause
	}
	if r.Lost() != 0 || r.Restarts != 0 || r.Packets != total || r.JitterTime(8000) > 2*time.Millisecond {
		t.Errorf("lost %d restarts %d packets %d of %d jitter %v", r.Lost(), r.Restarts, r.Packets, total, r.JitterTime(8000))
	}
}

// TestOutputLossShows: what is lost before us is lost behind us, what is
// reordered before us is in its place, what is older than a splice is left out.
func TestOutputLossShows(t *testing.T) {
	o := newOutput()
	from := origin{id: 1}
	var got []uint16
	for _, seq := range []uint16{100, 101, 104, 103, 105} {
		h := rtp.Header{Sequence: seq, Timestamp: uint32(seq) * 160}
		if o.number(&h, from, 0, 8000, 160, false) {
			o.sent(h, 0, 160)
			got = append(got, h.Sequence)
		}
	}
	for i, want := range []uint16{0, 1, 4, 3, 5} {
		if got[i]-got[0] != want {
			t.Errorf("packet %d has number %d, want %d", i, got[i]-got[0], want)
		}
	}
	o.interrupt()
	h := rtp.Header{Sequence: 200}
	o.number(&h, from, 0, 8000, 160, false)
	o.sent(h, 0, 160)
	late := rtp.Header{Sequence: 199}
	if o.number(&late, from, 0, 8000, 160, false) {
		t.Error("a packet from before the splice would take a number that was used")
	}
}

// TestOutputSkip: a packet left out on purpose is no loss.
func TestOutputSkip(t *testing.T) {
	o := newOutput()
	from := origin{id: 1}
	a, b := rtp.Header{Sequence: 10}, rtp.Header{Sequence: 12}
	o.number(&a, from, 0, 8000, 160, false)
	o.sent(a, 0, 160)
	o.skip(from)
	o.number(&b, from, 0, 8000, 160, false)
	if b.Sequence != a.Sequence+1 {
		t.Errorf("%d after %d", b.Sequence, a.Sequence)
	}
}
