package wire_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// quirks gives the permitted outcomes of the datagrams in 22-interop-quirks,
// by file, with what quirks.json expects of a good server.
var quirks = map[string][]string{
	"q03/r.sip":            {served}, // interleaved Via and Record-Route, comma inside quotes
	"q05/r.sip":            {served}, // semicolon in the user part
	"q07/r.sip":            {"200"},  // comma in User-Agent
	"q09/r.sip":            {"200"},  // no Content-Length over UDP
	"q11/r.sip":            {served}, // blanks before the value
	"q15/r.sip":            {served}, // one Contact, comma inside quotes
	"q17/lr-on.sip":        {served}, // lr=on and lr=true are loose, lrx is not
	"q17/lr-true.sip":      {served},
	"q17/lrx.sip":          {served},
	"q19/r.sip":            {silent}, // a response to nothing
	"q23/r.sip":            {"200"},  // OPTIONS without Contact
	"q25/r.sip":            {"401"},  // Path with escapes, fields behind Content-Length
	"q27/r.sip":            {served, "400"},
	"q29/r.sip":            {served, "416", "400"}, // tel: Request-URI
	"q31/r.sip":            {served},               // long-form IPv6, colons in the Call-ID
	"q49/invite.sip":       {served},               // no offer: never 400 or 415
	"q53/too-large.sip":    {"400"},                // Content-Length beyond the datagram
	"q53/too-small.sip":    {served},               // the body is cut to it
	"q55/r.sip":            {"200", "400"},         // bare LF: an answer or 400, no hang
	"q57/r.sip":            {silent},
	"q59/multi.sip":        {"401"},
	"q59/star-nonzero.sip": {"400", "401"},
	"q61/refer.sip":        {served},
}

// Oddities of other products, one datagram each, are answered as their reports
// ask, and the node answers OPTIONS after each.
func TestQuirks(t *testing.T) {
	s := startNode(t)
	dir := testdata.Path(t, "22-interop-quirks")
	files, err := filepath.Glob(filepath.Join(dir, "q*", "*.sip"))
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		name, err := filepath.Rel(dir, file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "q01/") || strings.HasPrefix(name, "q13/") {
			continue // answers of registrars, judged in the client's rooms
		}
		t.Run(name, func(t *testing.T) {
			want, known := quirks[name]
			if !known {
				t.Fatalf("%s has no expected outcome in the table", name)
			}
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			torture(t, s, source(i), name, raw, want)
		})
	}
}

// Keep-alives over UDP are not answered and disturb nobody (RFC 5626 §4.4 asks
// for CRLF over streams only).
func TestKeepAlivesUDP(t *testing.T) {
	s := startNode(t)
	p := dial(t, "127.0.0.1:0", s.udp)
	files, err := filepath.Glob(filepath.Join(testdata.Path(t, "22-interop-quirks"), "q21", "*.bin"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no keep-alives: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p.send(t, raw)
		if got := p.receive(30 * time.Millisecond); got != "" {
			t.Errorf("%s is answered %q", filepath.Base(file), got)
		}
		s.alive(t, p, filepath.Base(file))
	}
}

// stream writes to a TCP connection and returns what comes back until nothing
// more does for wait, or the node closes (closed).
func stream(t *testing.T, s *server, raw []byte, wait time.Duration) (got string, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", s.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = conn.Write(raw) }() // ends at the latest when the connection is closed
	var all strings.Builder
	buf := make([]byte, 65536)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		n, err := conn.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			timeout, ok := err.(net.Error)
			return all.String(), !ok || !timeout.Timeout()
		}
	}
}

func statuses(stream string) []string {
	var codes []string
	for line := range strings.SplitSeq(stream, "\r\n") {
		if strings.HasPrefix(line, "SIP/2.0 ") && len(line) >= 11 && line[8] != '1' {
			codes = append(codes, line[8:11])
		}
	}
	return codes
}

// Streams are framed by Content-Length only (RFC 3261 §18.3), CRLF before a
// request is skipped (§7.5), a double CRLF gets one CRLF back (RFC 5626
// §4.4.1), more than 64 kB of header costs its own connection only.
func TestQuirksTCP(t *testing.T) {
	s := startNode(t)
	read := func(name string) []byte {
		raw, err := os.ReadFile(testdata.Path(t, "22-interop-quirks", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	const wait = 300 * time.Millisecond
	if got, _ := stream(t, s, read("q33/tcp-stream.bin"), wait); len(statuses(got)) != 2 || statuses(got)[1] != "200" && statuses(got)[0] != "200" {
		t.Errorf("a body with a request inside: statuses %v, want one for MESSAGE and 200 for OPTIONS", statuses(got))
	}
	if got, _ := stream(t, s, read("q35/tcp-stream.bin"), wait); !slices.Equal(statuses(got), []string{"200"}) {
		t.Errorf("CRLF before OPTIONS: statuses %v, want 200", statuses(got))
	}
	if got, closed := stream(t, s, []byte("\r\n\r\n"), wait); got != "\r\n" || closed {
		t.Errorf("a ping is answered %q (closed: %v), want CRLF and an open connection", got, closed)
	}
	got, closed := stream(t, s, read("q37/tcp-stream.bin"), wait)
	if codes := statuses(got); !slices.Equal(codes, []string{"200"}) && !closed {
		t.Errorf("71 kB of header: statuses %v and the connection stays open; want 200, or 513/400 and close", codes)
	}
	p := dial(t, "127.0.0.1:0", s.udp)
	s.alive(t, p, "the streams")
}
