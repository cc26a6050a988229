package voice_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// foldersPlan takes messages with options, and says what is known of a mailbox.
const foldersPlan = `exten => 1,1,VoiceMail(8006,us)
same => n,Log(NOTICE,@S=${VMSTATUS}@)
exten => 2,1,VoiceMailMain(8006,s)
exten => 3,1,VoiceMailMain(8006,sra(2))
exten => 4,1,VoiceMail(8006,ust())
exten => 5,1,VoiceMail(8006,uesd(more))
exten => 6,1,Log(NOTICE,@C=${VMCOUNT(8006)} ${VMCOUNT(8006&8007,Old)} ${VMCOUNT(8006,Work)} ${VM_INFO(8006,count,Family)} ${VM_INFO(8006,exists)} ${VM_INFO(1,exists)} ${VM_INFO(8006,fullname)} ${LEN(${VM_INFO(8006,email)})} ${VM_INFO(8006,password)}.@)
exten => 7,1,VMSayName(8006)
same => n,VMSayName(8007@default)
exten => _8X.,1,VoiceMailPlayMsg(8006,${EXTEN:1})
same => n,Log(NOTICE,@P=${VOICEMAIL_PLAYBACKSTATUS}@)
exten => 9,1,VoiceMail(8007,usP)
exten => a,1,Log(NOTICE,@X=call a@)
[more]
exten => 55,1,Log(NOTICE,@X=more 55 ${VMSTATUS}@)
`

// withFolders opens an exchange whose mailboxes have names.
func withFolders(t *testing.T) *exchange {
	return open(t, map[string]string{"8006": "mailboxes=8006@default\n"}, foldersPlan, map[string]string{
		"voicemail.conf": "[general]\nminsecs=1\nenvelope=no\n[default]\n8006 => 4711,Bob,bob@example.org\n8007 => 4712,Eve\n",
	})
}

// saved waits until a folder of the box 8006 has so many messages.
func (x *exchange) saved(folder string, want int) {
	x.t.Helper()
	x.until(folder+" has its messages", func() bool {
		list, _ := filepath.Glob(filepath.Join(x.dir, "spool/voicemail/default/8006", folder, "msg*.wav"))
		return len(list) == want
	})
}

// A message is saved to a folder of its own (9), found there by changing folders (2), and
// VMCOUNT and VM_INFO count it; option a opens the folder at once, and with r nothing is
// deleted; VoiceMailPlayMsg plays it by its id.
func TestMailboxFolders(t *testing.T) {
	x := withFolders(t)
	a, b := x.phone("8005"), x.phone("8006")
	a.leave(500)
	a.leave(700)
	x.saved("INBOX", 2)
	v := b.dial("2")
	v.press("1")
	v.hears(500, 0.5, "the first message")
	v.press("92") // to Work
	v.press("6")
	v.hears(700, 0.5, "the second message")
	v.press("93") // to Family
	v.press("#")
	v.over("# ends")
	x.saved("Work", 1)
	x.saved("Family", 1)
	x.saved("INBOX", 0)
	if _, err := a.Call(x.ctx, "6"); err != nil {
		t.Fatal(err)
	}
	x.is("C", "0 0 1 1 1 0 Bob 15 .")
	v = b.dial("2")
	v.press("22") // folder Work
	v.press("1")
	v.hears(500, 0.5, "the message in Work")
	v.press("23") // folder Family
	v.press("1")
	v.hears(700, 0.5, "the message in Family")
	v.press("7#")
	v.over("# ends")
	x.saved("Family", 0)
	v = b.dial("3")
	v.hears(500, 0.5, "the message in Work, at once")
	v.press("7#")
	v.over("# ends")
	x.saved("Work", 1) // read only
	text, err := os.ReadFile(filepath.Join(x.dir, "spool/voicemail/default/8006/Work/msg0000.txt"))
	_, id, _ := strings.Cut(string(text), "msg_id=")
	id, _, _ = strings.Cut(id, "\n")
	if err != nil || id == "" {
		t.Fatalf("no msg_id in the envelope: %v\n%s", err, text)
	}
	v = a.dial("8" + id)
	v.hears(500, 0.5, "the message by its id")
	v.over("the dialplan has ended")
	x.is("P", "SUCCESS")
	if _, err := a.Call(x.ctx, "8000"); err != nil {
		t.Fatal(err)
	}
	x.is("P", "FAILED")
}

