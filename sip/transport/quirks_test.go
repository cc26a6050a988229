package transport

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// TestStreamQuirks: streams seen in the field, each followed by a good request
// over another connection.
func TestStreamQuirks(t *testing.T) {
	for _, c := range []struct {
		id       string
		messages int
		why      string
	}{
		{"q33", 2, "a blank line inside a body: framed by Content-Length only"},
		{"q35", 1, "CRLF before the request is ignored"},
		{"q37", 1, "more than 64 kB of header fields: answered 513, closed"},
	} {
		data, err := os.ReadFile(testdata.Path(t, "22-interop-quirks", c.id, "tcp-stream.bin"))
		if err != nil {
			t.Fatal(err)
		}
		l, d := start(t, Config{Listen: []Listen{{Proto: TCP, Addr: at("127.0.0.1:0")}}})
		conn := dialTCP(t, l.Addrs()[0].Addr)
		go conn.Write(data)
		for range c.messages {
			wait(t, d.messages, c.why)
		}
		conn.(*net.TCPConn).CloseWrite()
		wait(t, d.closed, c.id)
		good := dialTCP(t, l.Addrs()[0].Addr)
		good.Write([]byte(options("SIP/2.0/TCP h;branch=z9hG4bK1")))
		if a := wait(t, d.messages, "a good request afterwards"); a.err != nil {
			t.Errorf("%s: %v", c.id, a.err)
		}
		if len(d.messages) != 0 {
			t.Errorf("%s: %d messages more than %d", c.id, len(d.messages), c.messages)
		}
		good.Close()
		wait(t, d.closed, "good connection")
		conn.SetReadDeadline(time.Now())
	}
}
