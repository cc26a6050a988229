package dialplan

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/internal/testdata"
)

// TestProblems holds what the loader says, word for word, with file and line.
func TestProblems(t *testing.T) {
	for source, want := range map[string]string{
		"[c]\nexten => s,1,NoOp(":                    `extensions.conf:2: warning: NoOp( has no closing parenthesis (end it with ))`,
		"[c]\nsame => n,NoOp()":                      `extensions.conf:2: error: same => has no extension above it in [c] (begin with exten => NAME,1,…)`,
		"[c]\nexten => s,n,NoOp()":                   `extensions.conf:2: error: priority n has no line before it to count from (write 1)`,
		"[c]\nexten => s,one,NoOp()":                 `extensions.conf:2: error: priority "one" of extension s is neither a number nor a label above it (write a number, n, n(label) or hint)`,
		"[c]\nexten => s,1,A()\nexten => s,1,B()":    `extensions.conf:3: warning: priority 1 of extension s is already set in line 2; this line is ignored (renumber one, or use n)`,
		"[c]\nexten => _[1-,1,A()":                   `extensions.conf:2: error: pattern _[1-,1,A(): [ is not closed by ] (write for instance _[2-4]XX)`,
		"[c]\nexten => _X[],1,A()":                   `extensions.conf:2: error: pattern _X[]: [] holds no character, so it never matches (write for instance _[2-4]XX)`,
		"[c]\nexten => _[9-1],1,A()":                 `extensions.conf:2: error: pattern _[9-1]: range 9-1 runs backwards, so it never matches (write for instance _[2-4]XX)`,
		"[c]\nexten => _X.5,1,A()":                   `extensions.conf:2: warning: pattern _X.5: "5" after . or ! has no meaning (end the pattern there)`,
		"[c]\nexten => _.,1,A()":                     `extensions.conf:2: warning: pattern _. also matches i, t, h and the other special extensions (write _X. for numbers)`,
		"[c]\nexten => s,2,A()":                      `extensions.conf:2: warning: extension s in [c] has no priority 1, so no call can begin there (let its first line say 1 or use same => below another)`,
		"[c]\ninclude => nowhere":                    `extensions.conf:2: warning: context [c] includes [nowhere], which does not exist`,
		"[call]\n[c]\ninclude => cal":                `extensions.conf:3: warning: context [c] includes [cal], which does not exist (did you mean call?)`,
		"[c]\ninclude => d,25:00-26:00,*,*,*\n[d]":   `extensions.conf:2: error: include => d,25:00-26:00,*,*,*: "25:00" is not a time of day such as 9:00 (write include => CONTEXT,9:00-17:00,mon-fri,*,*)`,
		"[c]\nexen => s,1,A()":                       `extensions.conf:2: warning: exen is not known in a context; the line is ignored (did you mean exten?)`,
		"[c]\nexten => s,1,":                         `extensions.conf:2: error: priority 1 has no application (write an application, such as NoOp())`,
		"[c]\nexten => s,1,NoOp(${X)":                `extensions.conf:2: warning: ${ in the arguments of NoOp is never closed (close it)`,
		"[c]\nswitch => Realtime/d@x":                `extensions.conf:2: warning: switch => Realtime/d@x is not supported; nothing is looked up there (Loopback/NUMBER@CONTEXT looks up in this file)`,
		"[c]\nswitch => Loopback/@other":             `extensions.conf:2: warning: switch in [c] leads to [other], which does not exist`,
		"[c]\nswitch => Local/${X}@c":                `extensions.conf:2: warning: switch => Local/${X}@c: only these can be used in a switch (use EXTEN, CONTEXT, PRIORITY or a global variable)`,
		"[c]\n#exec date\nexten => s,1,A()":          `extensions.conf:2: warning: #exec date is refused: commands are not run from configuration files (write its output into a file and #include that)`,
		"[general]\nautofalthrough=yes":              `extensions.conf:2: warning: option autofalthrough in [general] is not known (did you mean autofallthrough?)`,
		"[c]\nexten => s,1,Set(a=“b”)":               `extensions.conf:2:20: error: [T13] typographic quote “ (U+201C) instead of plain ASCII (type ")`,
		"[c]\nexten => s,1(x,A()":                    `extensions.conf:2: error: priority 1 has no application (write an application, such as NoOp())`,
		"[c]\nexten => s,1(a),A()\nsame => n(a),B()": `extensions.conf:3: warning: label a is given twice in extension s (rename one)`,
	} {
		_, problems := planAndProblems(t, source+"\n")
		if !slices.ContainsFunc(problems, func(p config.Problem) bool { return p.String() == want }) {
			t.Errorf("%q:\n got %v\nwant %s", source, problems, want)
		}
	}
}

