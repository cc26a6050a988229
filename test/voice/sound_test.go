package voice_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/media"
	"github.com/hometone/hometone/media/prompts"
)

// without cuts silence off a recording.
func without(pcm []int16) []int16 {
	loud := func(v int16) bool { return v > 200 || v < -200 }
	for len(pcm) > 0 && !loud(pcm[0]) {
		pcm = pcm[1:]
	}
	for len(pcm) > 0 && !loud(pcm[len(pcm)-1]) {
		pcm = pcm[:len(pcm)-1]
	}
	return pcm
}

// builtin is a prompt of the program.
func builtin(t *testing.T, name string) []int16 {
	t.Helper()
	f, err := prompts.Sound().Open(name + ".ulaw")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	clip, err := media.ReadClip(f, ".ulaw")
	if err != nil {
		t.Fatal(err)
	}
	return without(clip.Samples())
}

// correlation is how much a piece of sound is like what was heard, in parts of 100
// ms, each at its best place: 1 is the same, speech of other words is below a half.
func correlation(heard, piece []int16) float64 {
	const part = 800
	sum, parts := 0.0, 0
	for ; len(piece) >= part && parts < 4; piece = piece[part:] {
		parts++
		best := 0.0
		for at := 0; at+part <= len(heard); at++ {
			var dot, own, other float64
			for i := 0; i < part; i += 3 {
				a, b := float64(piece[i]), float64(heard[at+i])
				dot, own, other = dot+a*b, own+a*a, other+b*b
			}
			if dot > 0 && other > own/4 {
				best = max(best, dot/math.Sqrt(own*other))
			}
		}
		sum += best
	}
	return sum / float64(max(parts, 1))
}

// Where no file is, the program's own prompts are played, in the channel's
// language; a file goes before them.
func TestPrompts(t *testing.T) {
	x := open(t, nil, `exten => 1,1,Answer()
same => n,Wait(0.3)
same => n,Playback(hello-world)
same => n,Log(NOTICE,@S=${PLAYBACKSTATUS}@)
same => n,Wait(0.3)
exten => 2,1,Answer()
same => n,Set(CHANNEL(language)=zh_CN)
same => n,Wait(0.3)
same => n,SayNumber(12)
same => n,Wait(0.3)
exten => 3,1,Answer()
same => n,Wait(0.3)
same => n,SayNumber(12)
same => n,SayAlpha(a)
same => n,SayPhonetic(b)
same => n,SayUnixTime(1772637607,UTC,Y)
same => n,Wait(0.3)
exten => 4,1,Answer()
same => n,Wait(0.3)
same => n,Playback(nothing-of-that-name)
same => n,Log(NOTICE,@S=${PLAYBACKSTATUS}@)
`, nil)
	a := x.phone("8005")
	for _, c := range []struct {
		exten string
		names []string
	}{
		{"1", []string{"en/hello-world"}},
		{"2", []string{"zh/digits/10", "zh/digits/2"}},
		{"3", []string{"en/digits/12", "en/letters/a", "en/phonetic/b_p", "en/digits/thousand", "en/digits/20", "en/digits/6"}},
	} {
		v := a.dial(c.exten)
		v.over("the dialplan has ended")
		heard := v.heard()
		for _, name := range c.names {
			if k := correlation(heard, builtin(t, name)); k < 0.85 {
				t.Errorf("extension %s: %s is heard to %.2f", c.exten, name, k)
			}
		}
		if k := correlation(heard, builtin(t, "en/vm-incorrect")); k > 0.85 {
			t.Errorf("extension %s: words that were not said are heard to %.2f", c.exten, k)
		}
	}
	x.is("S", "SUCCESS")
	a.dial("4").over("the dialplan has ended")
	x.is("S", "FAILED")
	// A file of the same name goes before the program's own.
	tone(t, filepath.Join(x.dir, "lib/sounds/en/hello-world.wav"), 700, 800*time.Millisecond)
	v := a.dial("1")
	v.over("the dialplan has ended")
	if s := seconds(v.heard(), 700); s < 0.6 {
		t.Errorf("the file is heard for %.2f s of 0.8", s)
	}
}

// tone writes a sound file of one frequency.
func tone(t *testing.T, path string, hz float64, length time.Duration) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := media.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	src := media.Sine(hz, -10)
	for left := media.Samples(length); left > 0; left -= 160 {
		b, _ := src.Next(nil, "PCMU", 160)
		pcm = media.ULaw.Decode(pcm, b)
	}
	if err := w.Write(pcm); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Sound files in every format that Asterisk names are played.
