package calls_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Every goroutine of every node and peer has an end.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
