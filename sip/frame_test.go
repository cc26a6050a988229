package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const frameHead = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\n"

func TestFramer(t *testing.T) {
	one := frameHead + "Content-Length: 0\r\n\r\n"
	body := frameHead + "l : 9\r\n\r\na\r\n\r\nbcd\r"
	folded := frameHead + "Content-Length:\r\n  3\r\n\r\nabc"
	bare := strings.ReplaceAll(frameHead, "\r", "") + "Content-Length: 2\n\nab"
	for _, c := range []struct {
		stream string
		want   []string
		pings  int
	}{
		{one, []string{one}, 0},
		{one + one, []string{one, one}, 0},
		{body + one, []string{body, one}, 0},
		{folded + bare + one, []string{folded, bare, one}, 0},
		{"\r\n\r\n" + one + "\r\n\r\n" + body, []string{one, body}, 2},
		{"\r\n" + one + "\r\n" + one, []string{one, one}, 0},
		{"\x00\x00\x00\x00" + one, []string{one}, 0},
	} {
		for piece := 1; piece < 40; piece++ {
			got, pings, err := cut([]byte(c.stream), piece)
			if err != nil || strings.Join(got, "|") != strings.Join(c.want, "|") || pings != c.pings {
				t.Fatalf("pieces of %d of %q: %q, %d pings, %v", piece, c.stream, got, pings, err)
			}
		}
	}
}

// RFC 3261 §18.3: on a stream the length must be told, and must be one.
func TestFramerFaults(t *testing.T) {
	for stream, want := range map[string]int{
		frameHead + "\r\n":                                              400,
		frameHead + "Content-Length: -999\r\n\r\n":                      400,
		frameHead + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n":    400,
		frameHead + "Content-Length: 99999999999999999999\r\n\r\n":      400,
		frameHead + "Content-Length: 2000000\r\n\r\n":                   513,
		frameHead + "X: " + strings.Repeat("a", MaxHeaderBytes):         513,
		frameHead + strings.Repeat("X: aaaaaaaaaaaaa\r\n", 5000) + "\r": 513,
	} {
		_, _, err := cut([]byte(stream), 1000)
		if e, _ := err.(*Error); e == nil || e.Status != want {
			t.Errorf("%.80q: %v, want %d", stream, err, want)
		}
	}
}

// RFC 5626 §3.5.1: a client knows the pong CRLF, a server the ping CRLF CRLF.
func TestFramerPong(t *testing.T) {
	var client Framer
	if kind, n, err := client.Next([]byte("\r\n")); kind != FramePong || n != 2 || err != nil {
		t.Errorf("client: %v %d %v", kind, n, err)
	}
	server := Framer{Accepted: true}
	if kind, _, _ := server.Next([]byte("\r\n")); kind != FrameNone {
		t.Errorf("server: half a ping is %v", kind)
	}
	if kind, n, _ := server.Next([]byte("\r\n\r\n")); kind != FramePing || n != 4 {
		t.Errorf("server: a ping is %v", kind)
	}
	if n := (&Framer{}).Need(); n != 0 {
		t.Errorf("Need %d", n)
	}
}

// A sender that drips bytes costs linear time.
func TestFramerLinear(t *testing.T) {
	stream := []byte(frameHead + "X: " + strings.Repeat("a", 60000) + "\r\nContent-Length: 0\r\n\r\n")
	quick(t, fmt.Sprintf("%d steps", len(stream)), 500*time.Millisecond, func() {
		f := Framer{Accepted: true}
		for n := 1; n <= len(stream); n++ {
			if kind, _, err := f.Next(stream[:n]); err != nil || (kind == FrameMessage) != (n == len(stream)) {
				t.Fatal(n, kind, err)
			}
		}
	})
}
