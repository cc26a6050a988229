// Package config reads what operators write: hometone.yaml and the files of
// the programs Hometone takes the place of.
package config

// Document is one Asterisk configuration file with everything it includes,
// in the order of reading. It is immutable once loaded.
type Document struct {
	Sections []*Section
	Files    []string // every file read, the main one first
}

// Section is one [name] of a file. Sections with one name are not merged:
// pjsip.conf repeats names on purpose.
type Section struct {
	Pos
	Name     string
	Template bool
	Entries  []Entry // inherited ones first
}

// Entry is one name=value or name=>value.
type Entry struct {
	Pos
	Name, Value string
	Object      bool // written with =>
	Inherited   bool // came from a template
}

// ReadOptions limits and allows what reading a file may do.
type ReadOptions struct {
	Exec bool // allow #exec; default: refused
}

// ReadAsterisk reads a file in Asterisk's syntax.
func ReadAsterisk(path string, opt ReadOptions) (*Document, []Problem) {
	return &Document{}, nil
}
