package sip

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// readFile returns one file of the outside material.
func readFile(t testing.TB, elem ...string) string {
	t.Helper()
	b, err := os.ReadFile(testdata.Path(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// eachPacked calls f for each file of a packed set, in the archive's order.
func eachPacked(t testing.TB, f func(name, content string), elem ...string) {
	t.Helper()
	testdata.Packed(t, func(name string, content []byte) { f(name, string(content)) }, elem...)
}

// quick fails the test if f takes longer than limit five times in a row: a
// busy machine is late now and then, slow code always is.
func quick(t testing.TB, what string, limit time.Duration, f func()) {
	t.Helper()
	best := time.Duration(math.MaxInt64)
	for range 5 {
		start := time.Now()
		f()
		if best = min(best, time.Since(start)); best <= limit {
			return
		}
	}
	t.Errorf("%s: %v, want %v at most", what, best, limit)
}

// eachFile calls f for each file in a folder with the suffix.
func eachFile(t testing.TB, suffix string, f func(name, content string), elem ...string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(testdata.Path(t, elem...), "*"+suffix))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s files in %v: %v", suffix, elem, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f(filepath.Base(name), string(b))
	}
}

// message returns the part of a parsed message that both kinds share, or nil.
func message(req *Request, res *Response) *Message {
	switch {
	case req != nil:
		return &req.Message
	case res != nil:
		return &res.Message
	}
	return nil
}

// checkStable asserts that writing and parsing again changes nothing.
func checkStable(t testing.TB, name string, m *Message) {
	t.Helper()
	first := m.String()
	req, res, err := Parse(first)
	again := message(req, res)
	if err != nil || again == nil {
		t.Errorf("%s: what was written does not parse: %v\n%q", name, err, first)
		return
	}
	if second := again.String(); second != first {
		t.Errorf("%s: writing is not stable:\n%q\n%q", name, first, second)
	}
	if again.Body() != m.Body() {
		t.Errorf("%s: the body changed from %q to %q", name, m.Body(), again.Body())
	}
}
