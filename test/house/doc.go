// Package house holds the rules of the house as tests, so that a rule is
// something that fails and not something that is remembered.
//
// Imports go downstairs (floors), every package explains itself (comments),
// files and functions stay short (sizes), nothing runs before main and nothing
// changes behind one's back (state), what the documents show can be started
// (samples), what the documents promise exists (names, rfc), and nothing in
// the text belongs to one machine only (words).
//
// A rule that must be broken is broken in one place: the table beside the
// test, with a reason. A reason that no longer applies makes the test fail,
// so the tables do not rot.
package house

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }
