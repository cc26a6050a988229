package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

// reader turns files into a Document. One reader serves one ReadAsterisk.
type reader struct {
	opt       ReadOptions
	doc       *Document
	findings  Findings
	current   *Section // receives the next entry; nil before the first section
	depth     int      // nesting of includes
	files     int
	own       int // entries written
	inherited int // entries copied from templates
	storage   entryStorage
	index     sectionIndex
	bases     map[string]*Section // found by base, by the name as written
}

func (r *reader) errorf(at Pos, hint, format string, args ...any) {
	r.findings.Add(format, "", at.Problem(Error, hint, format, args...))
}

func (r *reader) warnf(at Pos, hint, format string, args ...any) {
	r.findings.Add(format, "", at.Problem(Warning, hint, format, args...))
}

// include reads one file by its path. from is where it was asked for.
func (r *reader) include(path string, from Pos) bool {
	if r.files++; r.files > maxFiles {
		r.errorf(from, "", "more than %d files are included", maxFiles)
		return false
	}
	data, err := readLimited(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			r.errorf(from, "create it, or correct the name", "file %s does not exist", path)
		} else {
			r.errorf(from, "", "cannot read %s: %v", path, err)
		}
		return false
	}
	r.text(path, data)
	return true
}

func readLimited(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var text strings.Builder
	if st, err := f.Stat(); err == nil {
		if st.IsDir() {
			return "", errors.New("is a directory")
		}
		text.Grow(int(min(st.Size(), maxFile)))
	}
	if _, err := io.Copy(&text, io.LimitReader(f, maxFile+1)); err != nil {
		return "", err
	}
	if text.Len() > maxFile {
		return "", fmt.Errorf("larger than %d MiB", maxFile>>20)
	}
	return text.String(), nil
}

// text reads the lines of one file.
func (r *reader) text(name, source string) {
	name = strings.Clone(name) // a name from an #include line would keep that whole file
	r.doc.Files = append(r.doc.Files, name)
	source = strings.TrimPrefix(source, "\ufeff")
	var block blockComment
	at := Pos{File: name}
	for raw := range strings.Lines(source) {
		at.Line++
		for raw != "" && (raw[len(raw)-1] == '\n' || raw[len(raw)-1] == '\r') {
			raw = raw[:len(raw)-1]
		}
		if len(raw) > maxLine {
			r.errorf(at, "split it", "line is longer than %d bytes", maxLine)
			continue
		}
		text := strings.TrimSpace(block.strip(raw, at.Line))
		if text == "" {
			continue
		}
		if p, bad := confusable(text, raw, at); bad {
			r.findings.Add(p.Text, "", p)
		}
		r.line(text, at)
	}
	if block.depth > 0 {
		at.Line = block.opened
		r.errorf(at, "close it with --;", "block comment ;-- never ends")
	}
}

// line reads one line that is not empty and has no comment left.
func (r *reader) line(text string, at Pos) {
	switch text[0] {
	case '[':
		r.section(text, at)
	case '#':
		r.directive(text, at)
	default:
		r.entry(text, at)
	}
}

// section reads [name], [name](!), [name](base,base), [name](+) and
// [name](+option=regexp&…).
func (r *reader) section(text string, at Pos) {
	name, rest, ok := strings.Cut(text[1:], "]")
	if !ok {
		r.errorf(at, "close the name with ]", "section %q has no closing bracket", text)
		r.current = nil
		return
	}
	s := r.storage.section()
	s.Pos, s.Name = at, name
	r.current = s
	options := ""
	if strings.HasPrefix(rest, "(") {
		options, _, ok = strings.Cut(rest[1:], ")")
		if !ok {
			r.errorf(at, "close it with )", "the options of section [%s] have no closing parenthesis", name)
			return
		}
	} else if strings.HasPrefix(strings.TrimSpace(rest), "(") {
		r.warnf(at, "write ["+name+"]"+strings.TrimSpace(rest), "the blank after [%s] makes %s be ignored, as in Asterisk", name, strings.TrimSpace(rest))
	}
	if options != "" && !r.sectionOptions(s, options, at) {
		return
	}
	if r.current == s {
		r.doc.Sections = append(r.doc.Sections, s)
	}
}

func (r *reader) sectionOptions(s *Section, options string, at Pos) bool {
	for option := range strings.SplitSeq(options, ",") {
		option = strings.TrimSpace(option)
		switch {
		case option == "!":
			s.Template = true
		case strings.HasPrefix(option, "+"):
			found := r.addition(s.Name, option[1:], at)
			if found == nil {
				return false
			}
			r.storage.append(found, s.Entries...)
			r.current = found
		default:
			base := r.base(option)
			if base == nil {
				const format = "section [%s] inherits from [%s], which does not exist above this line"
				r.errorf(at, r.suggestSection(format, option), format, s.Name, option)
				return false
			}
			r.inherit(base, at)
		}
	}
	return true
}

