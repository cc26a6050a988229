package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// dump prints a document in one line a value: section, name, operator, value, place.
func dump(d *Document) string {
	var b strings.Builder
	for _, s := range d.Sections {
		mark := ""
		if s.Template {
			mark = "(!)"
		}
		fmt.Fprintf(&b, "[%s]%s %d\n", s.Name, mark, s.Line)
		for _, e := range s.Entries {
			op := "="
			if e.Object {
				op = "=>"
			}
			fmt.Fprintf(&b, "%s%s%s@%s:%d", e.Name, op, e.Value, filepath.Base(e.File), e.Line)
			if e.Inherited {
				b.WriteString(" inherited")
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// TestSyntax holds Asterisk's file syntax.
func TestSyntax(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"values and operators", "[a]\nx=1\ny => 2 \n z =3=4\nlist=\n", "[a] 1\nx=1@f:2\ny=>2@f:3\nz=3=4@f:4\nlist=@f:5\n"},
		{"comments", "; top\n[a] ; name\nx=1 ; one\ny=a\\;b ; two\n;z=3\n", "[a] 2\nx=1@f:3\ny=a;b@f:4\n"},
		{"block comments", "[a]\nx=1\n;-- y=2\nz=3\n--; w=4\nv=5 ;-- inside --; 6\n;--- a line, no block\nu=7\n", "[a] 1\nx=1@f:2\nw=4@f:5\nv=5  6@f:6\nu=7@f:8\n"},
		{"nested blocks", ";-- a ;-- b --; c\n[no]\n--;\n[a]\n", "[a] 4\n"},
		{"templates", "[base](!)\nx=1\ny=2\n[a](base)\ny=3\n[b](!,base)\nz=4\n[c](b,base)\n",
			"[base](!) 1\nx=1@f:2\ny=2@f:3\n[a] 4\nx=1@f:2 inherited\ny=2@f:3 inherited\ny=3@f:5\n[b](!) 6\nx=1@f:2 inherited\ny=2@f:3 inherited\nz=4@f:7\n[c] 8\nx=1@f:2 inherited\ny=2@f:3 inherited\nz=4@f:7 inherited\nx=1@f:2 inherited\ny=2@f:3 inherited\n"},
		{"additions", "[a]\ntype=endpoint\n[a]\ntype=aor\n[a](+)\nx=1\n[a](+type=aor)\ny=2\n", "[a] 1\ntype=endpoint@f:2\nx=1@f:6\n[a] 3\ntype=aor@f:4\ny=2@f:8\n"},
		{"addition that inherits", "[t](!)\nq=9\n[a]\nx=1\n[a](+,t)\ny=2\n", "[t](!) 1\nq=9@f:2\n[a] 3\nx=1@f:4\nq=9@f:2 inherited\ny=2@f:6\n"},
		{"appending", "[a]\nx=1\nx+=,2\ny+=3\n", "[a] 1\nx=1,2@f:2\ny=3@f:4\n"},
		{"byte order mark and CRLF", "\ufeff[a]\r\nx=1\r\n", "[a] 1\nx=1@f:2\n"},
		{"no newline at the end", "[a]\nx=1", "[a] 1\nx=1@f:2\n"},
		{"other scripts are values", "[a]\nname=Zoë 张伟 <1>\n", "[a] 1\nname=Zoë 张伟 <1>@f:2\n"},
	} {
		doc, problems := ParseAsterisk("f", c.source, ReadOptions{Dir: t.TempDir()})
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.name, problems)
		}
		if got := dump(doc); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestSyntaxProblems holds every message, with its place.
func TestSyntaxProblems(t *testing.T) {
	for source, want := range map[string]string{
		"[a":                                  `f:1: error: section "[a" has no closing bracket (close the name with ])`,
		"[a](b":                               `f:1: error: the options of section [a] have no closing parenthesis (close it with ))`,
		"[a](base)":                           `f:1: error: section [a] inherits from [base], which does not exist above this line`,
		"[base](!)\n[a](bsae)":                `f:2: error: section [a] inherits from [bsae], which does not exist above this line (did you mean base?)`,
		"[a](+)":                              `f:1: error: [a](+) adds to a section that does not exist above this line (put it after the section it adds to)`,
		"[a] (!)":                             `f:1: warning: the blank after [a] makes (!) be ignored, as in Asterisk (write [a](!))`,
		"x=1":                                 `f:1: error: "x=1" stands before any section (put a [section] line above it)`,
		"[a]\nhello":                          `f:2: warning: line "hello" has no = and is ignored (write name=value, or comment it out with ;)`,
		"#inculde x":                          `f:1: error: #inculde is not a directive (did you mean include?)`,
		"#include":                            `f:1: error: #include needs an argument (name a file)`,
		"#include nix.conf":                   `f:1: error: file DIR/nix.conf does not exist (create it, or correct the name)`,
		"#include nix.d/*.conf":               `f:1: warning: no file fits "nix.d/*.conf" (write #tryinclude if that is meant)`,
		"#exec /bin/date":                     `f:1: warning: #exec /bin/date is refused: commands are not run from configuration files (write its output into a file and #include that)`,
		"[a]\n;-- x\ny=1":                     `f:2: error: block comment ;-- never ends (close it with --;)`,
		"[a]\nx=“b”":                          `f:2:3: error: [T13] typographic quote “ (U+201C) instead of plain ASCII (type ")`,
		"[a]\nx=a–b":                          `f:2:4: error: [T13] typographic dash – (U+2013) instead of plain ASCII (type -)`,
		"[a]\nx=a\u00a0b":                     `f:2:4: error: [T13] no-break space (U+00A0) instead of plain ASCII (type an ordinary blank)`,
		"[a]\nx=a\u200bb":                     `f:2:4: error: [T13] invisible character (U+200B) instead of plain ASCII (remove it)`,
		"[a]\nx＝1":                            `f:2:2: error: [T13] full-width '＝' (U+FF1D) instead of plain ASCII (type =)`,
		"[a]\nx=说“好”":                         `f:2:4: warning: [T13] typographic quote “ (U+201C) instead of plain ASCII (type ")`,
		"[a]\nx=\xff":                         `f:2: warning: line is not UTF-8 (save the file as UTF-8)`,
		"[a]\nx=" + strings.Repeat("y", 9000): `f:2: error: line is longer than 8191 bytes (split it)`,
	} {
		dir := t.TempDir()
		_, problems := ParseAsterisk("f", source, ReadOptions{Dir: dir})
		got := ""
		if len(problems) > 0 {
			got = strings.ReplaceAll(problems[0].String(), dir, "DIR")
		}
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", clip(source), got, want)
		}
	}
}

// TestIncludes proves how files are found: beside the main file, by patterns
// in the order of names, not more than ten deep.
func TestIncludes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("d/b.conf", "b=1\n#include \"d/deep.conf\"\n")
	write("d/a.conf", "a=1\n")
	write("d/deep.conf", "deep=1\n")
	main := write("main.conf", "[s]\n#include <d/[ab].conf>\n#tryinclude none.conf\n#include d/{a,deep}.conf\nlast=1\n")
	doc, problems := ReadAsterisk(main, ReadOptions{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got, want := dump(doc), "[s] 1\na=1@a.conf:1\nb=1@b.conf:1\ndeep=1@deep.conf:1\na=1@a.conf:1\ndeep=1@deep.conf:1\nlast=1@main.conf:5\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if len(doc.Files) != 6 {
		t.Errorf("files read: %v", doc.Files)
	}
	circle := write("circle.conf", "#include circle.conf\n")
	if _, problems := ReadAsterisk(circle, ReadOptions{}); len(problems) != 1 || !strings.Contains(problems[0].String(), "more than 10 deep") {
		t.Errorf("a circle ends: %v", problems)
	}
	if _, problems := ReadAsterisk(filepath.Join(dir, "absent.conf"), ReadOptions{}); !HasErrors(problems) {
		t.Error("a missing main file is an error")
	}
	exec := write("exec.conf", "[s]\n#exec echo x=1\n")
	if doc, problems := ReadAsterisk(exec, ReadOptions{Exec: true}); len(problems) > 0 || !strings.Contains(dump(doc), "x=1@") {
		t.Errorf("#exec runs if allowed: %v %s", problems, dump(doc))
	}
}

// TestInheritanceBomb proves that doubling templates do not double memory
// without end.
func TestInheritanceBomb(t *testing.T) {
	source := "[t0](!)\nx=1\n"
	for i := range 60 {
		source += fmt.Sprintf("[t%d](!,t%d,t%d)\n", i+1, i, i)
	}
	_, problems := ParseAsterisk("f", source, ReadOptions{Dir: "/"})
	if len(problems) != 1 || !strings.Contains(problems[0].Text, "values are inherited") {
		t.Errorf("got %v", problems)
	}
}

func FuzzAsterisk(f *testing.F) {
	for _, s := range []string{"[a](!)\nx=1;c\n[b](a)\ny=>2\n[b](+x=1&y=2)\nz+=3", ";-- a ;-- b --; --;\n[x] (!)\n#tryinclude \"/nonexistent\"", "\ufeff[a]\r\nx\\;y=“1”"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if strings.Contains(strings.ToLower(source), "include") {
			return // stay away from the file system
		}
		doc, problems := ParseAsterisk("f", source, ReadOptions{Dir: "/nonexistent"})
		lines := strings.Count(source, "\n") + 1
		for _, s := range doc.Sections {
			for _, e := range s.Entries {
				if e.Line < 1 || e.Line > lines || strings.ContainsAny(e.Name+e.Value, "\n") {
					t.Fatalf("entry %+v of %d lines", e, lines)
				}
			}
		}
		for _, p := range problems {
			if p.Line > lines {
				t.Fatalf("problem %v of %d lines", p, lines)
			}
		}
	})
}

