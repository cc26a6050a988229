package pjsip

import (
	"fmt"
	"strings"

	"github.com/hometone/hometone/config"
)

// filler makes objects of one kind from sections. Sections whose shared
// options read the same get the same shared value: the options are read once.
type filler[T any] struct {
	l      *loader
	table  table[T]
	byName map[string]int // lower-case name → index into table.options
	names  *names
	made   map[string]*prototype[T] // by the shared lines
	key    []byte
	lines  []line
}

// line is an entry and the option it sets.
type line struct {
	option int
	entry  *config.Entry
}

// prototype is an object with defaults and shared options only.
type prototype[T any] struct {
	object T
	faults []error // of the shared lines; empty if there are none
}

func newFiller[T any](l *loader, t table[T]) *filler[T] {
	f := &filler[T]{l: l, table: t, byName: make(map[string]int, len(t.options)), made: map[string]*prototype[T]{}}
	f.names = &names{files: &l.cfg.Files}
	for i, o := range t.options {
		f.byName[strings.ToLower(o.Name)] = i
		f.names.options = append(f.names.options, o.Name)
	}
	return f
}

// fill applies the defaults, then the lines of a section, to an object whose
// Object is base.
func (f *filler[T]) fill(s *config.Section, base *Object, object *T) {
	l := f.l
	name := l.text(s.Name)
	set := f.resolve(s, name)
	p := f.prototype()
	*object = p.object
	*base = Object{Pos: s.Pos, Name: name, set: set, names: f.names}
	shared := 0
	for _, x := range f.lines {
		o := &f.table.options[x.option]
		var err error
		switch {
		case !f.shares(o):
			err = f.set(object, x)
		case len(p.faults) > 0:
			err = p.faults[shared]
		}
		if f.shares(o) {
			shared++
		}
		about := subject{x.entry.Pos, f.table.kind, name, o.Name}
		if err != nil {
			l.errorf(about, "", ": %s: %v", o.Name, err)
			continue
		}
		l.unsupported(about, &o.Option, x.entry.Value)
	}
}

// resolve finds the options of a section's lines and returns their places. It
// leaves the lines in f.lines and what the shared ones say in f.key.
func (f *filler[T]) resolve(s *config.Section, name string) []place {
	f.key, f.lines = f.key[:0], f.lines[:0]
	set := f.l.somePlaces(len(s.Entries))
	for i := range s.Entries {
		e := &s.Entries[i]
		if strings.EqualFold(e.Name, "type") || strings.HasPrefix(e.Name, "@") {
			continue
		}
		n, known := f.byName[strings.ToLower(e.Name)]
		if !known {
			const format = ": option %s is not known"
			about := subject{e.Pos, f.table.kind, name, e.Name}
			f.l.errorf(about, f.l.suggest(about, format, e.Name, func() []string { return f.names.options }), format, e.Name)
			continue
		}
		set = append(set, place{uint16(n), f.l.file(e.File), uint32(e.Line)}) //nolint:gosec // few options, and lines of at least a byte
		f.lines = append(f.lines, line{n, e})
		if f.shares(&f.table.options[n]) {
			f.key = append(f.key, byte(n), byte(n>>8))
			f.key = append(append(f.key, e.Value...), 0)
		}
	}
	return set[:len(set):len(set)]
}

func (f *filler[T]) shares(o *option[T]) bool { return f.table.fresh != nil && !o.own }

// prototype returns the object that f.lines' shared options make.
func (f *filler[T]) prototype() *prototype[T] {
	if p := f.made[string(f.key)]; p != nil {
		return p
	}
	p := &prototype[T]{}
	if f.table.fresh == nil {
		f.defaults(&p.object)
		return p
	}
	p.object = f.table.fresh()
	f.defaults(&p.object)
	var faults []error
	bad := false
	for _, x := range f.lines {
		if !f.table.options[x.option].own {
			err := f.set(&p.object, x)
			faults, bad = append(faults, err), bad || err != nil
		}
	}
	if bad {
		p.faults = faults
	}
	f.made[string(f.key)] = p
	return p
}

func (f *filler[T]) defaults(object *T) {
	for _, o := range f.table.options {
		if o.set == nil || o.Default == "" {
			continue
		}
		if err := o.set(object, o.Default); err != nil {
			panic(fmt.Sprintf("pjsip: default of %s %s: %v", f.table.kind, o.Name, err))
		}
	}
}

func (f *filler[T]) set(object *T, x line) error {
	set := f.table.options[x.option].set
	if set == nil {
		return nil
	}
	return set(object, f.l.text(x.entry.Value))
}

// placesPerChunk is how many places are allocated at once.
const placesPerChunk = 4096

// somePlaces returns an empty list with room for n places.
func (l *loader) somePlaces(n int) []place {
	if cap(l.places)-len(l.places) < n {
		l.places = make([]place, 0, max(placesPerChunk, n))
	}
	start := len(l.places)
	l.places = l.places[:start+n]
	return l.places[start : start : start+n]
}

// file returns the index of a file's name.
func (l *loader) file(name string) uint16 {
	if name != l.lastFile.name {
		l.lastFile.name, l.lastFile.index = name, l.files[name]
	}
	return l.lastFile.index
}

// text returns a copy of a text that the file has, the same one each time.
func (l *loader) text(s string) string {
	if s == "" {
		return ""
	}
	if s == l.lastText { // mostly: a phone's sections say its name again and again
		return l.lastText
	}
	t, known := l.texts[s]
	if !known {
		t = strings.Clone(s)
		l.texts[t] = t
	}
	l.lastText = t
	return t
}

// unsupported warns of an option that has no effect.
func (l *loader) unsupported(s subject, o *Option, value string) {
	switch {
	case o.State == Supported:
	case o.State == Foreign && !sameValue(value, o.Default):
		l.warnf(s, "remove it", ": %s has no effect: %s", o.Name, o.Note)
	case o.State == NotYet && o.Secret && value != "":
		l.warnf(s, "", ": %s is not supported yet: %s", o.Name, o.Note)
	case o.State == NotYet && !sameValue(value, o.Does):
		l.warnf(s, "", ": %s=%s is not supported yet: %s", o.Name, value, o.Note)
	}
}
