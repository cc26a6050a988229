package scenarios_test

import (
	"os"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// binary is the command that the scenarios are played against.
var binary testdata.Command

func TestMain(m *testing.M) { os.Exit(binary.Run(m)) }

// long reports whether tests that take minutes are asked for.
func long() bool { return os.Getenv(testdata.EnvLong) != "" }
