package testdata

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
)

// Child is the test binary, run once more as a process of its own: one that may
// be killed, or whose memory is measured.
type Child struct {
	Lines *bufio.Scanner // what it prints

	cmd *exec.Cmd
}

// StartChild runs the test binary again for one test, with env=value in its
// environment, by which the test knows that it is the child. The child is
// killed at the end of the test at the latest.
func StartChild(tb testing.TB, test, env, value string) *Child {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run", "^"+test+"$")
	cmd.Env = append(os.Environ(), env+"="+value)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	c := &Child{Lines: bufio.NewScanner(out), cmd: cmd}
	tb.Cleanup(func() { c.Kill(); c.Wait() })
	return c
}

// PID is the child's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Kill ends the child as a power cut would, with SIGKILL. What it has printed
// can still be read.
func (c *Child) Kill() { _ = c.cmd.Process.Kill() }

// Wait waits until the child has ended, however it did. Lines must have been
// read to the end, or be of no interest any more.
func (c *Child) Wait() { _ = c.cmd.Wait() }