func TestFileFormats(t *testing.T) {
	x := open(t, nil, "exten => _X.,1,Answer()\nsame => n,Wait(0.2)\nsame => n,Playback(f-${EXTEN})\nsame => n,Wait(0.1)\n", nil)
	a := x.phone("8005")
	for i, format := range []string{"wav", "wav16", "ulaw", "alaw", "g722", "sln", "sln16", "sln48"} {
		name := strings.Repeat("1", i+2)
		tone(t, filepath.Join(x.dir, "lib/sounds/f-"+name+"."+format), 600, time.Second)
		v := a.dial(name)
		v.over("the file has ended")
		if s := seconds(v.heard(), 600); s < 0.8 {
			t.Errorf("%s is heard for %.2f s of 1", format, s)
		}
	}
}

// Record writes what the caller says, without the beep, and ends with # or
// silence; the file is played back.
func TestRecord(t *testing.T) {
	x := open(t, nil, `exten => 1,1,Answer()
same => n,Record(memo.wav)
same => n,Log(NOTICE,@S=${RECORD_STATUS} ${RECORDED_FILE}@)
same => n,Wait(0.2)
same => n,Playback(memo)
exten => 2,1,Answer()
same => n,Record(quiet.ulaw,1,10,q)
same => n,Log(NOTICE,@S=${RECORD_STATUS}@)
exten => 3,1,Answer()
same => n,Wait(0.3)
same => n,Record(../../outside.wav)
same => n,Log(NOTICE,@S=${RECORD_STATUS}@)
exten => 4,1,Answer()
same => n,Record(short.wav,0,1,q)
same => n,Log(NOTICE,@S=${RECORD_STATUS}@)
exten => 5,1,Record(gone.wav,,,q)
exten => h,1,Log(NOTICE,@H=${RECORD_STATUS}@)
`, nil)
	a := x.phone("8005")
	v := a.dial("1")
	v.hears(1000, 0.3, "the beep")
	v.speak(500)
	time.Sleep(1500 * time.Millisecond)
	v.press("#")
	x.is("S", "DTMF memo")
	v.speak(0)
	v.over("the recording has been played back")
	if s := seconds(v.heard(), 500); s < 1 {
		t.Errorf("the recording is heard for %.2f s", s)
	}
	file := filepath.Join(x.dir, "lib/sounds/memo.wav")
	pcm := load(t, file)
	if s := seconds(pcm, 500); s < 1.2 || s > 2.2 {
		t.Errorf("the file has %.2f s of the tone, want about 1.5", s)
	}
	if s := seconds(pcm, 1000); s > 0.1 {
		t.Errorf("the file has %.2f s of the beep", s)
	}
	v = a.dial("2")
	v.speak(500)
	time.Sleep(700 * time.Millisecond)
	v.speak(0)
	v.over("silence ends the recording")
	x.is("S", "SILENCE")
	a.dial("3").over("no file outside")
	x.is("S", "ERROR")
	a.dial("4").over("a second is over")
	x.is("S", "TIMEOUT")
	v = a.dial("5")
	v.speak(500)
	time.Sleep(500 * time.Millisecond)
	v.hangup()
	x.is("H", "HANGUP")
	if s := seconds(load(t, filepath.Join(x.dir, "lib/sounds/gone.wav")), 500); s < 0.3 {
		t.Errorf("what was said before the caller hung up is %.2f s", s)
	}
}

// talkTo connects 8005 with 8006.
func (x *exchange) talkTo(a, b *handset, number string) (caller, callee *voice) {
	x.t.Helper()
	answered := make(chan *voice, 1)
	go func() { answered <- b.answer() }() // ends with the answer
	caller = a.dial(number)
	return caller, <-answered
}

