package interop

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// process is one program that a test started: its output, and its end.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}

	mu      sync.Mutex
	out     bytes.Buffer  // guarded by mu
	changed chan struct{} // guarded by mu; closed and replaced when out grows
}

// start starts a program in a folder, with that folder as its home. The test's
// end ends it by its process id.
func start(t *testing.T, dir, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(name), ended: make(chan struct{}), changed: make(chan struct{})}
	p.cmd = exec.Command(name, args...)
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "TERM=dumb", "LC_ALL=C.UTF-8")
	p.cmd.Stdout, p.cmd.Stderr = p, p
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait() // how it ended is in its output
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("---- %s %s\n%s", p.name, strings.Join(args, " "), tail(p.output(), 3000))
		}
	})
	return p
}

// Write collects output; it implements io.Writer for exec.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
	close(p.changed)
	p.changed = make(chan struct{})
	return len(b), nil
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// say writes a line to the program's standard input.
func (p *process) say(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.stdin, format+"\n", args...); err != nil {
		p.t.Fatalf("%s does not listen: %v", p.name, err)
	}
}

// expect waits until the output after from holds text, and returns where it
// ends.
func (p *process) expect(from int, timeout time.Duration, text ...string) int {
	p.t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		p.mu.Lock()
		changed := p.changed
		out := p.out.String()
		p.mu.Unlock()
		for _, want := range text {
			if i := strings.Index(out[min(from, len(out)):], want); i >= 0 {
				return from + i + len(want)
			}
		}
		select {
		case <-changed:
		case <-p.ended:
			p.t.Fatalf("%s ended before it said %q", p.name, text)
		case <-deadline.C:
			p.t.Fatalf("%s did not say %q within %v", p.name, text, timeout)
		}
	}
}

// end ends the program: SIGTERM, and SIGKILL for those that do not listen.
func (p *process) end() {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = p.cmd.Process.Signal(sig) // it may have ended by itself
		select {
		case <-p.ended:
			return
		case <-time.After(4 * time.Second):
		}
	}
}

// wait waits for the program to end by itself and returns its exit code.
func (p *process) wait(timeout time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(timeout):
		p.t.Fatalf("%s did not end within %v", p.name, timeout)
	}
	return p.cmd.ProcessState.ExitCode()
}

func tail(s string, n int) string {
	if len(s) > n {
		return "..." + s[len(s)-n:]
	}
	return s
}

// write writes a file of a test and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// binary is the command for all tests that run it.
var binary testdata.Command

func TestMain(m *testing.M) { os.Exit(binary.Run(m)) }
