package main

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
)

// rung is one SIP message between two neighbors of a ladder.
type rung struct {
	at       time.Time
	from, to int // columns
	label    string
}

// ladder prints messages as a call-flow diagram, one column a party.
type ladder struct {
	columns []string
	rungs   []rung
}

// column is the distance between two parties, in characters.
const column = 34

// add notes a message that party from sent to party to.
func (l *ladder) add(at time.Time, from, to int, text string) {
	l.rungs = append(l.rungs, rung{at, from, to, label(text)})
}

// label is what is written on the arrow: the method and user, or the status.
func label(text string) string {
	req, res, err := sip.Parse(text)
	switch {
	case res != nil:
		s := fmt.Sprintf("%d %s", res.Status(), res.Reason())
		if res.Body() != "" {
			s += " (SDP)"
		}
		return s
	case req != nil:
		s := string(req.Method())
		if u, err := req.ParsedURI(); err == nil && u.User != "" {
			s += " " + u.Username()
		}
		if req.Body() != "" {
			s += " (SDP)"
		}
		return s
	}
	return "? " + err.Error()
}

// print writes the diagram, in order of time.
func (l *ladder) print(w io.Writer, t *terminal) {
	if len(l.rungs) == 0 {
		return
	}
	sort.SliceStable(l.rungs, func(i, j int) bool { return l.rungs[i].at.Before(l.rungs[j].at) })
	head := strings.Repeat(" ", 10)
	for i, name := range l.columns {
		if i > 0 {
			head += strings.Repeat(" ", column-len(l.columns[i-1]))
		}
		head += name
	}
	fmt.Fprintln(w, t.paint(bold, head))
	begin := l.rungs[0].at
	for _, r := range l.rungs {
		fmt.Fprintf(w, "%8.3f  %s\n", r.at.Sub(begin).Seconds(), l.line(r))
	}
}

// line draws one message.
func (l *ladder) line(r rung) string {
	left, right := min(r.from, r.to), max(r.from, r.to)
	var b strings.Builder
	for i := range l.columns {
		b.WriteByte('|')
		switch {
		case i == len(l.columns)-1:
		case i < left || i >= right:
			b.WriteString(strings.Repeat(" ", column-1))
		default:
			b.WriteString(arrow(r.label, r.to > r.from, column-1))
		}
	}
	return b.String()
}

// arrow is a label on an arrow of a given width.
func arrow(text string, rightward bool, width int) string {
	if room := width - 6; len(text) > room {
		text = text[:room]
	}
	text = " " + text + " "
	fill := width - len(text) - 1
	front, back := fill/2, fill-fill/2
	if rightward {
		return strings.Repeat("-", front) + text + strings.Repeat("-", back) + ">"
	}
	return "<" + strings.Repeat("-", front) + text + strings.Repeat("-", back)
}
