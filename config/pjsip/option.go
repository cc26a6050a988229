package pjsip

import (
	"fmt"
	"strings"

	"github.com/hometone/hometone/config"
)

// State says what Hometone does with an option.
type State uint8

// The states of an option.
const (
	Supported State = iota // acted on
	NotYet                 // read and kept, not acted on: a warning unless the file asks for what Hometone does anyway
	Foreign                // concerns Asterisk's insides; nothing to act on: a warning
)

// String names the state as the guide prints it.
func (s State) String() string {
	return [...]string{"supported", "not yet", "no meaning here"}[s]
}

// Option is one row of a table: an option of pjsip.conf as Asterisk 22
// documents it.
type Option struct {
	Type    string // of the object
	Name    string
	Default string // Asterisk's
	State   State
	Does    string // NotYet: the value that describes what Hometone does; else ""
	Note    string // NotYet: the consequence, in a few words
	Secret  bool   // the value must not be shown
}

// option is an Option with the function that reads it into a T.
type option[T any] struct {
	Option
	set setter[T]
}

// setter reads one value. It may be called several times, once for each line.
type setter[T any] func(o *T, value string) error

// yes makes the row of an option that Hometone acts on.
func yes[T any](name, value string, set setter[T]) option[T] {
	return option[T]{Option{Name: name, Default: value, State: Supported}, set}
}

// later makes the row of an option that Hometone reads but does not act on.
// does is the value that describes what Hometone does; note is what the file
// misses.
func later[T any](name, value, does, note string, set setter[T]) option[T] {
	return option[T]{Option{Name: name, Default: value, State: NotYet, Does: does, Note: note}, set}
}

// private marks the row of a secret.
func private[T any](o option[T]) option[T] {
	o.Secret = true
	return o
}

// foreign makes the row of an option about Asterisk's insides.
func foreign[T any](name, value string) option[T] {
	return option[T]{Option{Name: name, Default: value, State: Foreign, Note: "it tunes Asterisk's insides"}, nil}
}

// table is the closed list of options of one kind of object.
type table[T any] struct {
	kind    string
	options []option[T]
}

func (t table[T]) find(name string) *option[T] {
	for i := range t.options {
		if strings.EqualFold(t.options[i].Name, name) {
			return &t.options[i]
		}
	}
	return nil
}

func (t table[T]) names() []string {
	names := make([]string, len(t.options))
	for i, o := range t.options {
		names[i] = o.Name
	}
	return names
}

// list returns the rows for the guide.
func (t table[T]) list() []Option {
	rows := make([]Option, len(t.options))
	for i, o := range t.options {
		rows[i] = o.Option
		rows[i].Type = t.kind
	}
	return rows
}

// Options returns every option of every kind of object, in the order of the
// tables.
func Options() []Option {
	var all []Option
	for _, rows := range [][]Option{transportTable().list(), endpointTable().list(), aorTable().list(), authTable().list(),
		identifyTable().list(), registrationTable().list(), aclTable().list(), globalTable().list(), systemTable().list()} {
		all = append(all, rows...)
	}
	return all
}

// fill applies the defaults, then the lines of a section, to an object.
func fill[T any](l *loader, t table[T], s *config.Section, base *Object, object *T) {
	*base = Object{Pos: s.Pos, Name: s.Name, set: map[string]config.Pos{}}
	for _, o := range t.options {
		if o.set == nil || o.Default == "" {
			continue
		}
		if err := o.set(object, o.Default); err != nil {
			panic(fmt.Sprintf("pjsip: default of %s %s: %v", t.kind, o.Name, err))
		}
	}
	for _, e := range s.Entries {
		if strings.EqualFold(e.Name, "type") || strings.HasPrefix(e.Name, "@") {
			continue
		}
		o := t.find(e.Name)
		if o == nil {
			l.errorf(e.Pos, config.DidYouMean(e.Name, t.names()), "%s [%s]: option %s is not known", t.kind, s.Name, e.Name)
			continue
		}
		base.set[o.Name] = e.Pos
		if o.set != nil {
			if err := o.set(object, e.Value); err != nil {
				l.errorf(e.Pos, "", "%s [%s]: %s: %v", t.kind, s.Name, o.Name, err)
				continue
			}
		}
		l.unsupported(t.kind, s.Name, &o.Option, e)
	}
}

// unsupported warns of an option that has no effect.
func (l *loader) unsupported(kind, name string, o *Option, e config.Entry) {
	switch {
	case o.State == Foreign && !sameValue(e.Value, o.Default):
		l.warnf(e.Pos, "remove it", "%s [%s]: %s has no effect: %s", kind, name, o.Name, o.Note)
	case o.State == NotYet && o.Secret && e.Value != "":
		l.warnf(e.Pos, "", "%s [%s]: %s is not supported yet: %s", kind, name, o.Name, o.Note)
	case o.State == NotYet && !sameValue(e.Value, o.Does):
		l.warnf(e.Pos, "", "%s [%s]: %s=%s is not supported yet: %s", kind, name, o.Name, e.Value, o.Note)
	}
}

// sameValue compares two values of an option, the words for yes and no taken
// together.
func sameValue(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), b) || config.True(a) && config.True(b) || config.False(a) && config.False(b)
}
