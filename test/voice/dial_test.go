package voice_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// D sends keys to the callee, then to the caller; A plays to each of the two before
// they hear each other.
func TestDialDigitsAndAnnouncement(t *testing.T) {
	x := featured(t, "exten => 1,1,Dial(PJSIP/8006,20,D(12w3:45))\nexten => 2,1,Dial(PJSIP/8006,20,A(beep:beep))\n", nil, "beep")
	a, b := x.phone("8005"), x.phone("8006")
	in, out := connected(a, "1", b)
	x.until("the callee's keys", func() bool { return b.digits() == "123" })
	x.until("the caller's keys", func() bool { return a.digits() == "45" })
	in.speak(toneA)
	out.hears(toneA, 0.3, "connected")
	in.hangup()
	out.over("the end")
	in, out = connected(a, "2", b)
	in.speak(toneA)
	out.speak(toneB)
	out.hears(toneSound, 0.3, "the callee's announcement")
	in.hears(toneSound, 0.3, "the caller's announcement")
	out.hears(toneA, 0.3, "connected")
	in.hears(toneB, 0.3, "connected")
	out.hangup()
	in.over("the end")
}

// F: the callee goes on in the dialplan when the caller hangs up; without a place at the
// next priority. It does not when it hangs up itself.
func TestCalleeGoesOn(t *testing.T) {
	x := featured(t, `exten => 1,1,Dial(PJSIP/8006,20,F(calls^after^1))
exten => 2,1,Dial(PJSIP/8006,20,F)
same => n,Log(NOTICE,@C=${CHANNEL(endpoint)} next@)
same => n,Playback(beep)
exten => after,1,Log(NOTICE,@C=${CHANNEL(endpoint)} after@)
same => n,Playback(beep)
`, nil, "beep")
	a, b := x.phone("8005"), x.phone("8006")
	for number, want := range map[string]string{"1": "8006 after", "2": "8006 next"} {
		in, out := connected(a, number, b)
		in.hangup()
		out.hears(toneSound, 0.3, "Playback for the callee")
		out.over("its dialplan has ended")
		x.is("C", want)
	}
}

// G: the two are not connected, the caller goes to a priority and the callee to the one
// behind it.
func TestBothGo(t *testing.T) {
	x := featured(t, `exten => 1,1,Answer()
same => n,Dial(PJSIP/8006,20,G(calls^both^1))
exten => both,1,Goto(caller,1)
same => n,Playback(beep)
same => n,Log(NOTICE,@B=${CHANNEL(endpoint)}@)
exten => caller,1,Log(NOTICE,@A=${CHANNEL(endpoint)}@)
same => n,MusicOnHold(,2)
`, nil, "beep")
	a, b := x.phone("8005"), x.phone("8006")
	in, out := connected(a, "1", b)
	in.hears(toneMusic, 0.5, "the caller's music")
	out.over("its dialplan has ended")
	x.is("A", "8005")
	x.is("B", "8006")
	in.over("its dialplan has ended")
}

// L tells the caller that its time is up soon, and ends the call; e runs h for the
// callee as well.
func TestCallLimitWarning(t *testing.T) {
	x := featured(t, `exten => 1,1,Set(LIMIT_WARNING_FILE=beep)
same => n,Dial(PJSIP/8006,20,L(3000:2000:1500)e)
exten => h,1,Log(NOTICE,@H-${CHANNEL(endpoint)}=ran@)
`, nil, "beep")
	a, b := x.phone("8005"), x.phone("8006")
	in, out := connected(a, "1", b)
	in.over("time is up")
	out.over("time is up")
	if s := seconds(in.heard(), toneSound); s < 0.6 {
		t.Errorf("the caller hears the warning for %.2f s, want it twice", s)
	}
	if s := seconds(out.heard(), toneSound); s > 0.1 {
		t.Errorf("the callee hears the warning for %.2f s", s)
	}
	x.is("H-8005", "ran")
	x.is("H-8006", "ran")
}

