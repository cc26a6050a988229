package node

import (
	"runtime/debug"
	"strings"
	"testing"
)

// TestForget: the program's own pages are found, nothing that can be written to
// is among them, and what is needed afterwards is there again.
func TestForget(t *testing.T) {
	list := unchanged()
	if len(list) == 0 {
		t.Fatal("no mapping of the program's file found")
	}
	for _, m := range list {
		_ = m[0] // readable
	}
	if forget() == 0 {
		t.Error("nothing was given back")
	}
	if stack := string(debug.Stack()); !strings.Contains(stack, "TestForget") { // reads code and tables
		t.Errorf("the program does not know itself any more: %s", stack)
	}
	if again := unchanged(); len(again) != len(list) {
		t.Errorf("%d mappings afterwards, %d before", len(again), len(list))
	}
}
