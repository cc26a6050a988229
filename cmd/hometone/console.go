package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/console"
)

// consoleCommand asks a running node, or follows what happens there.
type consoleCommand struct {
	Config  string   `short:"c" placeholder:"FILE" help:"hometone.yaml of the node; default: ./hometone.yaml if it exists."`
	Data    string   `placeholder:"DIR" help:"The node's data directory; default: as the configuration says."`
	Verbose int      `short:"v" type:"counter" help:"Follow events: -v warnings, -vv calls, -vvv everything."`
	Call    string   `placeholder:"ID" help:"Only events of this Call-ID or channel."`
	User    string   `placeholder:"NAME" help:"Only events of this number or endpoint."`
	Watch   bool     `help:"Repeat a show command every second until it is interrupted."`
	JSON    bool     `name:"json" help:"Print JSON, one object per row or event."`
	Command []string `arg:"" optional:"" passthrough:"partial" help:"A command, for instance: show calls. See: hometone console help."`
}

// Help shows examples and the exit codes.
func (consoleCommand) Help() string {
	return `Talks to the node of a data directory over its local socket, which only the
node's own user and root may use. With a command it prints the answer; with -v,
--call or --user and no command it prints events until it is interrupted.

Exit codes: 0 done, 1 the node refuses or does not run, 2 there is no such
command.

Examples:

  hometone console show calls
  hometone console --data /var/lib/hometone --json show registrations
  hometone console show dispatcher --watch
  hometone console dialplan match office 102
  hometone console -vv --user 8005`
}

// watchEvery is how often a watched table is shown.
const watchEvery = time.Second

// Run sends one request and prints what comes back, or does so again and again.
func (c *consoleCommand) Run(ctx context.Context, t *terminal) error {
	dir, err := c.directory()
	if err != nil {
		return failure{exitUsage, err}
	}
	if last := len(c.Command) - 1; last > 0 && c.Command[last] == "--watch" {
		c.Command, c.Watch = c.Command[:last], true
	}
	if !c.Watch {
		return c.ask(ctx, t, dir)
	}
	if len(c.Command) == 0 || c.Command[0] != "show" {
		return failure{exitUsage, errors.New("console: --watch repeats show commands, for instance: show dispatcher --watch")}
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if screen, ok := t.out.(*os.File); ok && !c.JSON && isTerminal(screen) {
			fmt.Fprint(t.out, "\x1b[H\x1b[2J") // to the top of an empty screen
		}
		if err := c.ask(ctx, t, dir); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // interrupted: that is how watching ends
		case <-tick.C:
		}
	}
}

// ask sends the request of the command line.
func (c *consoleCommand) ask(ctx context.Context, t *terminal, dir string) error {
	req := console.Request{Command: c.Command}
	switch follow := c.Verbose > 0 || c.Call != "" || c.User != ""; {
	case len(c.Command) == 0 && !follow:
		req.Command = []string{"help"}
	case len(c.Command) == 0:
		levels := []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug}
		req.Follow = &console.Filter{Level: levels[min(c.Verbose, len(levels)-1)], Call: c.Call, User: c.User}
	}
	path := filepath.Join(dir, console.SocketName)
	conn, err := net.Dial("unix", path)
	if err != nil {
		return failure{exitNegative, fmt.Errorf("no node answers at %s (%w); --data names the data directory of a running node", path, err)}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return fmt.Errorf("console: %w", err)
	}
	err = c.receive(t, conn)
	if ctx.Err() != nil {
		return nil // interrupted: that is how following ends
	}
	return err
}

// directory is the node's data directory.
func (c *consoleCommand) directory() (string, error) {
	if c.Data != "" {
		return c.Data, nil
	}
	if c.Config == "" && !exists(defaultFile) {
		return config.Default().Node.Data, nil
	}
	file, problems := config.LoadNode(cmp.Or(c.Config, defaultFile))
	if i := slices.IndexFunc(problems, func(p config.Problem) bool { return p.Severity == config.Error }); i >= 0 {
		return "", errors.New(problems[i].String())
	}
	return file.Node.Data, nil
}

// receive prints replies until the last.
func (c *consoleCommand) receive(t *terminal, r io.Reader) error {
	for replies := json.NewDecoder(bufio.NewReader(r)); ; {
		var reply console.Reply
		if err := replies.Decode(&reply); err != nil {
			return errors.New("console: the node has closed the connection")
		}
		if reply.Lost > 0 {
			fmt.Fprintf(t.err, "hometone: %d events lost: this console is too slow\n", reply.Lost)
		}
		if reply.Event != nil {
			if err := c.event(t, reply.Event); err != nil {
				return err
			}
		}
		if !reply.Done {
			continue
		}
		if reply.Answer != nil {
			if err := c.table(t, reply.Answer); err != nil {
				return err
			}
		}
		switch {
		case reply.Error != "" && reply.Usage:
			return failure{exitUsage, errors.New(reply.Error)}
		case reply.Error != "":
			return failure{exitNegative, errors.New(reply.Error)}
		}
		return nil
	}
}

func (c *consoleCommand) event(t *terminal, e *console.Event) error {
	if c.JSON {
		return t.printJSON(e)
	}
	var fields []string
	for name, value := range e.Fields {
		fields = append(fields, fmt.Sprintf("%s=%q", name, value))
	}
	slices.Sort(fields)
	_, err := fmt.Fprintf(t.out, "%s %-5s %q %s\n", e.Time.Format("15:04:05.000"), e.Level, e.Text, strings.Join(fields, " "))
	return err
}

// table prints an answer. Quoting keeps what strangers have sent (a
// User-Agent, a Call-ID) from steering the terminal.
func (c *consoleCommand) table(t *terminal, a *console.Answer) error {
	if c.JSON {
		for _, row := range a.Rows {
			object := map[string]string{}
			for i, name := range a.Columns {
				object[name] = row[i]
			}
			if err := t.printJSON(object); err != nil {
				return err
			}
		}
		return nil
	}
	if len(a.Columns) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(a.Columns, "\t"))
	for _, row := range a.Rows {
		cells := slices.Clone(row)
		for i, cell := range cells {
			cells[i] = printable(cell)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// printable is a text without control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
