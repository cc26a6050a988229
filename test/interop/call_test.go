package interop

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/media"
)

// The tones that tell the phones apart, in Hz.
const (
	callerTone = 1000
	calleeTone = 440
)

// talk is how long a call is held.
const talk = 3 * time.Second

// maxGap is the longest silence allowed in what a phone hears.
const maxGap = 20 * time.Millisecond

// phone is a real phone that has registered.
type phone interface {
	call(user string)
	awaitAnswered()
	hangup()
	awaitEnded()
	heard() string // the recording; ends the phone
}

// options are how a phone is set up.
type options struct {
	plays   string        // sound file
	answers bool          // takes calls by itself
	ptime   time.Duration // 0 = 20 ms
	watches string        // number whose presence is shown, of baresip; "" = none
}

func (o options) ptimeMillis() int64 {
	if o.ptime == 0 {
		return 20
	}
	return o.ptime.Milliseconds()
}

func (o options) answerMode(yes, no string) string {
	if o.answers {
		return yes
	}
	return no
}

// maker sets up a phone at a node.
type maker func(t *testing.T, n *node, user, transport string, o options) phone

// caFile is the authority that phones trust for a transport.
func caFile(n *node, transport string) string {
	if transport == "tls" {
		return n.ca()
	}
	return ""
}

// connect makes one call between two phones and checks what both hear.
func connect(t *testing.T, n *node, makeCaller, makeCallee maker, transport string, ptime time.Duration) {
	t.Helper()
	untroubled(t, func() string { return connectOnce(t, n, makeCaller, makeCallee, transport, ptime) })
}

// untroubled makes a call that returns what was wrong with its sound. If
// another load made the machine late meanwhile, gaps say nothing about the
// node: the call is made again, a few times.
func untroubled(t *testing.T, call func() string) {
	t.Helper()
	const attempts = 4
	for attempt := 1; ; attempt++ {
		busy := watchLoad()
		wrong := call()
		load := busy()
		switch {
		case wrong == "":
			return
		case load < lateLoad || attempt == attempts:
			t.Fatalf("%s (the machine was late for %.0f %% of the time, attempt %d)", wrong, 100*load, attempt)
		}
		t.Logf("%s, but the machine was late for %.0f %% of the time; again", wrong, 100*load)
	}
}

// connectOnce makes one call and returns what was wrong with its sound.
func connectOnce(t *testing.T, n *node, makeCaller, makeCallee maker, transport string, ptime time.Duration) string {
	t.Helper()
	callee := makeCallee(t, n, "8006", transport, options{plays: toneFile(t, calleeTone), answers: true, ptime: ptime})
	caller := makeCaller(t, n, "8005", transport, options{plays: toneFile(t, callerTone), ptime: ptime})
	caller.call("8006")
	caller.awaitAnswered()
	callee.awaitAnswered()
	time.Sleep(talk)
	caller.hangup()
	caller.awaitEnded()
	callee.awaitEnded()
	return strings.TrimSpace(judge(t, "the caller", caller.heard(), calleeTone, talk-time.Second) + " " +
		judge(t, "the called phone", callee.heard(), callerTone, talk-time.Second))
}

// lateLoad is the share of time from which on the machine is called late.
const lateLoad = 0.05

// watchLoad measures for how much of the time some process waited for a CPU,
// until the returned function is called (Linux pressure stall information).
func watchLoad() func() float64 {
	begin, before := time.Now(), stalled()
	return func() float64 {
		return (stalled() - before).Seconds() / time.Since(begin).Seconds()
	}
}

// stalled is the total of "some" in /proc/pressure/cpu; 0 where there is none.
func stalled() time.Duration {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	_, total, _ := strings.Cut(string(text), "total=")
	total, _, _ = strings.Cut(total, "\n")
	micros, err := strconv.ParseInt(total, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(micros) * time.Microsecond
}

// makers are the phones that come from elsewhere.
var makers = map[string]maker{"baresip": newBaresip, "linphone": newLinphone, "hometone": newOwn}

// TestCalls makes calls between each pair of different phones over each
// transport, through the example files byte for byte.
func TestCalls(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		for _, pair := range [][2]string{
			{"baresip", "linphone"}, {"linphone", "baresip"},
			{"hometone", "baresip"}, {"linphone", "hometone"},
		} {
			t.Run(pair[0]+" calls "+pair[1]+" over "+transport, func(t *testing.T) {
				connect(t, startNode(t), makers[pair[0]], makers[pair[1]], transport, 0)
			})
		}
	}
}

// TestPacketTimes makes calls with packets of 10, 20, 30 and 60 ms.
func TestPacketTimes(t *testing.T) {
	for _, ptime := range []time.Duration{10, 20, 30, 60} {
		ptime *= time.Millisecond
		t.Run(ptime.String(), func(t *testing.T) {
			connect(t, startNode(t), newOwn, newBaresip, "udp", ptime)
		})
	}
}

// TestIPv6 makes a call over ::1.
func TestIPv6(t *testing.T) {
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		t.Skip("this machine has no IPv6")
	}
	n := startNodeWith(t, exampleFiles(t), "udp://[::1]:"+freePort(t, "udp"))
	connect(t, n, newOwn, newBaresip, "udp6", 0)
}

// toneFile writes a minute of a tone as a wav file.
func toneFile(t *testing.T, hz float64) string {
	t.Helper()
	path := t.TempDir() + "/tone.wav"
	coded, _ := media.Sine(hz, -10).Next(nil, "PCMU", 60*media.Rate)
	out, err := media.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Write(media.ULaw.Decode(nil, coded)), out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// judge says what is wrong with a recording: nothing if it holds a tone for a
// time, without a gap.
func judge(t *testing.T, who, path string, hz float64, least time.Duration) string {
	t.Helper()
	clip, err := media.Load(path)
	if err != nil {
		t.Fatalf("%s: its recording: %v", who, err)
	}
	p := media.Find(clip.Samples(), hz)
	t.Logf("%s heard %.0f Hz from %v to %v, longest gap %v", who, hz, p.First, p.Last, p.Longest())
	switch {
	case p.Last-p.First < least:
		return fmt.Sprintf("%s heard %.0f Hz for %v only, want %v at least.", who, hz, p.Last-p.First, least)
	case p.Longest() > maxGap:
		return fmt.Sprintf("%s heard gaps %v.", who, p.Gaps)
	}
	return ""
}
