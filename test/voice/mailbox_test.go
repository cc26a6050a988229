package voice_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/smtptest"
)

// ownersPlan leaves a message at 1 and opens the mailbox at 2.
const ownersPlan = `exten => 1,1,VoiceMail(8006,us)
same => n,Log(NOTICE,@S=${VMSTATUS}@)
exten => 2,1,VoiceMailMain(8006)
exten => 3,1,VoiceMail(8008,us)
exten => 4,1,VoiceMail(8009,us)
exten => 5,1,VoiceMail(8010,us)
exten => a,1,Log(NOTICE,@X=call a ${VMSTATUS}@)
[leave]
exten => o,1,Log(NOTICE,@X=leave o ${VMSTATUS}@)
exten => a,1,Log(NOTICE,@X=leave a ${VMSTATUS}@)
`

// withLetters opens an exchange whose mailboxes have e-mail addresses.
func withLetters(t *testing.T, smtp *smtptest.Server) *exchange {
	return open(t, nil, ownersPlan, map[string]string{
		"hometone.yaml": "mail: {server: \"" + smtp.Addr + "\", tls: none}\n",
		"voicemail.conf": "[general]\nminsecs=1\nenvelope=no\nserveremail=pbx@example.org\nfromstring=The PBX\nemailsubject=Call from ${VM_CIDNUM} of ${VM_DUR}\n" +
			"emailbody=${VM_NAME}:\\n${VM_MSGNUM} in ${VM_MAILBOX}, ${VM_DATE}\nemaildateformat=%Y\npagerdateformat=at %H o'clock\npagerbody=${VM_DATE}\nattach=yes\ntempgreetwarn=yes\n[default]\n" +
			"8006 => 4711,Bob,bob@example.org,pager@example.org\n8007 => 4712,Eve,eve@example.org,,delete=yes\n8008 => 1,Pat,,,review=yes\n8009 => 1,Out,,,operator=yes|exitcontext=leave\n8010 => 1,In,,,operator=yes\n",
	})
}

// leave leaves a message of a tone.
func (h *handset) leave(hz float64) {
	h.x.t.Helper()
	v := h.dial("1")
	v.hears(1000, 0.3, "the beep")
	v.speak(hz)
	time.Sleep(1500 * time.Millisecond)
	v.press("#")
	v.speak(0)
	v.over("the message is left")
}

// A message is told by e-mail with the sound, to the pager without; a copy that is
// forwarded to a box with delete=yes is in the letter and nowhere else.
func TestVoiceMailByMail(t *testing.T) {
	smtp := receiver(t)
	x := withLetters(t, smtp)
	a, b := x.phone("8005"), x.phone("8006")
	a.leave(500)
	x.is("S", "SUCCESS")
	if _, err := os.Stat(filepath.Join(x.dir, "spool/voicemail/default/8006/INBOX/msg0000.wav")); err != nil {
		t.Error(err)
	}
	find := func(to string) (l smtptest.Letter) {
		x.until("a letter to "+to, func() bool {
			for _, got := range smtp.Letters() {
				if got.To[0] == to {
					l = got
					return true
				}
			}
			return false
		})
		return l
	}
	l := find("bob@example.org")
	year := time.Now().Format("2006")
	for _, want := range []string{"From: \"The PBX\" <pbx@example.org>\n", "To: \"Bob\" <bob@example.org>\n", "Subject: Call from 8005 of 0:0", "\nBob:", "\n1 in 8006, " + year, "filename=msg0000.wav", "UklGR"} {
		if !strings.Contains(l.Text, want) {
			t.Errorf("the letter has no %q:\n%.1500s", want, l.Text)
		}
	}
	if l := find("pager@example.org"); strings.Contains(l.Text, "filename") || !strings.Contains(l.Text, "New VM") || !strings.Contains(l.Text, " o'clock") {
		t.Errorf("the pager's letter:\n%s", l.Text)
	}
	v := b.dial("2")
	v.press("4711#1")
	v.hears(500, 0.5, "the message")
	v.press("8")
	v.press("8007#")
	v.press("#2") // nobody else, and without words of one's own
	l = find("eve@example.org")
	v.hangup()
	if !strings.Contains(l.Text, "UklGR") {
		t.Errorf("the forwarded sound is not in the letter:\n%.800s", l.Text)
	}
	if list, _ := filepath.Glob(filepath.Join(x.dir, "spool/voicemail/default/8007/*/msg*")); len(list) != 0 {
		t.Errorf("delete=yes leaves %v", list)
	}
	if list, _ := filepath.Glob(filepath.Join(x.dir, "data/mail/*.json")); len(list) != 0 {
		t.Errorf("letters that have been sent are kept: %v", list)
	}
}

