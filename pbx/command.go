package pbx

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"
)

// errForbidden refuses what pbx.allow does not name.
var errForbidden = errors.New("not allowed; hometone.yaml's pbx.allow says what is")

// Allows implements Switchboard.
func (ch *channel) Allows(name string) bool {
	switch name {
	case "system":
		return ch.set.System
	case "disa":
		return ch.set.DISA
	}
	return false
}

// commandPath is all that a command gets of the environment.
const commandPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Command implements Switchboard.
func (ch *channel) Command(ctx context.Context, command string, limit time.Duration) (int, error) {
	if !ch.Allows("system") {
		return 0, errForbidden
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command) //nolint:gosec // that is what was allowed
	cmd.Env = []string{commandPath}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var exit int
	err := ch.meanwhile(func() error {
		err := cmd.Run()
		var failed *exec.ExitError
		if errors.As(err, &failed) && failed.Exited() {
			exit, err = failed.ExitCode(), nil
		}
		return err
	})
	return exit, err
}

// meanwhile runs something in a goroutine of its own, which it has to end within a
// known time, while the channel lives on.
func (ch *channel) meanwhile(do func() error) error {
	done := make(chan error, 1)
	box := ch.box
	go func() { // ends with do
		done <- do()
		box.post(mail{what: errand{func(*channel) {}, make(chan struct{})}}, false)
	}()
	for {
		select {
		case err := <-done:
			return err
		default:
			ch.step(time.Time{})
		}
	}
}
