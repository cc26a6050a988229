package voicemail

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
)

// Boxes take what [general] says where their line does not, wherever it stands;
// what has no effect is named with its line, and no password is printed.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if c, p := Load(dir); c != nil || p != nil || c.Box("1") != nil {
		t.Errorf("without a file: %v %v", c, p)
	}
	text := "[default]\n100 => 4242,Alice,a@example.com,,tz=sea|maxmsg=5|tempgreetwarn=yes\n101 => -77,Bob\n../102 => 1,Eve\n103 =>\n104 => 1,,,,saycid=yes|nonsense\n" +
		"[general]\nmaxsecs=30\nminsecs=2\nmaxmsg=0\nsmdiport=/x\nminpassword=6\nexitcontext=out\npagerdateformat=%T\n[zonemessages]\nsea=Asia/Tokyo|'vm-received' R\nbad=Nowhere\n"
	if err := os.WriteFile(filepath.Join(dir, "voicemail.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := Load(dir)
	a, b := c.Box("100"), c.Box(" 101@default")
	if a == nil || b == nil || len(c.Boxes) != 4 {
		t.Fatalf("boxes: %v", c.Boxes)
	}
	if a.Password.Reveal() != "4242" || a.Name != "Alice" || a.MaxMessages != 5 || a.Zone.String() != "Asia/Tokyo" || a.Format != "'vm-received' R" {
		t.Errorf("100: %+v", a)
	}
	if b.Password.Reveal() != "77" || b.MaxMessages != 100 || b.Max != 30*time.Second || b.Min != 2*time.Second || b.ID() != "101@default" {
		t.Errorf("101: %+v", b)
	}
	if s := fmt.Sprintf("%+v", a); strings.Contains(s, "4242") {
		t.Errorf("the password is printed: %s", s)
	}
	if c.Digits != 6 || a.Exit != "out" || !a.RemindTemp || b.RemindTemp || a.PagerDate != "%T" || a.DateFormat != defaultDate {
		t.Errorf("%d digits, 100: %+v", c.Digits, a)
	}
	if !c.Box("104").SayCaller || a.SayCaller {
		t.Error("an option of one box is another's")
	}
	lines := map[int]string{4: "102", 5: "password", 6: "nonsense", 10: "maxmsg", 11: "smdiport", 17: "Nowhere"}
	for _, p := range problems {
		if lines[p.Line] == "" || !strings.Contains(p.Text, lines[p.Line]) || p.Severity != config.Warning {
			t.Errorf("unexpected: %v", p)
		}
		delete(lines, p.Line)
	}
	if len(lines) > 0 {
		t.Errorf("not told: %v", lines)
	}
}

// Whatever stands in a file, no mailbox leads out of its folder.
func FuzzRead(f *testing.F) {
	f.Add("[general]\nmaxmsg=3\n[default]\n1 => 2,a,b,c,tz=x|y=z\n[../x]\n.. => 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc, _ := config.ParseAsterisk("voicemail.conf", text, config.ReadOptions{Dir: t.TempDir()})
		c, _ := read(doc)
		for id, b := range c.Boxes {
			path := filepath.Join("/spool", b.Context, b.Number)
			if id != b.ID() || c.Box(id) != b || strings.Count(path, "/") != 3 || filepath.Base(path) != b.Number || b.MaxMessages < 1 {
				t.Errorf("box %+v", b)
			}
		}
	})
}
