package dialog

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain proves that no goroutine outlives the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
