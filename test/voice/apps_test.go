package voice_test

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/media"
)

// Morsecode plays dots and dashes of the lengths that are asked for; PlayTones plays a list
// of its own, and what is marked with ! once.
func TestMorsecode(t *testing.T) {
	x := featured(t, `exten => 1,1,Answer()
same => n,Wait(0.3)
same => n,Set(MORSEDITLEN=100)
same => n,Set(MORSETONE=700)
same => n,Morsecode(an e)
same => n,Wait(0.5)
exten => 2,1,Answer()
same => n,PlayTones(!900/300,500/200,0/200)
same => n,Wait(2)
`, nil)
	a := x.phone("8005")
	const want = "+1 -1 +3 -3 +3 -1 +1 -7 +1" // a .- , n -. , e . : three dots of silence behind a letter, seven behind a word
	got := ""
	for range 5 { // what a machine that was late cannot show is measured again
		if got = morseHeard(a); got == want {
			break
		}
	}
	if got != want {
		t.Errorf("heard %s, want %s", got, want)
	}
	v := a.dial("2")
	v.over("the tones are played")
	pcm := v.heard()
	if once, again := seconds(pcm, 900), seconds(pcm, 500); once < 0.2 || once > 0.4 || again < 0.5 {
		t.Errorf("%.2f s of the tone played once, want 0.3, and %.2f s of the repeated one, want about 0.9", once, again)
	}
}

// morseHeard calls 1 and returns the tones and silences that are heard, in dots.
func morseHeard(a *handset) string {
	v := a.dial("1")
	v.over("the code is played")
	var marks []string // runs of the tone and of silence, in units of a dot
	run, on := 0, false
	pcm := v.heard()
	const piece = 80
	for at := 0; at+piece <= len(pcm); at += piece {
		p := pcm[at : at+piece]
		power := media.Power(p)
		if now := power > 1e-4 && media.Goertzel(p, 700) > 0.3*power; now != on {
			if units := (run*10 + 50) / 100; units > 0 && (on || len(marks) > 0) {
				nearest := 1 // what the code has; a machine that is late stretches silence
				for _, n := range []int{3, 7} {
					if 2*units > n+nearest {
						nearest = n
					}
				}
				marks = append(marks, map[bool]string{true: "+", false: "-"}[on]+strconv.Itoa(nearest))
			}
			run, on = 0, now
		}
		run++
	}
	return strings.Join(marks, " ")
}

// FollowMe calls one step after the other: who does not answer or declines is followed by the
// next, who takes the call by its key is connected; the caller hears music meanwhile, and the
// callee the caller's name.
func TestFollowMe(t *testing.T) {
	x := featured(t, `exten => 1,1,FollowMe(bob,a)
same => n,Log(NOTICE,@F=went on@)
exten => 2,1,FollowMe(nobody)
same => n,Log(NOTICE,@F=no profile@)
exten => 3,1,FollowMe(bob,dn)
same => n,Log(NOTICE,@F=not found@)
[numbers]
exten => _800X,1,Dial(PJSIP/${EXTEN})
`, map[string]string{"followme.conf": "[bob]\ncontext => numbers\nnumber => 8006,15\nnumber => 8007,15\ntakecall => 7\ndeclinecall => 9\n"}, "followme/sorry")
	tone(t, filepath.Join(x.dir, "lib/sounds/en/followme/call-from.wav"), 1700, 400*time.Millisecond)
	tone(t, filepath.Join(x.dir, "lib/sounds/en/followme/no-recording.wav"), 1700, 400*time.Millisecond)
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	if _, err := a.Call(x.ctx, "2"); err != nil {
		t.Fatal(err)
	}
	x.is("F", "no profile")
	in := a.dial("1")
	in.hears(1000, 0.3, "the beep before the name")
	in.speak(toneA)
	time.Sleep(1500 * time.Millisecond)
	in.press("#")
	in.speak(0)
	first := b.answer()
	first.hears(1700, 0.3, "that somebody calls")
	first.hears(toneA, 0.5, "the name")
	in.hears(toneMusic, 0.5, "music while others are asked")
	first.press("9")
	second := c.answer()
	first.over("declined")
	second.hears(toneA, 0.5, "the name")
	second.press("7")
	second.speak(toneB)
	in.speak(toneA)
	in.hears(toneB, 0.5, "connected")
	second.hangup()
	in.over("the end")
	in = a.dial("3")
	for _, h := range []*handset{b, c} {
		v := h.answer()
		v.hears(1700, 0.3, "that somebody calls")
		v.press("9")
		v.over("declined")
	}
	in.hears(toneSound, 0.3, "that nobody was found")
	in.over("the dialplan has ended")
	x.is("F", "not found")
	if list, _ := filepath.Glob(filepath.Join(x.dir, "spool/followme/*")); len(list) != 0 {
		t.Errorf("names are left: %v", list)
	}
}