// TestSectionsAtScale proves that finding templates and additions by name does
// not get slower with the number of sections: four times the sections take
// about four times the time.
func TestSectionsAtScale(t *testing.T) {
	source := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "[t%[1]d](!)\nx=%[1]d\n[s%[1]d](t%[1]d)\ny=1\n[s%[1]d](+)\nz=2\n", i)
		}
		return b.String()
	}
	cost := func(n int) time.Duration {
		text, least := source(n), time.Hour
		for range 3 {
			runtime.GC()
			start := testdata.ProcessorTime(t)
			doc, problems := ParseAsterisk("f", text, ReadOptions{Dir: "/nonexistent"})
			least = min(least, testdata.ProcessorTime(t)-start)
			if len(problems) > 0 || len(doc.Sections) != 2*n || len(doc.Sections[2*n-1].Entries) != 3 {
				t.Fatalf("%d sections, %v", len(doc.Sections), problems)
			}
		}
		return least
	}
	for attempt := 1; ; attempt++ { // a busy machine gets a second chance
		few, many := cost(10_000), cost(40_000)
		if ratio := float64(many) / float64(few); ratio <= 8 {
			return
		}
		if attempt == 3 {
			t.Fatalf("10,000 take %v, 40,000 take %v", few, many)
		}
	}
}

// TestManyProblems proves that a fault in very many lines is told once, with
// where it is first and how often, and that its hint is not sought each time.
func TestManyProblems(t *testing.T) {
	var b strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&b, "[s%d](bsae)\n", i)
	}
	_, problems := ParseAsterisk("f", "[base](!)\n"+b.String(), ReadOptions{Dir: "/nonexistent"})
	if len(problems) != 1 || problems[0].Also.Len() != 4_999 {
		t.Fatalf("%d problems", len(problems))
	}
	const want = "f:2: error: section [s0] inherits from [bsae], which does not exist above this line (did you mean base?); the same: f:3, f:4, f:5 and 4,996 more"
	if got := problems[0].String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	data, err := json.Marshal(problems[0])
	if err != nil || strings.Count(string(data), `{"file":"f","line":`) != 5_000 {
		t.Errorf("JSON lists all: %v %.200s", err, data)
	}
}
