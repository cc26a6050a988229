// Package ladder draws SIP messages as a ladder: one column for each party, one
// arrow for each message, time on the left. It is the one notation of the
// project: the command-line phone prints it, traces are read in it, and the
// scripts of package siptest are written in nearly the same lines.
//
//	        alice               hometone                 bob
//	0.000     |------INVITE sdp---->|                     |
//	0.002     |<---------100--------|                     |
//	0.003     |                     |------INVITE sdp---->|
//
// It knows only names and texts. Summary makes the text of a message.
package ladder

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/sip"
)

// A Step is one message on its way from one party to another, or a note of
// one party (To empty).
type Step struct {
	At   time.Duration // since the start
	From string
	To   string
	Text string // see Summary
	Note string // printed behind the line
}

// column is the distance between two parties in characters.
const column = 24

// Draw returns the ladder. Parties stand in the order given; those that only
// the steps name come behind in order of appearance.
func Draw(parties []string, steps []Step) string {
	d := drawing{place: make(map[string]int)}
	for _, p := range parties {
		d.party(p)
	}
	for _, s := range steps {
		d.party(s.From)
		if s.To != "" {
			d.party(s.To)
		}
	}
	d.head()
	for _, s := range steps {
		d.step(s)
	}
	return d.out.String()
}

type drawing struct {
	out   strings.Builder
	names []string
	place map[string]int
}

func (d *drawing) party(name string) {
	if _, ok := d.place[name]; !ok {
		d.place[name] = len(d.names)
		d.names = append(d.names, name)
	}
}

// margin is the width of the time on the left.
const margin = 9

// at returns the column of a party's line.
func at(place int) int { return margin + column/2 + place*column }

func (d *drawing) head() {
	line := []byte(strings.Repeat(" ", at(len(d.names))))
	for i, n := range d.names {
		if len(n) > column-2 {
			n = n[:column-2]
		}
		copy(line[at(i)-len(n)/2:], n)
	}
	d.line(line, "")
}

func (d *drawing) line(line []byte, note string) {
	s := strings.TrimRight(string(line), " ")
	if note != "" {
		s += "   " + note
	}
	d.out.WriteString(s)
	d.out.WriteByte('\n')
}

// step draws one arrow or note.
func (d *drawing) step(s Step) {
	line := []byte(strings.Repeat(" ", at(len(d.names))))
	copy(line, fmt.Sprintf("%.3f", s.At.Seconds()))
	for i := range d.names {
		line[at(i)] = '|'
	}
	from := d.place[s.From]
	to, known := d.place[s.To]
	if !known || from == to {
		text := " * " + s.Text
		d.line(append(line[:at(from)+1], text...), s.Note)
		return
	}
	left, right := min(from, to), max(from, to)
	for x := at(left) + 1; x < at(right); x++ {
		line[x] = '-'
	}
	if from < to {
		line[at(right)-1] = '>'
	} else {
		line[at(left)+1] = '<'
	}
	room := at(right) - at(left) - 5
	text := s.Text
	if len(text) > room {
		text = text[:room-1] + "~"
	}
	copy(line[at(left)+1+(at(right)-at(left)-1-len(text))/2:], text)
	d.line(line, s.Note)
}

// Summary names a message in a few words: method and body of a request, status,
// method and body of a response.
func Summary(message []byte) string {
	req, res, err := sip.Parse(string(message))
	switch {
	case req != nil:
		return string(req.Method()) + body(&req.Message)
	case res != nil:
		s := strconv.Itoa(res.Status())
		if _, m, err := res.CSeq(); err == nil && m != sip.INVITE {
			s += " " + string(m)
		}
		return s + body(&res.Message)
	case err != nil:
		return "?"
	}
	return ""
}

func body(m *sip.Message) string {
	kind, _, _ := strings.Cut(m.Get(sip.HeaderContentType), ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); {
	case m.Body() == "":
		return ""
	case kind == "application/sdp":
		return " sdp"
	case kind == "message/sipfrag":
		line, _, _ := strings.Cut(m.Body(), "\r\n")
		return " (" + strings.TrimPrefix(line, "SIP/2.0 ") + ")"
	}
	return " body"
}
