package testdata

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Command is the hometone command, built once for all tests of a package that
// run it. The zero value is ready; TestMain removes what it made.
type Command struct {
	once sync.Once
	dir  string
	err  error
}

// Path returns where the freshly built command is.
func (c *Command) Path(tb testing.TB) string {
	tb.Helper()
	root := Root(tb)
	c.once.Do(func() {
		if c.dir, c.err = os.MkdirTemp("", "hometone-command-"); c.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(c.dir, "hometone"), "./cmd/hometone")
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			c.err = fmt.Errorf("go build ./cmd/hometone: %w\n%s", err, out)
		}
	})
	if c.err != nil {
		tb.Fatal(c.err)
	}
	return filepath.Join(c.dir, "hometone")
}

// Run runs the tests, removes the command and returns the exit code.
func (c *Command) Run(m *testing.M) int {
	code := m.Run()
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
	return code
}
