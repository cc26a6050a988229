package house

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// built makes the hometone command once for all tests that run it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// TestMain removes what built made.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// hometone returns the path of a freshly built command.
func hometone(t *testing.T) string {
	t.Helper()
	root := testdata.Root(t)
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "hometone-house-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(built.dir, "hometone"), "./cmd/hometone")
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build ./cmd/hometone: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "hometone")
}

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
