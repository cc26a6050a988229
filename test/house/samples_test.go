package house

import (
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// sample is one fenced block of a document. A block whose first line reads
// ```ini asterisk/pjsip.conf is that file of the document's example.
type sample struct {
	line int
	lang string
	file string
	text string
}

// samples returns the fenced blocks of a Markdown text.
func samples(text string) []sample {
	var found []sample
	var open *sample
	for n, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```") && open == nil:
			lang, file, _ := strings.Cut(strings.TrimPrefix(trimmed, "```"), " ")
			open = &sample{line: n + 1, lang: lang, file: strings.TrimSpace(file)}
		case strings.HasPrefix(trimmed, "```"):
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return found
}

// needFile are the languages whose blocks must be files of an example.
var needFile = map[string]bool{"yaml": true, "ini": true}

// TestSamplesInDocumentsLoad writes the files of each document into a folder
// of its own and has `hometone check` read them: what a page shows works.
func TestSamplesInDocumentsLoad(t *testing.T) {
	tr := load(t)
	dir := t.TempDir()
	t.Setenv("TURN_SECRET", "from the environment")
	tr.texts(t, func(path, text string) {
		files := make(map[string]string)
		for _, s := range samples(text) {
			if s.file == "" {
				if needFile[s.lang] {
					t.Errorf("%s:%d: this %s sample names no file (```%s FILE), so nobody can try it", path, s.line, s.lang, s.lang)
				}
				continue
			}
			files[s.file] += s.text
		}
		if len(files) == 0 {
			return
		}
		example := filepath.Join(dir, strings.ReplaceAll(path, "/", "-"))
		args := checkArgs(files)
		writeFiles(t, example, files)
		out, code := run(t, example, binary.Path(t), args...)
		if code != 0 {
			t.Errorf("%s: its sample does not load (exit %d):\n%s", path, code, out)
		}
	}, ".md")
}

// checkArgs chooses how to check an example from the files it has, and adds
// what a node would miss.
func checkArgs(files map[string]string) []string {
	if _, ok := files["hometone.yaml"]; ok {
		return []string{"check", "-c", "hometone.yaml"}
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	dir := filepath.Dir(names[0])
	// A page about one of the two files need not show the other.
	for _, name := range []string{"pjsip.conf", "extensions.conf"} {
		files[filepath.Join(dir, name)] += ""
	}
	return []string{"check", "--asterisk", dir}
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	commandLine = regexp.MustCompile(`^\s*(?:\$ )?(?:bin/)?hometone ([a-z]+)(.*)$`)
	flagName    = regexp.MustCompile(`(?:^|\s)(--[a-z][a-z-]*)`)
	fence       = regexp.MustCompile("(?s)```.*?```")
	linkTarget  = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
)

// TestCommandLinesInDocumentsExist proves that every `hometone ...` line of a
// document names a command and flags that exist.
func TestCommandLinesInDocumentsExist(t *testing.T) {
	tr := load(t)
	dir := t.TempDir()
	help := make(map[string]string)
	tr.texts(t, func(path, text string) {
		for _, s := range samples(text) {
			for _, line := range strings.Split(s.text, "\n") {
				m := commandLine.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				if _, ok := help[m[1]]; !ok {
					out, code := run(t, dir, binary.Path(t), m[1], "--help")
					if code != 0 {
						t.Errorf("%s:%d: no command %q", path, s.line, m[1])
					}
					help[m[1]] = out
				}
				args, _, _ := strings.Cut(m[2], "#")
				for _, f := range flagName.FindAllStringSubmatch(args, -1) {
					if !strings.Contains(help[m[1]], f[1]) {
						t.Errorf("%s:%d: hometone %s has no flag %s", path, s.line, m[1], f[1])
					}
				}
			}
		}
	}, ".md")
}

// TestLinksInDocumentsLead proves that relative links point at something.
func TestLinksInDocumentsLead(t *testing.T) {
	tr := load(t)
	tr.texts(t, func(path, text string) {
		for _, m := range linkTarget.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target := filepath.Join(tr.root, filepath.Dir(path), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", path, m[1])
			}
		}
	}, ".md")
}
