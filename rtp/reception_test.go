package rtp

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

func at(seq uint16, ts uint32) Header { return Header{Sequence: seq, Timestamp: ts, SSRC: 1} }

// feed updates r with sequence numbers, 20 ms apart.
func feed(r *Reception, seqs ...uint16) (out []Verdict) {
	for _, seq := range seqs {
		out = append(out, r.Update(at(seq, uint32(seq)*160), r.Last+20*time.Millisecond, 8000, false))
	}
	return out
}

// TestReceptionSequence is RFC 3550 §A.1: wrap, loss, reordering, duplicates.
func TestReceptionSequence(t *testing.T) {
	for _, c := range []struct {
		name                  string
		seqs                  []uint16
		lost                  int64
		duplicates, reordered uint64
		highest               uint32
	}{
		{"in order over the wrap", []uint16{65534, 65535, 0, 1}, 0, 0, 0, 65537},
		{"loss", []uint16{10, 11, 15}, 3, 0, 0, 15},
		{"reordered", []uint16{10, 12, 11, 13}, 0, 0, 1, 13},
		{"reordered over the wrap", []uint16{65535, 1, 0, 2}, 0, 0, 1, 65538},
		{"duplicate of the newest", []uint16{10, 11, 11, 12}, 0, 1, 0, 12},
		{"duplicate of an older one", []uint16{10, 11, 12, 13, 11}, 0, 1, 0, 13},
		{"duplicate and loss", []uint16{10, 12, 12}, 1, 1, 0, 12},
		{"one far away is not believed", []uint16{10, 11, 40000, 12}, 0, 0, 0, 12},
	} {
		var r Reception
		feed(&r, c.seqs...)
		if r.Lost() != c.lost || r.Duplicates != c.duplicates || r.Reordered != c.reordered || r.HighestSequence() != c.highest {
			t.Errorf("%s: lost %d duplicates %d reordered %d highest %d", c.name, r.Lost(), r.Duplicates, r.Reordered, r.HighestSequence())
		}
	}
}

// TestReceptionRestart: RFC 3550 §A.1: two sequential packets after a jump mean
// that the other side restarted; losses of before are kept.
func TestReceptionRestart(t *testing.T) {
	var r Reception
	v := feed(&r, 10, 12, 40000, 40001, 40002)
	if v[2] != Jumped || v[3] != Restarted || v[4] != InOrder || r.Restarts != 1 || r.Lost() != 1 {
		t.Errorf("%v restarts %d lost %d", v, r.Restarts, r.Lost())
	}
	if v := r.Update(Header{Sequence: 7, SSRC: 2}, r.Last, 8000, false); v != Restarted || r.SSRC != 2 || r.Restarts != 2 {
		t.Errorf("a new SSRC is a new source: %v", v)
	}
}

// TestReceptionFraction is RFC 3550 §A.3: the share lost since the last report, in 1/256.
func TestReceptionFraction(t *testing.T) {
	var r Reception
	feed(&r, 1, 2, 3, 4)
	if f := r.fraction(); f != 0 {
		t.Errorf("no loss: %d", f)
	}
	feed(&r, 5, 7) // one of three
	if f := r.fraction(); f != 85 {
		t.Errorf("one of three lost: %d/256", f)
	}
	feed(&r, 8, 8, 8)
	if f := r.fraction(); f != 0 {
		t.Errorf("RFC 3550 §A.3: if the loss is negative due to duplicates, the fraction is zero: %d", f)
	}
}

// TestReceptionJitter: packets on time have none; a constant swing of d tends to d (RFC 3550 §A.8).
func TestReceptionJitter(t *testing.T) {
	var r Reception
	for i := range 500 {
		swing := time.Duration(i%2) * 10 * time.Millisecond
		r.Update(at(uint16(i), uint32(i)*160), time.Duration(i)*20*time.Millisecond+swing, 8000, false)
	}
	if j := r.JitterTime(8000); j < 9*time.Millisecond || j > 11*time.Millisecond {
		t.Errorf("a swing of 10 ms gives %v", j)
	}
	before := r.Jitter()
	r.Update(at(500, 0), 10*time.Second, 8000, true)
	if r.Jitter() != before {
		t.Error("an event's timestamp tells no jitter")
	}
}

// TestReceptionLost compares with a plain count under random loss, reordering and duplication.
func TestReceptionLost(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var order []uint16
		first := uint16(rng.Uint32())
		got := map[uint16]bool{}
		for i := range 500 {
			seq := first + uint16(i)
			if i == 0 || i == 499 || rng.IntN(10) > 0 {
				order = append(order, seq)
				got[seq] = true
			}
			if rng.IntN(20) == 0 && got[seq] {
				order = append(order, seq)
			}
			if n := len(order); i > 0 && i < 499 && n > 2 && rng.IntN(15) == 0 {
				order[n-1], order[n-2] = order[n-2], order[n-1]
			}
		}
		if order[0] != first {
			continue // the oldest came second: before the start there is nothing to lose
		}
		var r Reception
		feed(&r, order...)
		if want := int64(500 - len(got)); r.Lost() != want || int(r.Duplicates) != len(order)-len(got) {
			t.Fatalf("lost %d duplicates %d, want %d and %d", r.Lost(), r.Duplicates, want, len(order)-len(got))
		}
	}
}

