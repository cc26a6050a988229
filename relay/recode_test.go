package relay

import (
	"fmt"
	"testing"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
)

var (
	g722 = Format{Encoding: "G722", ClockRate: 8000, SendPT: 9, RecvPT: 9}
	l16  = Format{Encoding: "L16", ClockRate: 8000, SendPT: 118, RecvPT: 119}
	wide = Format{Encoding: "L16", ClockRate: 16000, SendPT: 120, RecvPT: 121}
)

// codecOf is the codec of a test's format.
func codecOf(f Format) media.Codec { return media.CodecOf(f.Encoding, f.ClockRate) }

// TestTranscoding: legs with no codec in common hear each other's tone, in
// packets of the same time, with numbers and timestamps without a break.
func TestTranscoding(t *testing.T) {
	formats := []Format{pcmu, pcma, g722, l16, wide}
	r := running(t, Config{})
	for _, from := range formats {
		for _, to := range formats {
			t.Run(fmt.Sprint(codecOf(from), " to ", codecOf(to)), func(t *testing.T) {
				a, b := joined(t, r, []Format{from}, []Format{to})
				a.h.PT, b.h.PT = from.RecvPT, to.RecvPT
				src, dec := media.Sine(440, -10), media.NewDecoder(codecOf(to), media.Rate)
				b.send(make([]byte, codecOf(to).Size(160))) // shows where it is
				a.must("the first packet")
				var pcm []int16
				var last rtp.Header
				for n := range 30 {
					payload, _ := src.Next(nil, codecOf(from).String(), 160)
					p := append(rtp.AppendHeader(nil, a.h), payload...)
					a.h.Sequence++
					a.h.Timestamp += uint32(160 * codecOf(from).Clock() / 8000)
					if _, err := a.conn.WriteToUDPAddrPort(p, a.leg.Addr()); err != nil {
						t.Fatal(err)
					}
					h, got := b.must("a transcoded packet")
					if len(got) != codecOf(to).Size(160) || h.PT != to.SendPT {
						t.Fatalf("%d octets in type %d, want %d in %d", len(got), h.PT, codecOf(to).Size(160), to.SendPT)
					}
					step := uint32(160 * codecOf(to).Clock() / 8000)
					if n > 0 && (h.Sequence != last.Sequence+1 || h.Timestamp != last.Timestamp+step || h.SSRC != last.SSRC) {
						t.Fatalf("packet %d: %+v follows %+v", n, h, last)
					}
					last = h
					pcm = dec.Decode(pcm, got)
				}
				if p := media.Find(pcm[320:], 440); p.Share < 0.99 || p.Longest() > 0 {
					t.Errorf("the tone is in %.2f, gaps %v", p.Share, p.Gaps)
				}
				a.leg.Close()
				b.leg.Close()
			})
		}
	}
}

// TestTranscodingLoss: a lost packet stays visible as a gap in the numbers, and
// what follows is heard.
func TestTranscodingLoss(t *testing.T) {
	r := running(t, Config{})
	a, b := joined(t, r, []Format{g722}, []Format{pcmu})
	a.h.PT = g722.RecvPT
	b.send(frameOf(0xFF))
	a.must("the first packet")
	enc := media.Sine(440, -10)
	var pcm []int16
	var numbers []uint16
	for n := range 40 {
		payload, _ := enc.Next(nil, "G722", 160)
		if n == 20 { // lost on its way
			a.h.Sequence++
			a.h.Timestamp += 160
			continue
		}
		a.send(payload)
		h, got := b.must("a transcoded packet")
		pcm = media.ULaw.Decode(pcm, got)
		numbers = append(numbers, h.Sequence)
	}
	for i := 1; i < len(numbers); i++ {
		want := uint16(1)
		if i == 20 {
			want = 2
		}
		if numbers[i]-numbers[i-1] != want {
			t.Errorf("number %d follows %d at packet %d", numbers[i], numbers[i-1], i)
		}
	}
	if p := media.Find(pcm[22*160:], 440); p.Share < 0.99 {
		t.Errorf("after the loss the tone is in %.2f", p.Share)
	}
}

// TestPlayInCodec: sources are played in the leg's first codec.
func TestPlayInCodec(t *testing.T) {
	r := running(t, Config{})
	for _, f := range []Format{g722, l16, wide} {
		leg := open(t, r, nil)
		p := newPeer(t, leg, 9, f.RecvPT)
		leg.Set(both(p.addr(), f, pcmu))
		leg.Play(media.Sine(600, -10))
		dec := media.NewDecoder(codecOf(f), media.Rate)
		var pcm []int16
		var last rtp.Header
		for n := range 15 {
			h, got := p.must("a played packet")
			if n > 0 && h.Timestamp-last.Timestamp != uint32(f.ClockRate/50) {
				t.Errorf("%v: timestamps step by %d", codecOf(f), h.Timestamp-last.Timestamp)
			}
			last = h
			pcm = dec.Decode(pcm, got)
		}
		if q := media.Find(pcm[320:], 600); q.Share < 0.99 {
			t.Errorf("%v: the tone is in %.2f", codecOf(f), q.Share)
		}
		leg.Close()
	}
}

// TestTicker: timestamps are converted across their wrapping, also backwards.
func TestTicker(t *testing.T) {
	for _, c := range []struct{ from, to int }{{8000, 16000}, {16000, 8000}} {
		var k ticker
		ts := uint32(0xFFFFF000)
		last := k.convert(ts, c.from, c.to)
		for n := range 100 {
			ts += 320
			now := k.convert(ts, c.from, c.to)
			if now-last != uint32(320*c.to/c.from) {
				t.Fatalf("%d to %d: step %d of %d after %d", c.from, c.to, now-last, 320, n)
			}
			last = now
		}
		if back := k.convert(ts-640, c.from, c.to); last-back != uint32(640*c.to/c.from) {
			t.Errorf("a late packet is %d before", last-back)
		}
	}
}

// BenchmarkTranscodedPacket is what a packet costs that is transcoded in a loop,
// without the system's part.
func BenchmarkTranscodedPacket(b *testing.B) {
	for _, pair := range [][2]Format{{pcmu, pcma}, {pcmu, g722}, {g722, pcmu}, {g722, wide}} {
		from, to := pair[0], pair[1]
		b.Run(fmt.Sprint(codecOf(from), "-", codecOf(to)), func(b *testing.B) {
			d := both(loopbackPort, from, to).normal()
			l := &Leg{desc: both(loopbackPort, to).normal()}
			payload, _ := media.Sine(440, -10).Next(nil, codecOf(from).String(), 160)
			h := rtp.Header{Start: rtp.HeaderSize, End: rtp.HeaderSize + len(payload)}
			packet := append(rtp.AppendHeader(nil, h), payload...)
			spare := make([]byte, packetSize)
			in := received{packet: packet, header: h, format: &d.Formats[0], from: origin{id: 1}}
			b.ReportAllocs()
			for b.Loop() {
				hh := h
				out, _ := l.desc.route(in.format)
				l.recode(spare, &in, out, &hh)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Microsecond), "µs/packet")
		})
	}
}
