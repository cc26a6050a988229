package message

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/dialog"
	"github.com/hometone/hometone/store/state"
)

const hello = `alice -> MESSAGE sip:bob@{sut} | new | Content-Type: text/plain | body: hello`

// TestDelivered: "200 (OK) ... has been delivered" (RFC 3428 §7).
func TestDelivered(t *testing.T) {
	play(t, nil, func(t *testing.T, r *rig) {
		alice, bob := r.net.Dial("alice"), r.net.Dial("bob")
		r.users.at("bob", bob)
		r.script.Run(t, hello+`
			bob <- MESSAGE | body: hello | Content-Type: text/plain | -Contact | Max-Forwards: 69 | From: *sip:alice@* | -Date
			bob -> 200
			alice <- 200 MESSAGE | -Contact | nobody
			alice -> MESSAGE sip:bob@{sut} | new | Content-Type: text/plain | body: two
			bob <- MESSAGE | body: two
			bob -> 202
			alice <- 202 MESSAGE       # the device is a store itself
			alice -> MESSAGE sip:bob@{sut} | new | Content-Type: image/x | body: three
			bob <- MESSAGE
			bob -> 415
			alice <- 415 MESSAGE       # nobody will ever take it
			alice -> MESSAGE sip:bob@{sut} | new
			bob <- MESSAGE | nobody
			bob -> 302 | Contact: <sip:x@y>
			alice <- 480 MESSAGE
		`, alice, bob)
		r.empty(t)
	})
}

// TestDevices: all get it, one that takes it is enough.
func TestDevices(t *testing.T) {
	play(t, nil, func(t *testing.T, r *rig) {
		alice, one, two := r.net.Dial("alice"), r.net.Dial("one"), r.net.Dial("two")
		r.users.at("bob", one, two)
		r.script.Run(t, hello+`
			one <- MESSAGE
			two <- MESSAGE
			one -> 603
			two -> 200
			alice <- 200 MESSAGE
		`+hello+`
			one <- MESSAGE
			two <- MESSAGE
			one -> 603
			two -> 480
			alice <- 202 MESSAGE     # the second may take it later
			do register
			one <- MESSAGE
			two <- MESSAGE
			two -> 200
			one -> 603
		`, alice, one, two)
		r.empty(t)
	})
}

// TestKept: nobody is there; "202 (Accepted) ... not delivered" when it is
// durable, and delivery in order with the time of writing.
func TestKept(t *testing.T) {
	play(t, nil, func(t *testing.T, r *rig) {
		r.shelf.wait = 100 * time.Millisecond
		alice, bob := r.net.Dial("alice"), r.net.Dial("bob")
		r.script.Do["arrive"] = func() { r.users.at("bob", bob); r.center.Registered("Bob") }
		r.script.Run(t, hello+`
			alice <- 202 MESSAGE | after: 90ms
			alice -> MESSAGE sip:bob@{sut} | new | Content-Type: text/plain | body: two
			alice <- 202 MESSAGE
			alice -> MESSAGE sip:bob@{sut} | new | Content-Type: text/plain | body: brief | Expires: 30
			alice <- 202 MESSAGE
			pause 40s                    # "brief" is worth nothing now
		`, alice, bob)
		if n := r.shelf.len(); n != 2 {
			t.Errorf("%d stored, want 2", n)
		}
		r.script.Run(t, `
			do arrive
			bob <- MESSAGE | body: hello | Date: *GMT
			bob -> 200
			bob <- MESSAGE | body: two
			bob -> 503
			do register
			bob <- MESSAGE | body: two
			bob -> 200
		`, alice, bob)
		r.empty(t)
	})
}

// TestPatience: a device that does not answer; the sender is not kept waiting,
// the message is tried again.
func TestPatience(t *testing.T) {
	play(t, nil, func(t *testing.T, r *rig) {
		alice, bob := r.net.Dial("alice"), r.net.Dial("bob")
		r.users.at("bob", bob)
		r.script.Run(t, hello+`
			bob <- MESSAGE | body: hello
			alice <- 202 MESSAGE | after: 3900ms | within: 4100ms
			bob <- MESSAGE | body: hello | after: 80s | within: 100s    # Timer F, and a minute
			bob -> 480
			bob <- MESSAGE | body: hello | after: 119s | within: 121s   # the interval grows
			bob -> 200
		`, alice, bob)
		r.empty(t)
	})
}

