package sdp

import (
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func local() Local {
	return Local{
		Addr:      netip.MustParseAddrPort("198.51.100.7:12000"),
		Codecs:    []Codec{{PT: 8, Name: "PCMA", ClockRate: 8000}, {PT: 0, Name: "PCMU", ClockRate: 8000}},
		DTMF:      true,
		SessionID: 5, Version: 5,
	}
}

func mustParse(t *testing.T, body string) *Description {
	t.Helper()
	d, err := Parse(body)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return d
}

func lines(body string) []string { return strings.Split(strings.TrimSuffix(body, "\r\n"), "\r\n") }

// TestAnswerRFC4317 feeds each offer of RFC 4317 to an answerer with the codec
// that the RFC's answer chose, and compares codec, direction and, for video,
// the place of the m-line.
func TestAnswerRFC4317(t *testing.T) {
	all := bodies(t)
	for i := 1; i <= 53; i += 4 {
		offerName := filepath.Join("rfc4317", number(i))
		offer := mustParse(t, all[offerName])
		want := mustParse(t, all[filepath.Join("rfc4317", number(i+1))])
		l := local()
		l.Codecs = want.Audio.Codecs
		l.Direction = want.Audio.Direction
		text, n, err := Answer(offer, l)
		if err != nil {
			t.Errorf("%s: %v", offerName, err)
			continue
		}
		got := mustParse(t, text)
		var wantPTs []uint8
		for _, c := range offer.Audio.Codecs {
			if slices.ContainsFunc(want.Audio.Codecs, c.Same) {
				wantPTs = append(wantPTs, c.PT)
			}
		}
		var gotPTs []uint8
		for _, c := range got.Audio.Codecs {
			gotPTs = append(gotPTs, c.PT)
		}
		if !slices.Equal(gotPTs, wantPTs) || n.Formats[0].PT != wantPTs[0] {
			t.Errorf("%s: answered payload types %v, the RFC %v", offerName, gotPTs, wantPTs)
		}
		// RFC 4317 §3.2 forgets the attribute in its second answer: a sendonly
		// offer MUST be answered recvonly or inactive (RFC 3264 §6.1).
		if offerName == "rfc4317/29.sdp" {
			want.Audio.Direction = RecvOnly
		}
		if got.Audio.Direction != want.Audio.Direction {
			t.Errorf("%s: direction %v, the RFC %v", offerName, got.Audio.Direction, want.Audio.Direction)
		}
		if got.Streams() != offer.Streams() {
			t.Errorf("%s: RFC 3264 §6: the answer MUST contain the same number of m-lines; %d, offer %d", offerName, got.Streams(), offer.Streams())
		}
		for k, s := range got.streams[1:] {
			if s.port != "0" || s.media != offer.streams[k+1].media {
				t.Errorf("%s: m-line %d is %q, want it rejected with port 0", offerName, k+1, s)
			}
		}
	}
}

func number(i int) string { return string([]byte{byte('0' + i/10), byte('0' + i%10)}) + ".sdp" }

// TestAnswerRFC3264 answers the two offers printed in RFC 3264 §10.1 and §10.2.
func TestAnswerRFC3264(t *testing.T) {
	all := bodies(t)
	l := local()
	text, n, err := Answer(mustParse(t, all["rfc3264/04.sdp"]), l) // §10.1: a second audio stream for events
	if err != nil || n.Remote.Port() != 0 && n.Formats[0].Name != "PCMU" {
		t.Fatalf("§10.1: %v %+v", err, n)
	}
	if n.Remote.IsValid() {
		t.Errorf("§10.1: host.example.com is a name; no address may be made up: %v", n.Remote)
	}
	var ports []string
	for _, line := range lines(text) {
		if strings.HasPrefix(line, "m=") {
			ports = append(ports, strings.Fields(line)[1])
		}
	}
	if !slices.Equal(ports, []string{"12000", "0", "0", "0"}) {
		t.Errorf("§10.1: ports %v", ports)
	}
	l.Codecs = []Codec{{PT: 4, Name: "G723", ClockRate: 8000}}
	text, n, err = Answer(mustParse(t, all["rfc3264/07.sdp"]), l) // §10.2: one of N codecs, inactive
	if err != nil || n.Direction != Inactive || !strings.Contains(text, "a=inactive") {
		t.Errorf("§10.2: %v, direction %v: an inactive stream MUST be answered inactive", err, n.Direction)
	}
	_, n, err = Answer(mustParse(t, all["rfc3264/08.sdp"]), l)
	if err != nil || n.Direction != SendRecv || n.Formats[0].SendPT != 4 {
		t.Errorf("§10.2 second offer: %v %+v", err, n)
	}
}

const twoCodecs = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=call\r\nc=IN IP4 192.0.2.1\r\nt=2873397496 2873404696\r\n" +
	"m=audio 4000 RTP/AVP 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=ptime:30\r\n"

// TestAnswerOrder: RFC 3264 §6.1 recommends the offerer's order; ours when asked.
func TestAnswerOrder(t *testing.T) {
	offer := mustParse(t, twoCodecs)
	l := local()
	for _, c := range []struct {
		prefer Preference
		single bool
		want   string
	}{
		{PreferRemote, false, "m=audio 12000 RTP/AVP 0 8 97"},
		{PreferLocal, false, "m=audio 12000 RTP/AVP 8 0 97"},
		{PreferRemote, true, "m=audio 12000 RTP/AVP 0 97"},
		{PreferLocal, true, "m=audio 12000 RTP/AVP 8 97"},
	} {
		l.Prefer, l.Single = c.prefer, c.single
		text, n, err := Answer(offer, l)
		if err != nil || !strings.Contains(text, c.want+"\r\n") {
			t.Errorf("prefer %v single %v: %v\n%s", c.prefer, c.single, err, text)
		}
		if !strings.Contains(text, "\r\nt=2873397496 2873404696\r\n") {
			t.Errorf("RFC 3264 §6: the t= line in the answer MUST equal that of the offer\n%s", text)
		}
		if n.DTMF == nil || n.DTMF.SendPT != 97 || n.DTMF.RecvPT != 97 || n.Ptime != 30*time.Millisecond {
			t.Errorf("telephone-event %+v, ptime %v", n.DTMF, n.Ptime)
		}
	}
}

// TestAnswerExact pins the whole text of an ordinary answer.
func TestAnswerExact(t *testing.T) {
	text, _, err := Answer(mustParse(t, twoCodecs+"m=video 0 RTP/AVP 31\r\n"), local())
	want := "v=0\r\no=- 5 5 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=2873397496 2873404696\r\n" +
		"m=audio 12000 RTP/AVP 0 8 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n" +
		"a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-16\r\na=ptime:30\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\n"
	if err != nil || text != want {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestDirections: RFC 3264 §6.1: sendonly is answered recvonly or inactive, recvonly
// sendonly or inactive, inactive only inactive; sendrecv by anything.
func TestDirections(t *testing.T) {
	for _, c := range []struct{ offered, wanted, answered Direction }{
		{SendRecv, SendRecv, SendRecv}, {SendRecv, SendOnly, SendOnly}, {SendRecv, RecvOnly, RecvOnly}, {SendRecv, Inactive, Inactive},
		{SendOnly, SendRecv, RecvOnly}, {SendOnly, SendOnly, Inactive}, {SendOnly, RecvOnly, RecvOnly}, {SendOnly, Inactive, Inactive},
		{RecvOnly, SendRecv, SendOnly}, {RecvOnly, SendOnly, SendOnly}, {RecvOnly, RecvOnly, Inactive}, {RecvOnly, Inactive, Inactive},
		{Inactive, SendRecv, Inactive}, {Inactive, SendOnly, Inactive}, {Inactive, RecvOnly, Inactive}, {Inactive, Inactive, Inactive},
	} {
		l := local()
		l.Direction = c.wanted
		text, n, err := Answer(mustParse(t, twoCodecs+"a="+c.offered.String()+"\r\n"), l)
		if err != nil || n.Direction != c.answered || !strings.Contains(text, "a="+c.answered.String()) {
			t.Errorf("%v wanted %v: answered %v (%v), want %v", c.offered, c.wanted, n.Direction, err, c.answered)
		}
		if hold := c.offered == SendOnly || c.offered == Inactive; n.Held != hold {
			t.Errorf("%v: held %v", c.offered, n.Held)
		}
	}
}

// TestHoldByAddress: RFC 3264 §8.4: a connection address of 0.0.0.0 means that
// neither RTP nor RTCP should be sent to the peer.
func TestHoldByAddress(t *testing.T) {
	for _, zero := range []string{"IP4 0.0.0.0", "IP6 ::"} {
		offer := mustParse(t, strings.Replace(twoCodecs, "c=IN IP4 192.0.2.1", "c=IN "+zero, 1))
		text, n, err := Answer(offer, local())
		if err != nil || !n.Held || n.Direction.Sends() || n.Remote.IsValid() {
			t.Errorf("%s: %v %+v", zero, err, n)
		}
		if !strings.Contains(text, "a=sendrecv") {
			t.Errorf("%s: the attribute in the answer still mirrors the offer's\n%s", zero, text)
		}
	}
}

// TestAnswerErrors: each refusal has its own reason.
func TestAnswerErrors(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"no m-line":       {"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n", ErrNoAudio},
		"video only":      {strings.Replace(plainOffer, "audio", "video", 1), ErrNoAudio},
		"port 0":          {strings.Replace(plainOffer, "4000", "0", 1), ErrNoAudio},
		"unknown profile": {strings.Replace(plainOffer, "RTP/AVP", "FOO/BAR", 1), ErrNoAudio},
		"SAVP only":       {strings.Replace(plainOffer, "RTP/AVP", "RTP/SAVP", 1), ErrSecure},
		"DTLS only":       {strings.Replace(plainOffer, "RTP/AVP", "UDP/TLS/RTP/SAVPF", 1), ErrSecure},
		"no common codec": {strings.Replace(plainOffer, "AVP 0", "AVP 18", 1), ErrNoCodec},
		"events only":     {strings.Replace(plainOffer, "AVP 0", "AVP 101", 1) + "a=rtpmap:101 telephone-event/8000\r\n", ErrNoCodec},
	} {
		if _, _, err := Answer(mustParse(t, c.body), local()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestOfferAccept runs an offer to an answerer with other payload types and back.
func TestOfferAccept(t *testing.T) {
	l := local()
	l.RTCPMux = true
	l.Codecs = append(l.Codecs, Codec{PT: 107, Name: "opus", ClockRate: 48000, Channels: 2})
	offer := Offer(l)
	for _, want := range []string{"m=audio 12000 RTP/AVP 8 0 107 101 102", "a=rtpmap:107 opus/48000/2", "a=fmtp:101 0-16", "a=ptime:20", "a=rtcp-mux", "a=sendrecv"} {
		if !strings.Contains(offer, want+"\r\n") {
			t.Errorf("offer lacks %q\n%s", want, offer)
		}
	}
	answer := mustParse(t, "v=0\r\no=- 9 9 IN IP6 2001:db8::9\r\ns=-\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\n"+
		"m=audio 7000 RTP/AVP 0 120\r\na=rtpmap:120 telephone-event/8000\r\na=ptime:20\r\na=maxptime:10\r\na=sendonly\r\n")
	n, err := Accept(l, answer)
	if err != nil {
		t.Fatal(err)
	}
	if n.Formats[0].SendPT != 0 || n.DTMF.SendPT != 120 || n.DTMF.RecvPT != 101 {
		t.Errorf("each side receives the payload types of its own description: %+v %+v", n.Formats, n.DTMF)
	}
	if n.Remote.String() != "[2001:db8::9]:7000" || n.RTCP.Port() != 7001 || n.RTCPMux || n.Direction != RecvOnly || !n.Held || n.Ptime != 10*time.Millisecond {
		t.Errorf("%+v", n)
	}
}

// TestAcceptErrors: an answer can refuse, or be none.
func TestAcceptErrors(t *testing.T) {
	for body, want := range map[string]error{
		strings.Replace(plainOffer, "4000", "0", 1):              ErrRejected,
		strings.Replace(plainOffer, "AVP 0", "AVP 18", 1):        ErrNoCodec,
		strings.Replace(plainOffer, "RTP/AVP", "RTP/SAVP", 1):    ErrSecure,
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n":    ErrNoAudio,
		strings.Replace(plainOffer, "m=audio", "m=video", 1):     ErrNoAudio,
		strings.Replace(plainOffer, "4000 RTP/AVP", "0 FOO", 1):  ErrRejected,
		strings.Replace(plainOffer, "4000 RTP/AVP", "12 FOO", 1): ErrNoAudio,
	} {
		n, err := Accept(local(), mustParse(t, body))
		if !errors.Is(err, want) || n.Rejected != (want == ErrRejected) {
			t.Errorf("%q: %v, want %v", body, err, want)
		}
	}
}

// TestSessionVersion: RFC 3264 §8: a changed description MUST have a version
// that is one higher; one with the same version MUST be identical.
func TestSessionVersion(t *testing.T) {
	s := Session{ID: 100}
	l := local()
	first := s.Offer(l)
	if !strings.Contains(first, "o=- 100 100 IN") {
		t.Fatalf("first offer\n%s", first)
	}
	if again := s.Offer(l); again != first {
		t.Errorf("an unchanged offer keeps its version\n%s", again)
	}
	l.Direction = SendOnly
	hold := s.Offer(l)
	if !strings.Contains(hold, "o=- 100 101 IN") || !strings.Contains(hold, "a=sendonly") {
		t.Errorf("hold\n%s", hold)
	}
	if SameMedia(first, hold) || !SameMedia(hold, strings.Replace(hold, " 101 ", " 102 ", 1)) {
		t.Error("SameMedia compares all but the o= line")
	}
}

// TestSessionLayout: RFC 3264 §8: the number of m-lines never shrinks and their
// order stays; §8.3.2: a payload type keeps its codec.
func TestSessionLayout(t *testing.T) {
	s := Session{ID: 7}
	offer := mustParse(t, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 5000 RTP/AVP 31\r\n"+
		"m=audio 4000 RTP/AVP 0 97\r\na=rtpmap:97 telephone-event/8000\r\nm=image 4002 udptl t38\r\n")
	if _, _, err := s.Answer(offer, local()); err != nil {
		t.Fatal(err)
	}
	l := local()
	l.Direction = Inactive
	var got []string
	for _, line := range lines(s.Offer(l)) {
		if strings.HasPrefix(line, "m=") {
			got = append(got, line)
		}
	}
	want := []string{"m=video 0 RTP/AVP 31", "m=audio 12000 RTP/AVP 8 0 97", "m=image 0 udptl t38"}
	if !slices.Equal(got, want) {
		t.Errorf("re-offer %q, want %q", got, want)
	}
	answer := mustParse(t, "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 0 RTP/AVP 31\r\n"+
		"m=audio 4000 RTP/AVP 0 97\r\na=rtpmap:97 telephone-event/8000\r\na=inactive\r\nm=image 0 udptl t38\r\n")
	n, err := s.Accept(answer)
	if err != nil || n.Direction != Inactive || n.DTMF.RecvPT != 97 {
		t.Errorf("%v %+v", err, n)
	}
}

// TestRelocate changes addresses and ports and no other byte.
func TestRelocate(t *testing.T) {
	a, b := netip.MustParseAddrPort("198.51.100.7:12000"), netip.MustParseAddrPort("[2001:db8::7]:12002")
	for _, c := range []struct {
		in, out string
		rtp     []netip.AddrPort
	}{
		{"v=0\no=x 1 1 IN IP4 10.0.0.1\nc=IN IP4 10.0.0.1\nm=audio  4000/2 RTP/AVP 0 \na=rtcp:4001 IN IP4 10.0.0.1\na=odd  thing\n",
			"v=0\no=x 1 1 IN IP4 10.0.0.1\nc=IN IP4 198.51.100.7\nm=audio  12000/2 RTP/AVP 0 \na=rtcp:12001 IN IP4 198.51.100.7\na=odd  thing\n", []netip.AddrPort{a}},
		{"m=audio 4000 RTP/AVP 0\r\nc=IN IP4 10.0.0.1\r\nm=video 0 RTP/AVP 31\r\nc=IN IP4 10.0.0.1\r\na=rtcp:9",
			"m=audio 12000 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\nm=video 0 RTP/AVP 31\r\nc=IN IP4 10.0.0.1\r\na=rtcp:9", []netip.AddrPort{a, b}},
		{"c=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 31\r\na=x\r\n",
			"c=IN IP4 198.51.100.7\r\nm=audio 12000 RTP/AVP 0\r\nm=video 12002 RTP/AVP 31\r\nc=IN IP6 2001:db8::7\r\na=x\r\n", []netip.AddrPort{a, b}},
		{"m=audio 4000 RTP/AVP 0\r\na=rtcp:77\r\n", "m=audio 4000 RTP/AVP 0\r\na=rtcp:77\r\n", nil},
	} {
		got, err := Relocate(nil, c.in, c.rtp)
		if err != nil || string(got) != c.out {
			t.Errorf("%v\n%q, want\n%q", err, got, c.out)
		}
	}
	for name, body := range bodies(t) {
		if got, err := Relocate(nil, body, nil); err != nil || string(got) != body {
			t.Errorf("%s: with no address to change every byte stays (%v)", name, err)
		}
	}
}

func BenchmarkParseAnswer(b *testing.B) {
	l := local()
	b.ReportAllocs()
	for b.Loop() {
		d, err := Parse(twoCodecs)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := Answer(d, l); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRelocate(b *testing.B) {
	to := []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:12000")}
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Relocate(buf, twoCodecs, to); err != nil {
			b.Fatal(err)
		}
	}
}
