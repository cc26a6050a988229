package voice_test

import (
	"path/filepath"
	"testing"
	"time"
)

// Tones of the tests: what telephones say, and what the exchange plays.
const (
	toneA     = 400.0  // 8005
	toneB     = 700.0  // 8006
	toneC     = 1000.0 // 8007
	toneMusic = 1300.0
	toneSound = 1700.0
)

// featured opens an exchange with music on hold that is a tone, the sounds named as
// another tone, and more files.
func featured(t *testing.T, plan string, files map[string]string, sounds ...string) *exchange {
	t.Helper()
	return featuredFor(t, nil, plan, files, sounds...)
}

func featuredFor(t *testing.T, extra map[string]string, plan string, files map[string]string, sounds ...string) *exchange {
	t.Helper()
	all := map[string]string{"musiconhold.conf": "[default]\nmode=files\ndirectory=moh\n"}
	for name, text := range files {
		all[name] = text
	}
	x := open(t, extra, plan, all)
	tone(t, filepath.Join(x.dir, "lib/moh/wait.wav"), toneMusic, 5*time.Second)
	for _, s := range sounds {
		tone(t, filepath.Join(x.dir, "lib/sounds/en", s+".wav"), toneSound, 400*time.Millisecond)
	}
	return x
}

// connected calls a number from one telephone and answers at another; both speak.
func connected(a *handset, number string, b *handset) (in, out *voice) {
	a.x.t.Helper()
	answered := make(chan *voice, 1)
	go func() { answered <- b.answer() }() // ends with the answer, or the test
	in = a.dial(number)
	select {
	case out = <-answered:
	case <-time.After(patience):
		a.x.t.Fatalf("%s has not answered", b.name)
	}
	return in, out
}

const lotConf = "[default]\nparkext=700\nparkpos=701-703\nparkinghints=yes\n"

// A call that one side parks by keys: that side is told the space and let go, the other
// hears music, and who dials the space talks with it.
func TestParkByKeys(t *testing.T) {
	for _, c := range []struct{ name, options string }{{"callee", "k"}, {"caller", "K"}} {
		t.Run(c.name, func(t *testing.T) {
			x := featured(t, "include => parkedcalls\nexten => 8006,1,Dial(PJSIP/8006,20,"+c.options+")\n",
				map[string]string{"features.conf": "[featuremap]\nparkcall => *7\n", "res_parking.conf": lotConf}, "digits/7", "digits/0", "digits/1")
			a, b, third := x.phone("8005"), x.phone("8006"), x.phone("8007")
			in, out := connected(a, "8006", b)
			by, parked := out, in
			if c.name == "caller" {
				by, parked = in, out
			}
			by.speak(toneB)
			parked.speak(toneA)
			parked.hears(toneB, 0.2, "before")
			by.press("*7")
			parked.hears(toneMusic, 0.5, "who is parked hears music")
			by.hears(toneSound, 0.8, "who parks is told the space")
			by.over("who parks is let go")
			fetch := third.dial("701")
			fetch.speak(toneC)
			fetch.hears(toneA, 0.4, "the parked one")
			parked.hears(toneC, 0.4, "who fetched it")
			parked.deaf(toneMusic, "the music has ended")
			fetch.hangup()
			parked.over("who fetched it has hung up")
		})
	}
}

// Park as an application: the caller is told the space itself; a space with nothing in
// it plays pbx-invalidpark; the next space is another one.
func TestParkApplication(t *testing.T) {
	x := featured(t, "include => parkedcalls\n", map[string]string{"res_parking.conf": lotConf}, "digits/7", "digits/0", "digits/1", "digits/2", "pbx-invalidpark")
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	first := a.dial("700")
	first.speak(toneA)
	first.hears(toneSound, 1, "three digits")
	first.hears(toneMusic, 0.3, "then music")
	second := b.dial("700")
	second.speak(toneB)
	second.hears(toneMusic, 0.3, "music")
	wrong := c.dial("703")
	wrong.over("there is nothing in 703")
	if s := seconds(wrong.heard(), toneSound); s < 0.3 {
		t.Errorf("pbx-invalidpark is heard for %.2f s", s)
	}
	fetch := c.dial("702")
	fetch.hears(toneB, 0.4, "the second one is in 702")
	first.hangup()
	fetch.hangup()
	second.over("fetched and let go")
	gone := c.dial("701")
	gone.over("a parked call that hung up has left its space")
}

// A parked call that nobody fetches rings back at who parked it.
func TestParkComesBack(t *testing.T) {
	x := featured(t, "include => parkedcalls\nexten => 8006,1,Dial(PJSIP/8006,20,k)\n", map[string]string{
		"features.conf": "[featuremap]\nparkcall => *7\n", "res_parking.conf": lotConf + "parkingtime=1\n",
	}, "digits/7", "digits/0", "digits/1")
	a, b := x.phone("8005"), x.phone("8006")
	in, out := connected(a, "8006", b)
	in.speak(toneA)
	out.press("*7")
	out.over("parked")
	again := b.answer()
	again.speak(toneB)
	again.hears(toneA, 0.4, "the call is back")
	in.hears(toneB, 0.4, "the parker")
	again.hangup()
	in.over("the end")
}

// Without comebacktoorigin the call goes to comebackcontext, with c( ) to the place
// that Park names; both know where they were parked.
func TestParkTimeout(t *testing.T) {
	x := featured(t, `exten => 1,1,Park(,s)
exten => 2,1,Park(other,sc(calls^back^1)t(1))
exten => back,1,Log(NOTICE,@W=${PARKEDLOT} ${PARKING_SPACE} ${PARKER}@)
[lost]
exten => PJSIP_8005,1,Log(NOTICE,@W=${PARKEDLOT} ${PARKING_SPACE} ${PARKER_FLAT}@)
`, map[string]string{"res_parking.conf": "[default]\nparkingtime=1\ncomebacktoorigin=no\ncomebackcontext=lost\n[other]\nparkpos=901-901\n"})
	a := x.phone("8005")
	a.dial("1").over("lost")
	x.is("W", "default 701 PJSIP_8005")
	a.dial("2").over("back")
	x.is("W", "other 901 PJSIP/8005")
}

// A lot that is full, or that there is not, is no reason to hang up.
func TestParkFull(t *testing.T) {
	x := featured(t, `exten => 1,1,Park(one,s)
same => n,Log(NOTICE,@F=full@)
exten => 2,1,Park(none)
same => n,Log(NOTICE,@F=none@)
exten => 3,1,Answer()
same => n,Wait(0.3)
same => n,Log(NOTICE,@F=${PARK_GET_CHANNEL(901,one):0:10}@)
`, map[string]string{"res_parking.conf": "[one]\nparkpos=901-901\n"})
	a, b := x.phone("8005"), x.phone("8006")
	v := a.dial("1")
	v.hears(toneMusic, 0.2, "parked")
	b.dial("3").over("looked")
	x.is("F", "PJSIP/8005")
	_, _ = b.Call(x.ctx, "1")
	x.is("F", "full")
	_, _ = b.Call(x.ctx, "2")
	x.is("F", "none")
	v.hangup()
}
