package config

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Severity says what a Problem does to a node: an Error keeps the
// configuration from being used, a Warning lets it run.
type Severity uint8

// The severities, mildest first.
const (
	Note    Severity = iota // worth knowing; changes nothing
	Warning                 // runs, but not as the file seems to ask
	Error                   // cannot be used
)

// String returns the word printed before a problem's text.
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	default:
		return "note"
	}
}

// Pos is a place in a configuration file. Line and Column count from 1; zero
// means not known.
type Pos struct {
	File   string
	Line   int
	Column int
}

// String prints file:line or file:line:column, as editors and compilers do.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return "-"
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Problem returns a Problem at this place.
func (p Pos) Problem(s Severity, hint, format string, args ...any) Problem {
	return Problem{File: p.File, Line: p.Line, Column: p.Column, Severity: s, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// Problem is one finding about a configuration: where, how bad, what, and
// what to do. Trap names the entry of the trap list it belongs to (T1…T13),
// or is empty. Also holds the other objects that have the same problem, if
// there are many: String counts them, JSON and Each list them.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Severity Severity `json:"-"`
	Trap     string   `json:"trap,omitempty"`
	Text     string   `json:"text"`
	Hint     string   `json:"hint,omitempty"`
	Also     Places   `json:"also,omitempty"`
}

// Each returns the problem and then, one by one, the same at every other
// place, for a verbose list.
func (p Problem) Each() iter.Seq[Problem] {
	return func(yield func(Problem) bool) {
		one := p
		one.Also = ""
		if !yield(one) {
			return
		}
		for x := range p.Also.All() {
			also := Problem{File: x.File, Line: x.Line, Severity: p.Severity, Trap: p.Trap, Text: "the same as " + p.Pos().String()}
			if x.Name != "" {
				also.Text = "[" + x.Name + "]: " + also.Text
			}
			if !yield(also) {
				return
			}
		}
	}
}

// Pos returns where the problem is.
func (p Problem) Pos() Pos { return Pos{p.File, p.Line, p.Column} }

// String prints the problem on one line: file:line: severity: text (hint); the
// same: further objects.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: ", p.Pos(), p.Severity)
	if p.Trap != "" {
		fmt.Fprintf(&b, "[%s] ", p.Trap)
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		fmt.Fprintf(&b, " (%s)", p.Hint)
	}
	if p.Also != "" {
		b.WriteString("; the same: " + p.Also.summary(p.Pos()))
	}
	return b.String()
}

// Error lets a Problem be returned as an error.
func (p Problem) Error() string { return p.String() }

// HasErrors reports whether any problem keeps the configuration from use.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// SortProblems orders problems by file and line, within a line the worse
// first, then by column.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Column, b.Column))
	})
}
