package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/emiago/sipgo/sip"

	ours "github.com/hometone/hometone/sip"
)

// invite is about one kilobyte, as a softphone behind a proxy sends it.
const invite = "INVITE sip:8006@pbx.example.org SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK776asdhds.1;rport=5060;received=192.0.2.4\r\n" +
	"Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKnashds8;rport\r\n" +
	"Record-Route: <sip:192.0.2.4;lr;ftag=1928301774>\r\n" +
	"Max-Forwards: 69\r\n" +
	"From: \"Alice at the desk\" <sip:8005@pbx.example.org>;tag=1928301774\r\n" +
	"To: <sip:8006@pbx.example.org>\r\n" +
	"Call-ID: a84b4c76e66710b9a84b4c76e66710@198.51.100.7\r\n" +
	"CSeq: 314159 INVITE\r\n" +
	"Contact: <sip:8005@198.51.100.7:5060;ob>\r\n" +
	"Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\n" +
	"Supported: replaces, 100rel, timer, norefersub\r\n" +
	"Session-Expires: 1800\r\nMin-SE: 90\r\nUser-Agent: Softphone 1.2 (Linux)\r\n" +
	"Content-Type: application/sdp\r\nContent-Length: 225\r\n\r\n" +
	"v=0\r\no=- 3904712341 3904712341 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n" +
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"

// parse compares the parsers on one message; its unit is wall time of one
// thread, because nothing else runs.
func parse(_ context.Context, s settings) error {
	us := row{work: fmt.Sprintf("parse an INVITE of %d bytes", len(invite)), server: "hometone/sip"}
	them := row{work: us.work, server: "sipgo 1.7.2"}
	raw := []byte(invite)
	for range s.rounds {
		parser := sip.NewParser()
		if err := addParse(&them, func() error { _, err := parser.ParseSIP(raw); return err }); err != nil {
			return fmt.Errorf("sipgo: %w", err)
		}
		req := new(ours.Request)
		if err := addParse(&us, func() error { return req.Parse(invite) }); err != nil {
			return fmt.Errorf("hometone: %w", err)
		}
	}
	report(s.out, "Parser", []string{"µs", "allocations"}, []row{them, us})
	s.ratio(us.work, us.values["µs"], series{0.6}, 1)
	return nil
}

// addParse measures once, which must succeed every time.
func addParse(r *row, once func() error) error {
	var failure error
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := once(); err != nil {
				failure = err
				return
			}
		}
	})
	if failure != nil {
		return failure
	}
	r.add("µs", float64(result.NsPerOp())/1e3)
	r.add("allocations", float64(result.AllocsPerOp()))
	return nil
}
