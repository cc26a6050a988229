package house

import (
	"regexp"
	"strings"
	"testing"
)

// foreign are words that belong to one machine, one network or one way of
// working, and so have no place in the project's text. They are written in
// two halves here, so that this file passes its own test.
var foreign = []struct{ word, why string }{
	{"proxy.golang" + ".org", "name no module mirror; go knows its own"},
	{"GOPROXY" + "=", "name no module mirror; go knows its own"},
	{"deb.debian" + ".org", "apt-get knows its own mirrors"},
	{"registry.npmjs" + ".org", "npm knows its own registry"},
	{"/work" + "/", "a path of one machine"},
	{"/tmp" + "/w", "a path of one machine"},
	{"/root" + "/", "a path of one machine"},
	{"/home" + "/", "a path of one machine"},
}

// TestNothingBelongsToOneMachine reads every text file of the project.
func TestNothingBelongsToOneMachine(t *testing.T) {
	tr := load(t)
	tr.texts(t, func(path, text string) {
		for _, f := range foreign {
			for n, line := range strings.Split(text, "\n") {
				if strings.Contains(line, f.word) {
					t.Errorf("%s:%d: %q: %s", path, n+1, f.word, f.why)
				}
			}
		}
	}, ".go", ".md", ".sh", ".yml", ".yaml", ".conf", ".txt", ".list", ".xml", ".sql", "Makefile", "/run")
}

// unfinished matches a note that says work is missing without naming it.
var unfinished = regexp.MustCompile(`\b(` + "TO" + `DO|FIX` + `ME|X` + `XX)\b(\(\w+\))?:?\s*$`)

// TestUnfinishedWorkHasAName proves that a note about missing work says what
// is missing.
func TestUnfinishedWorkHasAName(t *testing.T) {
	tr := load(t)
	for _, s := range tr.sources {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if unfinished.MatchString(c.Text) {
					t.Errorf("%s: %s names nothing that is missing", tr.at(s, c.Pos()), strings.TrimSpace(c.Text))
				}
			}
		}
	}
}

// vague are package names that say nothing about what is inside.
var vague = []string{"util", "utils", "common", "manager", "helper", "helpers", "defs", "base", "misc"}

// TestPackagesHaveNounsOfTheTrade refuses drawers without a label.
func TestPackagesHaveNounsOfTheTrade(t *testing.T) {
	tr := load(t)
	for _, s := range tr.sources {
		file := s.path[strings.LastIndexByte(s.path, '/')+1:]
		file = strings.TrimSuffix(strings.TrimSuffix(file, ".go"), "_test")
		for _, v := range vague {
			if s.file.Name.Name == v || file == v {
				t.Errorf("%s: %q says nothing about what is inside", s.path, v)
			}
		}
	}
}
