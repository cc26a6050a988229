package voice_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// WaitForSilence and WaitForNoise follow what the caller says; BackgroundDetect
// goes elsewhere when somebody has talked; keys move about in ControlPlayback.
func TestTalkDetection(t *testing.T) {
	x := open(t, nil, `exten => 1,1,Answer()
same => n,WaitForNoise(300,1,10)
same => n,Log(NOTICE,@S=${WAITSTATUS}@)
same => n,WaitForSilence(500,1,10)
same => n,Log(NOTICE,@S=${WAITSTATUS}@)
same => n,WaitForNoise(300,1,1)
same => n,Log(NOTICE,@S=${WAITSTATUS}@)
exten => 2,1,Answer()
same => n,BackgroundDetect(long,400,200,5000)
exten => talk,1,Log(NOTICE,@T=talk@)
exten => 3,1,Answer()
same => n,ControlPlayback(long,8000,#,*,0)
same => n,Log(NOTICE,@C=${CPLAYBACKSTATUS}@)
`, nil)
	tone(t, filepath.Join(x.dir, "lib/sounds/long.wav"), 700, 20*time.Second)
	a := x.phone("8005")
	v := a.dial("1")
	v.speak(500)
	x.is("S", "NOISE")
	v.speak(0)
	x.is("S", "SILENCE")
	x.is("S", "TIMEOUT")
	v.over("the dialplan has ended")
	v = a.dial("2")
	v.speak(500)
	time.Sleep(600 * time.Millisecond)
	v.speak(0)
	x.is("T", "talk")
	v.over("the dialplan has ended")
	v = a.dial("3")
	v.hears(700, 0.3, "the file")
	v.press("##")
	x.until("the file ends long before its time", func() bool { return x.variable("C") == "SUCCESS" || x.node.Calls() == 0 })
	x.is("C", "SUCCESS")
	v.over("the dialplan has ended")
}

// AMD takes a short word and silence for a person, a long speech and silence from the start for
// a machine.
func TestMachineDetection(t *testing.T) {
	x := featured(t, "exten => 1,1,AMD()\nsame => n,Log(NOTICE,@A=${AMDSTATUS} ${CUT(AMDCAUSE,-,1)}@)\n", map[string]string{"amd.conf": "[general]\ninitial_silence = 1500\n"})
	a := x.phone("8005")
	for _, c := range []struct {
		name  string
		speak time.Duration
		want  string
	}{{"a word", 500 * time.Millisecond, "HUMAN HUMAN"}, {"a speech", patience, "MACHINE "}, {"nothing", 0, "MACHINE INITIALSILENCE"}} {
		call, err := a.Call(x.ctx, "1")
		if err == nil {
			err = call.WaitAnswered(x.ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		v := a.listen(call)
		if c.speak > 0 {
			v.speak(toneA)
			select {
			case <-v.Done():
			case <-time.After(c.speak):
				v.speak(0)
			}
		}
		v.over(c.name)
		// Pieces that a late machine loses from a speech make words of it.
		x.until(c.name+" is "+c.want, func() bool { return strings.HasPrefix(x.variable("A"), c.want) })
	}
}