// TestRecordings compares with rtpproxy's analysis of its own recordings: the
// counts of the last stream of each must be equal, the jitter within 5 %.
func TestRecordings(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(testdata.Path(t, "24-rtp-streams"), "rtpproxy-*.tar.gz"))
	if err != nil || len(archives) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, archive := range archives {
		files := testdata.ArchiveByBase(t, "24-rtp-streams", filepath.Base(archive))
		for name, output := range files {
			base, ok := strings.CutSuffix(name, ".output")
			if !ok || strings.HasSuffix(base, ".scan") {
				continue
			}
			want := analyses(output)
			for i, suffix := range []string{".a.rtp", ".o.rtp"} {
				if raw, ok := files[base+suffix]; ok && i < len(want) {
					compareRecording(t, base+suffix, readCapture(t, raw), want[i])
				}
			}
		}
	}
}

// analysis is one block of rtpproxy's output.
type analysis struct {
	pcount, minSeq, maxSeq, seqOffset        int
	ssrc                                     uint32
	duplicates, changes, psent, precvd, lost int
	jitter, average, maxJitter               float64
}

func analyses(output []byte) (out []analysis) {
	s := bufio.NewScanner(bytes.NewReader(output))
	for s.Scan() {
		var a analysis
		if n, _ := fmt.Sscanf(s.Text(), "pcount=%d, min_seq=%d, max_seq=%d, seq_offset=%d, ssrc=%v, duplicates=%d", &a.pcount, &a.minSeq, &a.maxSeq, &a.seqOffset, &a.ssrc, &a.duplicates); n != 6 {
			continue
		}
		s.Scan()
		fmt.Sscanf(s.Text(), "ssrc_changes=%d, psent=%d, precvd=%d, plost=%d", &a.changes, &a.psent, &a.precvd, &a.lost)
		s.Scan()
		fmt.Sscanf(s.Text(), "last_jitter=%g,average_jitter=%g,max_jitter=%g", &a.jitter, &a.average, &a.maxJitter)
		out = append(out, a)
	}
	return out
}

func compareRecording(t *testing.T, name string, packets []datagram, want analysis) {
	t.Helper()
	var r Reception
	last := map[uint32]*Reception{}
	for _, d := range packets {
		h, ok := Parse(d.b)
		if !ok {
			continue
		}
		r.Update(h, d.at, 8000, false)
		if last[h.SSRC] == nil {
			last[h.SSRC] = &Reception{}
		}
		last[h.SSRC].Update(h, d.at, 8000, false)
	}
	one := last[want.ssrc]
	if one == nil {
		t.Fatalf("%s: no packets of SSRC %#x", name, want.ssrc)
	}
	if lost := r.Lost(); want.changes == 1 && lost != int64(want.lost) {
		t.Errorf("%s: lost %d, want %d", name, lost, want.lost)
	}
	if int(one.Duplicates) != want.duplicates {
		t.Errorf("%s: %d duplicates, want %d", name, one.Duplicates, want.duplicates)
	}
	if got := int(one.Packets - one.Duplicates); want.changes == 1 && got != want.pcount {
		t.Errorf("%s: %d packets, want %d", name, got, want.pcount)
	}
	if got := int(one.HighestSequence() & 0xFFFF); want.changes == 1 && got != want.maxSeq {
		t.Errorf("%s: highest sequence %d, want %d", name, got, want.maxSeq)
	}
	if int(r.Restarts)+1 != want.changes && want.changes == 1 {
		t.Errorf("%s: %d sources, want %d", name, r.Restarts+1, want.changes)
	}
	// The estimator of RFC 3550 §A.8 works in integers; the other one does not.
	if got := float64(one.Jitter()); want.changes == 1 && math.Abs(got-want.jitter) > 1+want.jitter*0.05 {
		t.Errorf("%s: jitter %v, want %v", name, got, want.jitter)
	}
}

// TestLatePackets plays captures by their times into a jitter buffer: no more
// packets are late than the name of the capture says.
func TestLatePackets(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Path(t, "24-rtp-streams", "mediastreamer2"), "*late*.pcapng"))
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	for _, file := range files {
		var limit, total int
		if _, err := fmt.Sscanf(filepath.Base(file), "rtp-%dlate-%dtotal.pcapng", &limit, &total); err != nil {
			t.Fatal(err)
		}
		raw := readFile(t, file)
		var r Reception
		j := JitterBuffer{Start: 480, Min: 320, Max: 2400}
		var clock time.Duration
		packets := 0
		for _, d := range readCapture(t, raw) {
			h, ok := Parse(d.b)
			if !ok {
				continue
			}
			if clock == 0 {
				clock = d.at
			}
			for ; clock < d.at; clock += 20 * time.Millisecond {
				j.Get(make([]int16, 160))
			}
			packets++
			v := r.Update(h, d.at, 48000, false)
			if v != Duplicate && v != Jumped {
				// Opus at 48 kHz: the time line of 8 kHz is a sixth.
				j.Put(h.Timestamp/6, make([]int16, 160), v == Restarted)
			}
		}
		t.Logf("%s: %d packets, late %d, missing %d, expanded %d, dropped %d", filepath.Base(file), packets, j.Late, j.Missing, j.Expanded, j.Dropped)
		if packets < total*8/10 || j.Late > uint64(limit) {
			t.Errorf("%s: %d of %d packets are late, at most %d may be", filepath.Base(file), j.Late, packets, limit)
		}
	}
}
