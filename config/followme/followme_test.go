package followme

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
)

// A profile has its numbers in the order they say, what [general] says where it says
// nothing, and what is wrong is told with its line.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if p, problems := Load(dir); p != nil || problems != nil {
		t.Errorf("without a file: %v %v", p, problems)
	}
	text := "[bob]\ncontext => inside\nnumber => 8007,30,2\nnumber=8005&8006,10,1\nnumber=x y\nnumber => 1,abc\ntakecall => 9\ntakecall=12\nmusicclass=jazz\nodd=1\n" +
		"[general]\nfeaturedigittimeout => 3000\ndeclinecall=*\nenable_callee_prompt=no\nsorry_prompt=none\n"
	if err := os.WriteFile(filepath.Join(dir, "followme.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	profiles, problems := Load(dir)
	o := defaults()
	o.Take, o.Decline, o.KeyTime, o.Ask, o.Sorry = '9', '*', 3*time.Second, false, "none"
	want := &Profile{Name: "bob", Context: "inside", Music: "jazz", Options: o, Numbers: []Number{
		{[]string{"8005", "8006"}, 10 * time.Second, 1}, {[]string{"8007"}, 30 * time.Second, 2},
	}}
	if len(profiles) != 1 || !reflect.DeepEqual(profiles["bob"], want) {
		t.Errorf("%+v, want %+v", profiles["bob"], want)
	}
	lines := map[int]string{5: "x y", 6: "abc", 8: "takecall", 10: "odd"}
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

// Whatever stands in a file, steps stay within their bounds.
func FuzzRead(f *testing.F) {
	f.Add("[general]\ntakecall=1\n[a]\nnumber=1&2,3,4\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc, _ := config.ParseAsterisk("fuzz", text, config.ReadOptions{Dir: t.TempDir()})
		profiles, _ := read(doc)
		for _, p := range profiles {
			for _, n := range p.Numbers {
				if len(n.Extensions) == 0 || n.Timeout <= 0 || n.Timeout > longestRing {
					t.Errorf("%+v", n)
				}
			}
		}
	})
}
