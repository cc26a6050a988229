package testdata

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a peer that Debian packages, for instance
// Program(t, "sipp"). If it is not installed the test fails under CI=true and
// is skipped with a message elsewhere.
func Program(tb testing.TB, command string) string {
	tb.Helper()
	path, err := exec.LookPath(command)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is not installed; scripts/setup.sh installs it", command)
	}
	tb.Skipf("%s is not installed; scripts/setup.sh installs it", command)
	return ""
}
