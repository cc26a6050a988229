package main

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/term"
)

// Ctrl-R finds the latest line that has what is typed in it, then the ones before; without one
// the line stays. It is a key that the line editor hands on.
func TestHistorySearch(t *testing.T) {
	h := &history{}
	for _, line := range []string{"show calls", "reload", "show call PJSIP/8005-1", "show hints"} {
		h.Add(line)
	}
	line := "call"
	for _, want := range []string{"show call PJSIP/8005-1", "show calls", "show calls"} {
		found, ok := h.search(line)
		if found != want || ok != (found != line) {
			t.Errorf("%q leads to %q %v, want %q", line, found, ok, want)
		}
		line = found
	}
	if found, ok := h.search("nothing"); found != "nothing" || ok {
		t.Errorf("nothing is found as %q", found)
	}
	var out bytes.Buffer
	screen := term.NewTerminal(keyboard{strings.NewReader("call\x12\x12\r"), &out}, "> ")
	screen.AutoCompleteCallback = func(line string, _ int, key rune) (string, int, bool) {
		if key != ctrlR {
			return "", 0, false
		}
		found, ok := h.search(line)
		return found, len(found), ok
	}
	if got, err := screen.ReadLine(); got != "show calls" || err != nil {
		t.Errorf("the line is %q: %v", got, err)
	}
}