// PJSIPHangup refuses with its status; Signal wakes a channel that waits, and tells when
// nobody does; StoreDTMF keeps the keys of either side of a call, which still get across.
func TestSignalsAndKeys(t *testing.T) {
	x := featured(t, `exten => 1,1,PJSIPHangup(TemporarilyUnavailable)
exten => 2,1,Answer()
same => n,Log(NOTICE,@W=waits@)
same => n,WaitForSignal(done,20)
same => n,Log(NOTICE,@W=${WAITFORSIGNALSTATUS} ${WAITFORSIGNALPAYLOAD}@)
same => n,WaitForSignal(done,0.1)
same => n,Log(NOTICE,@W=${WAITFORSIGNALSTATUS}@)
exten => 3,1,Signal(done,and more)
same => n,Log(NOTICE,@S=${SIGNALSTATUS}@)
exten => 4,1,StoreDTMF(RX,KEYS,3)
same => n,StoreDTMF(TX,SENT)
same => n,Dial(PJSIP/8006,20)
exten => h,1,Log(NOTICE,@K=${KEYS} ${SENT}@)
`, nil)
	a, b := x.phone("8005"), x.phone("8006")
	c, err := a.Call(x.ctx, "1")
	if err == nil {
		err = c.WaitAnswered(x.ctx)
	}
	if err == nil || !strings.Contains(err.Error(), "480") {
		t.Errorf("refused with %v, want 480", err)
	}
	if _, err := b.Call(x.ctx, "3"); err != nil {
		t.Fatal(err)
	}
	x.is("S", "FAILURE")
	v := a.dial("2")
	x.is("W", "waits")
	x.until("the signal is heard", func() bool { // it waits once the line is written
		if _, err := b.Call(x.ctx, "3"); err != nil {
			t.Fatal(err)
		}
		x.until("the signal was sent", func() bool { return x.node.Calls() <= 1 })
		return x.variable("S") == "SUCCESS"
	})
	v.over("the second wait is over")
	if log := x.log.String(); !strings.Contains(log, "@W=SIGNALED and more@") {
		t.Error("the payload has not come")
	}
	x.is("W", "TIMEOUT")
	in, out := connected(a, "4", b)
	in.press("1234")
	x.until("the keys get across", func() bool { return b.digits() == "1234" })
	out.press("56")
	x.until("the other side's get across, too", func() bool { return a.digits() == "56" })
	in.hangup()
	out.over("the end")
	x.is("K", "123 56")
}

// Functions that tell of the system, and a file; the dialplan reads no file elsewhere.
func TestSystemFunctions(t *testing.T) {
	x := featured(t, `exten => 1,1,Log(NOTICE,@C=${AST_CONFIG(own.conf,one,name)} ${AST_CONFIG(own.conf,one,name,-1)} ${AST_CONFIG(../own.conf,one,name)} ${AST_CONFIG(own.conf,two,name)}.@)
same => n,Log(NOTICE,@S=${SYSINFO(numcalls)} ${IF($[${SYSINFO(totalram)} > 1000]?ram)} ${IF($[${SYSINFO(freeram)} > 0]?free)} ${REGEX("^[0-9.]+$" ${SYSINFO(loadavg)})}@)
same => n,Log(NOTICE,@B=${BLACKLIST()}@)
same => n,Set(DB(blacklist/8005)=1)
same => n,Log(NOTICE,@B=${BLACKLIST()}@)
same => n,Log(NOTICE,@V=${VERSION(ASTERISK_VERSION_NUM)} ${CUT(VERSION(), ,1)} ${AST_SORCERY(res_pjsip,endpoint,8005,context)}@)
same => n,SendURL(http://example.org/)
same => n,SendImage(a.png)
same => n,Log(NOTICE,@U=${SENDURLSTATUS} ${SENDIMAGESTATUS}@)
same => n,Set(HASH(h,a)=1)
same => n,ClearHash(h)
same => n,Log(NOTICE,@H=[${HASHKEYS(h)}]@)
same => n,Answer()
same => n,MixMonitor(one.wav,i(ID))
same => n,Log(NOTICE,@M=${BASENAME(${MIXMONITOR(${ID},filename)})}@)
`, map[string]string{"own.conf": "[one]\nname = first\nname = last\n"})
	v := x.phone("8005").dial("1")
	v.over("the dialplan has ended")
	for name, want := range map[string]string{"C": "first last  .", "S": "1 ram free 1", "B": "1", "V": "220000 Hometone calls", "U": "UNSUPPORTED UNSUPPORTED", "H": "[]", "M": "one.wav"} {
		x.is(name, want)
	}
	if !strings.Contains(x.log.String(), "@B=0@") {
		t.Error("a caller that is not on the list is on it")
	}
}

// StatsD sends what statsd.conf says to where it says, in the form of the protocol.
func TestStatsD(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	x := featured(t, `exten => 1,1,StatsD(g,calls.up,+1)
same => n,StatsD(c,calls,2,1)
same => n,StatsD(ms,took,320,0)
same => n,StatsD(x,calls,2)
same => n,StatsD(s,who,${CALLERID(num)})
`, map[string]string{"statsd.conf": "[general]\nenabled=yes\nserver=" + conn.LocalAddr().String() + "\nprefix=pbx\n"})
	if _, err := x.phone("8005").Call(x.ctx, "1"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pbx.calls.up:+1|g", "pbx.calls:2|c", "pbx.who:8005|s"} {
		b := make([]byte, 100)
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, _, err := conn.ReadFrom(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("%q %v, want %s", b[:n], err, want)
		}
	}
	x.until("the type that is none is told", func() bool { return strings.Contains(x.log.String(), "is not g, c, ms or s") })
}
