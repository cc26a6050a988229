package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/hometone/hometone/console"
)

// view prints what a node says to its console. Control characters in what
// strangers have sent (a User-Agent, a Call-ID) never reach the terminal.
type view struct {
	t    *terminal
	json bool
}

// reply prints one reply; the error in it is the caller's to report.
func (v view) reply(r console.Reply) error {
	if r.Lost > 0 {
		fmt.Fprintf(v.t.err, "hometone: %d events lost: this console is too slow\n", r.Lost)
	}
	if r.Event != nil {
		return v.event(r.Event)
	}
	if r.Answer != nil {
		return v.answer(r.Answer)
	}
	return nil
}

// event prints one line: the time, the level, the call, what has happened.
func (v view) event(e *console.Event) error {
	if v.json {
		return v.t.printJSON(e)
	}
	_, err := io.WriteString(v.t.out, v.line(e)+"\n")
	return err
}

func levelColor(level string) string {
	switch level {
	case "ERROR":
		return red
	case "WARN":
		return yellow
	case "INFO":
		return green
	}
	return faint
}

// line writes an event for people. The node's own name, which is always the
// same, is left out.
func (v view) line(e *console.Event) string {
	names := slices.SortedFunc(maps.Keys(e.Fields), func(a, b string) int {
		return cmp.Or(cmp.Compare(late(a), late(b)), cmp.Compare(a, b))
	})
	fields := make([]string, 0, len(names))
	for _, name := range names {
		if name != "node" {
			fields = append(fields, v.t.paint(faint, name+"=")+word(e.Fields[name]))
		}
	}
	level := v.t.paint(levelColor(e.Level), fmt.Sprintf("%-5s", e.Level))
	return fmt.Sprintf("%s %s %s  %s", e.Time.Local().Format("15:04:05.000"), level, v.t.paint(bold, printable(e.Text)), strings.Join(fields, " "))
}

// late puts what names the call behind what has happened.
func late(field string) int {
	switch field {
	case "channel":
		return 1
	case "call_id":
		return 2
	}
	return 0
}

// word is a value, in quotes if it has more than a word's characters.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " \"=") || printable(s) != s {
		return strconv.Quote(s)
	}
	return s
}

// answer prints a table, or one object per row.
func (v view) answer(a *console.Answer) error {
	switch {
	case v.json && a.One:
		var o object
		for _, row := range a.Rows {
			o = append(o, row)
		}
		return v.t.printJSON(o)
	case v.json:
		for _, row := range a.Rows {
			var o object
			for i, name := range a.Columns {
				o = append(o, []any{name, row[i]})
			}
			if err := v.t.printJSON(o); err != nil {
				return err
			}
		}
		return nil
	}
	if err := v.table(a); err != nil {
		return err
	}
	if a.Note != "" {
		_, err := fmt.Fprintln(v.t.out, printable(a.Note))
		return err
	}
	return nil
}

// object is a JSON object whose members, name and value, stay in order.
type object [][]any

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, member := range o {
		for j, v := range member {
			text, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			if b = append(b, text...); j == 0 {
				b = append(b, ':')
			}
		}
		if i < len(o)-1 {
			b = append(b, ',')
		}
	}
	return append(b, '}'), nil
}

// text is a cell for people.
func text(cell any) string {
	list, ok := cell.([]any)
	if !ok {
		return printable(fmt.Sprint(cell))
	}
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = text(v)
	}
	return strings.Join(words, ", ")
}

func (v view) table(a *console.Answer) error {
	if len(a.Columns) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(v.t.out, 0, 8, 2, ' ', 0)
	if !a.One {
		fmt.Fprintln(w, strings.Join(a.Columns, "\t"))
	}
	for _, row := range a.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = text(cell)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if len(a.Rows) == 0 {
		fmt.Fprintln(w, "(none)")
	}
	return w.Flush()
}

// printable is a text without control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
