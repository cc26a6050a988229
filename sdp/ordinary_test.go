package sdp

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// phoneOffer is what an ordinary telephone sends.
const phoneOffer = "v=0\r\no=8005 3927 3928 IN IP4 192.0.2.1\r\ns=Talk\r\nc=IN IP4 192.0.2.1\r\nb=AS:84\r\nt=0 0\r\na=sendrecv\r\n" +
	"m=audio 4000 RTP/AVP 8 0 101 18\r\nc=IN IP4 192.0.2.9\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n" +
	"a=fmtp:101 0-16\r\na=ptime:30\r\na=rtcp:4009 IN IP4 192.0.2.10\r\na=recvonly\r\n" +
	"m=video 0 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"

// FuzzOrdinary: what is read in place is what the tolerant way and pion find
// in the same body, and what the one refuses the other refuses for the same reason.
func FuzzOrdinary(f *testing.F) {
	f.Add(phoneOffer)
	f.Add(strings.ReplaceAll(phoneOffer, "\r\n", "\n"))
	f.Add(plainOffer)
	f.Add(twoCodecs)
	f.Add(manyStreams)
	for _, body := range bodies(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if !ordinary(body) {
			return
		}
		inPlace, refused := Parse(body)
		tolerant, err := parseStrict(body)
		if fmt.Sprint(refused) != fmt.Sprint(err) {
			t.Fatalf("%q:\nin place: %v\ntolerant: %v", body, refused, err)
		}
		if err != nil {
			return // both found a stream that nobody can read
		}
		for i := range inPlace.streams {
			if inPlace.streams[i].String() != tolerant.streams[i].String() {
				t.Fatalf("m-line %q, the tolerant way %q", &inPlace.streams[i], &tolerant.streams[i])
			}
		}
		if !reflect.DeepEqual(inPlace, tolerant) {
			t.Fatalf("%q:\nin place %+v\ntolerant %+v", body, inPlace, tolerant)
		}
	})
}

// TestOrdinary: most descriptions of the shared material are read in place, and
// none of those that are broken in a way that TestParseTolerates knows.
func TestOrdinary(t *testing.T) {
	n := 0
	all := bodies(t)
	for _, body := range all {
		if ordinary(body) {
			n++
		}
	}
	if n < len(all)/2 {
		t.Errorf("%d of %d bodies are ordinary", n, len(all))
	}
	for name, body := range map[string]string{
		"offer of a telephone": phoneOffer,
		"with LF":              strings.ReplaceAll(phoneOffer, "\r\n", "\n"),
		"no s=":                strings.Replace(plainOffer, "s=-\r\n", "", 1),
		"empty s=":             strings.Replace(plainOffer, "s=-", "s=", 1),
	} {
		if !ordinary(body) {
			t.Errorf("%s is not read in place", name)
		}
	}
	for name, body := range map[string]string{
		"no t=":             strings.Replace(plainOffer, "t=0 0\r\n", "", 1),
		"two o=":            strings.Replace(plainOffer, "s=-", "o=- 1 1 IN IP4 192.0.2.1\r\ns=-", 1),
		"t= in a stream":    plainOffer + "t=0 0\r\n",
		"ids are words":     strings.Replace(plainOffer, "o=- 1 1", "o=- a b", 1),
		"blank after =":     strings.Replace(plainOffer, "c=IN", "c= IN", 1),
		"two blanks in m=":  strings.Replace(plainOffer, "audio 4000", "audio  4000", 1),
		"port over 65535":   strings.Replace(plainOffer, "4000", "65536", 1),
		"a multicast TTL":   strings.Replace(plainOffer, "c=IN IP4 192.0.2.1", "c=IN IP4 224.0.2.1/127", 1),
		"a bare CR":         strings.Replace(plainOffer, "s=-", "s=a\rb", 1),
		"UTF-8":             strings.Replace(plainOffer, "s=-", "s=é", 1),
		"another line type": strings.Replace(plainOffer, "t=0 0", "i=x\r\nt=0 0", 1),
		"no stream":         strings.Split(plainOffer, "m=")[0],
	} {
		if ordinary(body) {
			t.Errorf("%s: must go the tolerant way", name)
		}
	}
}
