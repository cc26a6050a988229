package rtp

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/media"
)

// wave is n samples of 440 Hz from sample at on.
func wave(at, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(at+i)/8000))
	}
	return out
}

// arrival is one packet on its way.
type arrival struct {
	at time.Duration
	ts int
}

// playBuffer lets packets of ptime arrive and takes frames of 20 ms.
func playBuffer(j *JitterBuffer, arrivals []arrival, samples int) (out []int16) {
	end := arrivals[len(arrivals)-1].at
	for now := time.Duration(0); now <= end; now += 20 * time.Millisecond {
		for len(arrivals) > 0 && arrivals[0].at <= now {
			j.Put(uint32(math.MaxUint32-4000)+uint32(arrivals[0].ts), wave(arrivals[0].ts, samples), false)
			arrivals = arrivals[1:]
		}
		frame := make([]int16, 160)
		j.Get(frame)
		out = append(out, frame...)
	}
	return out
}

func newBuffer() *JitterBuffer { return &JitterBuffer{Start: 480, Min: 320, Max: 2400} }

// TestJitterBufferOrder: packets in any order within the delay come out as they went in, over the wrap of the timestamp.
func TestJitterBufferOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, samples := range []int{80, 160, 240, 480} {
		j := newBuffer()
		var all []arrival
		for ts := 0; ts < 80000; ts += samples {
			jitter := time.Duration(rng.IntN(30)) * time.Millisecond
			all = append(all, arrival{media.Duration(ts+samples) + jitter, ts})
			if n := len(all); n > 1 && all[n-1].at < all[n-2].at {
				all[n-1], all[n-2] = all[n-2], all[n-1]
			}
		}
		pcm := playBuffer(j, all, samples)
		found := media.Find(pcm, 440)
		if found.Longest() > 0 && samples < 480 || found.Longest() > 20*time.Millisecond || found.Share < 0.97 || j.Late > 3 {
			t.Errorf("%d samples a packet: %+v, late %d missing %d expanded %d", samples, found.Gaps, j.Late, j.Missing, j.Expanded)
		}
	}
}

// TestJitterBufferAdapts: a network that becomes slower is followed, one that recovers shortens the delay again, within the limits.
func TestJitterBufferAdapts(t *testing.T) {
	j := newBuffer()
	var all []arrival
	for ts := 0; ts < 8000*20; ts += 160 {
		delay := time.Duration(0)
		if ts > 16000 && ts < 80000 {
			delay = 150 * time.Millisecond
		}
		all = append(all, arrival{media.Duration(ts) + delay, ts})
	}
	half := 0
	for all[half].ts < 79000 {
		half++
	}
	playBuffer(j, all[:half], 160)
	late, delay := j.Late, j.Delay()
	if late > 12 || delay > j.Max+160 {
		t.Errorf("%d late, delay %d", late, delay)
	}
	// The rest arrives early again.
	for i := range all[half:] {
		j.Put(uint32(math.MaxUint32-4000)+uint32(all[half+i].ts), wave(all[half+i].ts, 160), false)
		j.Get(make([]int16, 160))
	}
	if j.Late != late {
		t.Errorf("%d more were late", j.Late-late)
	}
}

// TestJitterBufferConceal: a lost frame is filled from the last one and fades away.
func TestJitterBufferConceal(t *testing.T) {
	j := newBuffer()
	frame := make([]int16, 160)
	if j.Get(frame) || media.Power(frame) != 0 {
		t.Error("before the first packet there is silence")
	}
	for i := range 10 {
		j.Put(uint32(i*160), wave(i*160, 160), i == 0)
	}
	var power []float64
	for range 20 {
		j.Get(frame)
		power = append(power, media.Power(frame))
	}
	if power[12] < 0.01 || power[13] >= power[12] || power[14] >= power[13] || power[14] == 0 || power[19] != 0 {
		t.Errorf("powers %v", power)
	}
	if j.Missing != 7 {
		t.Errorf("%d frames are missing", j.Missing)
	}
}

// FuzzJitterBuffer: whatever timestamps come, the buffer stays in its bounds.
func FuzzJitterBuffer(f *testing.F) {
	f.Add(uint32(0), uint32(160), uint32(320), uint16(160))
	f.Add(uint32(1<<32-1), uint32(1<<31), uint32(0), uint16(4000))
	f.Fuzz(func(t *testing.T, a, b, c uint32, n uint16) {
		j := newBuffer()
		frame := make([]int16, 160)
		for i, ts := range []uint32{a, b, c, a, b, c} {
			j.Put(ts, make([]int16, int(n)%5000), i == 3)
			for range 5 {
				j.Get(frame)
			}
			if d := j.Delay(); d < 0 || d > 2*ringSamples {
				t.Fatalf("delay %d", d)
			}
		}
	})
}

// session is one session of pjmedia's jitter buffer script.
type session struct {
	title          string
	start, low, up int
	limits         map[string]int
	events         string
}

func sessions(raw string) (out []session) {
	s := session{limits: map[string]int{}}
	for line := range strings.Lines(raw) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '=':
			s = session{title: line[2:], limits: map[string]int{}}
		case line[0] == '%':
			var mode string
			_, _ = fmt.Sscanf(line[1:], "%s %d %d %d", &mode, &s.start, &s.low, &s.up)
			if mode == "fixed" {
				s.low, s.up = s.start, s.start
			}
		case line[0] == '!':
			var name string
			var limit int
			if _, err := fmt.Sscanf(line[1:], "%s %d", &name, &limit); err == nil {
				s.limits[name] = limit
			}
		case line[0] == '.':
			out = append(out, s)
		default:
			s.events += line
		}
	}
	return out
}

// TestJitterBufferScript runs pjmedia's script: discarded, lost and empty
// frames and the mean delay stay within its limits.
func TestJitterBufferScript(t *testing.T) {
	all := sessions(string(readFile(t, testdata.Path(t, "24-rtp-streams", "pjmedia-jbtest.dat"))))
	if len(all) < 5 {
		t.Fatalf("%d sessions", len(all))
	}
	for _, s := range all {
		j := &JitterBuffer{Start: s.start * 160, Min: s.low * 160, Max: s.up * 160}
		var r Reception
		seq, frame := uint16(1), make([]int16, 160)
		var lost, empty, delay, gets int
		put := func(seq uint16) {
			v := r.Update(at(seq, uint32(seq)*160), 0, 8000, false)
			if v != Duplicate && v != Jumped {
				j.Put(uint32(seq)*160, make([]int16, 160), v == Restarted)
			}
		}
		for _, event := range s.events {
			switch event {
			case 'P':
				put(seq)
				seq++
			case 'G':
				d, missing := j.Delay()/160, j.Missing
				delay += d
				gets++
				if j.Get(frame); d == 0 {
					empty++
				} else if j.Missing > missing {
					lost++
				}
			case 'L':
				seq++
			case 'R':
				seq = 1
			case 'J':
				seq += 20
			case 'D':
				put(seq - 1)
			case 'O':
				put(seq - 10)
			}
		}
		got := map[string]int{"discard": int(j.Late + j.Dropped), "lost": lost, "empty": empty, "delay": delay / max(gets, 1)}
		for name, limit := range s.limits {
			if n, ok := got[name]; ok && n > limit {
				t.Errorf("%s: %s is %d, at most %d", s.title, name, n, limit)
			}
		}
	}
}
