package voicemail

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/voicemail"
)

// A box takes as many messages as it may; a visit deletes, keeps and moves, closes
// the gaps, and those who show counts are told.
func TestOffice(t *testing.T) {
	var told []string
	o := New(func(box string) { told = append(told, box) }, nil)
	b := &voicemail.Box{Context: "default", Number: "100", Password: config.NewSecret("4242"), Options: voicemail.Options{MaxMessages: 3}}
	o.Use(&voicemail.Config{Boxes: map[string]*voicemail.Box{b.ID(): b}}, t.TempDir(), "")
	draft := o.Draft(b, "a/../x")
	if err := os.MkdirAll(filepath.Dir(draft), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(draft, []byte("sound"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		err, _ := o.Deliver(b, Inbox, draft, Envelope{Box: "100", Number: strconv.Itoa(i), At: time.Unix(1_700_000_000, 0), Length: 3 * time.Second})
		if (i == 3) != errors.Is(err, ErrFull) || i < 3 && err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if c, ok := o.Counts("100"); !ok || c != (Counts{New: 3}) || !o.Full(b) {
		t.Errorf("counts %v %v", c, ok)
	}
	v, err := o.Open(b, Inbox)
	if err != nil || len(v.Messages) != 3 {
		t.Fatalf("the INBOX: %v %v", v, err)
	}
	v.Messages[0].Deleted, v.Messages[1].Heard = true, true
	told = nil
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"100@default", "100"}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if c, _ := o.Counts("100@default"); c != (Counts{New: 1, Old: 1}) {
		t.Errorf("counts %v", c)
	}
	v, err = o.Open(b, Inbox)
	if err != nil || len(v.Messages) != 1 || v.Messages[0].Number != "2" || filepath.Base(v.Messages[0].Path) != "msg0000" || v.Messages[0].Length != 3*time.Second {
		t.Errorf("what is left: %+v %v", v.Messages, err)
	}
}

// Only the whole password opens a box, and nothing opens one that has none or does
// not exist; one that is chosen by keys takes the place of the file's; who guesses too
// often gets in no more for a while, from whatever call.
func TestAdmit(t *testing.T) {
	o := New(func(string) {}, nil)
	a := &voicemail.Box{Context: "default", Number: "1", Password: config.NewSecret("4242")}
	bare := &voicemail.Box{Context: "default", Number: "2"}
	fixed := &voicemail.Box{Context: "default", Number: "3", Password: config.NewSecret("77"), Fixed: true}
	dir := t.TempDir()
	conf := &voicemail.Config{Boxes: map[string]*voicemail.Box{a.ID(): a, bare.ID(): bare, fixed.ID(): fixed}, Digits: 3}
	o.Use(conf, dir, "")
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name, text string
		want       *voicemail.Box
	}{{"1", "4242", a}, {"1@", "424", nil}, {"1", "", nil}, {"2", "", nil}, {"9", "", nil}, {"3@default", "77", fixed}} {
		if got := o.Admit(c.name, c.text, now); got != c.want {
			t.Errorf("%q opened by %q: %v", c.name, c.text, got)
		}
	}
	if err := o.SetPassword(fixed, "1234"); !errors.Is(err, ErrFixed) {
		t.Errorf("a password that is fixed: %v", err)
	}
	if err := o.SetPassword(a, "12"); !errors.Is(err, ErrShort) {
		t.Errorf("a short password: %v", err)
	}
	if err := o.SetPassword(a, "998"); err != nil {
		t.Fatal(err)
	}
	o = New(func(string) {}, nil) // after a restart
	o.Use(conf, dir, "")
	if o.Admit("1", "4242", now) != nil || o.Admit("1", "998", now) != a {
		t.Error("the password that was chosen does not hold")
	}
	for n := range mostGuesses {
		name := []string{"1", "1@", "1@default"}[n%3] // the same box
		if o.Admit(name, "0000", now) != nil {
			t.Error("a wrong password opens")
		}
	}
	if o.Admit("1", "998", now.Add(guessTime-time.Second)) != nil {
		t.Error("the box opens although it was guessed at")
	}
	if o.Admit("3", "77", now) != fixed || o.Admit("1", "998", now.Add(guessTime)) != a {
		t.Error("another box, or the same later, does not open")
	}
}

// What is written is read again, and nothing a caller says of itself adds lines.
func FuzzEnvelope(f *testing.F) {
	f.Add("\"A\" <1>\norigmailbox=2", []byte("[message]\nduration=3\n"))
	f.Fuzz(func(t *testing.T, id string, raw []byte) {
		parseEnvelope(raw)
		e := parseEnvelope(Envelope{Box: "100", CallerID: id, Number: "7"}.text())
		if e.Box != "100" || e.Number != "7" || strings.ContainsAny(e.CallerID, "\r\n") {
			t.Errorf("read again: %+v", e)
		}
	})
}
