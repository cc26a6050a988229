package pjsip

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/internal/testdata"
)

const (
	guideBegin = "<!-- options: written from the tables by config/pjsip; HOMETONE_UPDATE=1 go test ./config/pjsip -->"
	guideEnd   = "<!-- end of options -->"
)

// guideTables prints the tables as the guide shows them.
func guideTables() string {
	var b strings.Builder
	kind := ""
	for _, o := range Options() {
		if o.Type != kind {
			kind = o.Type
			fmt.Fprintf(&b, "\n### type=%s\n\n| option | default | state | what is missed |\n|---|---|---|---|\n", kind)
		}
		note := o.Note
		if o.State == Foreign {
			note = ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", o.Name, o.Default, o.State, note)
	}
	return b.String() + "\n"
}

// TestGuide proves that the guide's tables are those of the code and that its
// samples start.
func TestGuide(t *testing.T) {
	path := filepath.Join(testdata.Root(t), "docs", "configuration.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	guide := string(data)
	before, rest, ok1 := strings.Cut(guide, guideBegin)
	shown, after, ok2 := strings.Cut(rest, guideEnd)
	if !ok1 || !ok2 {
		t.Fatal("the guide has no place for the tables")
	}
	if want := "\n" + guideTables(); shown != want {
		if os.Getenv("HOMETONE_UPDATE") != "" {
			if err := os.WriteFile(path, []byte(before+guideBegin+want+guideEnd+after), 0o644); err != nil { //nolint:gosec // a document
				t.Fatal(err)
			}
		} else {
			t.Error("the tables of docs/configuration.md are old; run HOMETONE_UPDATE=1 go test ./config/pjsip")
		}
	}
	for i, block := range strings.Split(guide, "```")[1:] {
		language, source, _ := strings.Cut(block, "\n")
		switch language {
		case "yaml":
			_, problems := config.ParseNode("guide.yaml", source, func(string) (string, bool) { return "x", true })
			if len(problems) > 0 {
				t.Errorf("sample %d: %v", i, problems)
			}
		case "ini":
			if _, problems := parse(t, source); config.HasErrors(problems) {
				t.Errorf("sample %d: %v", i, problems)
			}
		}
	}
}
