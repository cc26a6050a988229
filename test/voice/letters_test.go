package voice_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// letters are Dial's options as Asterisk 22 documents them, with the tests that prove each on
// a running node, or, behind a colon, why there is none.
func letters() map[string]string {
	return map[string]string{
		"A": "TestDialDigitsAndAnnouncement", "a": "TestAnswerEarly", "b": "TestBeforeDial", "B": "TestBeforeDial", "C": "TestRecordBeginsAnew", "c": "TestElsewhere",
		"d": "TestKeysWhileRinging", "D": "TestDialDigitsAndAnnouncement", "E": ": it is about MF and SF, for which there are no lines", "e": "TestCallLimitWarning",
		"f": "TestDisguise", "F": "TestCalleeGoesOn", "g": "TestGoOn", "G": "TestBothGo", "h": "TestDisconnectByKeys", "H": "TestDisconnectByKeys TestKeysWhileRinging",
		"i": "TestForwardLimits", "I": "TestQuietDial", "j": ": callees are offered the caller's streams in any case (TestTranscoding)", "k": "TestParkByKeys", "K": "TestParkByKeys",
		"L": "TestCallLimits TestCallLimitWarning", "m": "TestMusicOnHold", "n": "TestScreening", "N": "TestScreening", "o": "TestOwnID", "O": ": it is about operators on DAHDI",
		"p": "TestScreening", "P": "TestScreening", "Q": "TestElsewhere", "r": "TestDisguise", "R": "TestRingUntilMedia", "S": "TestCallLimits",
		"s": ": a tag of caller ids is told to nobody and has no effect on SIP", "t": "TestBlindByKeys", "T": "TestBlindByKeys", "u": "TestOwnID", "U": "TestAnsweredSubroutine",
		"w": "TestRecordByOneSide", "W": "TestRecordByOneSide", "x": "TestRecordByKeys", "X": "TestRecordByKeys", "z": "TestForwardLimits",
	}
}

// Every documented letter of Dial has a test on a running node, or a reason.
func TestDialLetters(t *testing.T) {
	tests := map[string]bool{}
	name := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, pattern := range []string{"*_test.go", "../calls/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			for _, m := range name.FindAllStringSubmatch(readFile(t, f), -1) {
				tests[m[1]] = true
			}
		}
	}
	all := letters()
	for _, letter := range strings.Split("AabBCcdDEefFgGhHiIjkKLmnNoOpPQrRSstTuUwWxXz", "") {
		proof := all[letter]
		if _, reason, ok := strings.Cut(proof, ": "); ok && reason != "" {
			continue
		}
		if proof == "" {
			t.Errorf("option %s of Dial has neither a test nor a reason", letter)
		}
		for _, test := range strings.Fields(proof) {
			if !tests[test] {
				t.Errorf("option %s of Dial: there is no %s", letter, test)
			}
		}
	}
}

// a: the caller is answered at once when the callee answers, without: when what comes before
// the connection has been done.
func TestAnswerEarly(t *testing.T) {
	x := featured(t, `exten => 1,1,Dial(PJSIP/8006,20,aU(slow))
exten => 2,1,Dial(PJSIP/8006,20,U(slow))
[slow]
exten => s,1,Wait(1.5)
same => n,Return()
`, nil)
	a, b := x.phone("8005"), x.phone("8006")
	for number, early := range map[string]bool{"1": true, "2": false} {
		c, err := a.Call(x.ctx, number)
		if err != nil {
			t.Fatal(err)
		}
		v := b.answer()
		began := time.Now()
		if err := c.WaitAnswered(x.ctx); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); early != (took < time.Second) {
			t.Errorf("extension %s: the caller is answered after %v", number, took)
		}
		if err := c.Hangup(x.ctx); err != nil {
			t.Fatal(err)
		}
		v.over("the end")
	}
}