// A caller who may review a message records it again; only the second one is kept.
func TestVoiceMailReview(t *testing.T) {
	x := withLetters(t, receiver(t))
	v := x.phone("8005").dial("3")
	for _, hz := range []float64{500, 700} {
		v.hears(1000, 0.3, "the beep")
		v.speak(hz)
		time.Sleep(1500 * time.Millisecond)
		v.press("#")
		v.speak(0)
		if hz == 500 {
			v.press("2")
			v.hears(500, 0.8, "the message again")
			v.press("3")
		}
	}
	v.press("1")
	message := filepath.Join(x.dir, "spool/voicemail/default/8008/INBOX/msg0000.wav")
	x.until("the message is kept", func() bool { _, err := os.Stat(message); return err == nil })
	v.hangup()
	if pcm := load(t, message); seconds(pcm, 500) > 0.1 || seconds(pcm, 700) < 0.8 {
		t.Errorf("%.2f s of the first and %.2f s of the second recording, want the second only", seconds(pcm, 500), seconds(pcm, 700))
	}
}

// An owner records a greeting by keys, which callers hear, and changes the password,
// which then holds; guesses close the box for all calls.
func TestMailboxOptions(t *testing.T) {
	x := withLetters(t, receiver(t))
	a, b := x.phone("8005"), x.phone("8006")
	v := b.dial("2")
	v.press("4711#")
	v.press("0")
	v.press("1")
	v.hears(1000, 0.3, "the beep")
	v.speak(600)
	time.Sleep(1200 * time.Millisecond)
	v.press("#")
	v.speak(0)
	v.press("1")
	greeting := filepath.Join(x.dir, "spool/voicemail/default/8006/unavail.wav")
	x.until("the greeting is kept", func() bool { _, err := os.Stat(greeting); return err == nil })
	v.press("5")
	v.press("9988#")
	v.press("9988#")
	secret := filepath.Join(x.dir, "spool/voicemail/default/8006/secret.conf")
	x.until("the password is changed", func() bool { _, err := os.Stat(secret); return err == nil })
	v.hangup()
	v = a.dial("1")
	v.hears(600, 0.8, "the owner's greeting")
	v.hears(1000, 0.3, "the beep")
	v.hangup()
	v = b.dial("2")
	v.press("4711#")
	v.press("9988#")
	v.press("0")
	v.hangup()
	if strings.Contains(x.log.String(), "9988") {
		t.Error("the password is in the log")
	}
}

// A temporary greeting is recorded and erased by the key 4 of the owner's options, who
// is told while there is one (tempgreetwarn).
func TestTemporaryGreeting(t *testing.T) {
	x := withLetters(t, receiver(t))
	tone(t, filepath.Join(x.dir, "lib/sounds/en/vm-tempgreetactive.wav"), 700, time.Second)
	b := x.phone("8006")
	v := b.dial("2")
	v.press("4711#")
	v.press("04")
	v.hears(1000, 0.3, "the beep")
	v.speak(600)
	time.Sleep(1200 * time.Millisecond)
	v.press("#")
	v.speak(0)
	v.press("1")
	greeting := filepath.Join(x.dir, "spool/voicemail/default/8006/temp.wav")
	there := func() bool { _, err := os.Stat(greeting); return err == nil }
	x.until("the greeting is kept", there)
	v.hangup()
	v = b.dial("2")
	v.press("4711#")
	v.hears(700, 0.5, "that it is active")
	v.press("04*") // left as it is
	v.press("42")
	x.until("the greeting is erased", func() bool { return !there() })
	v.hangup()
}

// 0 and * lead to o and a of the box's exitcontext, else of the call's context; a key
// whose extension is not there leads nowhere.
func TestVoiceMailExits(t *testing.T) {
	x := withLetters(t, receiver(t))
	a := x.phone("8005")
	for _, c := range []struct{ number, keys, want string }{
		{"4", "0", "leave o USEREXIT"}, {"4", "*", "leave a USEREXIT"}, {"5", "0*", "call a USEREXIT"},
	} {
		v := a.dial(c.number)
		v.press(c.keys)
		v.over(c.keys + " leads out")
		x.is("X", c.want)
	}
}

// receiver is an SMTP server for the test's time.
func receiver(t *testing.T) *smtptest.Server {
	t.Helper()
	s, err := smtptest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