// MixMonitor writes both sides into one file and each into one of its own.
func TestMixMonitor(t *testing.T) {
	x := open(t, nil, `exten => 8006,1,MixMonitor(call.wav,br(in.wav)t(out.ulaw)i(ID))
same => n,Log(NOTICE,@F=${MIXMONITOR_FILENAME}@)
same => n,Dial(PJSIP/8006)
exten => 8007,1,Answer()
same => n,MixMonitor(part.wav,i(ID))
same => n,Wait(1)
same => n,StopMixMonitor(${ID})
same => n,Wait(1)
`, nil)
	a, b := x.phone("8005"), x.phone("8006")
	in, out := x.talkTo(a, b, "8006")
	x.is("F", filepath.Join(x.dir, "spool/monitor/call.wav"))
	in.speak(500)
	out.speak(900)
	in.hears(900, 0.8, "the callee")
	out.hears(500, 0.8, "the caller")
	in.hangup()
	out.over("hung up")
	x.until("no call is left", func() bool { return x.node.Calls() == 0 })
	spool := filepath.Join(x.dir, "spool/monitor")
	for _, c := range []struct {
		file           string
		caller, callee bool
	}{{"call.wav", true, true}, {"in.wav", true, false}, {"out.ulaw", false, true}} {
		pcm := load(t, filepath.Join(spool, c.file))
		if s := seconds(pcm, 500); c.caller != (s > 0.5) {
			t.Errorf("%s has %.2f s of the caller", c.file, s)
		}
		if s := seconds(pcm, 900); c.callee != (s > 0.5) {
			t.Errorf("%s has %.2f s of the callee", c.file, s)
		}
	}
	v := a.dial("8007")
	v.speak(500)
	v.over("the dialplan has ended")
	if s := seconds(load(t, filepath.Join(spool, "part.wav")), 500); s < 0.4 || s > 1.6 {
		t.Errorf("a recording of one second has %.2f s", s)
	}
}

// Who is put on hold hears music: the class that the files name, else the tune of
// the program; it ends with the hold.
func TestMusicOnHold(t *testing.T) {
	x := open(t, map[string]string{"8006": "moh_suggest=blue\n"}, "exten => 8006,1,Dial(PJSIP/8006)\n"+
		"exten => 1,1,Answer()\nsame => n,MusicOnHold(blue,2)\nsame => n,Wait(0.5)\n"+
		"exten => 2,1,Dial(PJSIP/8006,20,m(blue))\n"+
		"exten => 3,1,Answer()\nsame => n,StartMusicOnHold(blue)\nsame => n,Wait(1)\nsame => n,StopMusicOnHold()\nsame => n,Wait(1)\n",
		map[string]string{"musiconhold.conf": "[default]\nmode=files\ndirectory=moh\n[blue]\nmode=playlist\nentry=one\nentry=two.wav\n"})
	tone(t, filepath.Join(x.dir, "lib/sounds/one.wav"), 700, 500*time.Millisecond)
	tone(t, filepath.Join(x.dir, "lib/sounds/two.wav"), 1300, 500*time.Millisecond)
	a, b := x.phone("8005"), x.phone("8006")
	in, out := x.talkTo(a, b, "8006")
	out.speak(900)
	in.hears(900, 0.5, "the callee")
	if err := out.Hold(x.ctx); err != nil {
		t.Fatal(err)
	}
	in.hears(700, 0.4, "the first piece")
	in.hears(1300, 0.4, "the second piece")
	if err := out.Resume(x.ctx); err != nil {
		t.Fatal(err)
	}
	in.hears(900, 0.5, "the callee again")
	in.deaf(700, "the hold has ended")
	// The caller holds: its class is default, whose directory is empty.
	if err := in.Hold(x.ctx); err != nil {
		t.Fatal(err)
	}
	x.until("the callee hears the tune", func() bool {
		time.Sleep(200 * time.Millisecond)
		return media.Power(out.heard()) > 1e-4
	})
	in.hangup()
	out.over("hung up")
	v := a.dial("1")
	v.over("two seconds are over")
	if pcm := v.heard(); seconds(pcm, 700) < 0.6 || seconds(pcm, 1300) < 0.6 {
		t.Errorf("MusicOnHold: %.2f s and %.2f s of the pieces", seconds(pcm, 700), seconds(pcm, 1300))
	}
	c, err := a.Call(x.ctx, "2")
	if err != nil {
		t.Fatal(err)
	}
	x.until("early media", func() bool { return a.got("SIP/2.0 183", "m=audio") > 0 })
	early := a.listen(c)
	early.hears(700, 0.3, "music while it rings")
	out = b.answer()
	if err := c.WaitAnswered(x.ctx); err != nil {
		t.Fatal(err)
	}
	out.speak(900)
	early.hears(900, 0.5, "the callee has answered")
	early.hangup()
	v = a.dial("3")
	v.over("the dialplan has ended")
	if s := seconds(v.heard(), 700); s < 0.3 || s > 0.8 {
		t.Errorf("one second of music has the first piece for %.2f s", s)
	}
}
