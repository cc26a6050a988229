package config

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Findings collects problems and tells one that many objects share once: the
// first with its text, the others by name and place (Problem.Also). The zero
// value is ready. One reader owns it.
type Findings struct {
	// Alone is the number of problems of one kind up to which each is told by
	// itself. Default: 3.
	Alone int
	// Most bounds the kinds kept. Default: 1,000.
	Most int

	groups map[string]*group
	order  []*group
}

// group is what was found of one kind.
type group struct {
	first []Problem
	names []string // of first
	rest  placeWriter
	count int
}

// maxAlso bounds the further places kept for one kind.
const maxAlso = 1_000_000

func (f *Findings) alone() int {
	if f.Alone > 0 {
		return f.Alone
	}
	return 3
}

func (f *Findings) most() int {
	if f.Most > 0 {
		return f.Most
	}
	return 1000
}

// Told reports whether enough problems of the kind are known, so that the text
// and hint of another one would not be shown.
func (f *Findings) Told(kind string) bool {
	g := f.groups[kind]
	return g != nil && g.count > f.alone() || g == nil && len(f.order) >= f.most()
}

// Add keeps a problem. kind tells which problems are the same; name is the
// object that has it, or "".
func (f *Findings) Add(kind, name string, p Problem) {
	g := f.groups[kind]
	if g == nil {
		if len(f.order) >= f.most() {
			return
		}
		if f.groups == nil {
			f.groups = map[string]*group{}
		}
		g = &group{}
		f.groups[kind] = g
		f.order = append(f.order, g)
	}
	switch g.count++; {
	case g.count <= f.alone():
		g.first = append(g.first, p)
		g.names = append(g.names, name)
	case g.count <= maxAlso:
		g.rest.add(Place{p.Pos(), name})
	}
}

// Problems returns what was found, in no particular order.
func (f *Findings) Problems() []Problem {
	var list []Problem
	for _, g := range f.order {
		if g.count <= f.alone() {
			list = append(list, g.first...)
			continue
		}
		var also placeWriter
		for i, p := range g.first[1:] {
			also.add(Place{p.Pos(), g.names[i+1]})
		}
		also.text = append(also.text, g.rest.text...)
		p := g.first[0]
		p.Also = Places(also.text)
		list = append(list, p)
	}
	return list
}

// Place is one object that has a problem.
type Place struct {
	Pos
	Name string
}

// Places are further objects that have the same problem. They are kept as one
// text, a line each, so that Problems can be compared and take little memory.
type Places string

const (
	placeSeparator = "\x1f"
	sameFile       = "\x1e" // instead of a name: that of the line before
)

// placeWriter makes Places. The zero value is ready.
type placeWriter struct {
	text []byte
	file string // of the last line
}

func (w *placeWriter) add(p Place) {
	w.text = append(strconv.AppendInt(w.text, int64(p.Line), 10), placeSeparator...)
	w.text = append(append(w.text, p.Name...), placeSeparator...)
	if p.File == w.file && p.File != "" {
		w.text = append(w.text, sameFile...)
	} else {
		w.text = append(w.text, strings.ReplaceAll(p.File, "\n", " ")...)
		w.file = p.File
	}
	w.text = append(w.text, '\n')
}

// Len returns the number of places.
func (p Places) Len() int { return strings.Count(string(p), "\n") }

// All returns the places one by one.
func (p Places) All() iter.Seq[Place] {
	return func(yield func(Place) bool) {
		before := ""
		for line := range strings.Lines(string(p)) {
			number, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), placeSeparator)
			name, file, _ := strings.Cut(rest, placeSeparator)
			if file == sameFile {
				file = before
			}
			before = file
			n, _ := strconv.Atoi(number) // written by placeWriter
			if !yield(Place{Pos{File: file, Line: n}, name}) {
				return
			}
		}
	}
}

// MarshalJSON writes a list of objects with file, line and name.
func (p Places) MarshalJSON() ([]byte, error) {
	type place struct {
		File string `json:"file"`
		Line int    `json:"line,omitempty"`
		Name string `json:"name,omitempty"`
	}
	list := make([]place, 0, p.Len())
	for x := range p.All() {
		list = append(list, place{x.File, x.Line, x.Name})
	}
	return json.Marshal(list)
}

// shownPlaces is how many further places String names.
const shownPlaces = 3

// summary names the first places and counts the others. An object at the same
// place as first, where its template says it, is named without one.
func (p Places) summary(first Pos) string {
	var b strings.Builder
	shown := 0
	for x := range p.All() {
		if shown == shownPlaces {
			break
		}
		if shown++; shown > 1 {
			b.WriteString(", ")
		}
		switch at := x.String(); {
		case x.Name == "":
			b.WriteString(at)
		case x.File == first.File && x.Line == first.Line:
			fmt.Fprintf(&b, "[%s]", x.Name)
		default:
			fmt.Fprintf(&b, "[%s] %s", x.Name, at)
		}
	}
	if n := p.Len() - shown; n > 0 {
		fmt.Fprintf(&b, " and %s more", thousands(n))
	}
	return b.String()
}

// thousands writes a number in groups of three digits.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
