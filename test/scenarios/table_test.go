package scenarios_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// row is what the document says of one scenario.
type row struct{ name, result, reason string }

// outcome is what happened to one; reason says why it failed.
type outcome struct {
	passed bool
	reason string
}

// document is the file with the tables, below the checkout's root.
const document = "docs/asterisk-suite.md"

// marks are the lines around the table of a set.
func marks(set string) (begin, end string) {
	return "<!-- table " + set + " -->\n", "<!-- end " + set + " -->\n"
}

// table reads the rows of a set.
func table(t *testing.T, set string) []row {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata.Root(t), document))
	if err != nil {
		t.Fatal(err)
	}
	begin, end := marks(set)
	_, rest, ok := strings.Cut(string(text), begin)
	body, _, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no table %q", document, set)
	}
	var rows []row
	for line := range strings.Lines(body) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.HasPrefix(strings.TrimSpace(cells[0]), "-") || strings.TrimSpace(cells[0]) == "scenario" {
			continue
		}
		rows = append(rows, row{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])})
	}
	return rows
}

// judge compares what happened with the table: what passed there has to pass, and
// what does not needs a reason.
func judge(t *testing.T, set string, rows []row, happened map[string]outcome) {
	t.Helper()
	passed := 0
	for _, o := range happened {
		if o.passed {
			passed++
		}
	}
	for _, r := range rows {
		o, ran := happened[r.name]
		switch {
		case r.result != "pass" && r.reason == "":
			t.Errorf("%s: the table gives no reason why %s does not pass", set, r.name)
		case !ran:
		case o.passed && r.result != "pass":
			t.Logf("%s: %s passes now; write it into %s", set, r.name, document)
		case o.passed:
		case r.result == "pass":
			t.Errorf("%s: %s does not pass any more: %s", set, r.name, o.reason)
		}
	}
	t.Logf("%s: %d of %d pass", set, passed, len(happened))
	if os.Getenv("HOMETONE_UPDATE") != "" {
		rewrite(t, set, rows, happened)
	}
}

// rewrite puts the results into the document; reasons that are there stay.
func rewrite(t *testing.T, set string, rows []row, happened map[string]outcome) {
	t.Helper()
	for name, o := range happened {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
		if i < 0 {
			rows = append(rows, row{name: name})
			i = len(rows) - 1
		}
		r := &rows[i]
		if r.result = "pass"; o.passed {
			r.reason = ""
		} else if r.result = "fail"; r.reason == "" {
			r.reason = strings.ReplaceAll(o.reason, "|", "/")
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString("| scenario | result | reason |\n|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.name, r.result, r.reason)
	}
	path := filepath.Join(testdata.Root(t), document)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := marks(set)
	before, rest, _ := strings.Cut(string(text), begin)
	_, after, _ := strings.Cut(rest, end)
	if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o600); err != nil {
		t.Fatal(err)
	}
}
