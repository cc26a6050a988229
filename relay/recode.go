package relay

import (
	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
)

// recoding is the state of a leg that sends another codec than it is given:
// samples are only seen here, and only when the codecs differ by more than the law.
type recoding struct {
	coder *media.Transcoder
	from  origin // whose packets it turns
	clock ticker
}

// recode makes a packet in another codec. G.711 is turned into the other law
// in place; else the packet is made anew in spare, without CSRC list and extension, and h
// follows it. nil if it does not fit. Needs mu.
func (l *Leg) recode(spare []byte, r *received, to *Format, h *rtp.Header) []byte {
	payload := r.packet[h.Start:h.End]
	if law, ok := media.LawOf(r.format.Encoding); ok {
		if _, ok := media.LawOf(to.Encoding); ok {
			law.Transcode(payload)
			return r.packet
		}
	}
	if rtp.HeaderSize+len(payload)/r.format.codec.Size(1)*to.codec.Size(1) > len(spare) {
		return nil
	}
	c := l.coding
	if c == nil || c.from != r.from || !c.coder.Is(r.format.codec, to.codec) {
		if c != nil && c.from == r.from {
			l.out.interrupt() // the clock may have changed
		}
		c = &recoding{coder: media.NewTranscoder(r.format.codec, to.codec), from: r.from}
		l.coding = c
	}
	h.Timestamp = c.clock.convert(h.Timestamp, r.format.ClockRate, to.ClockRate)
	packet := c.coder.Transcode(rtp.AppendHeader(spare[:0], *h), payload)
	h.Start, h.End = rtp.HeaderSize, len(packet)
	return packet
}

// ticker converts the timestamps of a stream from one clock to another, across
// their wrapping.
type ticker struct {
	started bool
	last    uint32
	at      int64 // last, unwrapped
}

func (t *ticker) convert(ts uint32, from, to int) uint32 {
	if from == to {
		return ts
	}
	if !t.started {
		t.started, t.last, t.at = true, ts, int64(ts)
	}
	t.at += int64(int32(ts - t.last))
	t.last = ts
	return uint32(t.at * int64(to) / int64(from))
}
