//go:build unix

package testdata

import (
	"syscall"
	"testing"
	"time"
)

// ProcessorTime is what this process has used so far, user and system, all
// threads together, so that other programs on the machine do not count.
func ProcessorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
