package node

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// harden takes from the process what a node never needs once its ports are
// open: gaining privileges by running a set-user-ID program, core dumps with
// secrets in them, files that others can read. What user to run as is the
// service manager's to say.
func harden() error {
	unix.Umask(0o077)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 && errno != syscall.ENOTSUP {
		return errno
	}
	return nil
}
