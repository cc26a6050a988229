package node

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// manager is a service manager's socket.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return c
}

// states returns the next datagram that is not about the watchdog.
func states(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	for {
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(b[:n]); s != "WATCHDOG=1" {
			return s
		}
	}
}

// A node tells its service manager, as sd_notify(3) says, when it serves, that it
// lives, when it reloads and has, and when it ends.
func TestNotify(t *testing.T) {
	c := manager(t)
	t.Setenv("WATCHDOG_USEC", "100000")
	dir := t.TempDir()
	file := filepath.Join(dir, "hometone.yaml")
	if err := os.WriteFile(file, []byte("sip: {listen: [\"udp://127.0.0.1:0\"]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, problems := New(Config{File: file, Data: filepath.Join(dir, "data"), Drain: -1})
	if n == nil {
		t.Fatalf("the configuration is refused: %v", problems)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }() // ends with cancel
	if s := states(t, c); s != "READY=1" {
		t.Errorf("told %q, want READY=1", s)
	}
	b := make([]byte, 64)
	for range 3 {
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if m, err := c.Read(b); err != nil || string(b[:m]) != "WATCHDOG=1" {
			t.Errorf("told %q, want WATCHDOG=1 (%v)", b[:m], err)
		}
	}
	n.Reload()
	if s := states(t, c); !strings.HasPrefix(s, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("told %q, want RELOADING=1 and when", s)
	}
	if s := states(t, c); s != "READY=1" {
		t.Errorf("after the reload told %q, want READY=1", s)
	}
	cancel()
	if s := states(t, c); s != "STOPPING=1" {
		t.Errorf("told %q, want STOPPING=1", s)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The watchdog is fed only while the node answers, and not twice for one look.
func TestWatchdogHangs(t *testing.T) {
	c := manager(t)
	t.Setenv("WATCHDOG_USEC", "20000000")
	var looks atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		hang := make(chan struct{})
		ended := make(chan error, 1)
		go func() { // ends with cancel
			ended <- watch(ctx, func(context.Context) bool {
				n := looks.Add(1)
				if n == 3 {
					<-hang
				}
				return n != 5
			})
		}()
		time.Sleep(65 * time.Second) // 6 intervals: two looks, and one that hangs
		if looks.Load() != 3 {
			t.Errorf("%d looks at a node that hangs in the third", looks.Load())
		}
		close(hang)
		time.Sleep(20 * time.Second)
		cancel()
		<-ended
	})
	// Looks 1, 2, 3 (late) and 4 are good, 5 is bad.
	if n := count(t, c); n != 4 || looks.Load() != 5 {
		t.Errorf("fed %d times in %d looks, want 4 in 5", n, looks.Load())
	}
}

// count counts the datagrams that wait.
func count(t *testing.T, c *net.UnixConn) (n int) {
	t.Helper()
	b := make([]byte, 64)
	for ; ; n++ {
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Read(b); err != nil {
			return n
		}
	}
}
