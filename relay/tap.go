package relay

import (
	"slices"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/rtp"
)

// tap is somebody who sees a leg's packets.
type tap struct{ see func(Packet) }

// maxTaps is how many taps a leg has at most.
const maxTaps = 16

// Tap shows every packet of the leg to f, both what came from the peer and
// what was sent to it (Packet.Sent), until stop is called; f may be called once more
// after that. f is called on a loop and must not block. More than 16 taps are refused with ErrBusy.
func (l *Leg) Tap(f func(Packet)) (stop func(), err error) {
	t := &tap{f}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case len(l.taps) >= maxTaps:
		return nil, ErrBusy
	}
	l.taps = append(slices.Clone(l.taps), t) // a loop may be showing the old list
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.taps = slices.DeleteFunc(slices.Clone(l.taps), func(o *tap) bool { return o == t })
	}, nil
}

// Record writes what the peer says (media.Near) and what is sent to it
// (media.Far) with rec, until stop is called. The owner of rec runs it.
func (l *Leg) Record(rec *media.Recorder) (stop func(), err error) {
	return l.Tap(func(p Packet) {
		side := media.Near
		if p.Sent {
			side = media.Far
		}
		if c := media.CodecOf(p.Encoding, p.ClockRate); c != media.NoCodec {
			rec.Put(side, media.Piece{Codec: c, SSRC: p.SSRC, Timestamp: p.Timestamp, Payload: p.Payload})
		}
	})
}

// DetectDTMF listens for digits that the peer sends as tones in its audio, until
// stop is called. tell is called on a loop when a digit has ended, with its length; it must not block.
func (l *Leg) DetectDTMF(tell func(digit byte, length time.Duration)) (stop func(), err error) {
	var detector media.DTMFDetector // owned by the leg's loop
	var decoder *media.Decoder
	var codec media.Codec
	var pcm []int16
	return l.Tap(func(p Packet) {
		c := media.CodecOf(p.Encoding, p.ClockRate)
		if p.Sent || c == media.NoCodec {
			return
		}
		if c != codec {
			codec, decoder = c, media.NewDecoder(c, media.Rate)
		}
		pcm = decoder.Decode(pcm[:0], p.Payload)
		detector.Write(pcm, tell)
	})
}

// shown is a sent packet as taps see it; the zero value if there are none. Needs mu.
func (l *Leg) shown(packet []byte, h rtp.Header, f *Format) Packet { return seen(l.taps, packet, h, f) }

// seen is a packet as those who see it, if any, do.
func seen(by []*tap, packet []byte, h rtp.Header, f *Format) Packet {
	if len(by) == 0 {
		return Packet{}
	}
	return Packet{
		Payload: packet[h.Start:h.End], Encoding: f.Encoding, ClockRate: f.ClockRate,
		Timestamp: h.Timestamp, Sequence: h.Sequence, SSRC: h.SSRC, Marker: h.Marker, Sent: true,
	}
}

// show gives a packet to taps, with no lock held.
func show(taps []*tap, p Packet) {
	if p.Encoding == "" {
		return
	}
	for _, t := range taps {
		t.see(p)
	}
}
