package voicemail

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hometone/hometone/config/voicemail"
)

// secretFile is where a password lies that its owner has chosen, beside the
// messages, as Asterisk's passwordlocation=spooldir has it.
const secretFile = "secret.conf"

// maxSecret bounds that file, in bytes.
const maxSecret = 4 << 10

// password is what opens a box: what its owner has chosen, else voicemail.conf's.
func (o *Office) password(b *voicemail.Box) string {
	if b == nil {
		return ""
	}
	if chosen := readSecret(filepath.Join(o.folder(b, ""), secretFile)); chosen != "" && !b.Fixed {
		return chosen
	}
	return b.Password.Reveal()
}

// readSecret reads password => … of a file, "" if there is none.
func readSecret(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text := make([]byte, maxSecret)
	n, _ := f.Read(text)
	for line := range strings.Lines(string(text[:n])) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "password" {
			return strings.TrimSpace(strings.TrimPrefix(value, ">"))
		}
	}
	return ""
}

// Errors of SetPassword.
var (
	ErrFixed = errors.New("voicemail: the password of this mailbox may not be changed by keys")
	ErrShort = errors.New("voicemail: a password has digits only, and not fewer than voicemail.conf's minpassword (4 if it says nothing)")
)

// SetPassword changes the password of a box; it holds at once and after restarts.
func (o *Office) SetPassword(b *voicemail.Box, password string) error {
	switch {
	case b.Fixed:
		return ErrFixed
	case len(password) < o.rules.Load().conf.Digits || strings.Trim(password, "0123456789") != "":
		return ErrShort
	}
	folder := o.folder(b, "")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	path := filepath.Join(folder, secretFile)
	text := fmt.Sprintf("[general]\npassword => %s\n", password)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Greet takes a recording as a greeting of a box: unavail, busy, greet or temp.
func (o *Office) Greet(b *voicemail.Box, name, draft string) error {
	path, _ := o.Greeting(b, name)
	return os.Rename(draft, path+Suffix)
}

// Ungreet takes a greeting away.
func (o *Office) Ungreet(b *voicemail.Box, name string) error {
	path, _ := o.Greeting(b, name)
	if err := os.Remove(path + Suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
