package voicemail

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/store/records"
)

// crashDir tells the test binary that it is the child that will be killed.
const crashDir = "HOMETONE_VOICEMAIL_CRASH_DIR"

// officeIn opens an office with one box and its index below a directory.
func officeIn(t testing.TB, dir string, most int) (*Office, *voicemail.Box) {
	t.Helper()
	index, err := records.OpenMessages(t.Context(), filepath.Join(dir, "voicemail.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = index.Close() })
	o := New(Config{Changed: func(string) {}, Index: index})
	b := &voicemail.Box{Context: "default", Number: "100", Password: config.NewSecret("4242"), Options: voicemail.Options{MaxMessages: most}}
	o.Use(&voicemail.Config{Boxes: map[string]*voicemail.Box{b.ID(): b}}, dir, "")
	return o, b
}

// leaveOne delivers a message whose sound is its id.
func leaveOne(t testing.TB, o *Office, b *voicemail.Box, folder, id string) {
	t.Helper()
	draft := o.Draft(b, "draft")
	if err := os.MkdirAll(filepath.Dir(draft), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(draft, []byte(id), 0o600); err != nil {
		t.Fatal(err)
	}
	err, _ := o.Deliver(b, folder, draft, Envelope{Box: b.Number, ID: id, At: time.Unix(1_700_000_000, 0), Length: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(draft)
}

// held is what a box holds, by id, and in which folders; each message has the envelope that
// belongs to its sound, and the index has what the files say.
func held(t *testing.T, o *Office, b *voicemail.Box) map[string][]string {
	t.Helper()
	plain := New(Config{Changed: func(string) {}})
	plain.rules.Store(o.rules.Load())
	all := map[string][]string{}
	for _, f := range Folders() {
		list, err := o.list(b, f)
		if err != nil {
			t.Fatal(err)
		}
		files, err := plain.list(b, f)
		if err != nil || len(files) != len(list) {
			t.Fatalf("%s: the index has %d messages, the files %d: %v", f, len(list), len(files), err)
		}
		for i, m := range list {
			text, err := os.ReadFile(m.Path + Suffix)
			if err != nil || string(text) != m.ID || files[i].ID != m.ID || files[i].Path != m.Path || !files[i].At.Equal(m.At) {
				t.Errorf("%s: %s holds %q, its envelope says %q, the index %q: %v", f, m.Path, text, files[i].ID, m.ID, err)
			}
			all[string(text)] = append(all[string(text)], f)
		}
	}
	return all
}

// A process killed at any moment neither loses a message that was delivered nor has one
// twice, nor brings one back, and the index says what the files say.
func TestKilledOfficeKeepsMessages(t *testing.T) {
	if dir, child := os.LookupEnv(crashDir); child {
		workUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	delivered, doomed, gone := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for round := range 3 {
		process := testdata.StartChild(t, "TestKilledOfficeKeepsMessages", crashDir, dir)
		after := 100 + rand.IntN(300)
		for process.Lines.Scan() {
			var what, id string
			if n, _ := fmt.Sscanf(process.Lines.Text(), "%s %s", &what, &id); n == 2 {
				switch what {
				case "in":
					delivered[id] = true
				case "going":
					doomed[id] = true
				case "gone":
					gone[id] = true
				default:
					continue
				}
				if after--; after == 0 {
					process.Kill()
				}
			}
		}
		process.Wait()
		if len(delivered) < 20 {
			t.Fatalf("round %d: %d messages before the kill: not a test", round, len(delivered))
		}
		o, b := officeIn(t, dir, 9999)
		all := held(t, o, b)
		for id := range delivered {
			if n := len(all[id]); n != 1 && !doomed[id] {
				t.Errorf("round %d: message %s is there %d times: %v", round, id, n, all[id])
			}
		}
		for id, where := range all {
			if len(where) > 1 || gone[id] {
				t.Errorf("round %d: message %s is in %v", round, id, where)
			}
		}
		if err := o.index.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// workUntilKilled leaves, saves and deletes messages, and tells what it is about to do
// and has done.
func workUntilKilled(t *testing.T, dir string) {
	o, b := officeIn(t, dir, 9999)
	run := strconv.FormatUint(rand.Uint64(), 36)
	for n := range 5000 {
		id := run + "-" + strconv.Itoa(n)
		leaveOne(t, o, b, Inbox, id)
		fmt.Printf("in %s\n", id)
		if n%5 != 4 {
			continue
		}
		folder := []string{Inbox, Inbox, Old, "Work"}[rand.IntN(4)]
		v, err := o.Open(b, folder)
		if err != nil {
			t.Fatal(err)
		}
		var going []string
		for _, m := range v.Messages {
			switch rand.IntN(6) {
			case 0:
				m.Deleted = true
				going = append(going, m.ID)
				fmt.Printf("going %s\n", m.ID)
			case 1:
				m.To = folders[rand.IntN(len(folders))]
			}
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		for _, id := range going {
			fmt.Printf("gone %s\n", id)
		}
	}
}
