package ladder

import (
	"testing"
	"time"
)

// TestDraw compares a drawing with what a reader should see.
func TestDraw(t *testing.T) {
	got := Draw([]string{"alice", "hometone", "bob"}, []Step{
		{At: 0, From: "alice", To: "hometone", Text: "INVITE sdp"},
		{At: time.Millisecond, From: "hometone", To: "alice", Text: "100"},
		{At: 2 * time.Millisecond, From: "hometone", To: "bob", Text: "INVITE sdp", Note: "RFC 3261 §13.2"},
		{At: 3 * time.Millisecond, From: "hometone", Text: "dial"},
		{At: 12345 * time.Millisecond, From: "bob", To: "alice", Text: "a text that is far too long for one rung of any ladder"},
	})
	const want = `                   alice                 hometone                   bob
0.000                |------INVITE sdp------>|                       |
0.001                |<---------100----------|                       |
0.002                |                       |------INVITE sdp------>|   RFC 3261 §13.2
0.003                |                       | * dial
12.345               |<-a text that is far too long for one rung o~--|
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSummary names messages in a few words.
func TestSummary(t *testing.T) {
	const tail = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\n"
	for _, c := range []struct{ message, want string }{
		{"INVITE sip:x@y SIP/2.0\r\n" + tail + "CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n", "INVITE sdp"},
		{"SIP/2.0 180 Ringing\r\n" + tail + "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", "180"},
		{"SIP/2.0 200 OK\r\n" + tail + "CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n", "200 BYE"},
		{"NOTIFY sip:x@y SIP/2.0\r\n" + tail + "CSeq: 1 NOTIFY\r\nContent-Type: message/sipfrag\r\nContent-Length: 16\r\n\r\nSIP/2.0 200 OK\r\n", "NOTIFY (200 OK)"},
		{"garbage", "?"},
	} {
		if got := Summary([]byte(c.message)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
