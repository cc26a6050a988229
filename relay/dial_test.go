package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
)

// TestSendDTMF: digits reach the peer, each once, in order, by the rules of RFC
// 4733, and the audio around them is one stream with them.
func TestSendDTMF(t *testing.T) {
	r := running(t, Config{})
	dialled := make(chan Event, 1)
	leg := open(t, r, func(e Event) {
		if e.Kind == Dialled {
			dialled <- e
		}
	})
	p := newPeer(t, leg, 1, 0)
	leg.Set(both(p.addr(), pcmu, event))
	leg.Play(media.Sine(440, -10))
	first, _ := p.must("audio before")
	if err := leg.SendDTMF("9w1#D!", 80*time.Millisecond, 40*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	var events rtp.EventReceiver
	var got []byte
	var ends, audio int
	last, start, ahead := first, time.Now(), -time.Hour
	for after := 0; after < 5; {
		h, b := p.must("digits and audio")
		if h.Sequence != last.Sequence+1 || h.SSRC != first.SSRC {
			t.Fatalf("%+v follows %+v", h, last)
		}
		last = h
		if h.PT != 101 {
			audio++
			// RFC 4733 §2.1: audio and events share one clock, which runs on through the event.
			ahead = max(ahead, time.Duration(h.Timestamp-first.Timestamp)*time.Second/8000-time.Since(start))
			select {
			case <-dialled:
				after = 1
			default:
				if after > 0 {
					after++
				}
			}
			continue
		}
		e, ok := rtp.ParseEvent(b)
		if !ok || e.Volume != 10 {
			t.Fatalf("report %+v", e)
		}
		if e.End {
			ends++
		}
		events.Receive(h, b, time.Since(start), func(e rtp.Event) {
			d, _ := rtp.EventDigit(e.Code)
			got = append(got, d)
			if e.Duration < 640 || e.Duration > 800 || !e.Complete {
				t.Errorf("%c lasts %d units", d, e.Duration)
			}
		})
	}
	if string(got) != "91#D!" {
		t.Errorf("digits %q", got)
	}
	// RFC 4733 §2.5.1.4: the last report is sent "a total of three times"; the first of them ends the tone's time.
	if ends < 2*len(got) || ends > 3*len(got) {
		t.Errorf("%d end reports for %d digits", ends, len(got))
	}
	// A busy machine shows packets later than they are, never earlier.
	if ahead.Abs() > 80*time.Millisecond {
		t.Errorf("the timestamps are %v ahead of the time", ahead)
	}
	if audio < 20 {
		t.Errorf("%d packets of audio between digits", audio)
	}
}

// TestSendDTMFErrors: what cannot be sent is refused at once.
func TestSendDTMFErrors(t *testing.T) {
	r := running(t, Config{})
	leg := open(t, r, nil)
	p := newPeer(t, leg, 1, 0)
	leg.Set(both(p.addr(), pcmu))
	if err := leg.SendDTMF("1", 0, 0); !errors.Is(err, ErrNoEvents) {
		t.Errorf("without telephone-event: %v", err)
	}
	leg.Set(both(p.addr(), pcmu, event))
	if err := leg.SendDTMF("1x", 0, 0); !errors.Is(err, ErrBadDigit) {
		t.Errorf("x: %v", err)
	}
	if err := leg.SendDTMF(string(bytes.Repeat([]byte("1"), maxDigits+1)), 0, 0); !errors.Is(err, ErrBusy) {
		t.Errorf("too many: %v", err)
	}
	if err := leg.SendDTMF("", 0, 0); err != nil {
		t.Errorf("none: %v", err)
	}
	leg.Close()
	if err := leg.SendDTMF("1", 0, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestDetectDTMF: tones in the audio are digits, in G.722 as in G.711.
func TestDetectDTMF(t *testing.T) {
	r := running(t, Config{})
	for _, f := range []Format{pcma, g722} {
		leg := open(t, r, nil)
		p := newPeer(t, leg, 1, f.RecvPT)
		leg.Set(both(p.addr(), f))
		digits := make(chan byte, 16)
		stop, err := leg.DetectDTMF(func(d byte, _ time.Duration) { digits <- d })
		if err != nil {
			t.Fatal(err)
		}
		src := media.DTMF("159*", 80*time.Millisecond, 80*time.Millisecond)
		for more := true; more; {
			var b []byte
			b, more = src.Next(nil, codecOf(f).String(), 160)
			p.send(b)
		}
		for _, want := range []byte("159*") {
			select {
			case d := <-digits:
				if d != want {
					t.Errorf("%v: %c, want %c", codecOf(f), d, want)
				}
			case <-time.After(2 * time.Second):
				t.Fatalf("%v: %c is not found", codecOf(f), want)
			}
		}
		stop()
		leg.Close()
	}
}

// TestRecordCall: a recording of a transcoded call holds both sides.
func TestRecordCall(t *testing.T) {
	r := running(t, Config{})
	a, b := joined(t, r, []Format{pcmu}, []Format{g722})
	a.h.PT, b.h.PT = 0, 9
	var near, far bytes.Buffer
	wn, _ := media.NewWriter(&near, ".sln")
	wf, _ := media.NewWriter(&far, ".sln")
	rec := media.NewRecorder(nil, wn, wf)
	done := make(chan error)
	go func() { done <- rec.Run(context.Background()) }()
	stop, err := a.leg.Record(rec)
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := media.Sine(440, -10), media.Sine(1000, -10)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 40 {
		<-tick.C
		pa, _ := alice.Next(nil, "PCMU", 160)
		pb, _ := bob.Next(nil, "G722", 160)
		a.send(pa)
		b.send(pb)
	}
	eventually(t, "all packets have come", func() bool { return a.leg.Stats().Received == 40 && b.leg.Stats().Received == 40 })
	stop()
	rec.Stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for hz, file := range map[float64]*bytes.Buffer{440: &near, 1000: &far} {
		pcm := make([]int16, file.Len()/2)
		_ = binary.Read(file, binary.LittleEndian, pcm)
		p := media.Find(pcm, hz)
		if p.Last-p.First < 700*time.Millisecond || p.Longest() > 10*time.Millisecond {
			t.Errorf("%v Hz from %v to %v, gaps %v", hz, p.First, p.Last, p.Gaps)
		}
	}
}

// TestTaps: taps come and go while packets pass, and are limited.
func TestTaps(t *testing.T) {
	r := running(t, Config{})
	a, b := joined(t, r, []Format{pcmu}, []Format{pcmu})
	var in, out atomic.Int64
	var stops []func()
	for range maxTaps {
		stop, err := a.leg.Tap(func(p Packet) {
			if p.Sent {
				out.Add(1)
			} else {
				in.Add(1)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		stops = append(stops, stop)
	}
	if _, err := a.leg.Tap(func(Packet) {}); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	for range 10 {
		a.send(frameOf(1))
		b.must("forwarded")
		b.send(frameOf(2))
		a.must("forwarded")
	}
	for _, stop := range stops {
		stop()
		stop()
	}
	seenIn, seenOut := in.Load(), out.Load()
	if seenIn != 10*maxTaps || seenOut < 9*maxTaps {
		t.Errorf("%d received, %d sent are seen", seenIn, seenOut)
	}
	a.send(frameOf(1))
	b.must("forwarded without taps")
	if in.Load() != seenIn {
		t.Error("a stopped tap sees packets")
	}
	a.leg.Close()
	if _, err := a.leg.Tap(func(Packet) {}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