// TestLayout proves how files are read: contexts add up, priorities count on (n+2 is
// two above n), labels, hints, caller ids and includes are kept.
func TestLayout(t *testing.T) {
	plan, _ := planAndProblems(t, `
[c]
exten => 100,1,Answer()
 same => n(here),Wait(1)
 same => n+2,Echo()
exten => 100,hint,PJSIP/100&PJSIP/101
exten => b,n,After()          ; counts on from the line above
exten => 200,1,A(x, y (z))
[d]
exten => s,1,A()
[c]
include => d
exten => 300,1,A()
ignorepat => 9
`)
	var lines []string
	for c := range plan.Contexts() {
		for x := range c.Extensions() {
			for s := range x.Steps() {
				lines = append(lines, fmt.Sprintf("%s %s %d(%s) %s(%s) %d", c.Name, x.Name, s.Priority, s.Label, s.App, s.Args, s.Line))
			}
		}
	}
	want := []string{"c 100 1() Answer() 3", "c 100 2(here) Wait(1) 4", "c 100 5() Echo() 5", "c b 6() After() 7", "c 200 1() A(x, y (z)) 8", "c 300 1() A() 13", "d s 1() A() 10"}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if hint, ok := plan.Hint("c", "100", noon()); !ok || hint != "PJSIP/100&PJSIP/101" {
		t.Errorf("hint %q", hint)
	}
	if n := plan.FindLabel("c", "100", "here", "", noon()); n != 2 {
		t.Errorf("label here is priority %d", n)
	}
	if !plan.IgnorePattern("c", "9") || plan.IgnorePattern("c", "8") || !plan.Exists("c", "s", 1, "", noon()) {
		t.Error("ignorepat and include count")
	}
}

// TestTiming holds time specifications.
func TestTiming(t *testing.T) {
	at := func(s string) time.Time {
		m, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		spec, yes, no string
	}{
		{"*,*,*,*", "2026-03-04 12:00", ""},
		{"9:00-17:00,mon-fri,*,*", "2026-03-04 09:00|2026-03-04 17:00", "2026-03-04 17:01|2026-03-07 12:00|2026-03-04 08:59"},
		{"22:00-6:00,*,*,*", "2026-03-04 23:00|2026-03-04 05:59|2026-03-04 06:00", "2026-03-04 12:00"},
		{"*,sat&sun,*,*", "2026-03-07 12:00|2026-03-08 12:00", "2026-03-04 12:00"},
		{"*,fri-mon,*,*", "2026-03-08 12:00|2026-03-09 12:00", "2026-03-04 12:00"},
		{"*,*,1-7,*", "2026-03-04 12:00", "2026-03-08 12:00"},
		{"*,*,30-2,*", "2026-03-31 12:00|2026-03-01 12:00", "2026-03-15 12:00"},
		{"*,*,25,dec", "2026-12-25 00:00", "2026-12-24 12:00|2026-11-25 12:00"},
		{"*,*,*,nov-feb", "2026-12-25 00:00|2026-01-01 00:00", "2026-06-01 00:00"},
		{"8:00-9:00&18:00-19:00,*,*,*", "2026-03-04 08:30|2026-03-04 18:30", "2026-03-04 12:00"},
		{"9:00-17:00|mon-fri|*|*", "2026-03-04 12:00", "2026-03-07 12:00"},
		{"12:00,*,*,*", "2026-03-04 12:00", "2026-03-04 12:01"},
		{"9:00-10:00,*,*,*,Asia/Shanghai", "2026-03-04 01:30", "2026-03-04 09:30"},
		{"*,monday-friday,*,january-december", "2026-03-04 12:00", "2026-03-07 12:00"},
	} {
		tm, err := ParseTiming(c.spec)
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		for _, m := range strings.Split(c.yes, "|") {
			if !tm.Includes(at(m)) {
				t.Errorf("%s must include %s", c.spec, m)
			}
		}
		for _, m := range strings.Split(c.no, "|") {
			if m != "" && tm.Includes(at(m)) {
				t.Errorf("%s must not include %s", c.spec, m)
			}
		}
	}
	for _, bad := range []string{"25:00,*,*,*", "9-17,*,*,*", "*,foo,*,*", "*,*,32,*", "*,*,0,*", "*,*,*,13", "*,*,*,*,Mars/Base", "*,*,*,*,UTC,x", "9:00-,*,*,*", "*,3,*,*"} {
		if _, err := ParseTiming(bad); err == nil {
			t.Errorf("%s must be refused", bad)
		}
	}
}

