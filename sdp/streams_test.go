package sdp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

const manyStreams = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
	"m=audio 4000 RTP/AVP 0 107 101 102\r\na=rtpmap:107 opus/48000/2\r\na=fmtp:107 useinbandfec=1\r\na=rtpmap:101 telephone-event/48000\r\na=rtpmap:102 telephone-event/8000\r\n" +
	"m=application 4002 UDP/BFCP 0\r\n" +
	"m=video 4004 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 packetization-mode=1\r\na=sendonly\r\n" +
	"m=video 4006 RTP/AVP 34\r\n" +
	"m=audio 4008 RTP/AVP 8\r\n"

// several is a side that takes two streams of sound and one of video.
func several(lines int) Local {
	l := local()
	l.Codecs = append(l.Codecs, Codec{PT: 107, Name: "opus", ClockRate: 48000, Channels: 2})
	l.Video = []Codec{{PT: 99, Name: "H264", ClockRate: 90000}, {PT: 34, Name: "H263", ClockRate: 90000}}
	l.MaxAudio, l.MaxVideo = 2, 1
	l.Lines = make([]Line, lines)
	for i := range l.Lines {
		l.Lines[i].Addr = netip.AddrPortFrom(l.Addr.Addr(), uint16(13000+2*i))
	}
	return l
}

// mlines are the m-lines of a body.
func mlines(body string) []string {
	return slices.DeleteFunc(lines(body), func(s string) bool { return !strings.HasPrefix(s, "m=") })
}

// TestAnswerStreams: RFC 3264 §6, "For each "m=" line in the offer, there MUST
// be a corresponding "m=" line in the answer"; streams over the limit and those
// of no use to us get port 0.
func TestAnswerStreams(t *testing.T) {
	text, n, err := Answer(mustParse(t, manyStreams), several(5))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"m=audio 12000 RTP/AVP 0 107 102 101", "m=application 0 UDP/BFCP 0", "m=video 13004 RTP/AVP 99", "m=video 0 RTP/AVP 34", "m=audio 13008 RTP/AVP 8"}
	if got := mlines(text); !slices.Equal(got, want) {
		t.Errorf("answer\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !strings.Contains(text, "a=fmtp:107 useinbandfec=1") || !strings.Contains(text, "a=fmtp:99 packetization-mode=1") {
		t.Errorf("parameters of codecs that only pass through are lost:\n%s", text)
	}
	if n.DTMF == nil || n.DTMF.ClockRate != 8000 || len(n.Events) != 2 || n.Events[1].ClockRate != 48000 {
		t.Errorf("RFC 4733 §2.1: an event for each clock, that of the first codec first: %+v", n.Events)
	}
	if len(n.Others) != 2 || n.Others[0].Line != 2 || n.Others[0].Kind != Video || n.Others[0].Direction != RecvOnly || n.Others[1].Line != 4 {
		t.Errorf("further streams %+v", n.Others)
	}
	l := several(5)
	l.Lines[2].Addr = netip.AddrPort{}
	if text, n, _ = Answer(mustParse(t, manyStreams), l); mlines(text)[2] != "m=video 0 RTP/AVP 99" || len(n.Others) != 2 || n.Others[0].Line != 3 {
		t.Errorf("a stream without an address of ours was not declined: %q %+v", mlines(text), n.Others)
	}
}

// TestVideoAlone: a peer that offers nothing but video has a main stream too.
func TestVideoAlone(t *testing.T) {
	offer := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 4006 RTP/AVP 34\r\n"
	text, n, err := Answer(mustParse(t, offer), several(1))
	if err != nil || n.Kind != Video || mlines(text)[0] != "m=video 12000 RTP/AVP 34" {
		t.Errorf("%v %+v\n%s", err, n, text)
	}
}

// TestProfile: a side that speaks one profile declines the other (RFC 4585 §4).
func TestProfile(t *testing.T) {
	for _, c := range []struct {
		feedback bool
		proto    string
		want     error
	}{{false, "RTP/AVP", nil}, {false, "RTP/AVPF", ErrNoAudio}, {true, "RTP/AVPF", nil}, {true, "RTP/AVP", ErrNoAudio}} {
		l := local()
		l.Profiles, l.Feedback = true, c.feedback
		_, _, err := Answer(mustParse(t, strings.Replace(plainOffer, "RTP/AVP", c.proto, 1)), l)
		if err != c.want {
			t.Errorf("%s, feedback %v: %v, want %v", c.proto, c.feedback, err, c.want)
		}
	}
}

