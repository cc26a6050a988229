package voice_test

import (
	"path/filepath"
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
