package musiconhold

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
)

// Classes of files and of a list are read; what is not supported is named with
// its line and leaves no class behind.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if c, p := Load(dir, "/data"); c != nil || p != nil {
		t.Errorf("without a file: %v %v", c, p)
	}
	text := "[general]\ncachertclasses=yes\n[default]\nmode=files\ndirectory=moh\nsort=random\n" +
		"[list]\nmode=playlist\nentry=/a/one.wav\nentry=two\n[own]\nmode=custom\napplication=/bin/play\n[none]\nmode=files\nannouncement=ad\n"
	if err := os.WriteFile(filepath.Join(dir, "musiconhold.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	classes, problems := Load(dir, "/data")
	want := map[string]*Class{
		"default": {Name: "default", Directory: "/data/moh", Sort: Random},
		"list":    {Name: "list", Mode: Playlist, Entries: []string{"/a/one", "two"}},
	}
	if !reflect.DeepEqual(classes, want) {
		t.Errorf("classes %v, want %v", classes, want)
	}
	lines := map[int]string{12: "custom", 13: "application", 14: "directory", 16: "announcement"}
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

// Whatever stands in a file, a class that is left can be played.
func FuzzRead(f *testing.F) {
	f.Add("[a]\nmode=files\ndirectory=x\nsort=alpha\n[b]\nmode=playlist\nentry=y.z\n")
	f.Fuzz(func(t *testing.T, text string) {
		doc, _ := config.ParseAsterisk("musiconhold.conf", text, config.ReadOptions{Dir: t.TempDir()})
		classes, _ := read(doc, "/data")
		for name, c := range classes {
			if c.Name != name || c.Mode == Files && !filepath.IsAbs(c.Directory) {
				t.Errorf("class %+v", c)
			}
		}
	})
}