// o: the callee's channel has the caller's id, or the one that is named; u tells with f how
// the forced one is presented.
func TestOwnID(t *testing.T) {
	x := featuredFor(t, map[string]string{"8006": "send_pai=yes\n"}, `exten => 1,1,Dial(PJSIP/8006,20,oU(who))
exten => 2,1,Dial(PJSIP/8006,20,o(4711)U(who))
exten => 3,1,Dial(PJSIP/8006,20,f(4712)u(prohib_passed_screen)U(who))
[who]
exten => s,1,Log(NOTICE,@O=${CALLERID(num)}@)
same => n,Return()
`, nil)
	a, b := x.phone("8005"), x.phone("8006")
	for number, want := range map[string]string{"1": "8005", "2": "4711"} {
		in, out := connected(a, number, b)
		x.is("O", want)
		in.hangup()
		out.over("the end")
	}
	in, out := connected(a, "3", b)
	if b.got("INVITE sip", "From: \"Anonymous\" <sip:anonymous@") == 0 {
		t.Error("u(prohib) shows who calls")
	}
	if b.got("INVITE sip", "From:", "<sip:4712@", "From: \"Anonymous\"") > 0 {
		t.Log("the number goes to those who are trusted only")
	}
	in.hangup()
	out.over("the end")
}

