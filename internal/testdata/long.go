package testdata

import (
	"os"
	"testing"
)

// EnvLong names the environment variable that asks for tests which take
// minutes; make test-long sets it.
const EnvLong = "HOMETONE_LONG"

// Long skips a test that takes minutes unless such tests are asked for.
func Long(tb testing.TB) {
	tb.Helper()
	if os.Getenv(EnvLong) == "" {
		tb.Skipf("this takes minutes: set %s=1", EnvLong)
	}
}
