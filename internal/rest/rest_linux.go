package rest

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// For waits for d, or less: the signal by which the runtime stops the world or
// preempts a goroutine ends it.
func For(d time.Duration) {
	spec := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&spec)), 0, 0)
}
