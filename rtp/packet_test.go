package rtp

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/pion/rtp"

	"github.com/hometone/hometone/internal/testdata"
)

// TestParseAgainstPion reads headers with CSRCs, extension and padding and agrees with another reader.
func TestParseAgainstPion(t *testing.T) {
	for name, p := range map[string]rtp.Packet{
		"plain":     {Header: rtp.Header{Version: 2, PayloadType: 8, SequenceNumber: 7, Timestamp: 9, SSRC: 11}, Payload: []byte("abc")},
		"marker":    {Header: rtp.Header{Version: 2, Marker: true, PayloadType: 101, SequenceNumber: 65535, Timestamp: 1 << 31, SSRC: 1 << 31}, Payload: []byte("abcd")},
		"csrc":      {Header: rtp.Header{Version: 2, CSRC: []uint32{1, 2, 3}}, Payload: []byte("abc")},
		"extension": {Header: rtp.Header{Version: 2, Extension: true, ExtensionProfile: 0x1234, CSRC: []uint32{4}}, Payload: []byte("xyz")},
		"padding":   {Header: rtp.Header{Version: 2, Padding: true, PaddingSize: 7}, Payload: []byte("p")},
		"empty":     {Header: rtp.Header{Version: 2}},
	} {
		if p.Extension {
			if err := p.SetExtension(0, []byte{1, 2, 3, 4}); err != nil {
				t.Fatal(err)
			}
		}
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		h, ok := Parse(b)
		if !ok || h.Sequence != p.SequenceNumber || h.Timestamp != p.Timestamp || h.SSRC != p.SSRC || h.PT != p.PayloadType ||
			h.Marker != p.Marker || !bytes.Equal(b[h.Start:h.End], p.Payload) {
			t.Errorf("%s: %v %+v, payload %q", name, ok, h, b[h.Start:h.End])
		}
	}
}

// TestRewrite changes the header's own fields and nothing else.
func TestRewrite(t *testing.T) {
	b := []byte{0xB1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 9, 1}
	want := append([]byte(nil), b...)
	copy(want[1:], []byte{101, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	Rewrite(b, Header{PT: 101, Sequence: 0x0102, Timestamp: 0x03040506, SSRC: 0x0708090A})
	if !bytes.Equal(b, want) {
		t.Errorf("% x, want % x", b, want)
	}
	h, _ := Parse(AppendHeader(nil, Header{PT: 5, Marker: true, Sequence: 6, Timestamp: 7, SSRC: 8}))
	if h != (Header{PT: 5, Marker: true, Sequence: 6, Timestamp: 7, SSRC: 8, Start: 12, End: 12}) {
		t.Errorf("%+v", h)
	}
}

// TestKinds tells RTP, RTCP and STUN apart (RFC 5761 §4, RFC 7983).
func TestKinds(t *testing.T) {
	for _, pt := range []byte{200, 201, 202, 203, 204, 205, 206, 207} {
		if !IsRTCP([]byte{0x80, pt, 0, 1, 0, 0, 0, 0}) {
			t.Errorf("packet type %d is RTCP", pt)
		}
	}
	for _, pt := range []byte{0, 8, 13, 101, 0x80, 0x80 | 8, 0x80 | 101, 0x80 | 127} {
		if IsRTCP([]byte{0x80, pt, 0, 1, 0, 0, 0, 0}) {
			t.Errorf("payload type %d is RTP", pt&0x7F)
		}
	}
	files, _ := filepath.Glob(filepath.Join(testdata.Path(t, "18-vectors-dtmf", "sipp"), "*.pcap"))
	for _, f := range files {
		for _, d := range readCapture(t, readFile(t, f)) {
			if IsRTCP(d.b) || IsSTUN(d.b) {
				t.Errorf("%s holds only RTP", f)
			}
		}
	}
}

// FuzzParse: no packet makes a panic, and a view lies inside its packet.
func FuzzParse(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{0xBF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := Parse(b)
		if !ok {
			return
		}
		if h.Start < HeaderSize || h.Start > h.End || h.End > len(b) {
			t.Fatalf("%+v of %d", h, len(b))
		}
		Rewrite(b, h)
		if again, ok := Parse(b); !ok || again != h {
			t.Fatalf("%+v became %+v", h, again)
		}
		var r EventReceiver
		r.Receive(h, b[h.Start:h.End], 0, func(Event) {})
		var c Control
		c.Receive(b, ntpZero, 0, 1)
	})
}
