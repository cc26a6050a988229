package node

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// become gives up root's rights for those of an ordinary user, once the ports
// are bound; the data directory is made that user's. Without a name nothing
// changes, and a node that runs as root says so.
func become(name, data string, log *slog.Logger) error {
	if os.Geteuid() != 0 {
		return nil // the service manager has seen to it
	}
	if name == "" {
		log.Warn("the node runs as root", "hint", "name a user with --user, or let the service manager do so")
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	if uid == 0 {
		return fmt.Errorf("user %s is root", name)
	}
	if err := give(data, uid, gid); err != nil {
		return err
	}
	// All threads change; the order matters, for only root may do the first two.
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return fmt.Errorf("groups: %w", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("group of %s: %w", name, err)
	}
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	log.Info("rights given up", "user", name, "uid", uid, "gid", gid)
	return nil
}

// give makes a directory and all in it a user's, without following links.
func give(dir string, uid, gid int) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid) //nolint:gosec // the directory is the node's own, and links are not followed
	})
}
