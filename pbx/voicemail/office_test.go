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
	"github.com/hometone/hometone/store/records"
)

// A box takes as many messages as it may; a visit deletes, keeps and moves, closes
// the gaps, and those who show counts are told.
func TestOffice(t *testing.T) {
	var told []string
	o := New(Config{Changed: func(box string) { told = append(told, box) }, Index: openIndex(t)})
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
	o := New(Config{Changed: func(string) {}})
	a := &voicemail.Box{Context: "default", Number: "1", Password: config.NewSecret("4242")}
	bare := &voicemail.Box{Context: "default", Number: "2"}
	fixed := &voicemail.Box{Context: "default", Number: "3", Password: config.NewSecret("77"), Fixed: true}
	dir := t.TempDir()
	conf := &voicemail.Config{Boxes: map[string]*voicemail.Box{a.ID(): a, bare.ID(): bare, fixed.ID(): fixed}, Digits: 3}
	o.Use(conf, dir, "")
	now := time.Unix(1_700_000_000, 0)
	opens := func(name, text string, at time.Time) *voicemail.Box {
		b, wait := o.Admit(name, text, "PJSIP/1", at)
		if wait > longestQueue+longestWait {
			t.Errorf("%s has to wait %v", name, wait)
		}
		return b
	}
	for _, c := range []struct {
		name, text string
		want       *voicemail.Box
	}{{"1", "4242", a}, {"1@", "424", nil}, {"1", "", nil}, {"2", "", nil}, {"9", "", nil}, {"3@default", "77", fixed}} {
		if got := opens(c.name, c.text, now); got != c.want {
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
	o = New(Config{Changed: func(string) {}}) // after a restart
	o.Use(conf, dir, "")
	if opens("1", "4242", now) != nil || opens("1", "998", now) != a {
		t.Error("the password that was chosen does not hold")
	}
}

// Guesses make the guesser wait, for a box that exists as for one that does not, and
// many calls at once do not make it faster; another endpoint opens the box at once.
func TestGuesses(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a := &voicemail.Box{Context: "default", Number: "1", Password: config.NewSecret("4242")}
	waits := map[string][]time.Duration{}
	for _, name := range []string{"1", "9"} {
		o := New(Config{Changed: func(string) {}})
		o.Use(&voicemail.Config{Boxes: map[string]*voicemail.Box{a.ID(): a}}, t.TempDir(), "")
		for range 12 {
			b, wait := o.Admit([]string{name, name + "@", name + "@default"}[len(waits[name])%3], "0000", "PJSIP/trunk", now)
			if b != nil {
				t.Fatal("a wrong password opens")
			}
			waits[name] = append(waits[name], wait)
		}
		if name != "1" {
			continue
		}
		if b, _ := o.Admit(name, "4242", "PJSIP/trunk", now); b != nil {
			t.Error("who has guessed so often at once is let in at once")
		}
		if b, wait := o.Admit(name, "4242", "PJSIP/8006", now); b != a || wait != 0 {
			t.Errorf("the owner's own telephone: %v after %v", b, wait)
		}
		if b, wait := o.Admit(name, "4242", "PJSIP/trunk", now.Add(time.Minute)); b != a || wait != 0 {
			t.Errorf("the same caller a minute later: %v after %v", b, wait)
		}
	}
	s := time.Second
	want := []time.Duration{0, 0, 0, s, 3 * s, 7 * s, 15 * s, 23 * s, 16 * s, 16 * s, 16 * s, 16 * s}
	if !reflect.DeepEqual(waits["1"], want) {
		t.Errorf("waits %v, want %v", waits["1"], want)
	}
	var g guesses
	most := time.Duration(0)
	for n := range 100 { // a box after the other
		wait, _ := g.try("PJSIP/trunk", strconv.Itoa(n), false, now)
		most = max(most, wait)
	}
	if most == 0 {
		t.Error("trying box after box costs no time")
	}
	for n := range 2 * maxGuessed {
		g.try("e"+strconv.Itoa(n), "1", false, now)
	}
	if len(g.tried) > maxGuessed {
		t.Errorf("%d guessers are remembered", len(g.tried))
	}
	if !reflect.DeepEqual(waits["9"][:8], want[:8]) {
		t.Errorf("a box that does not exist answers otherwise: %v", waits["9"])
	}
}

// openIndex makes an index of messages.
func openIndex(t *testing.T) *records.Messages {
	t.Helper()
	m, err := records.OpenMessages(t.Context(), filepath.Join(t.TempDir(), "voicemail.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
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
