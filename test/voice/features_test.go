package voice_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const keyPlan = `exten => 8006,1,Dial(PJSIP/8006,20,tThHkKxX)
exten => 8007,1,Dial(PJSIP/8007,20)
exten => 9007,1,Dial(PJSIP/8007,2)
`

const keyConf = `[general]
transferdigittimeout=4
featuredigittimeout=600
atxfernoanswertimeout=4
atxferloopdelay=1
atxfercallbackretries=1
[featuremap]
blindxfer => *1
atxfer => *2
disconnect => *0
automixmon => *3
[applicationmap]
note => *5,self/caller,Playback(beep)
peer => *6,peer,Playback(beep)
`

// keyed is a call from 8005 to 8006 whose both sides may do everything by keys.
func keyed(t *testing.T) (x *exchange, a, b, c *handset, in, out *voice) {
	t.Helper()
	x = featured(t, keyPlan, map[string]string{"features.conf": keyConf}, "pbx-transfer", "beeperr", "beep", "pbx-invalid", "privacy-incorrect")
	a, b, c = x.phone("8005"), x.phone("8006"), x.phone("8007")
	in, out = connected(a, "8006", b)
	in.speak(toneA)
	out.speak(toneB)
	in.hears(toneB, 0.3, "before")
	out.hears(toneA, 0.3, "before")
	return x, a, b, c, in, out
}

// sides runs a test for the caller and the callee as the one who presses the keys.
func sides(t *testing.T, f func(t *testing.T, x *exchange, c *handset, by, other *voice, byTone, otherTone float64)) {
	t.Helper()
	t.Run("callee", func(t *testing.T) { x, _, _, c, in, out := keyed(t); f(t, x, c, out, in, toneB, toneA) })
	t.Run("caller", func(t *testing.T) { x, _, _, c, in, out := keyed(t); f(t, x, c, in, out, toneA, toneB) })
}

// Blind transfer by keys: the other one hears music, then the third; who transferred is
// let go.
func TestBlindByKeys(t *testing.T) {
	sides(t, func(t *testing.T, x *exchange, c *handset, by, other *voice, byTone, otherTone float64) {
		by.press("*1")
		by.hears(toneSound, 0.2, "pbx-transfer")
		other.hears(toneMusic, 0.2, "music meanwhile")
		by.press("8007")
		third := c.answer()
		third.speak(toneC)
		by.over("who transferred is let go")
		third.hears(otherTone, 0.4, "the transferred one")
		other.hears(toneC, 0.4, "the third")
		third.hangup()
		other.over("the end")
	})
}

// An extension that is not there: the two talk on.
func TestBlindToNowhere(t *testing.T) {
	sides(t, func(t *testing.T, x *exchange, _ *handset, by, other *voice, byTone, otherTone float64) {
		by.press("*1")
		by.hears(toneSound, 0.2, "pbx-transfer")
		for range 3 {
			by.press("4")
			by.hears(toneSound, 0.2, "once more")
		}
		by.hears(otherTone, 0.4, "they talk on")
		other.hears(byTone, 0.4, "they talk on")
		by.hangup()
		other.over("the end")
	})
}

// consulted is an attended transfer by keys up to the talk with the third.
func consulted(x *exchange, c *handset, by, other *voice, byTone float64) *voice {
	x.t.Helper()
	by.press("*2")
	by.hears(toneSound, 0.2, "pbx-transfer")
	by.press("8007")
	third := c.answer()
	third.speak(toneC)
	by.hears(toneC, 0.4, "the third")
	third.hears(byTone, 0.4, "who transfers")
	other.hears(toneMusic, 0.2, "music meanwhile")
	return third
}

// Attended transfer by keys: completed by hanging up, or by atxfercomplete.
func TestAttendedByKeys(t *testing.T) {
	for _, how := range []string{"", "*2"} {
		t.Run("complete"+strings.Trim(how, "*"), func(t *testing.T) {
			sides(t, func(t *testing.T, x *exchange, c *handset, by, other *voice, byTone, otherTone float64) {
				third := consulted(x, c, by, other, byTone)
				if how == "" {
					by.hangup()
				} else {
					by.press(how)
					by.over("who transfers is let go")
				}
				other.hears(toneC, 0.4, "the third")
				third.hears(otherTone, 0.4, "the transferred one")
				other.deaf(toneMusic, "the music has ended")
				other.hangup()
				third.over("the end")
			})
		})
	}
}

// atxferabort brings the two together again, and so does the third that hangs up; then
// it can be done once more.
func TestAttendedAborted(t *testing.T) {
	sides(t, func(t *testing.T, x *exchange, c *handset, by, other *voice, byTone, otherTone float64) {
		third := consulted(x, c, by, other, byTone)
		by.press("*1")
		third.over("aborted")
		by.hears(otherTone, 0.4, "back")
		other.hears(byTone, 0.4, "back")
		third = consulted(x, c, by, other, byTone)
		third.hangup()
		by.hears(otherTone, 0.4, "back again")
		other.hears(byTone, 0.4, "back again")
		other.hangup()
		by.over("the end")
	})
}

