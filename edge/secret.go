package edge

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hometone/hometone/config"
)

const (
	// secretFile is where a node keeps the secrets it has made for itself, one to
	// a line, the one in use first.
	secretFile = "edge.secret"
	// secretLife is after what time a start makes a new one. The one before is
	// believed until the next: longer than any dialog lives.
	secretLife = 30 * 24 * time.Hour
)

// secretOf returns the configured secrets, or the node's own: the one to sign
// with, and those that are believed still.
func secretOf(e *config.Edge, dir string, now time.Time) (secret []byte, old [][]byte, err error) {
	for _, s := range e.OldSecrets {
		old = append(old, []byte(s.Reveal()))
	}
	if s := e.Secret.Reveal(); s != "" {
		return []byte(s), old, nil
	}
	if dir == "" {
		return nil, old, nil
	}
	lines, err := ownSecrets(filepath.Join(dir, secretFile), now)
	if err != nil {
		return nil, nil, fmt.Errorf("edge: secret: %w", err)
	}
	for _, line := range lines[1:] {
		old = append(old, []byte(line))
	}
	return []byte(lines[0]), old, nil
}

// ownSecrets reads the file; it makes a secret if there is none, or the newest
// has been in use for secretLife.
func ownSecrets(path string, now time.Time) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines := strings.Fields(string(text))
	if info, err := os.Stat(path); err == nil && len(lines) > 0 && now.Sub(info.ModTime()) < secretLife {
		return lines, nil
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	lines = append([]string{hex.EncodeToString(random[:])}, lines[:min(len(lines), 1)]...)
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	return lines, os.Rename(fresh, path)
}
