package sip

import (
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
)

// benchInvite is an INVITE of about 1 kB, as a desk phone sends it.
var benchInvite = strings.ReplaceAll(`INVITE sip:8006@pbx.example.com:5060;transport=udp SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKPj9c3d5e0f7a614b2c;rport
Max-Forwards: 70
From: "Alice Example" <sip:8005@pbx.example.com>;tag=3f1c2b7a9d5e4c60
To: <sip:8006@pbx.example.com>
Contact: "Alice Example" <sip:8005@192.0.2.10:5060;ob>
Call-ID: 5b0e2d1c9f8a47c6b3d2e1f0a9b8c7d6@192.0.2.10
CSeq: 20817 INVITE
Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS
Supported: replaces, 100rel, timer, norefersub
Session-Expires: 1800
Min-SE: 90
User-Agent: Example Desk Phone 4.2.1
Content-Type: application/sdp
Content-Length: 369

v=0
o=- 3930123456 3930123456 IN IP4 192.0.2.10
s=call
b=AS:84
t=0 0
a=X-nat:0
m=audio 4000 RTP/AVP 0 8 96
c=IN IP4 192.0.2.10
b=TIAS:64000
a=rtcp:4001 IN IP4 192.0.2.10
a=sendrecv
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:96 telephone-event/8000
a=fmtp:96 0-16
a=ssrc:1443261213 cname:49d3c5b84f3f9a21
a=ssrc:1443261213 label:audio1234567890
`, "\n", "\r\n")

func TestBenchInvite(t *testing.T) {
	req := parseRequest(t, benchInvite)
	if err := req.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(benchInvite) < 1000 || len(req.Body()) < 300 {
		t.Errorf("%d bytes, body %d", len(benchInvite), len(req.Body()))
	}
}

// BenchmarkParse: the promise is at most 0.6 µs and no allocation.
func BenchmarkParse(b *testing.B) {
	var req Request
	b.ReportAllocs()
	for b.Loop() {
		if err := req.Parse(benchInvite); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseValidate(b *testing.B) {
	var req Request
	b.ReportAllocs()
	for b.Loop() {
		_ = req.Parse(benchInvite)
		if err := req.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseSipgo is the peer: emiago/sipgo v1.7.2.
func BenchmarkParseSipgo(b *testing.B) {
	parser, data := sipgo.NewParser(), []byte(benchInvite)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parser.ParseSIP(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	req := parseRequest(b, benchInvite)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = req.Append(buf[:0])
	}
}

// BenchmarkProxy parses, edits as a proxy does and writes.
func BenchmarkProxy(b *testing.B) {
	var req Request
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		_ = req.Parse(benchInvite)
		req.Prepend(HeaderVia, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1234567890abcdef")
		req.Prepend(HeaderRecordRoute, "<sip:192.0.2.1;lr>")
		req.Set(HeaderMaxForwards, "69")
		req.SetURI("sip:8006@192.0.2.99:5060")
		buf = req.Append(buf[:0])
	}
}

func BenchmarkIDs(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = NewBranch()
	}
}

// The promise that steady parsing and proxying cost no allocation is a test,
// not only a benchmark.
func TestNoAllocations(t *testing.T) {
	var req Request
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { _ = req.Parse(benchInvite) }); n != 0 {
		t.Errorf("parsing costs %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _ = req.Validate() }); n != 0 {
		t.Errorf("validating costs %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		_ = req.Parse(benchInvite)
		via, _ := req.TopVia()
		_, _, _ = req.FromTag(), req.ToTag(), via.Branch()
		req.Prepend(HeaderVia, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1234567890abcdef")
		req.Set(HeaderMaxForwards, "69")
		req.SetURI("sip:8006@192.0.2.99:5060")
		buf = req.Append(buf[:0])
	}); n != 0 {
		t.Errorf("proxying costs %v allocations", n)
	}
}

func BenchmarkValidate(b *testing.B) {
	req := parseRequest(b, benchInvite)
	b.ReportAllocs()
	for b.Loop() {
		if err := req.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