// TestRefused: what is never taken in.
func TestRefused(t *testing.T) {
	play(t, func(c *Config) { c.MaxPerUser = 2; c.MaxBody = 100 }, func(t *testing.T, r *rig) {
		r.script.Run(t, `
			-> MESSAGE sip:nobody@{sut} | new | Content-Type: text/plain | body: x
			<- 404
			-> MESSAGE sip:bob@{sut} | new | Max-Forwards: 0
			<- 483                       # a loop ends here
			-> MESSAGE sip:bob@{sut} | new | Content-Type: text/plain | body: `+strings.Repeat("x", 101)+`
			<- 413
			-> MESSAGE sip:bob@{sut} | new | Require: foo
			<- 420 | Unsupported: foo
			-> MESSAGE sip:bob@{sut} | new | Content-Encoding: gzip | Content-Type: text/plain | body: x
			<- 415 | Accept-Encoding: identity
			-> MESSAGE sip:bob@{sut} | new
			<- 202
			-> MESSAGE sip:bob@{sut} | new
			<- 202
			-> MESSAGE sip:bob@{sut} | new
			<- 480 | Retry-After         # as many as one recipient may have waiting
		`, r.net.Dial("alice"))
	})
}

// TestStoreFails: what is not durable is not accepted.
func TestStoreFails(t *testing.T) {
	play(t, nil, func(t *testing.T, r *rig) {
		r.shelf.fail = true
		r.script.Run(t, hello+"\n alice <- 500 MESSAGE", r.net.Dial("alice"))
		r.empty(t)
	})
}

// TestLoop: two exchanges that point at each other end at Max-Forwards.
func TestLoop(t *testing.T) {
	play(t, nil, func(t *testing.T, r *rig) {
		r.net.Lose = nil
		r.users.places["bob"] = []Place{{URI: "sip:bob@192.0.2.1:5060"}} // ourselves
		r.script.Run(t, `
			-> MESSAGE sip:bob@{sut} | new | Max-Forwards: 5
			<- * MESSAGE | within: 60s
		`, r.net.Dial("alice"))
		if n := r.users.asked.Load(); n > 10 {
			t.Errorf("%d rounds", n)
		}
	})
}

// TestEnd: what is under way when the node ends is kept.
func TestEnd(t *testing.T) {
	play(t, nil, func(t *testing.T, r *rig) {
		alice, bob := r.net.Dial("alice"), r.net.Dial("bob")
		r.users.at("bob", bob)
		r.script.Do["stop"] = func() { go r.stop(); synctest.Wait() } // ends with the bubble
		r.script.Run(t, hello+`
			bob <- MESSAGE
			do stop
			alice <- 202 MESSAGE | within: 1s
		`, alice, bob)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if r.shelf.len() != 1 {
			t.Error("the message is lost")
		}
	})
}

// nowhere is a Network whose devices never answer.
type nowhere struct{ sent chan dialog.SendConfig }

func (n nowhere) Send(c dialog.SendConfig, _ func(*sip.Response, error)) error {
	n.sent <- c
	return nil
}

// TestRestart: what was told 202 is there after a restart, with the real store.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	open := func() (*Center, func(), nowhere) {
		s, err := state.Open(t.Context(), state.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Bucket(t.Context(), state.BucketConfig{Name: "messages"})
		if err != nil {
			t.Fatal(err)
		}
		n := nowhere{make(chan dialog.SendConfig, 8)}
		c, err := New(Config{Network: n, Store: b, Directory: &users{places: map[string][]Place{}}})
		if err == nil {
			err = c.Load(context.Background())
		}
		if err != nil {
			t.Fatal(err)
		}
		return c, func() { s.Close() }, n
	}
	c, stop, _ := open()
	status := make(chan int, 2)
	for _, body := range []string{"one", "two"} {
		now := time.Now()
		c.post(Message{ID: sip.NewTag(), From: "<sip:a@h>", To: "bob", Body: body, Created: now, Until: now.Add(time.Hour)}, func(s int) { status <- s })
	}
	if a, b := <-status, <-status; a != 202 || b != 202 {
		t.Fatalf("%d, %d", a, b)
	}
	stop()
	c, stop, n := open()
	defer stop()
	if c.Waiting() != 2 {
		t.Fatalf("%d waiting after the restart", c.Waiting())
	}
	c.cfg.Directory.(*users).places["bob"] = []Place{{URI: "sip:bob@h"}}
	c.Registered("bob")
	if m := <-n.sent; m.Body != "one" {
		t.Errorf("first %q", m.Body)
	}
}
