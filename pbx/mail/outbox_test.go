package mail

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/internal/smtptest"
)

// start runs an outbox until stop is called.
func start(t *testing.T, dir string, log io.Writer, m *config.Mail) (o *Outbox, stop func()) {
	t.Helper()
	o = New(Config{Dir: dir, FirstRetry: 20 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil))})
	o.Use(m)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }() // ends with cancel
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return o, stop
}

// until waits for a condition.
func until(t *testing.T, why string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not seen: %s", why)
		}
	}
}

// A letter waits through a server that says 4xx and through the node's own end,
// goes over TLS with the login, whole and once, and nothing of it stays; the
// password is in no log.
func TestLetterIsNotLost(t *testing.T) {
	s := receiver(t)
	s.Refuse("450 later")
	m := &config.Mail{Server: s.Addr, TLS: config.MailSTARTTLS, Roots: s.Roots, User: "tone", Password: config.NewSecret("hush-7")}
	dir := filepath.Join(t.TempDir(), "mail")
	var log bytes.Buffer
	o, stop := start(t, dir, &log, m)
	sound := filepath.Join(t.TempDir(), "msg0000.wav")
	wav := bytes.Repeat([]byte("sound \x00\xff"), 1000)
	if err := os.WriteFile(sound, wav, 0o600); err != nil {
		t.Fatal(err)
	}
	l := Letter{From: "pbx@example.org", FromName: "Hometone", To: []string{"a@example.org", "b@example.org"}, ToName: "Ann Müller", Subject: "Neue Nachricht für 8006", Body: "Grüße\n.\nEnde = gut", Sound: "msg0000.wav"}
	if err := o.Post(l, sound); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(sound); err != nil { // the owner has deleted it
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // some tries in vain
	stop()
	if n := len(s.Letters()); n != 0 {
		t.Fatalf("%d letters taken by a server that takes none", n)
	}
	s.Refuse("")
	_, stop = start(t, dir, &log, m) // another process
	left := func() []string { list, _ := filepath.Glob(filepath.Join(dir, "*")); return list }
	until(t, "the letter arrives and is gone here", func() bool { return len(s.Letters()) == 1 && len(left()) == 0 })
	stop()
	got := s.Letters()[0]
	if !got.TLS || got.Auth != "tone\x00hush-7" || got.From != l.From || len(got.To) != 2 {
		t.Errorf("got %+v", got)
	}
	msg, err := netmail.ReadMessage(strings.NewReader(got.Text))
	if err != nil {
		t.Fatal(err)
	}
	if to, err := msg.Header.AddressList("To"); err != nil || to[0].Name != l.ToName {
		t.Errorf("To: %v %v", to, err)
	}
	if subject, _ := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); subject != l.Subject {
		t.Errorf("Subject: %q", subject)
	}
	_, params, _ := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	parts := multipart.NewReader(msg.Body, params["boundary"])
	text, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(text); strings.ReplaceAll(string(b), "\r\n", "\n") != l.Body {
		t.Errorf("body %q", b)
	}
	file, err := parts.NextPart()
	if err != nil || file.FileName() != "msg0000.wav" {
		t.Fatalf("attachment: %v", err)
	}
	if b, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, file)); err != nil || !bytes.Equal(b, wav) {
		t.Errorf("the sound has %d bytes, want %d: %v", len(b), len(wav), err)
	}
	if strings.Contains(log.String(), "hush-7") {
		t.Error("the password is in the log")
	}
}

// What a server refuses for good is kept for a person and told, and holds up no
// other letter; a server without STARTTLS gets no password.
func TestRefusedLetter(t *testing.T) {
	s := receiver(t)
	s.Refuse("550 no such user")
	dir := filepath.Join(t.TempDir(), "mail")
	var log bytes.Buffer
	m := &config.Mail{Server: s.Addr, TLS: config.MailPlain}
	o, stop := start(t, dir, &log, m)
	if err := o.Post(Letter{From: "a@example.org", To: []string{"x@example.org"}}, ""); err != nil {
		t.Fatal(err)
	}
	failed := func() int { list, _ := filepath.Glob(filepath.Join(dir, "failed", "*.json")); return len(list) }
	until(t, "the letter is in failed", func() bool { return failed() == 1 })
	s.Refuse("")
	if err := o.Post(Letter{From: "a@example.org", To: []string{"y@example.org"}}, ""); err != nil {
		t.Fatal(err)
	}
	until(t, "the next letter is sent", func() bool { return len(s.Letters()) == 1 })
	stop()
	if !strings.Contains(log.String(), "given up") || s.Letters()[0].To[0] != "y@example.org" {
		t.Errorf("log %s, letters %v", log.String(), s.Letters())
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
