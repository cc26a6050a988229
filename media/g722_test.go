package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// TestG722Vectors: the speech of the ITU-T software tool library is coded and
// decoded to the bit.
func TestG722Vectors(t *testing.T) {
	files := testdata.ArchiveByBase(t, "17-vectors-codecs", "itu-g722-encoder+mode1.tar.gz")
	var enc, dec g722
	got := enc.encode(nil, words(files["inpsp.bin"]))
	want := files["codsp.cod"] // two octets to a word, the later one first
	for i := 0; i+1 < len(want); i += 2 {
		want[i], want[i+1] = want[i+1], want[i]
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("octet %d of %d: %#x, the ITU has %#x", i, len(want), got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d octets, the ITU has %d", len(got), len(want))
	}
	pcm, wantPCM := dec.decode(nil, want), words(files["outsp1.bin"])
	if len(pcm) != len(wantPCM) {
		t.Errorf("%d samples, the ITU has %d", len(pcm), len(wantPCM))
	}
	for i := range min(len(pcm), len(wantPCM)) {
		if pcm[i] != wantPCM[i] {
			t.Fatalf("sample %d: %d, the ITU has %d", i, pcm[i], wantPCM[i])
		}
	}
}

// TestG722Library: another implementation decodes the same, also at full scale.
func TestG722Library(t *testing.T) {
	sums := map[string]string{}
	text, err := os.ReadFile(testdata.Path(t, "17-vectors-codecs", "libg722", "test.checksum"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 {
			sums[strings.TrimPrefix(f[1], "*")] = f[0]
		}
	}
	for file, out := range map[string]string{"test.g722": "test.raw.16k.out", "fullscale.g722": "fullscale.raw.out"} {
		codes, err := os.ReadFile(testdata.Path(t, "17-vectors-codecs", "libg722", file))
		if err != nil {
			t.Fatal(err)
		}
		var dec g722
		pcm := dec.decode(nil, codes)
		var big, little bytes.Buffer
		_ = binary.Write(&big, binary.BigEndian, pcm)
		_ = binary.Write(&little, binary.LittleEndian, pcm)
		b, l := sha256.Sum256(big.Bytes()), sha256.Sum256(little.Bytes())
		if s := sums[out]; s != hex.EncodeToString(b[:]) && s != hex.EncodeToString(l[:]) {
			t.Errorf("%s: decoded otherwise than %s", file, out)
		}
	}
}

// TestG722Tone: a tone of either band comes through in its level.
func TestG722Tone(t *testing.T) {
	for _, hz := range []float64{300, 1000, 3000, 5000, 6500} {
		in := make([]int16, g722Rate)
		for i := range in {
			in[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/g722Rate))
		}
		var enc, dec g722
		var out []int16
		for i := 0; i < len(in); i += 320 {
			out = dec.decode(out, enc.encode(nil, in[i:i+320]))
		}
		change := 10 * math.Log10(Power(out[2000:])/Power(in[2000:]))
		if math.Abs(change) > 1 {
			t.Errorf("%v Hz changes by %.2f dB", hz, change)
		}
	}
}

func FuzzG722(f *testing.F) {
	f.Add([]byte{0, 0x3F, 0xFF, 0x80, 4, 0xC0})
	f.Fuzz(func(t *testing.T, codes []byte) {
		var dec, enc g722
		if pcm := dec.decode(nil, codes); len(pcm) != 2*len(codes) || len(enc.encode(nil, pcm)) != len(codes) {
			t.Fatal("two samples an octet")
		}
	})
}

func BenchmarkG722(b *testing.B) {
	var enc, dec g722
	pcm, codes := make([]int16, 320), make([]byte, 0, 160)
	for i := range pcm {
		pcm[i] = int16(i * 100)
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			codes = enc.encode(codes[:0], pcm)
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			pcm = dec.decode(pcm[:0], codes)
		}
	})
}