// A message is forwarded with words of one's own before it, to two boxes at once.
func TestForwardWithWords(t *testing.T) {
	x := withFolders(t)
	a, b := x.phone("8005"), x.phone("8006")
	a.leave(500)
	x.saved("INBOX", 1)
	v := b.dial("2")
	v.press("1")
	v.hears(500, 0.5, "the message")
	v.press("8")
	v.press("8007#")
	v.press("8006#")
	v.press("#")
	v.press("1")
	v.hears(1000, 0.3, "the beep")
	v.speak(700)
	time.Sleep(1200 * time.Millisecond)
	v.press("#")
	v.speak(0)
	copied := filepath.Join(x.dir, "spool/voicemail/default/8007/INBOX/msg0000.wav")
	x.until("8007 has the message", func() bool { _, err := os.Stat(copied); return err == nil })
	v.hangup()
	x.saved("INBOX", 1)
	pcm := load(t, copied)
	own, original := seconds(pcm, 700), seconds(pcm, 500)
	if own < 0.6 || original < 0.5 { // a late machine loses some
		t.Fatalf("%.2f s of one's own words and %.2f s of the message, want about 1.2 and 1.5", own, original)
	}
	if half := len(pcm) * 2 / 5; seconds(pcm[:half], 500) > 0.2 || seconds(pcm[len(pcm)-half:], 700) > 0.2 {
		t.Error("the own words do not come first")
	}
	x.until("no draft is left", func() bool {
		list, _ := filepath.Glob(filepath.Join(x.dir, "spool/voicemail/default/8006/tmp/*"))
		return len(list) == 0
	})
}

// Options of VoiceMail: t() has no tone, e greets before the answer, d leads to an extension
// that is dialled during the greeting, P marks the message.
func TestVoiceMailOptions(t *testing.T) {
	x := withFolders(t)
	for name, hz := range map[string]float64{"unavail": 600, "greet": 900} {
		tone(t, filepath.Join(x.dir, "spool/voicemail/default/8006", name+".wav"), hz, 2*time.Second)
	}
	a := x.phone("8005")
	v := a.dial("4")
	v.hears(600, 1, "the greeting")
	time.Sleep(time.Second)
	if s := seconds(v.heard(), 1000); s > 0.1 {
		t.Errorf("%.2f s of a beep although t() has none", s)
	}
	v.speak(500)
	time.Sleep(1500 * time.Millisecond)
	v.press("#")
	v.over("the message is left")
	x.saved("INBOX", 1)
	answers := func() int { return a.got("SIP/2.0 200 OK", " INVITE\r\n") }
	before := answers()
	c, err := a.Call(x.ctx, "5")
	if err != nil {
		t.Fatal(err)
	}
	x.until("early media", func() bool { return a.got("SIP/2.0 183") > 0 })
	early := a.listen(c)
	early.hears(600, 0.5, "the greeting before the answer")
	early.press("55")
	early.over("the extension that was dialled has ended")
	x.is("X", "more 55 USEREXIT")
	if n := answers() - before; n != 0 {
		t.Errorf("the greeting was not early media: answered %d times", n)
	}
	v = a.dial("7")
	v.hears(900, 0.8, "the recorded name")
	v.over("the names are said")
	v = a.dial("9")
	v.hears(1000, 0.3, "the beep")
	v.speak(500)
	time.Sleep(1500 * time.Millisecond)
	v.press("#")
	v.over("the message is left")
	text, err := os.ReadFile(filepath.Join(x.dir, "spool/voicemail/default/8007/INBOX/msg0000.txt"))
	if err != nil || !strings.Contains(string(text), "flag=PRIORITY\n") {
		t.Errorf("the message is not marked: %v\n%s", err, text)
	}
}

// Who guesses a password from one telephone does not keep the owner out at another one.
func TestGuessesDoNotLockTheOwnerOut(t *testing.T) {
	x := open(t, nil, "exten => 2,1,VoiceMailMain(8006)\nsame => n,Log(NOTICE,@E=out@)\n", map[string]string{
		"voicemail.conf": "[general]\nmaxlogins=20\nenvelope=no\n[default]\n8006 => 4711,Bob\n",
	})
	tone(t, filepath.Join(x.dir, "lib/sounds/en/vm-youhave.wav"), 700, 2*time.Second)
	stranger, owner := x.phone("8005"), x.phone("8006")
	bad := stranger.dial("2")
	for range 8 {
		bad.press("0000#")
	}
	x.until("some guesses", func() bool { return strings.Count(x.log.String(), "wrong mailbox or password") >= 4 })
	v := owner.dial("2")
	began := time.Now()
	v.press("4711#")
	v.hears(700, 0.5, "that there are messages")
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the owner got in after %v", took)
	}
	v.hangup()
	bad.hangup()
}
