package voice_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hometone/hometone/media"
)

// Keys arrive however the two sides send them: RTP events (RFC 4733), INFO, or
// tones. The phones here speak telephone events and hear INFO; tones they play.
func TestSendDTMF(t *testing.T) {
	plan := "exten => 600,1,Answer()\nsame => n,Wait(0.2)\nsame => n,SendDTMF(159#,100,80)\nsame => n,Wait(1)\n"
	t.Run("rfc4733", func(t *testing.T) {
		x := open(t, nil, plan, nil)
		a := x.phone("8005")
		a.dial("600").over("the dialplan has ended")
		if got := a.digits(); got != "159#" || a.got("INFO sip") > 0 {
			t.Errorf("the phone has got %q and %d INFO, want telephone events only", got, a.got("INFO sip"))
		}
	})
	t.Run("info", func(t *testing.T) {
		x := open(t, map[string]string{"8005": "dtmf_mode=info\n"}, plan, nil)
		a := x.phone("8005")
		a.dial("600").over("the dialplan has ended")
		if got := a.digits(); got != "159#" || a.got("INFO sip", "application/dtmf-relay") < 4 {
			t.Errorf("the phone has got %q with %d INFO", got, a.got("INFO sip"))
		}
	})
	t.Run("inband", func(t *testing.T) {
		x := open(t, map[string]string{"8005": "dtmf_mode=inband\n"}, plan, nil)
		a := x.phone("8005")
		c := a.dial("600")
		c.over("the dialplan has ended")
		if got := detect(c.heard()); got != "159#" {
			t.Errorf("the sound has the keys %q", got)
		}
	})
}

// detect finds keys in a recording.
func detect(pcm []int16) (keys string) {
	var d media.DTMFDetector
	d.Write(pcm, func(digit byte, _ time.Duration) { keys += string(rune(digit)) })
	return keys
}

// Read takes keys in each of the three ways.
func TestReadKeys(t *testing.T) {
	plan := "exten => 600,1,Answer()\nsame => n,Read(K,,4,,,5)\nsame => n,Log(NOTICE,@K=${K}@)\n"
	for mode, press := range map[string]func(*voice){
		"rfc4733": func(v *voice) { v.press("7042") },
		"inband":  func(v *voice) { v.tones("7042") },
		"auto":    func(v *voice) { v.press("7042") },
	} {
		t.Run(mode, func(t *testing.T) {
			x := open(t, map[string]string{"8005": "dtmf_mode=" + mode + "\n"}, plan, nil)
			c := x.phone("8005").dial("600")
			time.Sleep(300 * time.Millisecond)
			press(c)
			x.is("K", "7042")
		})
	}
}

// tones plays keys as sound.
func (v *voice) tones(keys string) {
	v.h.x.t.Helper()
	done, err := v.Play(v.h.x.ctx, media.DTMF(keys, 120*time.Millisecond, 120*time.Millisecond))
	if err != nil {
		v.h.x.t.Fatal(err)
	}
	<-done
}

// A bridge turns keys of one kind into those of the other.
func TestKeysAcrossBridge(t *testing.T) {
	for _, c := range []struct{ from, to string }{{"rfc4733", "info"}, {"info", "rfc4733"}, {"inband", "rfc4733"}, {"rfc4733", "inband"}, {"rfc4733", "rfc4733"}} {
		t.Run(fmt.Sprintf("%s to %s", c.from, c.to), func(t *testing.T) {
			x := open(t, map[string]string{"8005": "dtmf_mode=" + c.from + "\n", "8006": "dtmf_mode=" + c.to + "\n"}, "exten => 8006,1,Dial(PJSIP/8006)\n", nil)
			a, b := x.phone("8005"), x.phone("8006")
			answered := make(chan *voice, 1)
			go func() { answered <- b.answer() }() // ends with the answer
			in := a.dial("8006")
			out := <-answered
			if c.from == "inband" {
				in.tones("36")
			} else {
				in.press("36") // INFO where no telephone-event is agreed
			}
			var sound []int16
			x.until("the keys arrive", func() bool {
				sound = append(sound, out.heard()...)
				return b.digits() == "36" || c.to == "inband" && detect(sound) == "36"
			})
		})
	}
}
