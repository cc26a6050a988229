package config

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Limits of #exec.
const (
	execTimeout = 10 * time.Second
	execOutput  = 1 << 20 // bytes
)

// directive reads a line that begins with #.
func (r *reader) directive(text string, at Pos) {
	word, arg := text[1:], ""
	if i := strings.IndexAny(text, " \t\"<"); i > 0 {
		word, arg = text[1:i], strings.TrimSpace(text[i:])
	}
	arg = unquoteName(arg)
	word = strings.ToLower(word)
	switch word {
	case "include", "tryinclude", "exec":
	default:
		hint := DidYouMean(word, []string{"include", "tryinclude", "exec"})
		r.errorf(at, cmpOr(hint, "comments begin with ;"), "#%s is not a directive", word)
		return
	}
	if arg == "" {
		r.errorf(at, "name a file", "#%s needs an argument", word)
		return
	}
	if r.depth >= maxIncludeDepth {
		r.errorf(at, "a file may include itself by a circle", "files are included more than %d deep", maxIncludeDepth)
		return
	}
	r.depth++
	if word == "exec" {
		r.exec(arg, at)
	} else {
		r.includePattern(arg, word == "tryinclude", at)
	}
	r.depth--
}

// unquoteName takes "name", 'name' or <name> apart.
func unquoteName(arg string) string {
	if len(arg) < 2 {
		return arg
	}
	closing := map[byte]byte{'"': '"', '\'': '\'', '<': '>'}[arg[0]]
	if closing == 0 {
		return arg
	}
	name, _, _ := strings.Cut(arg[1:], string(closing))
	return name
}

// includePattern reads every file that a name with *, ?, [ ] and { } fits, in
// the order of the names. Relative names start at the directory of the main
// file, not of the including one, as in Asterisk.
func (r *reader) includePattern(name string, try bool, at Pos) {
	pattern := name
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(r.opt.Dir, pattern)
	}
	var found []string
	for _, p := range braces(pattern, 64) {
		if !strings.ContainsAny(p, "*?[") {
			found = append(found, p)
			continue
		}
		names, err := filepath.Glob(p)
		if err != nil {
			r.errorf(at, "", "pattern %q: %v", name, err)
			return
		}
		slices.Sort(names)
		found = append(found, names...)
	}
	if len(found) == 0 && !try {
		r.warnf(at, "write #tryinclude if that is meant", "no file fits %q", name)
	}
	for _, path := range found {
		if try && !fileExists(path) {
			continue
		}
		if !r.include(path, at) {
			return
		}
	}
}

// braces expands {a,b} alternatives, at most limit of them.
func braces(pattern string, limit int) []string {
	open := strings.IndexByte(pattern, '{')
	if open < 0 {
		return []string{pattern}
	}
	length := strings.IndexByte(pattern[open:], '}')
	if length < 0 {
		return []string{pattern}
	}
	var all []string
	for alternative := range strings.SplitSeq(pattern[open+1:open+length], ",") {
		for _, p := range braces(pattern[:open]+alternative+pattern[open+length+1:], limit) {
			if all = append(all, p); len(all) >= limit {
				return all
			}
		}
	}
	return all
}

func fileExists(path string) bool {
	_, err := filepath.EvalSymlinks(path)
	return err == nil
}

// exec runs a command and reads its output, if the options allow it.
func (r *reader) exec(command string, at Pos) {
	if !r.opt.Exec {
		r.warnf(at, "write its output into a file and #include that", "#exec %s is refused: commands are not run from configuration files", clip(command))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), execTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.WaitDelay = time.Second
	out := &limitedBuffer{limit: execOutput}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		r.errorf(at, "", "#exec %s: %v", clip(command), err)
		return
	}
	r.text(fmt.Sprintf("%s:%d(exec)", at.File, at.Line), out.String())
}

// limitedBuffer refuses to grow past its limit.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

// Write appends p, or fails if the limit would be passed.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, fmt.Errorf("more than %d bytes of output", b.limit)
	}
	return b.Buffer.Write(p)
}
