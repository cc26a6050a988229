package wire_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// strangers are the classes of datagrams that somebody without credentials can
// send: each is a template for its number and the sender's address.
var strangers = map[string]string{
	"INVITE":    request("INVITE", "Contact: <sip:x@%[2]s>\r\nContent-Type: application/sdp\r\nContent-Length: 0\r\n"),
	"REGISTER":  request("REGISTER", "Contact: <sip:x@%[2]s>\r\nExpires: 60\r\nContent-Length: 0\r\n"),
	"SUBSCRIBE": request("SUBSCRIBE", "Contact: <sip:x@%[2]s>\r\nEvent: presence\r\nContent-Length: 0\r\n"),
	"PUBLISH":   request("PUBLISH", "Event: presence\r\nExpires: 60\r\nContent-Length: 0\r\n"),
	"MESSAGE":   request("MESSAGE", "Content-Type: text/plain\r\nContent-Length: 2\r\n") + "hi",
	"OPTIONS":   request("OPTIONS", "Content-Length: 0\r\n"),
	"BYE":       request("BYE", "Content-Length: 0\r\n"),
	"unknown":   request("DANCE", "Content-Length: 0\r\n"),
	"response":  "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKr%[1]d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: %[1]d\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
	"garbage":   strings.Repeat("\x01\xfe%[1]d %[2]s ", 20),
	"huge":      request("INVITE", "X-Huge: "+strings.Repeat("a", 30_000)+"\r\nContent-Length: 0\r\n"),
	"many":      request("INVITE", strings.Repeat("X-Many: a\r\n", 2000)+"Content-Length: 0\r\n"),
}

func request(method, rest string) string {
	return method + " sip:8005@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bKs%[1]d\r\nMax-Forwards: 70\r\n" +
		"From: <sip:stranger@127.0.0.1>;tag=f%[1]d\r\nTo: <sip:8005@127.0.0.1>\r\nCall-ID: stranger-%[1]d\r\nCSeq: 1 " + method + "\r\n" + rest + "\r\n"
}

// No stranger's datagram costs more than ten times its size in memory that is
// retained, or 1 ms of CPU. Both are measured in this process right after the
// last answer, so transactions that still wait for their timers count, and so
// does the work of sending.
func TestStrangersCostLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own work and memory would be measured")
	}
	s := startNode(t)
	p := dial(t, "127.0.0.1:0", s.udp)
	const warm, batches, batch = 500, 100, 20
	serial := 0
	send := func(t *testing.T, template string, count int) (octets int) {
		for range count {
			serial++
			msg := fmt.Sprintf(template, serial, p.conn.LocalAddr())
			octets += len(msg)
			p.send(t, []byte(msg))
			if serial%batch == 0 {
				s.alive(t, p, "a batch") // nothing is lost in the socket's queue
			}
		}
		return octets
	}
	for name, template := range strangers {
		t.Run(name, func(t *testing.T) {
			send(t, template, warm) // pools and tables grow once
			before, cpu := measure(), testdata.ProcessorTime(t)
			octets := send(t, template, batches*batch)
			spent := (testdata.ProcessorTime(t) - cpu) / (batches * batch)
			grown := int64(measure().heap) - int64(before.heap)
			t.Logf("%d octets each: %d bytes retained, %v of CPU", octets/(batches*batch), grown/(batches*batch), spent)
			if grown > 10*int64(octets) {
				t.Errorf("%d octets of datagrams retain %d bytes, ten times as many are allowed", octets, grown)
			}
			if spent > time.Millisecond {
				t.Errorf("a datagram costs %v of CPU, 1 ms is allowed", spent)
			}
		})
	}
}
