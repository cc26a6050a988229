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
	o := New(func(box string) { told = append(told, box) })
	b := &voicemail.Box{Context: "default", Number: "100", Password: config.NewSecret("4242"), Options: voicemail.Options{MaxMessages: 3}}
	o.Use(&voicemail.Config{Boxes: map[string]*voicemail.Box{b.ID(): b}}, t.TempDir())
	draft := o.Draft(b, "a/../x")
	if err := os.MkdirAll(filepath.Dir(draft), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(draft, []byte("sound"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		err := o.Deliver(b, Inbox, draft, Envelope{Box: "100", Number: strconv.Itoa(i), At: time.Unix(1_700_000_000, 0), Length: 3 * time.Second})
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

// Only the whole password opens a box, and nothing opens one that has none.
func TestRight(t *testing.T) {
	b := &voicemail.Box{Password: config.NewSecret("4242")}
	for _, c := range []struct {
		box  *voicemail.Box
		text string
		want bool
	}{{b, "4242", true}, {b, "424", false}, {b, "", false}, {&voicemail.Box{}, "", false}, {nil, "", false}} {
		if Right(c.box, c.text) != c.want {
			t.Errorf("%+v opened by %q: %v", c.box, c.text, !c.want)
		}
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
