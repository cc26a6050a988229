package rtp

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestEventSender dials 9-1-1 as RFC 4733 §5 does and compares each packet with its table 5.
func TestEventSender(t *testing.T) {
	table := map[string]string{} // by sequence number
	s := bufio.NewScanner(bytes.NewReader(readFile(t, testdata.Path(t, "18-vectors-dtmf", "rfc4733-table5-911.tsv"))))
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) == 7 && f[0] != "time_ms" {
			table[f[3]] = strings.Join(f, " ")
		}
	}
	const step = 400 // 50 ms
	seq, compared := 0, 0
	for _, digit := range []struct {
		code            uint8
		start, duration uint32
	}{{9, 0, 1600}, {1, 7040, 2000}, {1, 11200, 1760}} {
		var e EventSender
		e.Start(digit.code, digit.start, digit.duration, 10)
		for at := digit.start/8 + 50; e.Active(); at += 50 {
			var h Header
			p, ok := e.Next(step, &h)
			if !ok {
				t.Fatal("active without a report")
			}
			seq++
			want, ok := table[strconv.Itoa(seq)]
			if !ok {
				continue // "..." in the table
			}
			marker, end := "0", "0"
			if h.Marker {
				marker = "1"
			}
			if p.End {
				end = "1"
			}
			got := strings.Join([]string{strconv.Itoa(int(at)), marker, strconv.Itoa(int(h.Timestamp)), strconv.Itoa(seq),
				strconv.Itoa(int(p.Code)), strconv.Itoa(int(p.Duration)), end}, " ")
			if got != want {
				t.Errorf("packet %d: %s, the RFC has %s", seq, got, want)
			}
			compared++
		}
	}
	if seq != 20 || compared < 14 {
		t.Errorf("%d packets, %d compared; the RFC has 20", seq, compared)
	}
}

// TestEventSenderLong: RFC 4733 §2.5.1.3: an event longer than the duration
// field is sent in segments, each starting where the last one ended.
func TestEventSenderLong(t *testing.T) {
	var s EventSender
	var r EventReceiver
	var got []Event
	s.Start(5, 1000, 200_000, 10)
	starts := map[uint32]bool{}
	markers := 0
	for n := 0; s.Active(); n++ {
		var h Header
		p, _ := s.Next(160, &h)
		starts[h.Timestamp] = true
		if h.Marker {
			markers++
		}
		r.Receive(h, p.Append(nil), time.Duration(n)*20*time.Millisecond, func(e Event) { got = append(got, e) })
		if n > 2000 {
			t.Fatal("it does not end")
		}
	}
	if len(starts) != 4 || !starts[1000+0xFFFF] || markers != 1 {
		t.Errorf("segments at %v, %d markers", starts, markers)
	}
	if len(got) != 1 || got[0].Duration != 200_000 || got[0].Code != 5 {
		t.Errorf("received %+v", got)
	}
}

// TestEventCaptures: each SIPp capture is exactly one digit, with the duration of its last packet.
func TestEventCaptures(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testdata.Path(t, "18-vectors-dtmf", "sipp"), "*.pcap"))
	if len(files) == 0 {
		t.Fatal("no captures")
	}
	for _, file := range files {
		want := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "dtmf_2833_"), ".pcap")
		want = map[string]string{"star": "*", "pound": "#"}[want] + strings.Trim(want, "starpound")
		var r EventReceiver
		var got []Event
		var last EventPayload
		var now time.Duration
		for _, d := range readCapture(t, readFile(t, file)) {
			h, ok := Parse(d.b)
			if !ok {
				t.Fatalf("%s: a packet is no RTP", file)
			}
			now = d.at
			last, _ = ParseEvent(d.b[h.Start:h.End])
			r.Receive(h, d.b[h.Start:h.End], now, func(e Event) { got = append(got, e) })
		}
		r.Expire(now+time.Second, func(e Event) { got = append(got, e) })
		if len(got) != 1 {
			t.Errorf("%s: %d events", filepath.Base(file), len(got))
			continue
		}
		if digit, _ := EventDigit(got[0].Code); string(digit) != want || got[0].Duration != uint32(last.Duration) {
			t.Errorf("%s: %+v, want %s for %d", filepath.Base(file), got[0], want, last.Duration)
		}
	}
}

