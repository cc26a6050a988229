package sdp

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// bodies returns every session description of the shared material by name.
func bodies(tb testing.TB) map[string]string {
	tb.Helper()
	out := map[string]string{}
	root := testdata.Path(tb, "23-sdp")
	files, _ := filepath.Glob(filepath.Join(root, "*", "*.sdp"))
	sofia, _ := filepath.Glob(filepath.Join(testdata.Path(tb, "06-messages-sofia-sip", "sdp"), "*.sdp"))
	v6, _ := filepath.Glob(filepath.Join(testdata.Path(tb, "02-torture-rfc5118"), "*sdp.dat"))
	for _, f := range append(append(files, sofia...), v6...) {
		raw, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		body := string(raw)
		if strings.HasSuffix(f, ".dat") {
			_, body, _ = strings.Cut(body, "\r\n\r\n")
		}
		out[filepath.Join(filepath.Base(filepath.Dir(f)), filepath.Base(f))] = body
	}
	if len(out) < 80 {
		tb.Fatalf("only %d descriptions found", len(out))
	}
	return out
}

// TestParseStable: parse, print, parse gives the same print, with bare LF and with CRLF.
func TestParseStable(t *testing.T) {
	for name, body := range bodies(t) {
		lf := strings.ReplaceAll(body, "\r\n", "\n")
		for _, form := range []string{lf, strings.ReplaceAll(lf, "\n", "\r\n")} {
			d, err := Parse(form)
			// v=1, and the templates of the ICE RFCs that have "$R-PUB-1.PORT" for a port
			if name == "sdp/message-1.sdp" || strings.Contains(form, "m=audio $") {
				if !errors.Is(err, ErrSyntax) {
					t.Errorf("%s must be refused, got %v", name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			again, err := Parse(d.String())
			if err != nil || again.String() != d.String() {
				t.Errorf("%s: not stable (%v)\n%s\n--\n%s", name, err, d, again)
			}
			if want := strings.Count("\n"+lf, "\nm="); d.Streams() != want {
				t.Errorf("%s: %d m-lines, want %d", name, d.Streams(), want)
			}
		}
	}
}

// TestParseIPv6 reads the bodies of RFC 5118 §4.6, §4.8 and §4.9.
func TestParseIPv6(t *testing.T) {
	all := bodies(t)
	d, err := Parse(all["02-torture-rfc5118/ipv6-in-sdp.dat"])
	if err != nil {
		t.Fatal(err)
	}
	if want := "[2001:db8::20]:6000"; d.Audio.Addr.String() != want {
		t.Errorf("§4.6: audio at %v, want %v", d.Audio.Addr, want)
	}
	d, err = Parse(all["02-torture-rfc5118/mult-ip-in-sdp.dat"])
	if err != nil {
		t.Fatal(err)
	}
	if !d.Audio.Addr.Addr().Is6() && !d.Audio.Addr.Addr().Is4() {
		t.Errorf("§4.8: audio has no address: %v", d.Audio.Addr)
	}
}

const plainOffer = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

// TestParseTolerates: each body is broken in a way that phones in the field show.
func TestParseTolerates(t *testing.T) {
	for name, body := range map[string]string{
		"no s=":                      strings.Replace(plainOffer, "s=-\r\n", "", 1),
		"empty s=":                   strings.Replace(plainOffer, "s=-", "s=", 1),
		"no t=":                      strings.Replace(plainOffer, "t=0 0\r\n", "", 1),
		"no o=":                      strings.Replace(plainOffer, "o=- 1 1 IN IP4 192.0.2.1\r\n", "", 1),
		"short o=":                   strings.Replace(plainOffer, "o=- 1 1 IN IP4 192.0.2.1", "o=- 1", 1),
		"ids are words":              strings.Replace(plainOffer, "o=- 1 1", "o=x abc def", 1),
		"ids over 64 bits":           strings.Replace(plainOffer, "o=- 1 1", "o=- 99999999999999999999999 1", 1),
		"no last line end":           strings.TrimSuffix(plainOffer, "\r\n"),
		"bare LF":                    strings.ReplaceAll(plainOffer, "\r\n", "\n"),
		"bare CR":                    strings.ReplaceAll(plainOffer, "\r\n", "\r"),
		"empty lines":                strings.ReplaceAll(plainOffer, "\r\n", "\r\n\r\n"),
		"trailing NUL":               plainOffer + "\x00",
		"trailing blanks":            strings.ReplaceAll(plainOffer, "\r\n", "  \r\n"),
		"c= after t=":                strings.Replace(plainOffer, "c=IN IP4 192.0.2.1\r\nt=0 0\r\n", "t=0 0\r\nc=IN IP4 192.0.2.1\r\n", 1),
		"unknown bandwidth":          plainOffer + "b=FOO:64\r\nb=AS:64\r\n",
		"bandwidth without number":   plainOffer + "b=AS:\r\n",
		"unknown line":               plainOffer + "f=unknown\r\n",
		"a= without value":           plainOffer + "a=\r\na=:x\r\n",
		"c= after the attributes":    strings.Replace(plainOffer, "c=IN IP4 192.0.2.1\r\n", "", 1) + "a=sendrecv\r\nc=IN IP4 192.0.2.1\r\n",
		"image stream beside":        plainOffer + "m=image 4002 udptl t38\r\n",
		"unknown profile beside":     plainOffer + "m=video 4002 FOO/BAR 99\r\n",
		"rtpmap without rate":        plainOffer + "a=rtpmap:0 PCMU\r\n",
		"rtpmap in small letters":    plainOffer + "a=rtpmap:0 pcmu/8000/1\r\n",
		"rtpmap with blanks":         plainOffer + "a=rtpmap:0  PCMU/8000 \r\n",
		"payload type twice":         strings.Replace(plainOffer, "AVP 0", "AVP 0 0", 1),
		"payload type not a number":  strings.Replace(plainOffer, "AVP 0", "AVP x 0 200", 1),
		"dynamic type without map":   strings.Replace(plainOffer, "AVP 0", "AVP 97 0", 1),
		"lower-case profile":         strings.Replace(plainOffer, "RTP/AVP", "rtp/avp", 1),
		"port with leading zeros":    strings.Replace(plainOffer, " 4000", " 04000", 1),
		"port count":                 strings.Replace(plainOffer, " 4000", " 4000/2", 1),
		"multicast TTL":              strings.Replace(plainOffer, "c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1/127", 1),
		"two c= lines":               plainOffer + "c=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.9\r\n",
		"AVPF":                       strings.Replace(plainOffer, "RTP/AVP", "RTP/AVPF", 1),
		"secure stream before":       strings.Replace(plainOffer, "m=", "m=audio 4008 RTP/SAVP 0\r\nm=", 1),
		"u= is no URI":               strings.Replace(plainOffer, "t=0 0", "u=%zz\r\nt=0 0", 1),
		"negative t=":                strings.Replace(plainOffer, "t=0 0", "t=-1 0", 1),
		"ptime of half milliseconds": plainOffer + "a=ptime:0.125\r\n",
		"IPv4 in IPv6 form":          strings.Replace(plainOffer, "c=IN IP4 192.0.2.1", "c=IN IP6 ::ffff:192.0.2.1", 1),
	} {
		d, err := Parse(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, n, err := Answer(d, local())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n.Remote != netip.MustParseAddrPort("192.0.2.1:4000") || n.Formats[0].Name != "PCMU" && n.Formats[0].Name != "pcmu" {
			t.Errorf("%s: agreed on %+v", name, n)
		}
	}
}

// TestParseRefuses: what cannot be meant as SDP is an error, never a panic or a guess.
func TestParseRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"empty":               "",
		"only line ends":      "\r\n\r\n",
		"not SDP":             "hello\r\n",
		"does not start v=":   "o=- 1 1 IN IP4 192.0.2.1\r\n",
		"version 1":           "v=1\r\n",
		"port over 65535":     strings.Replace(plainOffer, "4000", "65536", 1),
		"port negative":       strings.Replace(plainOffer, "4000", "-1", 1),
		"m-line too short":    strings.Replace(plainOffer, "audio 4000 RTP/AVP 0", "audio 4000", 1),
		"connection ATM":      strings.Replace(plainOffer, "c=IN IP4 192.0.2.1", "c=ATM NSAP 47.0091", 1),
		"too many streams":    plainOffer + strings.Repeat("m=audio 1 RTP/AVP 0\r\n", maxStreams),
		"too many lines":      plainOffer + strings.Repeat("a=x\r\n", maxLines),
		"too long":            plainOffer + "a=" + strings.Repeat("x", maxBody),
		"too many formats":    plainOffer + "m=audio 1 RTP/AVP" + strings.Repeat(" 0", maxFormats+1) + "\r\n",
		"a line without type": plainOffer + "x\r\n",
	} {
		if _, err := Parse(body); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %v, want ErrSyntax", name, err)
		}
	}
}

// TestParseAttributes reads what the audio stream says about itself.
func TestParseAttributes(t *testing.T) {
	d, err := Parse("v=0\r\no=u 77 88 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\n" +
		"m=audio 4000 RTP/AVP 111 8 0 96 101\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n" +
		"a=rtpmap:96 telephone-event/48000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n" +
		"a=rtcp:4005 IN IP4 192.0.2.9\r\na=rtcp-mux\r\na=ptime:30\r\na=maxptime:60\r\n")
	if err != nil {
		t.Fatal(err)
	}
	r := d.Audio
	if d.SessionID != "77" || d.Version != "88" || d.Username != "u" {
		t.Errorf("origin %q %q %q", d.Username, d.SessionID, d.Version)
	}
	if r.Direction != SendOnly || !r.Hold {
		t.Errorf("a session-level direction is the default of its streams: %v hold %v", r.Direction, r.Hold)
	}
	if len(r.Codecs) != 3 || r.Codecs[0] != (Codec{111, "opus", 48000, 2, "useinbandfec=1"}) || r.Codecs[1].Name != "PCMA" || r.Codecs[2].Name != "PCMU" {
		t.Errorf("codecs %+v", r.Codecs)
	}
	if len(r.DTMF) != 2 || r.DTMF[1] != (Codec{101, "telephone-event", 8000, 0, "0-15"}) {
		t.Errorf("telephone-event %+v", r.DTMF)
	}
	if r.RTCP.String() != "192.0.2.9:4005" || !r.RTCPMux || r.Ptime != 30*time.Millisecond || r.MaxPtime != 60*time.Millisecond {
		t.Errorf("rtcp %v mux %v ptime %v maxptime %v", r.RTCP, r.RTCPMux, r.Ptime, r.MaxPtime)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(plainOffer)
	if os.Getenv("HOMETONE_TESTDATA") != "" || exists(filepath.Join(testdata.Root(f), "..", "shared", "tests")) {
		for _, body := range bodies(f) {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		d, err := Parse(body)
		if err != nil {
			if !errors.Is(err, ErrSyntax) {
				t.Fatalf("error is no ErrSyntax: %v", err)
			}
			return
		}
		again, err := Parse(d.String())
		if err != nil || again.String() != d.String() {
			t.Fatalf("print is not stable: %v\n%q\n%q", err, d, again)
		}
		text, n, err := Answer(d, local())
		if err != nil {
			return
		}
		mirror, err := Parse(text)
		if err != nil || mirror.Streams() != d.Streams() {
			t.Fatalf("answer %q: %v", text, err)
		}
		if len(n.Formats) == 0 || n.Ptime < 10*time.Millisecond || n.Ptime > 60*time.Millisecond {
			t.Fatalf("agreed on %+v", n)
		}
		if _, err := Relocate(nil, body, []netip.AddrPort{netip.MustParseAddrPort("192.0.2.77:5000")}); err != nil {
			t.Fatalf("relocate: %v", err)
		}
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
