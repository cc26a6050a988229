package dialog

import (
	"net/netip"
	"testing"
	"time"
)

// TestManyCallsAtOnce has the layer call itself over UDP, with each step taken
// by another goroutine, and proves that every call ends on both sides.
func TestManyCallsAtOnce(t *testing.T) {
	const calls = 150
	sockets(t, nil, func(t *testing.T, r *rig, addr netip.AddrPort) {
		if addr != r.addr("udp") {
			return
		}
		r.mu.Lock()
		r.ring = func(s *Session) {
			go func() { // owns one answer; ends with it
				s.Provisional(180, "")
				s.Answer(ourSDP)
			}()
		}
		r.mu.Unlock()
		for range calls {
			if _, err := r.layer.Invite(InviteConfig{URI: "sip:me@" + addr.String(), From: "<sip:me@" + addr.String() + ">", SDP: otherSDP}, r); err != nil {
				t.Fatal(err)
			}
		}
		ended, deadline := 0, time.After(15*time.Second)
		for ended < 2*calls {
			select {
			case e := <-r.events:
				switch e := e.(type) {
				case Confirmed:
					go e.Session.Bye(NormalClearing) // owns one BYE; ends with it
				case Rejected:
					t.Fatalf("rejected with %d: %v", e.Status, e.Err)
				case Ended:
					ended++
				}
			case <-deadline:
				t.Fatalf("%d of %d sides ended", ended, 2*calls)
			}
		}
	})
}
