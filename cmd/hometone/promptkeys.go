package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keyboard is the terminal that the line editor works on.
type keyboard struct {
	io.Reader
	io.Writer
}

// interrupts is a keyboard on which the first Ctrl-C clears the line, as in a
// shell, and a second one right after it leaves.
type interrupts struct {
	in    io.Reader
	twice bool
}

// The keys that matter here.
const (
	ctrlC = 3
	ctrlE = 5  // to the end of the line
	ctrlR = 18 // searches what was typed
	ctrlU = 21 // clears up to the cursor
)

// Read implements io.Reader.
func (i *interrupts) Read(b []byte) (int, error) {
	if len(b) < 2 {
		return i.in.Read(b)
	}
	n, err := i.in.Read(b[:len(b)-1]) // room for the key more that a Ctrl-C becomes
	at := slices.Index(b[:n], ctrlC)
	if at < 0 || i.twice && at == 0 {
		i.twice = i.twice && n == 0
		return n, err
	}
	i.twice = at == n-1
	copy(b[at+2:], b[at+1:n])
	b[at], b[at+1] = ctrlE, ctrlU
	return n + 1, err
}

// Limits of the history that is kept.
const (
	maxHistory = 1000
	maxTyped   = 1024 // bytes of a line
)

// history is what has been typed, oldest first, kept in a file of the user's.
type history struct {
	path  string // "" = nowhere
	lines []string

	wanted string // what Ctrl-R searches for
	found  string // what it has found last; "" = nothing
	at     int    // where that is, as At counts
}

// search is Ctrl-R: the latest line that has what is typed in it, and pressed again the one
// before that. ok is false if there is none; then the line stays.
func (h *history) search(line string) (match string, ok bool) {
	from := 0
	if h.found != "" && line == h.found {
		from = h.at + 1
	} else {
		h.wanted = line
	}
	for i := from; i < h.Len(); i++ {
		if entry := h.At(i); entry != line && strings.Contains(entry, h.wanted) {
			h.found, h.at = entry, i
			return entry, true
		}
	}
	return line, false
}

// openHistory reads what was typed in other sessions.
func openHistory() *history {
	h := &history{path: historyPath()}
	if f, err := os.Open(h.path); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			h.Add(s.Text())
		}
	}
	return h
}

// historyPath follows the XDG base directories.
func historyPath() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "hometone", "console_history")
}

// Add implements term.History: what is empty, long or was typed just before is not
// kept.
func (h *history) Add(entry string) {
	entry = strings.TrimSpace(entry)
	if entry == "" || len(entry) > maxTyped || len(h.lines) > 0 && h.lines[len(h.lines)-1] == entry {
		return
	}
	h.lines = append(h.lines, entry)
	if len(h.lines) > maxHistory {
		h.lines = slices.Delete(h.lines, 0, len(h.lines)-maxHistory)
	}
}

// Len implements term.History.
func (h *history) Len() int { return len(h.lines) }

// At implements term.History; 0 is the latest.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }

// save writes the file; a home that cannot be written is none.
func (h *history) save() error {
	if h.path == "" || len(h.lines) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return nil //nolint:nilerr // nowhere to keep it
	}
	text := strings.Join(h.lines, "\n") + "\n"
	if err := os.WriteFile(h.path, []byte(text), 0o600); err != nil && !os.IsPermission(err) {
		return fmt.Errorf("the history is not kept: %w", err)
	}
	return nil
}

// complete is the Tab key: it completes the word before the cursor as far as is
// certain, and lists the words that are possible when nothing is.
func (p *prompt) complete(ctx context.Context, line string, pos int) (string, int, bool) {
	words := strings.Fields(line[:pos])
	if pos == 0 || line[pos-1] == ' ' {
		words = append(words, "")
	}
	begun := words[len(words)-1]
	list := p.own(words)
	if len(list) == 0 || len(words) == 1 {
		names, err := p.client.Complete(ctx, p.asked(words))
		if err != nil {
			p.fault(err)
			return line, pos, true
		}
		list = append(list, names...)
		slices.Sort(list)
	}
	if len(list) == 0 {
		return line, pos, true
	}
	common := list[0]
	for _, word := range list[1:] {
		for !strings.HasPrefix(word, common) {
			common = common[:len(common)-1]
		}
	}
	if len(list) == 1 {
		common += " "
	} else if common == begun {
		p.offer(list)
		return line, pos, true
	}
	done := line[:pos-len(begun)] + common
	return done + strings.TrimLeft(line[pos:], " "), len(done), true
}

// own are the words of the commands that the prompt has of its own.
func (p *prompt) own(words []string) (list []string) {
	known := []string{"events", "exit", "quit"}
	switch {
	case len(words) == 1:
	case len(words) == 2 && words[0] == "events":
		known = append(eventLevels[:], "any", "call", "off", "user")
	default:
		return nil
	}
	for _, name := range known {
		if strings.HasPrefix(name, words[len(words)-1]) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// asked are the words to complete, as a command of the node that takes the same.
func (p *prompt) asked(words []string) []string {
	if len(words) == 3 && words[0] == "events" {
		switch words[1] {
		case "call":
			return []string{"show", "call", words[2]}
		case "user":
			return []string{"show", "endpoint", words[2]}
		}
	}
	return words
}

// maxOffered bounds the words that are listed.
const maxOffered = 200

// offer lists words in columns above the line.
func (p *prompt) offer(list []string) {
	var b strings.Builder
	rest := len(list) - min(len(list), maxOffered)
	list = list[:len(list)-rest]
	wide := 0
	for _, word := range list {
		wide = max(wide, len(word)+2)
	}
	columns := max(1, 80/wide)
	for i, word := range list {
		if i%columns == columns-1 || i == len(list)-1 {
			b.WriteString(printable(word) + "\n")
		} else {
			fmt.Fprintf(&b, "%-*s", wide, printable(word))
		}
	}
	if rest > 0 {
		fmt.Fprintf(&b, "and %d more\n", rest)
	}
	_, _ = io.WriteString(p.screen, b.String()) // the terminal's own errors end reading
}
