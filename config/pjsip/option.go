package pjsip

import (
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
	own bool // concerns one object; else objects that say the same share the value
}

// setter reads one value. It may be called several times, once for each line.
type setter[T any] func(o *T, value string) error

// yes makes the row of an option that Hometone acts on.
func yes[T any](name, value string, set setter[T]) option[T] {
	return option[T]{Option: Option{Name: name, Default: value, State: Supported}, set: set}
}

// later makes the row of an option that Hometone reads but does not act on.
// does is the value that describes what Hometone does; note is what the file
// misses.
func later[T any](name, value, does, note string, set setter[T]) option[T] {
	return option[T]{Option: Option{Name: name, Default: value, State: NotYet, Does: does, Note: note}, set: set}
}

// private marks the row of a secret.
func private[T any](o option[T]) option[T] {
	o.Secret = true
	return o
}

// own marks the row of an option whose value is different for each object, such
// as a user name.
func own[T any](o option[T]) option[T] {
	o.own = true
	return o
}

// foreign makes the row of an option about Asterisk's insides.
func foreign[T any](name, value string) option[T] {
	return option[T]{Option: Option{Name: name, Default: value, State: Foreign, Note: "it tunes Asterisk's insides"}}
}

// elsewhere makes the row of an option whose purpose is served in another way.
func elsewhere[T any](name, value, note string) option[T] {
	return option[T]{Option: Option{Name: name, Default: value, State: Foreign, Note: note}}
}

// table is the closed list of options of one kind of object.
type table[T any] struct {
	kind    string
	fresh   func() T // an object with a value of its own to share; nil: nothing is shared
	options []option[T]
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

// sameValue compares two values of an option, the words for yes and no taken
// together.
func sameValue(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), b) || config.True(a) && config.True(b) || config.False(a) && config.False(b)
}
