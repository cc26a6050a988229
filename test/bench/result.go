package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// series is one quantity measured several times.
type series []float64

func (s series) sorted() series { return slices.Sorted(slices.Values(s)) }

func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := s.sorted()
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// String gives median (min–max).
func (s series) String() string {
	if len(s) == 0 {
		return "–"
	}
	sorted := s.sorted()
	return fmt.Sprintf("%s (%s–%s)", short(s.median()), short(sorted[0]), short(sorted[len(sorted)-1]))
}

func short(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// row is a line of the report: what was measured, at what load, on which side.
type row struct {
	work, server string
	values       map[string]series // by unit, for instance "CPU µs/call"
}

// report prints rows as a table whose columns are the units in the order given.
func report(w io.Writer, title string, units []string, rows []row) {
	fmt.Fprintf(w, "\n%s\n", title)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "work\tserver\t%s\n", strings.Join(units, "\t"))
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s", r.work, r.server)
		for _, unit := range units {
			fmt.Fprintf(table, "\t%s", r.values[unit])
		}
		fmt.Fprintln(table)
	}
	table.Flush()
}

// add appends one measurement.
func (r *row) add(unit string, value float64) {
	if r.values == nil {
		r.values = make(map[string]series)
	}
	r.values[unit] = append(r.values[unit], value)
}
