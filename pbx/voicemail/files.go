package voicemail

import (
	"errors"
	"io/fs"
	"os"
)

// A message is there while its sound has a name in a folder. Each function here keeps
// that true whenever the process ends: a sound gets a new name by one rename, with
// its envelope under the new name before and under the old one until then. What may be
// left behind is an envelope without a sound, which nobody sees and the next message of
// that number replaces.

// relocate gives a message another name; no message has that one.
func relocate(from, to string) error {
	if err := os.Remove(to + ".txt"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(from+".txt", to+".txt"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(from+Suffix, to+Suffix); err != nil {
		return err
	}
	if err := os.Remove(from + ".txt"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// remove deletes a message.
func remove(path string) error {
	err := os.Remove(path + Suffix)
	if e := os.Remove(path + ".txt"); !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// replace writes a file whole or not at all, whatever had its name before.
func replace(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		_ = os.Remove(path + ".new")
	}
	return err
}

// syncFile waits until what a file or a directory holds outlives a power cut.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
