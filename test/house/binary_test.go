package house

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// binary is the command for all tests that run it.
var binary testdata.Command

func TestMain(m *testing.M) { os.Exit(binary.Run(m)) }

// run starts a command in a folder and returns what it printed and its exit
// code.
func run(t *testing.T, dir, path string, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return buf.String(), 0
	case errors.As(err, &exit):
		return buf.String(), exit.ExitCode()
	}
	t.Fatalf("%s %v: %v", path, args, err)
	return "", 0
}
