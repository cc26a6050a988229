package testdata

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Alone waits until no other test of this machine, in this process or another,
// holds what it names, and then holds it until the test ends. It is for what
// there is only once: a port that a file of the material fixes.
func Alone(tb testing.TB, what string) {
	tb.Helper()
	path := filepath.Join(os.TempDir(), "hometone-test-"+what+".lock")
	file, err := os.OpenFile(path, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		file, err = os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	}
	if err != nil {
		tb.Fatalf("testdata: lock of %s: %v", what, err)
	}
	tb.Cleanup(func() { file.Close() }) // which unlocks it
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if err == nil {
			return
		}
		if !errors.Is(err, syscall.EINTR) {
			tb.Fatalf("testdata: lock of %s: %v", what, err)
		}
	}
}

// ExamplePort is where the example pjsip.conf listens, which tests use byte
// for byte. Who does holds it with [Alone].
const ExamplePort = "udp-5061"