// TestEventRecording: rtpproxy's capture, digit by digit as its notifications say.
func TestEventRecording(t *testing.T) {
	dir := testdata.Path(t, "18-vectors-dtmf", "rtpproxy-catch_dtmf")
	want := map[string][]string{} // by the first word of the tag
	s := bufio.NewScanner(bytes.NewReader(readFile(t, filepath.Join(dir, "catch_dtmf.tnotify.output"))))
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) >= 5 && strings.HasPrefix(s.Text(), "Hello, ") { // … digit volume duration side
			who := f[1]
			want[who] = append(want[who], f[len(f)-4]+" "+f[len(f)-2])
		}
	}
	receivers, got := map[uint16]*EventReceiver{}, map[uint16][]string{}
	for _, d := range readCapture(t, readFile(t, filepath.Join(dir, "dtmf.pcap"))) {
		h, ok := Parse(d.b)
		if !ok || h.PT != 101 {
			continue
		}
		if receivers[d.port] == nil {
			receivers[d.port] = &EventReceiver{}
		}
		receivers[d.port].Receive(h, d.b[h.Start:h.End], d.at, func(e Event) {
			digit, _ := EventDigit(e.Code)
			got[d.port] = append(got[d.port], string(digit)+" "+strconv.Itoa(int(e.Duration)))
		})
	}
	if len(got) != 2 {
		t.Fatalf("directions: %v", got)
	}
	for _, events := range got {
		matched := false
		for _, w := range want {
			matched = matched || strings.Join(w, ",") == strings.Join(events, ",")
		}
		if !matched {
			t.Errorf("got %q, rtpproxy has %q", events, want)
		}
	}
}

// TestEventReceiverLoss: each digit once when ends are lost, repeated, late or out of order.
func TestEventReceiverLoss(t *testing.T) {
	type report struct {
		ts       uint32
		code     uint8
		duration uint16
		end      bool
		at       int // ms
	}
	for name, c := range map[string]struct {
		in   []report
		want string
	}{
		"ends repeated":        {[]report{{1, 1, 160, false, 0}, {1, 1, 320, true, 20}, {1, 1, 320, true, 40}, {1, 1, 320, true, 60}}, "1:320"},
		"ends lost, next":      {[]report{{1, 1, 160, false, 0}, {900, 2, 160, true, 120}}, "1:160 2:160"},
		"ends lost, same":      {[]report{{1, 1, 160, false, 0}, {900, 1, 160, true, 120}}, "1:160 1:160"},
		"ends lost, expired":   {[]report{{1, 1, 160, false, 0}, {0, 0, 0, false, 500}}, "1:160"},
		"only an end arrives":  {[]report{{1, 1, 800, true, 0}, {1, 1, 800, true, 20}}, "1:800"},
		"late report":          {[]report{{1, 1, 160, true, 0}, {900, 2, 160, true, 120}, {1, 1, 80, false, 130}}, "1:160 2:160"},
		"reports out of order": {[]report{{1, 1, 320, false, 0}, {1, 1, 160, false, 20}, {1, 1, 480, true, 40}}, "1:480"},
	} {
		var r EventReceiver
		var got []string
		tell := func(e Event) { got = append(got, strconv.Itoa(int(e.Code))+":"+strconv.Itoa(int(e.Duration))) }
		for _, in := range c.in {
			now := time.Duration(in.at) * time.Millisecond
			r.Expire(now, tell)
			if in.ts > 0 {
				r.Receive(Header{Timestamp: in.ts}, EventPayload{Code: in.code, Duration: in.duration, End: in.end}.Append(nil), now, tell)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

// TestEventPacked: RFC 4733 §2.5.1.5: events that follow one another in one packet.
func TestEventPacked(t *testing.T) {
	var r EventReceiver
	var got []Event
	b := EventPayload{Code: 1, Duration: 400, End: true}.Append(nil)
	b = EventPayload{Code: 2, Duration: 800, End: true}.Append(b)
	for range 3 {
		r.Receive(Header{Timestamp: 1000}, b, 0, func(e Event) { got = append(got, e) })
	}
	if len(got) != 2 || got[0].Code != 1 || got[1].Code != 2 || got[1].Duration != 800 {
		t.Errorf("%+v", got)
	}
}