// TestOutsideFiles reads the plans of other people's test suite: none may be
// refused that Asterisk accepts.
func TestOutsideFiles(t *testing.T) {
	dir := testdata.Unpack(t, func(name string) bool { return strings.HasSuffix(name, ".conf") }, "09-sipp-asterisk-testsuite", "files.tar.gz")
	count := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != fileName {
			return err
		}
		count++
		_, problems := Load(path)
		for _, p := range problems {
			if p.Severity == config.Error {
				t.Errorf("%v", p)
			}
		}
		return nil
	})
	if err != nil || count < 200 {
		t.Errorf("%d plans read: %v", count, err)
	}
}

func tenThousand() string {
	var b strings.Builder
	b.WriteString("[c]\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "exten => %d,1,NoOp(${EXTEN} calls)\n same => n,Set(CALLERID(name)=Phone %d)\n same => n,Dial(PJSIP/${EXTEN},30)\n same => n,GotoIf($[\"${DIALSTATUS}\" = \"BUSY\"]?busy)\n", 10000+i, i)
	}
	for i := range 2000 {
		fmt.Fprintf(&b, "exten => _9%04dXX!,1,NoOp()\n", i)
	}
	return b.String()
}

// TestTenThousandLines proves that a big file is loaded in less than 200 ms
// (asked for on an idle machine; the test allows for a busy one).
func TestTenThousandLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), fileName)
	if err := os.WriteFile(path, []byte(tenThousand()), 0o600); err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 5 {
		start := time.Now()
		plan, problems := Load(path)
		best = min(best, time.Since(start))
		if len(problems) > 0 || !plan.Exists("c", "9012345", 1, "", noon()) {
			t.Fatal(problems)
		}
	}
	t.Logf("loaded in %v", best)
	if best > time.Second {
		t.Errorf("loading took %v", best)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("[general]\nautofallthrough=no\n[globals]\nA=1\n[c]\nexten => _X./_N,1,NoOp(${A:1})\n same => n(l)+1,Goto(l)\ninclude => d,9:00-17:00,mon-fri,*,*\nexten => 1,hint,x\n")
	f.Add("[c](!)\nexten=>_[1-3]X!,1,A(\n[d](c)\nignorepat => _9.\n")
	f.Fuzz(func(t *testing.T, source string) {
		doc, _ := config.ParseAsterisk("f", source, config.ReadOptions{Dir: "/nonexistent"})
		plan, _ := Compile(doc)
		for c := range plan.Contexts() {
			for x := range c.Extensions() {
				plan.Match(c.Name, x.Name, 1, "", noon())
				plan.CanMatch(c.Name, x.Name, "1", noon())
				plan.MatchMore(c.Name, x.Name, "", noon())
				for s := range x.Steps() {
					m := finder{exten: x.Name, priority: s.Priority}
					if m.exten != "" && x.lookup(s.Priority, "") == nil {
						t.Fatal("a priority that was read is found")
					}
				}
			}
		}
	})
}

// TestScale proves that the cost of loading grows with the file and no faster.
func TestScale(t *testing.T) {
	source := func(n int) string {
		var b strings.Builder
		b.WriteString("[globals]\n")
		for i := range n / 10 {
			fmt.Fprintf(&b, "G%d=%d\n", i, i)
		}
		for i := range n {
			if i%100 == 0 {
				fmt.Fprintf(&b, "[c%d]\ninclude => c%d\n", i, max(0, i-100))
			}
			fmt.Fprintf(&b, "exten => %d,1,NoOp()\n same => n,Dial(PJSIP/${EXTEN})\nexten => _9%dX.,1,NoOp()\nexten => s%d,1,Set(x=${G%d})\n", i, i, i, i)
		}
		return b.String()
	}
	cost := func(n int) time.Duration {
		text, least := source(n), time.Hour
		for range 3 {
			doc, _ := config.ParseAsterisk("f", text, config.ReadOptions{Dir: "/nonexistent"})
			runtime.GC()
			start := testdata.ProcessorTime(t)
			if _, problems := Compile(doc); len(problems) > 1 {
				t.Fatal(problems)
			}
			least = min(least, testdata.ProcessorTime(t)-start)
		}
		return least
	}
	for attempt := 1; ; attempt++ { // a busy machine gets a second chance
		few, many := cost(3_000), cost(12_000)
		if ratio := float64(many) / float64(few); ratio <= 8 {
			return
		}
		if attempt == 3 {
			t.Fatalf("3,000 extensions take %v, 12,000 take %v", few, many)
		}
	}
}
