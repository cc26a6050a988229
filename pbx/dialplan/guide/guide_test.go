package guide

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/pbx"
	"github.com/hometone/hometone/pbx/app"
	"github.com/hometone/hometone/pbx/dialplan"
)

const (
	guideBegin = "<!-- tables: written from the code by pbx/dialplan/guide; HOMETONE_UPDATE=1 go test ./pbx/dialplan/guide -->"
	guideEnd   = "<!-- end of tables -->"
)

// entry is one application or function.
type entry struct{ name, missing string }

// asterisk22 reads the names of Asterisk's applications ("app") or functions
// ("func").
func asterisk22(t *testing.T, kind string) []entry {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "asterisk22.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var list []entry
	for line := range strings.Lines(string(data)) {
		first, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, missing, _ := strings.Cut(rest, " ")
		if first == kind {
			list = append(list, entry{name, missing})
		}
	}
	return list
}

// table prints what is here and what is not.
func table(title string, names []entry, have map[string]string) string {
	known := map[string]bool{}
	for _, n := range names {
		known[strings.ToLower(n.name)] = true
	}
	for name := range have {
		if !known[strings.ToLower(name)] {
			names = append(names, entry{name: name})
		}
	}
	slices.SortFunc(names, func(a, b entry) int { return cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	docs := map[string]string{}
	for name, doc := range have {
		docs[strings.ToLower(name)] = doc
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n%d of %d are supported.\n\n| name | state | what it does, or why not |\n|---|---|---|\n", title, len(have), len(names))
	for _, n := range names {
		doc, ok := docs[strings.ToLower(n.name)]
		state := "supported"
		switch {
		case !ok && n.missing != "":
			state, doc = "no", n.missing
		case !ok:
			state = "not yet"
		case !known[strings.ToLower(n.name)]:
			state = "ours"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", n.name, state, doc)
	}
	return b.String()
}

func tables(t *testing.T) string {
	apps, functions := map[string]string{}, pbx.ChannelFunctions()
	for _, a := range app.All() {
		apps[a.Name] = a.Doc
	}
	for name, f := range dialplan.Builtin() {
		functions[name] = f.Doc
	}
	return "\n" + table("Applications", asterisk22(t, "app"), apps) + table("Functions", asterisk22(t, "func"), functions) + "\n"
}

// TestGuide proves that docs/dialplan.md lists every application and function
// of Asterisk 22 with the state it has in the code, and that its samples load.
func TestGuide(t *testing.T) {
	path := filepath.Join(testdata.Root(t), "docs", "dialplan.md")
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
	if want := tables(t); shown != want {
		if os.Getenv("HOMETONE_UPDATE") == "" {
			t.Error("the tables of docs/dialplan.md are old; run HOMETONE_UPDATE=1 go test ./pbx/dialplan/guide")
		} else if err := os.WriteFile(path, []byte(before+guideBegin+want+guideEnd+after), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
	}
	for i, block := range strings.Split(before+after, "```")[1:] {
		language, source, _ := strings.Cut(block, "\n")
		if !strings.HasPrefix(language, "ini") {
			continue
		}
		doc, problems := config.ParseAsterisk("guide", source, config.ReadOptions{Dir: t.TempDir()})
		_, more := dialplan.Compile(doc)
		for _, p := range append(problems, more...) {
			t.Errorf("sample %d: %v", i, p)
		}
	}
}
