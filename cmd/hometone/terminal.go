package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/hometone/hometone/config"
)

// terminal is what a command talks to.
type terminal struct {
	in       *os.File
	out, err io.Writer
	color    bool // standard output is a terminal that wants color
	watched  bool // standard error is a terminal, so that progress is seen
	prompts  bool // somebody types: standard input and output are a terminal that can be edited on
}

func newTerminal() *terminal {
	return &terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		color:   isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		watched: isTerminal(os.Stderr),
		prompts: isTerminal(os.Stdin) && isTerminal(os.Stdout) && os.Getenv("TERM") != "dumb",
	}
}

func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd()))
}

// paint wraps text in a color if somebody sees it.
func (t *terminal) paint(code, text string) string {
	if !t.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Colors of paint.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	faint  = "2"
)

// printJSON writes one value as one line.
func (t *terminal) printJSON(v any) error {
	return json.NewEncoder(t.out).Encode(v)
}

// problems prints the findings of a configuration, worst last, to w.
func (t *terminal) problems(w io.Writer, list []config.Problem) {
	for _, p := range list {
		fmt.Fprintln(w, p.String())
	}
}

// progressDelay is how long a step may take before it is talked about.
const progressDelay = 2 * time.Second

// progress says on a terminal what is being waited for, if it takes longer
// than two seconds; the returned function ends the wait.
func (t *terminal) progress(what string) (done func()) {
	if !t.watched {
		return func() {}
	}
	begin := time.Now()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { // owns the progress line; ends with stop
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		shown := false
		for {
			select {
			case <-stop:
				if shown {
					fmt.Fprint(t.err, "\r\x1b[K")
				}
				return
			case now := <-tick.C:
				if d := now.Sub(begin); d >= progressDelay {
					shown = true
					fmt.Fprintf(t.err, "\r\x1b[K%s … %d s", what, int(d.Seconds()))
				}
			}
		}
	}()
	return sync.OnceFunc(func() { close(stop); <-ended })
}

// logFlags are the flags of commands that log.
type logFlags struct {
	LogLevel  slog.Level `help:"Least severe level to log: debug, info, warn, error." default:"info"`
	LogFormat string     `help:"Format of the log: text or json." enum:"text,json" default:"text"`
}

// logger writes to standard error what level lets through, which begins as the
// flag says.
func (f logFlags) logger(t *terminal, level *slog.LevelVar) *slog.Logger {
	level.Set(f.LogLevel)
	opt := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(t.err, opt))
	}
	return slog.New(slog.NewTextHandler(t.err, opt))
}