// atxferswap toggles between the two, atxferthreeway lets all hear each other.
func TestAttendedSwapAndThreeway(t *testing.T) {
	sides(t, func(t *testing.T, x *exchange, c *handset, by, other *voice, byTone, otherTone float64) {
		third := consulted(x, c, by, other, byTone)
		by.press("*4")
		by.hears(otherTone, 0.4, "swapped")
		third.hears(toneMusic, 0.3, "the third waits")
		by.press("*4")
		by.hears(toneC, 0.4, "swapped back")
		by.press("*3")
		for v, tones := range map[*voice][2]float64{by: {otherTone, toneC}, other: {byTone, toneC}, third: {byTone, otherTone}} {
			x.until(v.h.name+" hears both", func() bool {
				time.Sleep(300 * time.Millisecond)
				pcm := v.heard()
				return seconds(pcm, tones[0]) > 0.1 && seconds(pcm, tones[1]) > 0.1
			})
		}
		by.hangup()
		other.hears(toneC, 0.4, "the two remain")
		third.hears(otherTone, 0.4, "the two remain")
		third.hangup()
		other.over("the end")
	})
}

// Who transfers hangs up before the third has answered: the transferred one hears it
// ring, and is connected when the third answers.
func TestBlondTransfer(t *testing.T) {
	sides(t, func(t *testing.T, x *exchange, c *handset, by, other *voice, byTone, otherTone float64) {
		by.press("*2")
		by.hears(toneSound, 0.2, "pbx-transfer")
		by.press("8007")
		rings, err := c.Accept(x.ctx)
		if err != nil {
			t.Fatal(err)
		}
		by.hangup()
		other.hears(440, 0.3, "the ringing tone")
		if err := rings.Answer(x.ctx); err != nil {
			t.Fatal(err)
		}
		third := c.listen(rings)
		third.speak(toneC)
		other.hears(toneC, 0.4, "the third")
		third.hears(otherTone, 0.4, "the transferred one")
		third.hangup()
		other.over("the end")
	})
}

// If nobody answers, who transferred is called back.
func TestTransfererCalledBack(t *testing.T) {
	x, _, b, c, in, out := keyed(t)
	out.press("*2")
	out.hears(toneSound, 0.2, "pbx-transfer")
	out.press("9007")
	if _, err := c.Accept(x.ctx); err != nil {
		t.Fatal(err)
	}
	out.hangup()
	again := b.answer()
	again.speak(toneB)
	in.hears(toneB, 0.4, "the transferer is back")
	again.hears(toneA, 0.4, "the transferred one")
	in.hangup()
	again.over("the end")
}

// disconnect hangs up.
func TestDisconnectByKeys(t *testing.T) {
	sides(t, func(t *testing.T, x *exchange, _ *handset, by, other *voice, _, _ float64) {
		by.press("*0")
		by.over("who pressed it")
		other.over("and the other")
	})
}

// automixmon begins a recording and ends it.
func TestRecordByKeys(t *testing.T) {
	x, _, _, _, in, out := keyed(t)
	out.press("*3")
	var file string
	x.until("the recording has begun", func() bool {
		list, _ := filepath.Glob(filepath.Join(x.dir, "spool/monitor/auto-*.wav"))
		if len(list) > 0 {
			file = list[0]
		}
		return file != ""
	})
	time.Sleep(time.Second)
	out.press("*3")
	x.until("both are in it", func() bool {
		pcm := load(t, file)
		return seconds(pcm, toneA) > 0.5 && seconds(pcm, toneB) > 0.5
	})
	in.hangup()
	out.over("the end")
}

// An application of [applicationmap] runs on the side it is for, if DYNAMIC_FEATURES
// names it; keys that are no code go to the other side in order.
func TestApplicationMap(t *testing.T) {
	x := featured(t, "exten => 8006,1,Set(__DYNAMIC_FEATURES=note#peer)\nsame => n,Dial(PJSIP/8006)\n", map[string]string{"features.conf": keyConf}, "beep")
	a, b := x.phone("8005"), x.phone("8006")
	in, out := connected(a, "8006", b)
	in.speak(toneA)
	out.speak(toneB)
	in.hears(toneB, 0.2, "before")
	in.press("*5")
	in.hears(toneSound, 0.3, "Playback for the caller")
	in.hears(toneB, 0.3, "connected again")
	in.press("*6")
	out.hears(toneSound, 0.3, "Playback for the callee")
	out.press("*5")
	x.until("note is for the caller only; the keys go on", func() bool { return a.digits() == "*5" })
	in.press("*9")
	in.press("12")
	in.press("*")
	x.until("keys that are no code", func() bool { return b.digits() == "*912*" })
	in.hears(toneB, 0.2, "still connected")
	in.hangup()
	out.over("the end")
}

// FEATUREMAP() and FEATURE() change the keys for one channel.
func TestFeatureFunctions(t *testing.T) {
	x := featured(t, `exten => 8006,1,Set(FEATUREMAP(disconnect)=99)
same => n,Set(FEATURE(featuredigittimeout)=1234)
same => n,Log(NOTICE,@F=${FEATUREMAP(disconnect)} ${FEATURE(featuredigittimeout)} ${FEATURE(atxferabort)}@)
same => n,Dial(PJSIP/8006,,H)
`, nil)
	a, b := x.phone("8005"), x.phone("8006")
	in, out := connected(a, "8006", b)
	x.is("F", "99 1234 *1")
	in.press("99")
	in.over("who pressed it")
	out.over("and the other")
}
