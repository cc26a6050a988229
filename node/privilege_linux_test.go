package node

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A node that was started as root gives up root's rights for good: the other
// user owns the data, and there is no way back. Run in a process of its own.
func TestBecome(t *testing.T) {
	if dir := os.Getenv("HOMETONE_BECOME"); dir != "" {
		if err := become("nobody", dir, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 || os.Getegid() == 0 {
			t.Errorf("user %d, group %d; want neither to be root", os.Geteuid(), os.Getegid())
		}
		if groups, err := os.Getgroups(); err != nil || len(groups) > 1 {
			t.Errorf("groups %v (%v), want only the user's own", groups, err)
		}
		if _, err := os.ReadFile("/etc/shadow"); err == nil {
			t.Error("root's files can still be read")
		}
		if err := os.WriteFile(filepath.Join(dir, "sub", "new"), nil, 0o600); err != nil {
			t.Errorf("the data cannot be written: %v", err)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can give up root's rights")
	}
	parent, err := os.MkdirTemp("", "become") // t.TempDir's parents are closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "data")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestBecome$", "-test.v")
	cmd.Env = append(os.Environ(), "HOMETONE_BECOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Nobody becomes root, or somebody who does not exist.
func TestBecomeRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give up root's rights")
	}
	for _, name := range []string{"root", "no-such-user"} {
		if err := become(name, t.TempDir(), slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("became %s", name)
		}
	}
}