// TestStreamsComeAndGo: RFC 3264 §8: m-lines keep their number and order, a
// stream is taken away with port 0 and an agreed payload type keeps its meaning.
func TestStreamsComeAndGo(t *testing.T) {
	s := Session{ID: 7}
	l := several(0)
	first := s.Offer(l)
	if got := mlines(first); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	answer := func(body string) Negotiated {
		n, err := s.Accept(mustParse(t, body))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	head := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
	answer(head)
	l.Lines = []Line{{}, {Kind: Video, Addr: netip.MustParseAddrPort("198.51.100.7:13002"), Codecs: l.Video}}
	if got := mlines(s.Offer(l)); len(got) != 2 || got[1] != "m=video 13002 RTP/AVP 99 34" {
		t.Fatalf("video is not offered: %q", got)
	}
	n := answer(head + "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n")
	if len(n.Others) != 1 || n.Others[0].Formats[0].SendPT != 96 || n.Others[0].Formats[0].RecvPT != 99 {
		t.Fatalf("%+v", n.Others)
	}
	l.Lines = nil
	if got := mlines(s.Offer(l)); len(got) != 2 || got[1] != "m=video 0 RTP/AVP 96" {
		t.Errorf("video is not taken away in its place: %q", got)
	}
	if n = answer(head + "m=video 0 RTP/AVP 96\r\n"); n.Rejected || len(n.Others) != 0 {
		t.Errorf("%+v", n)
	}
}

// TestFax: an offer of T.38 takes the place of the sound and is answered (RFC 3264
// §8.3.3, ITU-T T.38 Annex D); afterwards sound takes its place again.
func TestFax(t *testing.T) {
	offer := "v=0\r\no=- 7 8 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=image 4000 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxMaxDatagram:400\r\na=x:y\r\n"
	d, err := Parse(offer)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := d.Fax()
	if v, _ := f.Attribute("T38FaxMaxDatagram"); !ok || v != "400" || f.Addr.String() != "192.0.2.7:4000" || len(f.Attributes) != 2 {
		t.Fatalf("read %+v (%v), want the port, two attributes of T.38 and no other", f, ok)
	}
	a, b := Session{ID: 1}, Session{ID: 2}
	sound := Local{Addr: netip.MustParseAddrPort("192.0.2.1:3000"), Codecs: []Codec{{Name: "PCMU", ClockRate: 8000}}}
	exchange := func(from, to *Session) {
		t.Helper()
		d, err := Parse(from.Offer(sound))
		if err != nil {
			t.Fatal(err)
		}
		body, _, err := to.Answer(d, sound)
		if err != nil {
			t.Fatal(err)
		}
		if d, err = Parse(body); err == nil {
			_, err = from.Accept(d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	exchange(&a, &b)
	f.Addr = netip.MustParseAddrPort("192.0.2.1:3002")
	if d, err = Parse(a.OfferFax(sound, f.With("T38FaxMaxDatagram", "399").With("T38FaxVersion", ""))); err != nil {
		t.Fatal(err)
	}
	got, ok := d.Fax()
	if !ok || len(got.Attributes) != 1 || got.Attributes[0] != "T38FaxMaxDatagram:399" || d.Streams() != 1 {
		t.Fatalf("offered %+v in %d streams, want one attribute in the one stream there is", got, d.Streams())
	}
	if d, err = Parse(b.AnswerFax(d, sound, got.Line, f)); err != nil {
		t.Fatal(err)
	}
	if got, err = a.AcceptFax(d); err != nil || got.Addr != f.Addr {
		t.Errorf("accepted %+v (%v)", got, err)
	}
	exchange(&b, &a) // sound again, in the same place
	if n := len(a.Agreed.Layout.Lines); n != 1 {
		t.Errorf("%d m-lines, want the one that changed its kind", n)
	}
	if d, err = Parse(strings.Replace(offer, "image 4000", "image 0", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err = a.AcceptFax(d); err != ErrRejected {
		t.Errorf("port 0 gives %v, want ErrRejected", err)
	}
}
