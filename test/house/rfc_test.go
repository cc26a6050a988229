package house

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// update rewrites docs/rfc.md instead of comparing it.
var update = flag.Bool("update", false, "write docs/rfc.md from docs/rfc.d")

// rfcHead stands above the assembled table.
const rfcHead = `# RFC sections, where they are obeyed and where that is proved

Each row names a rule, the file that obeys it and the test that proves it.
This page is assembled from docs/rfc.d/*.md by ` + "`make docs`" + `; a test checks
that it is current and that every file and test exists.

| RFC | what | code | test |
|---|---|---|---|
`

// row is one line of the table.
type row struct {
	fragment    string
	line        int
	rfc, what   string
	file        string
	where, test string // test file and the functions in it
}

var rfcReference = regexp.MustCompile(`^(RFC|STD|BCP|ITU-T|IEEE) \S+`)

// TestRFCTable proves that docs/rfc.md is what the fragments say and that the
// fragments say the truth: files exist, tests exist.
func TestRFCTable(t *testing.T) {
	tr := load(t)
	rows := readFragments(t, tr)
	tests := testNames(tr)
	for _, r := range rows {
		checkRow(t, tr, r, tests)
	}
	page := rfcHead + table(rows)
	path := filepath.Join(tr.root, "docs", "rfc.md")
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("docs/rfc.md: %v; run make docs", err)
	}
	if string(have) != page {
		t.Error("docs/rfc.md is not what docs/rfc.d says; run make docs")
	}
}

// readFragments reads the rows of docs/rfc.d/*.md; headings, table heads and
// empty lines are passed over, anything else is an error.
func readFragments(t *testing.T, tr tree) []row {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(tr.root, "docs", "rfc.d", "*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("docs/rfc.d holds no fragment: %v", err)
	}
	var rows []row
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "| --") || strings.HasPrefix(line, "| RFC |") {
				continue
			}
			cells := strings.Split(strings.Trim(line, "|"), "|")
			where := "docs/rfc.d/" + filepath.Base(path)
			if len(cells) != 4 {
				t.Errorf("%s:%d: %d cells, want RFC section, what, file, test", where, n+1, len(cells))
				continue
			}
			r := row{fragment: where, line: n + 1, rfc: cell(cells[0]), what: cell(cells[1]), file: cell(cells[2])}
			r.where, r.test, _ = strings.Cut(cell(cells[3]), ":")
			rows = append(rows, r)
		}
	}
	return rows
}

func cell(s string) string { return strings.Trim(strings.TrimSpace(s), "`") }

// checkRow proves one row.
func checkRow(t *testing.T, tr tree, r row, tests map[string]map[string]bool) {
	t.Helper()
	if !rfcReference.MatchString(r.rfc) {
		t.Errorf("%s:%d: %q is not a reference like RFC 3261 §17.1.1.2", r.fragment, r.line, r.rfc)
	}
	if r.what == "" {
		t.Errorf("%s:%d: says nothing about what %s asks", r.fragment, r.line, r.rfc)
	}
	for _, file := range strings.Split(r.file, ",") {
		if _, err := os.Stat(filepath.Join(tr.root, cell(file))); err != nil {
			t.Errorf("%s:%d: %s does not exist", r.fragment, r.line, cell(file))
		}
	}
	names, ok := tests[r.where]
	if !ok {
		t.Errorf("%s:%d: test file %s does not exist", r.fragment, r.line, r.where)
		return
	}
	for _, name := range strings.Split(r.test, ",") {
		name, _, _ = strings.Cut(cell(name), "/")
		if !names[name] {
			t.Errorf("%s:%d: %s has no %q", r.fragment, r.line, r.where, name)
		}
	}
}

// testNames lists the test, fuzz, example and benchmark functions per file.
func testNames(tr tree) map[string]map[string]bool {
	tests := make(map[string]map[string]bool)
	for _, s := range tr.sources {
		if !s.test {
			continue
		}
		tests[s.path] = make(map[string]bool)
		for name := range functions(s.file) {
			tests[s.path][name] = true
		}
	}
	return tests
}

var rfcNumber = regexp.MustCompile(`\d+`)

// table renders the rows, sorted by RFC number and section.
func table(rows []row) string {
	sorted := append([]row(nil), rows...)
	sort.SliceStable(sorted, func(i, j int) bool { return lessReference(sorted[i].rfc, sorted[j].rfc) })
	var b strings.Builder
	for _, r := range sorted {
		b.WriteString("| " + r.rfc + " | " + r.what + " | " + r.file + " | " + r.where + ":" + r.test + " |\n")
	}
	return b.String()
}

// lessReference orders "RFC 3261 §8.2" before "RFC 3261 §17.1" and so on.
func lessReference(a, b string) bool {
	na, nb := rfcNumber.FindAllString(a, -1), rfcNumber.FindAllString(b, -1)
	for i := 0; i < len(na) && i < len(nb); i++ {
		x, y := na[i], nb[i]
		if len(x) != len(y) {
			return len(x) < len(y)
		}
		if x != y {
			return x < y
		}
	}
	if len(na) != len(nb) {
		return len(na) < len(nb)
	}
	return a < b
}
