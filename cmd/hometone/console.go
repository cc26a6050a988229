package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/console"
)

// consoleCommand asks a running node, or follows what happens there.
type consoleCommand struct {
	Config  string   `short:"c" placeholder:"FILE" help:"hometone.yaml of the node; default: ./hometone.yaml if it exists."`
	Data    string   `placeholder:"DIR" help:"The node's data directory; default: as the configuration says."`
	Verbose int      `short:"v" type:"counter" help:"Follow events: -v warnings, -vv calls, -vvv steps of the dialplan, -vvvv everything."`
	Call    string   `placeholder:"ID" help:"Only events of this Call-ID or channel."`
	User    string   `placeholder:"NAME" help:"Only events of this number or endpoint."`
	Watch   bool     `help:"Repeat a show command every second until it is interrupted."`
	JSON    bool     `name:"json" help:"Print JSON, one object per row or event."`
	Command []string `arg:"" optional:"" passthrough:"partial" help:"A command, for instance: show calls. See: hometone console help."`
}

// Help shows examples and the exit codes.
func (consoleCommand) Help() string {
	return `Talks to the node of a data directory over its local socket, which only the
node's own user and root may use. With a command it prints the answer. Without
one, on a terminal, it prompts for commands, with history and completion by Tab,
and prints events meanwhile; elsewhere it prints events until it is interrupted.

Exit codes: 0 done, 1 the node refuses or does not run, 2 there is no such
command.

Examples:

  hometone console
  hometone console show calls
  hometone console --data /var/lib/hometone --json show registrations
  hometone console show dispatcher --watch
  hometone console dialplan match office 102
  hometone console -vv --user 8005
  hometone console -vvv --json >events.jsonl`
}

// Run carries out one command, prompts, or follows.
func (c *consoleCommand) Run(ctx context.Context, t *terminal) error {
	dir, err := c.directory()
	if err != nil {
		return failure{exitUsage, err}
	}
	if last := len(c.Command) - 1; last > 0 && c.Command[last] == "--watch" {
		c.Command, c.Watch = c.Command[:last], true
	}
	client := console.Client{Dir: dir}
	view := view{json: c.JSON, t: t}
	filter := console.Filter{Level: console.Verbosity(cmp.Or(c.Verbose, 2)), Call: c.Call, User: c.User}
	switch {
	case c.Watch:
		return c.watch(ctx, client, view)
	case len(c.Command) > 0:
		return c.once(ctx, client, view)
	case t.prompts && !c.JSON:
		filter.Level = console.Verbosity(max(c.Verbose, 1)) // who types wants to see the line
		return newPrompt(client, t, filter).run(ctx)
	}
	err = client.Follow(ctx, filter, view.reply)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // interrupted: that is how following ends
	}
	return noNode(err)
}

// watchEvery is how often a watched table is shown.
const watchEvery = time.Second

// watch prints the answer to a command again and again.
func (c *consoleCommand) watch(ctx context.Context, client console.Client, v view) error {
	if len(c.Command) == 0 || c.Command[0] != "show" {
		return failure{exitUsage, errors.New("console: --watch repeats show commands, for instance: show dispatcher --watch")}
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if v.t.prompts && !c.JSON {
			fmt.Fprint(v.t.out, "\x1b[H\x1b[2J") // to the top of an empty screen
		}
		if err := c.once(ctx, client, v); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // interrupted: that is how watching ends
		case <-tick.C:
		}
	}
}

// once prints the answer to one command.
func (c *consoleCommand) once(ctx context.Context, client console.Client, v view) error {
	done := v.t.progress("waiting for the node")
	reply, err := client.Do(ctx, c.Command)
	done()
	if err != nil {
		return noNode(err)
	}
	if err := v.reply(reply); err != nil {
		return err
	}
	switch {
	case reply.Error != "" && reply.Usage:
		return failure{exitUsage, errors.New(reply.Error)}
	case reply.Error != "":
		return failure{exitNegative, errors.New(reply.Error)}
	}
	return nil
}

// noNode says what to do if no node answers.
func noNode(err error) error {
	if errors.Is(err, console.ErrNoNode) {
		err = fmt.Errorf("%w; --data names the data directory of a running node", err)
	}
	return failure{exitNegative, err}
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
