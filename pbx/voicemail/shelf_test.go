package voicemail

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

// ids are the messages of a folder in their order.
func ids(t *testing.T, o *Office, folder string) (list []string) {
	t.Helper()
	v, err := o.Open(o.Box("100"), folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range v.Messages {
		list = append(list, m.ID)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return list
}

// What another program does to the files is seen, when the time of the folder tells of it
// and when it happened within the grain of that time; a damaged index is made again.
func TestFilesAreTheTruth(t *testing.T) {
	dir := t.TempDir()
	o, b := officeIn(t, dir, 100)
	ahead := time.Duration(0)
	o.now = func() time.Time { return time.Now().Add(ahead) }
	for n := range 4 {
		leaveOne(t, o, b, Inbox, strconv.Itoa(n))
	}
	if got := ids(t, o, Inbox); !reflect.DeepEqual(got, []string{"0", "1", "2", "3"}) {
		t.Fatalf("the INBOX has %v", got)
	}
	inbox := o.folder(b, Inbox)
	at, err := os.Stat(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := remove(stem(inbox, 3)); err != nil { // at the time of the last change
		t.Fatal(err)
	}
	if err := os.Chtimes(inbox, at.ModTime(), at.ModTime()); err != nil {
		t.Fatal(err)
	}
	ahead = 2 * time.Second // the folder has settled: it is looked at once more
	if n, err := o.Count(b, Inbox); n != 3 || err != nil {
		t.Errorf("%d messages, want 3: %v", n, err)
	}
	if err := relocate(stem(inbox, 2), stem(inbox, 7)); err != nil { // by another program
		t.Fatal(err)
	}
	if got := ids(t, o, Inbox); !reflect.DeepEqual(got, []string{"0", "1", "2"}) {
		t.Errorf("the INBOX has %v", got)
	}
	if list, err := names(inbox); !slices.Equal(list, []int{0, 1, 2}) || err != nil {
		t.Errorf("the gap is not closed: %v %v", list, err)
	}
	if err := o.index.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "voicemail.db"), []byte("this is no database, but it is long enough to look like one if nobody reads it"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, _ = officeIn(t, dir, 100)
	if n, err := o.Count(b, Inbox); n != 3 || err != nil {
		t.Errorf("with a new index %d messages are counted: %v", n, err)
	}
	if rows, err := o.index.List(t.Context(), place(b, Inbox)); len(rows) != 0 || err != nil {
		t.Errorf("a count has read %d envelopes: %v", len(rows), err)
	}
	leaveOne(t, o, b, Inbox, "4")
	if got := ids(t, o, Inbox); !reflect.DeepEqual(got, []string{"0", "1", "2", "4"}) {
		t.Errorf("with a new index, and one message more, the INBOX has %v", got)
	}
	if err := remove(stem(inbox, 3)); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, o, Inbox); !reflect.DeepEqual(got, []string{"0", "1", "2"}) {
		t.Errorf("with a new index the INBOX has %v", got)
	}
}

// Two who visit a box at the same time do not act on each other's messages: what one
// deletes is gone for the other, and no number changes its message meanwhile.
func TestTwoVisits(t *testing.T) {
	o, b := officeIn(t, t.TempDir(), 100)
	for n := range 3 {
		leaveOne(t, o, b, Inbox, strconv.Itoa(n))
	}
	one, err := o.Open(b, Inbox)
	if err != nil {
		t.Fatal(err)
	}
	two, err := o.Open(b, Inbox)
	if err != nil {
		t.Fatal(err)
	}
	one.Messages[0].Deleted, one.Messages[2].Deleted = true, true
	two.Messages[0].To, two.Messages[2].Deleted = "Work", true
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	leaveOne(t, o, b, Inbox, "new") // takes the number of the last one, which is gone
	if text, err := os.ReadFile(two.Messages[1].Path + Suffix); string(text) != "1" {
		t.Errorf("the message in the middle is %q now: %v", text, err)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, o, Inbox); !reflect.DeepEqual(got, []string{"1", "new"}) {
		t.Errorf("the INBOX has %v", got)
	}
	if got := ids(t, o, "Work"); got != nil {
		t.Errorf("Work has %v", got)
	}
	held(t, o, b)
}

// What a killed process has left among the drafts goes when the box is opened a day later.
func TestOldDraftsGo(t *testing.T) {
	o, b := officeIn(t, t.TempDir(), 100)
	draft := o.Draft(b, "left")
	if err := os.MkdirAll(filepath.Dir(draft), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(draft, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ahead := range []time.Duration{23 * time.Hour, 25 * time.Hour} {
		want := ahead < draftTime
		o.now = func() time.Time { return time.Now().Add(ahead) }
		ids(t, o, Inbox)
		if _, err := os.Stat(draft); (err == nil) != want {
			t.Errorf("after %v the draft is there: %v", ahead, err == nil)
		}
	}
}

// The count and the envelopes of a box with thousands of messages do not need a look at
// each file. Compare with index=no.
func BenchmarkManyMessages(b *testing.B) {
	for _, with := range []bool{true, false} {
		o, box := officeIn(b, b.TempDir(), 9999)
		inbox := o.folder(box, Inbox)
		if err := os.MkdirAll(inbox, 0o700); err != nil {
			b.Fatal(err)
		}
		for n := range 5000 {
			e := Envelope{Box: "100", ID: strconv.Itoa(n), At: time.Unix(int64(n), 0)}
			for suffix, text := range map[string][]byte{".txt": e.text(), Suffix: []byte("sound")} {
				if err := os.WriteFile(stem(inbox, n)+suffix, text, 0o600); err != nil {
					b.Fatal(err)
				}
			}
		}
		o.now = func() time.Time { return time.Now().Add(time.Hour) }
		name := "index=yes"
		if !with {
			name, o.index = "index=no", nil
		}
		b.Run("count/"+name, func(b *testing.B) {
			for b.Loop() {
				if n, err := o.Count(box, Inbox); n != 5000 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
		b.Run("open/"+name, func(b *testing.B) {
			for b.Loop() {
				v, err := o.Open(box, Inbox)
				if err != nil || len(v.Messages) != 5000 {
					b.Fatal(len(v.Messages), err)
				}
				if err := v.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("deliver/"+name, func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				leaveOne(b, o, box, "Work", "x")
				if n%100 == 99 {
					_ = os.RemoveAll(o.folder(box, "Work"))
				}
			}
		})
	}
}