// addition finds the section that [name](+filter) adds to.
func (r *reader) addition(name, filter string, at Pos) *Section {
	match, err := compileFilter(filter)
	if err != nil {
		r.errorf(at, "", "filter of [%s](+%s): %v", name, filter, err)
		return nil
	}
	for s := range r.index.named(r.doc.Sections, name) {
		if match(s) {
			return s
		}
	}
	const format = "[%s](+) adds to a section that does not exist above this line"
	hint := "put it after the section it adds to"
	if filter == "" {
		hint = cmpOr(r.suggestSection(format, name), hint)
	}
	r.errorf(at, hint, format, name)
	return nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// compileFilter reads option=regexp pairs joined by &. TEMPLATES=include and
// TEMPLATES=restrict choose whether templates match.
func compileFilter(filter string) (func(*Section) bool, error) {
	type pair struct{ name, value *regexp.Regexp }
	var pairs []pair
	templates := ""
	for part := range strings.SplitSeq(filter, "&") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			if part == "" {
				continue
			}
			return nil, fmt.Errorf("%q is not option=value", part)
		}
		if strings.EqualFold(name, "TEMPLATES") {
			templates = strings.ToLower(value)
			continue
		}
		n, err1 := regexp.CompilePOSIX(name)
		v, err2 := regexp.CompilePOSIX(value)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{n, v})
	}
	return func(s *Section) bool {
		if s.Template && templates == "" || !s.Template && templates == "restrict" {
			return false
		}
		for _, p := range pairs {
			if !slices.ContainsFunc(s.Entries, func(e Entry) bool { return p.name.MatchString(e.Name) && p.value.MatchString(e.Value) }) {
				return false
			}
		}
		return true
	}, nil
}

// base finds the section that others inherit from: the first of that name,
// which it stays however many follow.
func (r *reader) base(name string) *Section {
	if s := r.bases[name]; s != nil {
		return s
	}
	for s := range r.index.named(r.doc.Sections, name) {
		if r.bases == nil {
			r.bases = map[string]*Section{}
		}
		r.bases[name] = s
		return s
	}
	return nil
}

// suggestSection returns the hint of a problem of the kind, unless it would
// not be shown.
func (r *reader) suggestSection(kind, option string) string {
	if r.findings.Told(kind) {
		return ""
	}
	names := make([]string, 0, len(r.doc.Sections))
	for _, s := range r.doc.Sections {
		names = append(names, s.Name)
	}
	return DidYouMean(option, names)
}

func (r *reader) inherit(base *Section, at Pos) {
	n := len(base.Entries)
	before := r.inherited
	r.inherited += n
	if most := maxInherited + maxInheritedEach*r.own; r.inherited > most {
		if before <= most {
			r.errorf(at, "", "more than %d values are inherited", most)
		}
		return
	}
	r.storage.inherit(r.current, base.Entries)
}

// room counts one more written entry and reports whether it fits.
func (r *reader) room(at Pos) bool {
	r.own++
	if r.own == maxEntries+1 {
		r.errorf(at, "", "more than %d values", maxEntries)
	}
	return r.own <= maxEntries
}

// entry reads name=value, name=>value or name+=value.
func (r *reader) entry(text string, at Pos) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		r.warnf(at, "write name=value, or comment it out with ;", "line %q has no = and is ignored", clip(text))
		return
	}
	if r.current == nil {
		r.errorf(at, "put a [section] line above it", "%q stands before any section", clip(text))
		return
	}
	if !r.room(at) {
		return
	}
	if base, found := strings.CutSuffix(name, "+"); found && r.appendTo(strings.TrimSpace(base), strings.TrimSpace(value)) {
		return
	} else if found {
		name = base
	}
	e := Entry{Pos: at, Name: strings.TrimSpace(name)}
	if rest, found := strings.CutPrefix(value, ">"); found {
		value, e.Object = rest, true
	}
	e.Value = strings.TrimSpace(value)
	r.storage.append(r.current, e)
}

// appendTo lengthens the last entry of that name, for name+=value.
func (r *reader) appendTo(name, value string) bool {
	for i := len(r.current.Entries) - 1; i >= 0; i-- {
		e := &r.current.Entries[i]
		if e.Name == name && len(e.Value)+len(value) <= 8*maxLine {
			e.Value = strings.TrimSpace(e.Value + value)
			return true
		}
	}
	return false
}

func clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