// p asks the caller for its name and the callee whether it takes the call; P keeps the
// answer for the next time, n forgets the name.
func TestScreening(t *testing.T) {
	x := featured(t, `exten => 1,1,Dial(PJSIP/8006,20,pn)
same => n,Log(NOTICE,@S=${DIALSTATUS}@)
exten => 2,1,Dial(PJSIP/8006,20,P(desk))
same => n,Log(NOTICE,@S=${DIALSTATUS}@)
exten => 3,1,Dial(PJSIP/8006,20,pN)
`, nil, "priv-recordintro", "priv-callpending", "screen-callee-options", "priv-callee-options", "vm-dialout")
	a, b := x.phone("8005"), x.phone("8006")
	named := func(number string) (*voice, *voice) {
		t.Helper()
		in := a.dial(number)
		in.speak(toneA)
		in.hears(toneSound, 0.3, "asked for the name")
		time.Sleep(time.Second)
		in.press("#")
		return in, b.answer()
	}
	in, out := named("1")
	out.hears(toneA, 0.2, "the caller's name")
	out.press("1")
	out.speak(toneB)
	in.hears(toneB, 0.4, "the call was taken")
	in.hangup()
	out.over("the end")
	left, _ := filepath.Glob(filepath.Join(x.dir, "spool/priv-callerintros/*"))
	if len(left) > 0 {
		t.Errorf("the name is left: %v", left)
	}
	for key, status := range map[string]string{"2": "NOANSWER", "3": "TORTURE"} {
		in, out = named("1")
		out.hears(toneA, 0.2, "the caller's name")
		out.press(key)
		out.over("not taken")
		in.over("the dialplan has ended")
		x.is("S", status)
	}
	in, out = named("2")
	out.hears(toneA, 0.2, "the caller's name")
	out.press("4")
	out.over("not taken")
	x.is("S", "DONTCALL")
	in.over("the dialplan has ended")
	before := b.got("INVITE sip")
	again, err := a.Call(x.ctx, "2")
	if err != nil {
		t.Fatal(err)
	}
	<-again.Done()
	if b.got("INVITE sip") != before {
		t.Error("a caller who is never to call again was put through")
	}
	in, out = connected(a, "3", b)
	in.hangup()
	out.over("N: a caller with a number is not screened")
	if _, err := os.Stat(filepath.Join(x.dir, "spool/priv-callerintros/8005.wav")); err != nil {
		t.Errorf("P keeps the name: %v", err)
	}
}

// d: a key pressed while it rings is an extension; H: disconnect gives up.
func TestKeysWhileRinging(t *testing.T) {
	x := featured(t, `exten => 1,1,Answer()
same => n,Dial(PJSIP/8006,20,d)
exten => 2,1,Answer()
same => n,Dial(PJSIP/8006,20,H)
same => n,Log(NOTICE,@S=${DIALSTATUS}@)
same => n,Playback(beep)
exten => 5,1,Log(NOTICE,@S=five@)
same => n,Playback(beep)
`, map[string]string{"features.conf": "[featuremap]\ndisconnect => *0\n"}, "beep")
	a, b := x.phone("8005"), x.phone("8006")
	for _, c := range []struct{ number, keys, want string }{{"1", "5", "five"}, {"2", "1*0", "CANCEL"}} {
		in := a.dial(c.number)
		rang, err := b.Accept(x.ctx)
		if err != nil {
			t.Fatal(err)
		}
		in.press(c.keys)
		in.hears(toneSound, 0.2, "the dialplan goes on")
		x.is("S", c.want)
		select {
		case <-rang.Done():
		case <-time.After(patience):
			t.Error("it rings on")
		}
		in.over("the dialplan has ended")
	}
}

// f and u show the callee another caller, r( ) plays a tone.
func TestDisguise(t *testing.T) {
	x := featured(t, "exten => 1,1,Dial(PJSIP/8006,20,f(4711)r(busy))\n", nil)
	a, b := x.phone("8005"), x.phone("8006")
	in, out := connected(a, "1", b)
	if b.got("INVITE sip", "From: <sip:4711@") == 0 {
		t.Error("the callee sees somebody else than 4711")
	}
	in.hangup()
	out.over("the end")
	if !strings.Contains(x.log.String(), "connected") {
		t.Error("never connected")
	}
}
