package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limits of Asterisk files. They are far above what real files use.
const (
	maxLine         = 8191      // bytes of one line, as in Asterisk
	maxFile         = 32 << 20  // bytes of one file
	maxIncludeDepth = 10        // nested #include, as in Asterisk
	maxFiles        = 1_000     // files read in all
	maxEntries      = 4_000_000 // values written in all files
	maxCommentDepth = 128       // nested block comments, as in Asterisk
	aloneProblems   = 20        // findings of one kind told each by itself
	maxYAMLProblems = 1_000     // findings kept of a YAML file

	// Values inherited from templates: so many, and so many for each written.
	maxInherited     = 1_000_000
	maxInheritedEach = 16
)

// Document is one Asterisk configuration file with everything it includes,
// in the order of reading. It is immutable once loaded.
type Document struct {
	Sections []*Section
	Files    []string // every file read, the main one first
}

// Section is one [name] of a file. Sections of one name are not merged:
// pjsip.conf repeats names on purpose.
type Section struct {
	Pos
	Name     string
	Template bool // marked (!): a base for others, not an object itself
	Entries  []Entry
}

// Entry is one name=value or name=>value. An inherited entry keeps the place
// where its template has it.
type Entry struct {
	Pos
	Name, Value string
	Object      bool // written with =>
	Inherited   bool // came from a template
}

// Get returns the last value of name, which is the one that counts where an
// option may be given once.
func (s *Section) Get(name string) (Entry, bool) {
	for i := len(s.Entries) - 1; i >= 0; i-- {
		if strings.EqualFold(s.Entries[i].Name, name) {
			return s.Entries[i], true
		}
	}
	return Entry{}, false
}

// Named returns the sections of that name that are not templates.
func (d *Document) Named(name string) []*Section {
	var found []*Section
	for _, s := range d.Sections {
		if s.Name == name && !s.Template {
			found = append(found, s)
		}
	}
	return found
}

// ReadOptions says what reading a file may do.
type ReadOptions struct {
	// Exec allows #exec, which runs a command and reads its output. Default:
	// refused with a warning, as Asterisk does unless execincludes is set.
	Exec bool
	// Dir is where relative #include names are looked up. Default: the
	// directory of the file, as Asterisk's configuration directory.
	Dir string
}

// ReadAsterisk reads a file in Asterisk's syntax with what it includes. The
// Document is never nil; use it only if HasErrors(problems) is false.
func ReadAsterisk(path string, opt ReadOptions) (*Document, []Problem) {
	r := newReader(path, opt)
	r.include(path, Pos{File: path})
	return r.finish()
}

// ReadOptional is ReadAsterisk for a file that need not be there: without it the
// Document is nil.
func ReadOptional(path string, opt ReadOptions) (*Document, []Problem) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return ReadAsterisk(path, opt)
}

// ParseAsterisk reads source as if it stood in a file called name. Relative
// includes are looked up in opt.Dir, or beside name.
func ParseAsterisk(name, source string, opt ReadOptions) (*Document, []Problem) {
	r := newReader(name, opt)
	r.text(name, source)
	return r.finish()
}

func newReader(path string, opt ReadOptions) *reader {
	if opt.Dir == "" {
		opt.Dir = filepath.Dir(path)
	}
	return &reader{opt: opt, doc: &Document{}, findings: Findings{Alone: aloneProblems}}
}

func (r *reader) finish() (*Document, []Problem) {
	problems := r.findings.Problems()
	SortProblems(problems)
	return r.doc, problems
}

// True reports whether a value switches something on in Asterisk's files:
// yes, true, y, t, 1 or on, in any case.
func True(value string) bool {
	switch strings.ToLower(value) {
	case "yes", "true", "y", "t", "1", "on":
		return true
	}
	return false
}

// False reports whether a value switches something off: no, false, n, f, 0 or
// off, in any case.
func False(value string) bool {
	switch strings.ToLower(value) {
	case "no", "false", "n", "f", "0", "off":
		return true
	}
	return false
}
