package interop

import (
	"strings"
	"testing"
	"time"
)

// TestHoldAndResume has our phone and linphone hold and resume: the node
// answers their re-INVITEs itself (docs/adr/0072) and the sound comes back.
func TestHoldAndResume(t *testing.T) {
	t.Run("our phone holds baresip", func(t *testing.T) {
		n := startNode(t)
		callee := newBaresip(t, n, "8006", "udp", options{plays: toneFile(t, calleeTone), answers: true})
		caller := newOwn(t, n, "8005", "udp", options{plays: toneFile(t, callerTone)}).(*own)
		caller.call("8006")
		caller.awaitAnswered()
		callee.awaitAnswered()
		for range 2 {
			caller.say("hold")
			caller.mark = caller.expect(caller.mark, 10*time.Second, `"event":"held"`)
			caller.say("resume")
			caller.mark = caller.expect(caller.mark, 10*time.Second, `"event":"resumed"`)
		}
		awaitSound(t, caller)
		caller.hangup()
		caller.awaitEnded()
		callee.awaitEnded()
	})
	t.Run("linphone holds our phone", func(t *testing.T) {
		n := startNode(t)
		callee := newOwn(t, n, "8006", "udp", options{plays: toneFile(t, calleeTone), answers: true}).(*own)
		caller := newLinphone(t, n, "8005", "udp", options{plays: toneFile(t, callerTone)}).(*linphone)
		caller.call("8006")
		caller.awaitAnswered()
		callee.awaitAnswered()
		caller.say("pause")
		caller.mark = caller.expect(caller.mark, 10*time.Second, "is now paused")
		caller.say("resume 1")
		caller.mark = caller.expect(caller.mark, 10*time.Second, "resumed", "Media streams established")
		awaitSound(t, callee)
		caller.hangup()
		caller.awaitEnded()
		callee.awaitEnded()
	})
}

// awaitSound proves that packets arrive at our phone: its count grows.
func awaitSound(t *testing.T, p *own) {
	t.Helper()
	count := func() string {
		p.say("stats")
		from := p.mark
		p.mark = p.expect(p.mark, 5*time.Second, `"received":`)
		p.expect(p.mark, 5*time.Second, ",")
		_, rest, _ := strings.Cut(p.output()[from:], `"received":`)
		number, _, _ := strings.Cut(rest, ",")
		return number
	}
	before := count()
	time.Sleep(500 * time.Millisecond)
	if after := count(); after == before {
		t.Errorf("no packet arrives after resume: %s received, %s half a second later", before, after)
	}
}

// TestDTMF has linphone and our phone press keys for each other: telephone
// events pass through the node.
func TestDTMF(t *testing.T) {
	n := startNode(t)
	callee := newOwn(t, n, "8006", "udp", options{plays: toneFile(t, calleeTone), answers: true}).(*own)
	caller := newLinphone(t, n, "8005", "udp", options{plays: toneFile(t, callerTone)}).(*linphone)
	caller.call("8006")
	caller.awaitAnswered()
	callee.awaitAnswered()
	for _, digit := range []string{"1", "5", "#"} {
		caller.say("%s", digit)
		callee.mark = callee.expect(callee.mark, 10*time.Second, `"digit":"`+digit+`"`)
	}
	caller.hangup()
	caller.awaitEnded()
	callee.awaitEnded()
}
