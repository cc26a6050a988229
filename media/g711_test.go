package media

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

func words(raw []byte) []int16 {
	out := make([]int16, len(raw)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return out
}

// TestG711Vectors: every one of the 65,536 samples of the ITU's sweep is coded,
// and every code decoded, exactly as the ITU-T software tool library does.
func TestG711Vectors(t *testing.T) {
	for law, archive := range map[Law]string{ALaw: "itu-g711-alaw.tar.gz", ULaw: "itu-g711-ulaw.tar.gz"} {
		if law == ULaw { // only some sets hold it
			if _, err := os.Stat(testdata.Path(t, "17-vectors-codecs") + "/" + archive); err != nil {
				continue
			}
		}
		suffix := map[Law]string{ALaw: "a", ULaw: "u"}[law]
		files := testdata.ArchiveByBase(t, "17-vectors-codecs", archive)
		source, coded, decoded := words(files["sweep.src"]), words(files["sweep-r."+suffix]), words(files["sweep-r."+suffix+"-"+suffix])
		if len(source) != 65536 || len(coded) != 65536 || len(decoded) != 65536 {
			t.Fatalf("%v: %d, %d, %d words in the vectors", law, len(source), len(coded), len(decoded))
		}
		got := law.Encode(nil, source)
		for i := range got {
			if got[i] != byte(coded[i]) {
				t.Fatalf("%v: encode(%d) = %#x, the ITU has %#x", law, source[i], got[i], byte(coded[i]))
			}
		}
		for i, s := range law.Decode(nil, got) {
			if s != decoded[i] {
				t.Fatalf("%v: decode(%#x) = %d, the ITU has %d", law, got[i], s, decoded[i])
			}
		}
	}
}

// TestG711Properties holds where no vector is at hand: levels grow with
// samples, a level codes to itself, and the extremes are the table's.
func TestG711Properties(t *testing.T) {
	for _, law := range []Law{ULaw, ALaw} {
		last := int16(-32768)
		for s := -32768; s <= 32767; s++ {
			level := law.Decode(nil, law.Encode(nil, []int16{int16(s)}))[0]
			if level < last {
				t.Fatalf("%v: level of %d is %d, below %d", law, s, level, last)
			}
			last = level
		}
		for c := range 256 {
			level := law.Decode(nil, []byte{byte(c)})
			again := law.Encode(nil, level)[0]
			if int(again) != c && !(law == ULaw && c == 0x7F) { // µ-law has two zeros
				t.Errorf("%v: code %#x decodes to %d, which codes to %#x", law, c, level[0], again)
			}
		}
	}
	if got := ULaw.Decode(nil, []byte{0x00, 0x80, 0xFF, 0x7F}); got[0] != -32124 || got[1] != 32124 || got[2] != 0 || got[3] != 0 {
		t.Errorf("µ-law extremes %v, G.711 table 2a has ±8031 on 14 bits", got)
	}
	if got := ALaw.Decode(nil, []byte{0x2A, 0xAA, 0xD5, 0x55}); got[0] != -32256 || got[1] != 32256 || got[2] != 8 || got[3] != -8 {
		t.Errorf("A-law extremes %v, G.711 table 1a has ±4032 on 13 bits", got)
	}
}

// TestTranscode: through the other law and back stays within one step.
func TestTranscode(t *testing.T) {
	for c := range 256 {
		b := []byte{byte(c)}
		ULaw.Transcode(b)
		direct := ALaw.Encode(nil, ULaw.Decode(nil, []byte{byte(c)}))
		if b[0] != direct[0] {
			t.Fatalf("µ %#x: table %#x, through linear %#x", c, b[0], direct[0])
		}
		b[0] = byte(c)
		ALaw.Transcode(b)
		if direct := ULaw.Encode(nil, ALaw.Decode(nil, []byte{byte(c)})); b[0] != direct[0] {
			t.Fatalf("A %#x: table %#x, through linear %#x", c, b[0], direct[0])
		}
	}
}
