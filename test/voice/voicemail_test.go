package voice_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mailboxPlan has one mailbox: 1 leaves a message, 2 opens it, 3 proves who calls.
const mailboxPlan = `exten => 1,1,VoiceMail(8006,us)
same => n,Log(NOTICE,@S=${VMSTATUS}@)
exten => 2,1,VoiceMailMain()
exten => 3,1,VMAuthenticate(8006)
same => n,Log(NOTICE,@A=${AUTH_MAILBOX} ${AUTH_CONTEXT}@)
exten => 4,1,VoiceMail(1234)
same => n,Log(NOTICE,@S=${VMSTATUS}@)
`

// withMailbox opens an exchange on which 8006 has a mailbox and a lamp.
func withMailbox(t *testing.T) *exchange {
	return open(t, map[string]string{"8006": "mailboxes=8006@default\n"}, mailboxPlan,
		map[string]string{"voicemail.conf": "[general]\nminsecs=1\nenvelope=no\n[default]\n8006 => 4711,Bob\n"})
}

// One telephone leaves a message, the other's lamp goes on (RFC 3842 §3.5), its
// owner hears the message and deletes it, and the lamp goes off.
func TestVoiceMail(t *testing.T) {
	x := withMailbox(t)
	a, b := x.phone("8005"), x.phone("8006")
	// lamp reports whether the last NOTIFY that has come says a text.
	lamp := func(text string) func() bool {
		return func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			for i := len(b.trace) - 1; i >= 0; i-- {
				if strings.HasPrefix(b.trace[i], "NOTIFY") {
					return strings.Contains(b.trace[i], text)
				}
			}
			return false
		}
	}
	x.until("no message waits at first", lamp("Messages-Waiting: no"))
	v := a.dial("1")
	v.hears(1000, 0.3, "the beep")
	v.speak(500)
	time.Sleep(2 * time.Second)
	v.press("#")
	v.speak(0)
	v.over("the message is left")
	x.is("S", "SUCCESS")
	inbox := filepath.Join(x.dir, "spool/voicemail/default/8006/INBOX")
	if s := seconds(load(t, filepath.Join(inbox, "msg0000.wav")), 500); s < 1.5 || s > 2.6 {
		t.Errorf("the message has %.2f s of the tone, want about 2", s)
	}
	text, err := os.ReadFile(filepath.Join(inbox, "msg0000.txt"))
	if err != nil || !strings.Contains(string(text), "\norigmailbox=8006\n") || !strings.Contains(string(text), "\ncallernum=8005\n") {
		t.Errorf("the envelope: %v\n%s", err, text)
	}
	x.until("a message waits", lamp("Messages-Waiting: yes"))
	if !lamp("Voice-Message: 1/0 (0/0)")() {
		t.Error("the lamp does not count one new message")
	}
	v = b.dial("2")
	v.press("8006#")
	v.press("0815#") // wrong: asked again
	v.press("8006#")
	v.press("4711#")
	v.press("1")
	v.hears(500, 1, "the message")
	v.press("7")
	time.Sleep(300 * time.Millisecond)
	v.press("#")
	v.over("# ends")
	x.until("no message waits", lamp("Messages-Waiting: no"))
	if left, _ := filepath.Glob(filepath.Join(x.dir, "spool/voicemail/default/8006/*/*")); len(left) != 0 {
		t.Errorf("files are left: %v", left)
	}
	if strings.Contains(x.log.String(), "4711") || strings.Contains(x.log.String(), "0815") {
		t.Error("a password is in the log")
	}
}

// Who hangs up has left a message; a short one is none; wrong passwords and boxes
// that do not exist lead nowhere.
func TestVoiceMailEnds(t *testing.T) {
	x := withMailbox(t)
	a := x.phone("8005")
	v := a.dial("1")
	v.hears(1000, 0.3, "the beep")
	v.speak(500)
	time.Sleep(1500 * time.Millisecond)
	v.hangup()
	inbox := filepath.Join(x.dir, "spool/voicemail/default/8006/INBOX")
	count := func() int {
		list, _ := filepath.Glob(filepath.Join(inbox, "*.wav"))
		return len(list)
	}
	x.until("the message is kept", func() bool { return count() == 1 })
	v = a.dial("1")
	v.hears(1000, 0.3, "the beep")
	v.press("#")
	v.over("too short")
	x.is("S", "FAILED")
	if count() != 1 {
		t.Errorf("%d messages, want 1", count())
	}
	v = a.dial("3")
	v.press("1#1#1#")
	v.over("three wrong passwords")
	if x.variable("A") != "" {
		t.Error("a wrong password is let through")
	}
	v = a.dial("3")
	v.press("4711#")
	v.over("the dialplan has ended")
	x.is("A", "8006 default")
	// Heard and not deleted: the message goes to Old.
	v = a.dial("2")
	v.press("8006#4711#1")
	v.hears(500, 0.5, "the message")
	v.hangup()
	x.until("the message is an old one", func() bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(inbox), "Old/msg0000.wav"))
		return err == nil && count() == 0
	})
	if c, err := a.Call(x.ctx, "4"); err == nil {
		if err := c.WaitAnswered(x.ctx); err == nil {
			t.Error("a mailbox that does not exist answers")
		}
	}
}
