package app

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/pbx/dialplan"
)

// split cuts an application's arguments at commas into exactly n values; what
// is missing is "".
func split(args string, n int) []string {
	out := make([]string, n)
	if args != "" {
		copy(out, dialplan.Args(args, n))
	}
	return out
}

// seconds reads a number of seconds, which may have a fraction.
func seconds(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 0 || v != v || v > 1e9 {
		return 0, fmt.Errorf("%q is not a number of seconds", s)
	}
	return time.Duration(v * float64(time.Second)), nil
}

// wholeNumber reads a number from 0 on, or what stands for one that is missing.
func wholeNumber(s string, otherwise int) int {
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n >= 0 {
		return n
	}
	return otherwise
}

// cutOutside cuts s at the first sep that is not inside parentheses.
func cutOutside(s string, sep byte) (before, after string) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case sep:
			if depth <= 0 {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}