// Those who were not fast enough are told that the call was answered elsewhere (RFC 3326),
// or what Q says; c tells it also when the caller gives up.
func TestElsewhere(t *testing.T) {
	x := featured(t, `exten => 1,1,Dial(PJSIP/8006&PJSIP/8007,20)
exten => 2,1,Dial(PJSIP/8006&PJSIP/8007,20,Q(17))
exten => 3,1,Dial(PJSIP/8007,20,c)
`, nil)
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	for _, want := range []struct{ number, reason string }{{"1", "Reason: SIP;cause=200"}, {"2", "Reason: Q.850;cause=17"}} {
		call, err := a.Call(x.ctx, want.number)
		if err != nil {
			t.Fatal(err)
		}
		late, err := c.Accept(x.ctx)
		if err != nil {
			t.Fatal(err)
		}
		v := b.answer()
		<-late.Done()
		if c.got("CANCEL sip", want.reason) == 0 {
			t.Errorf("extension %s: no CANCEL with %s", want.number, want.reason)
		}
		if err := call.WaitAnswered(x.ctx); err != nil {
			t.Fatal(err)
		}
		v.hangup()
		<-call.Done()
	}
	before := c.got("CANCEL sip", "Reason: SIP;cause=200")
	call, err := a.Call(x.ctx, "3")
	if err != nil {
		t.Fatal(err)
	}
	late, err := c.Accept(x.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := call.Hangup(x.ctx); err != nil {
		t.Fatal(err)
	}
	<-late.Done()
	if c.got("CANCEL sip", "Reason: SIP;cause=200") != before+1 {
		t.Error("c does not tell that the call was answered elsewhere")
	}
}

// I: a caller who was answered before is not told whom it talks with.
func TestQuietDial(t *testing.T) {
	x := featuredFor(t, map[string]string{"8005": "send_pai=yes\ntrust_id_outbound=yes\n"}, `exten => 1,1,Answer()
same => n,Dial(PJSIP/8006,20)
exten => 2,1,Answer()
same => n,Dial(PJSIP/8006,20,I)
`, nil)
	a, b := x.phone("8005"), x.phone("8006")
	told := func() int {
		return a.got("INVITE sip:", "P-Asserted-Identity") + a.got("UPDATE sip:", "P-Asserted-Identity")
	}
	in, out := connected(a, "1", b)
	x.until("the caller is told", func() bool { return told() == 1 })
	in.hangup()
	out.over("the end")
	in, out = connected(a, "2", b)
	in.speak(toneA)
	out.hears(toneA, 0.5, "connected")
	if told() != 1 {
		t.Error("I tells the caller all the same")
	}
	in.hangup()
	out.over("the end")
}

// w lets the callee record by automixmon's keys, W the caller, and neither the other one.
func TestRecordByOneSide(t *testing.T) {
	x := featured(t, "exten => 1,1,Dial(PJSIP/8006,20,w)\nexten => 2,1,Dial(PJSIP/8006,20,W)\n", map[string]string{"features.conf": "[featuremap]\nautomixmon => *3\n"})
	a, b := x.phone("8005"), x.phone("8006")
	files := func() int {
		list, _ := filepath.Glob(filepath.Join(x.dir, "spool/monitor/auto-*.wav"))
		return len(list)
	}
	for n, number := range []string{"1", "2"} {
		in, out := connected(a, number, b)
		may, other := out, in
		if number == "2" {
			may, other = in, out
		}
		heard := may.h.digits()
		other.press("*3")
		x.until("the keys of who may not get across", func() bool { return may.h.digits() == heard+"*3" })
		if files() != n {
			t.Errorf("extension %s: the wrong side records", number)
		}
		may.press("*3")
		x.until("the recording has begun", func() bool { return files() == n+1 })
		time.Sleep(time.Second) // names have seconds in them
		in.hangup()
		out.over("the end")
	}
}

// ReadExten collects an extension of a context while a sound plays.
func TestReadExten(t *testing.T) {
	x := featured(t, `exten => 1,1,ReadExten(WHERE,beep,more,,3)
same => n,Log(NOTICE,@R=${READEXTENSTATUS} ${WHERE} ${INVALID_EXTEN}@)
[more]
exten => _55X,1,NoOp()
`, nil, "beep")
	a := x.phone("8005")
	for keys, want := range map[string]string{"551": "OK 551 ", "12": "INVALID i 1"} {
		v := a.dial("1")
		v.press(keys)
		v.over("the dialplan has ended")
		if got := x.variable("R"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", keys, got, want)
		}
	}
	v := a.dial("1")
	v.over("nothing is keyed")
	if got := x.variable("R"); !strings.HasPrefix(got, "TIMEOUT t") {
		t.Errorf("nothing keyed: %q", got)
	}
}

// RetryDial calls again after a pause with a sound, as often as it is told, and connects.
func TestRetryDial(t *testing.T) {
	x := featured(t, `exten => 1,1,Answer()
same => n,RetryDial(beep,0.5,2,PJSIP/8006,20)
same => n,Log(NOTICE,@S=${DIALSTATUS}@)
`, nil, "beep")
	a, b := x.phone("8005"), x.phone("8006")
	in := a.dial("1")
	refuse := func() {
		c, err := b.Accept(x.ctx)
		if err == nil {
			err = c.Reject(x.ctx, 486)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	refuse()
	in.hears(toneSound, 0.2, "the announcement")
	out := b.answer()
	in.speak(toneA)
	out.hears(toneA, 0.3, "connected at the second try")
	in.hangup()
	out.over("the end")
	in = a.dial("1")
	for range 3 {
		refuse()
	}
	in.over("no further try")
	x.is("S", "BUSY")
}

// PrivacyManager asks a caller without a number for one.
func TestPrivacyManager(t *testing.T) {
	x := featured(t, `exten => 1,1,Set(CALLERID(num)=)
same => n,PrivacyManager(2,4)
same => n,Log(NOTICE,@P=${PRIVACYMGRSTATUS} ${CALLERID(num)}@)
exten => 2,1,PrivacyManager()
same => n,Log(NOTICE,@P=${PRIVACYMGRSTATUS} ${CALLERID(num)}@)
`, nil, "privacy-unident", "privacy-prompt", "privacy-incorrect", "privacy-thankyou")
	a := x.phone("8005")
	if _, err := a.Call(x.ctx, "2"); err != nil {
		t.Fatal(err)
	}
	x.is("P", "SUCCESS 8005")
	for keys, want := range map[string]string{"12#12345#": "SUCCESS 12345", "1#2#": "FAILED "} {
		v := a.dial("1")
		v.press(keys)
		v.over("the dialplan has ended")
		x.is("P", want)
	}
}

// ExtenSpy hears the devices of an extension's hint.
func TestExtenSpy(t *testing.T) {
	x := featured(t, "exten => 8006,hint,PJSIP/8006\nexten => 8006,1,Dial(PJSIP/8006)\nexten => 1,1,ExtenSpy(8006@calls,q)\n", nil)
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	in, out := connected(a, "8006", b)
	in.speak(toneA)
	out.speak(toneB)
	spy := c.dial("1")
	spy.hears(toneA, 0.3, "one side")
	spy.hears(toneB, 0.3, "the other side")
	spy.hangup()
	in.hangup()
	out.over("the end")
}

// WaitDigit, WaitForCondition and Incomplete.
func TestWaits(t *testing.T) {
	x := featured(t, `exten => 1,1,Answer()
same => n,WaitDigit(5,12)
same => n,Log(NOTICE,@D=${WAITDIGITSTATUS} ${WAITDIGITRESULT}@)
same => n,WaitDigit(0.2)
same => n,Log(NOTICE,@E=${WAITDIGITSTATUS}@)
exten => 2,1,Set(GLOBAL(door)=shut)
same => n,Log(NOTICE,@W=waits@)
same => n,WaitForCondition(#,#["#{door}" = "open"],10,0.05)
same => n,Log(NOTICE,@W=${WAITFORCONDITIONSTATUS}@)
same => n,WaitForCondition(#,#[1 = 2],0.2,0.05)
same => n,Log(NOTICE,@X=${WAITFORCONDITIONSTATUS}@)
exten => 3,1,Set(GLOBAL(door)=open)
exten => _4X,1,GotoIf($[${LEN(${EXTEN})} < 3]?more)
same => n,Log(NOTICE,@I=${EXTEN}@)
same => n,Hangup()
same => n(more),Incomplete(n)
exten => _4XX,1,Log(NOTICE,@I=${EXTEN}@)
`, nil)
	a, b := x.phone("8005"), x.phone("8006")
	v := a.dial("1")
	v.press("92")
	v.over("the dialplan has ended")
	x.is("D", "DTMF 2")
	x.is("E", "TIMEOUT")
	if _, err := a.Call(x.ctx, "2"); err != nil {
		t.Fatal(err)
	}
	x.is("W", "waits")
	if _, err := b.Call(x.ctx, "3"); err != nil {
		t.Fatal(err)
	}
	x.is("W", "TRUE")
	x.is("X", "FAILURE")
	c, err := a.Call(x.ctx, "45")
	if err == nil {
		err = c.WaitAnswered(x.ctx)
	}
	if err == nil || !strings.Contains(err.Error(), "484") {
		t.Errorf("an incomplete extension: %v, want 484", err)
	}
}

// ParkAndAnnounce tells a telephone the space, and the call is fetched there.
func TestParkAndAnnounce(t *testing.T) {
	x := featured(t, "exten => 1,1,Answer()\nsame => n,ParkAndAnnounce(,,beep:PARKED,PJSIP/8006)\nexten => 701,1,ParkedCall(,701)\n", map[string]string{"res_parking.conf": "[default]\nparkext=>700\nparkpos=>701-705\ncontext=calls\n"}, "beep")
	for _, d := range []string{"7", "0", "1"} {
		tone(t, filepath.Join(x.dir, "lib/sounds/en/digits", d+".wav"), map[string]float64{"7": 600, "0": 900, "1": 1200}[d], 600*time.Millisecond)
	}
	a, b, c := x.phone("8005"), x.phone("8006"), x.phone("8007")
	in := a.dial("1")
	told := b.answer()
	told.over("it has been told")
	pcm := told.heard()
	for _, hz := range []float64{toneSound, 600, 900, 1200} {
		if seconds(pcm, hz) < 0.15 {
			t.Errorf("%v Hz is %.2f s in the announcement of %.2f", hz, seconds(pcm, hz), float64(len(pcm))/8000)
		}
	}
	out := c.dial("701")
	in.speak(toneA)
	out.hears(toneA, 0.3, "the parked call")
	in.hangup()
	out.over("the end")
}
