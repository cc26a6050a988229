package scenarios_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// binary is the command, built once.
var binary struct {
	once sync.Once
	dir  string
	err  error
}

// TestMain removes the binary.
func TestMain(m *testing.M) {
	code := m.Run()
	if binary.dir != "" {
		os.RemoveAll(binary.dir)
	}
	os.Exit(code)
}

// hometone returns the path of a freshly built command.
func hometone(t *testing.T) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "hometone-scenarios-"); binary.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(binary.dir, "hometone"), "./cmd/hometone")
		cmd.Dir = testdata.Root(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			binary.err = fmt.Errorf("go build ./cmd/hometone: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return filepath.Join(binary.dir, "hometone")
}

// long reports whether tests that take minutes are asked for.
func long() bool { return os.Getenv(testdata.EnvLong) != "" }
