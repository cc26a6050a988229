// Package musiconhold reads musiconhold.conf: which sound files are played to
// somebody who waits. A class plays the files of a directory (mode=files) or a
// list (mode=playlist); programs that make music (mode=custom, mp3 and their
// kin) are not run and named by a warning. Nothing is played here.
package musiconhold

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hometone/hometone/config"
)

// Mode is where the music of a class comes from.
type Mode uint8

// The modes.
const (
	Files    Mode = iota // of Directory
	Playlist             // Entries
)

// Sort is the order in which files are played.
type Sort uint8

// The orders.
const (
	Alphabetical Sort = iota // of the names; of a playlist, as written
	Random
	RandomStart // alphabetical, from anywhere
)

// Class is one section.
type Class struct {
	Name      string
	Mode      Mode
	Directory string   // absolute
	Entries   []string // names of sounds without suffix
	Sort      Sort
}

// maxEntries bounds a playlist.
const maxEntries = 10_000

// Load reads musiconhold.conf in dir; data is the directory that relative ones
// are below (astdatadir). Without the file there are no classes.
func Load(dir, data string) (map[string]*Class, []config.Problem) {
	path := filepath.Join(dir, "musiconhold.conf")
	doc, problems := config.ReadOptional(path, config.ReadOptions{})
	if doc == nil {
		return nil, nil
	}
	classes, more := read(doc, data)
	return classes, append(problems, more...)
}

// read makes the classes of a document.
func read(doc *config.Document, data string) (map[string]*Class, []config.Problem) {
	classes := map[string]*Class{}
	var problems []config.Problem
	for _, s := range doc.Sections {
		if s.Template || s.Name == "general" {
			continue
		}
		c := &Class{Name: s.Name}
		usable := true
		for _, e := range s.Entries {
			text := c.set(e, data)
			if text == "" {
				continue
			}
			usable = usable && !strings.EqualFold(e.Name, "mode")
			problems = append(problems, config.Problem{File: e.File, Line: e.Line, Severity: config.Warning, Text: "[" + s.Name + "] " + text})
		}
		if c.Mode == Files && c.Directory == "" && usable {
			usable = false
			problems = append(problems, config.Problem{File: s.File, Line: s.Line, Severity: config.Warning,
				Text: "[" + s.Name + "] names no directory; the class default is played in its place", Hint: "directory=moh"})
		}
		if usable {
			classes[c.Name] = c
		}
	}
	return classes, problems
}

// set takes one option and returns what is wrong with it.
func (c *Class) set(e config.Entry, data string) string {
	value := strings.TrimSpace(e.Value)
	switch strings.ToLower(e.Name) {
	case "mode":
		switch strings.ToLower(value) {
		case "files":
			c.Mode = Files
		case "playlist":
			c.Mode = Playlist
		default:
			return fmt.Sprintf("mode=%s is not supported: files and playlist are; the class default is played in its place", value)
		}
	case "directory":
		if !filepath.IsAbs(value) {
			value = filepath.Join(data, value)
		}
		c.Directory = value
	case "entry":
		if len(c.Entries) >= maxEntries {
			return "has too many entries"
		}
		c.Entries = append(c.Entries, strings.TrimSuffix(value, filepath.Ext(value)))
	case "sort":
		return c.setSort(value)
	case "random":
		if config.True(value) {
			c.Sort = Random
		}
	case "format", "loop_last", "kill_escalation_delay", "kill_method", "answeredonly":
		// format: all formats are read; the others have no meaning for these modes.
	case "digit", "announcement":
		return e.Name + " is not supported: the music is played without"
	default:
		return fmt.Sprintf("has no option %q", e.Name)
	}
	return ""
}

func (c *Class) setSort(value string) string {
	switch strings.ToLower(value) {
	case "random":
		c.Sort = Random
	case "randstart":
		c.Sort = RandomStart
	case "alpha", "alphabetical", "none", "":
		c.Sort = Alphabetical
	default:
		return fmt.Sprintf("sort=%s is none of random, randstart, alpha", value)
	}
	return ""
}
