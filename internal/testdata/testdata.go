// Package testdata finds the test material that people outside the project
// wrote (torture messages, vectors, scenarios, captures). It lives beside the
// checkout, in ../shared/tests, or where $HOMETONE_TESTDATA points, and is
// never copied into the project because its licences differ.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// EnvDir names the environment variable that overrides the default place.
const EnvDir = "HOMETONE_TESTDATA"

// Root returns the directory of the checkout: the nearest parent of the
// working directory that holds go.mod. It fails the test if there is none.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("testdata: working directory: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("testdata: no go.mod above the working directory")
		}
		dir = parent
	}
}

// Path returns the absolute path of one file or folder of the material, for
// instance Path(t, "01-torture-rfc4475", "wsinv.dat"). If the material is not
// there the test fails under CI=true and is skipped with a message elsewhere.
func Path(tb testing.TB, elem ...string) string {
	tb.Helper()
	base := os.Getenv(EnvDir)
	if base == "" {
		base = filepath.Join(Root(tb), "..", "shared", "tests")
	}
	path := filepath.Join(append([]string{base}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("testdata: %v; set %s to the folder of the test material", err, EnvDir)
		}
		tb.Skipf("testdata: %v; set %s to the folder of the test material", err, EnvDir)
	}
	return path
}
