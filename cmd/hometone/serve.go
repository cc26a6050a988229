package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/node"
)

// serveCommand runs a node.
type serveCommand struct {
	Config   string `short:"c" placeholder:"FILE" help:"hometone.yaml; default: ./hometone.yaml if it exists."`
	Asterisk string `placeholder:"DIR" help:"Directory with pjsip.conf and extensions.conf."`
	Data     string `placeholder:"DIR" help:"Directory for everything durable; default ./hometone-data."`
	User     string `placeholder:"NAME" help:"Run as this user once the ports are bound, if started as root."`
	JSON     bool   `name:"json" help:"Print one JSON line when the node serves."`
	logFlags
}

// Help shows examples and the exit codes.
func (serveCommand) Help() string {
	return `Runs until SIGINT or SIGTERM: new calls are refused, calls in progress end,
then it exits. SIGHUP reads the configuration again; an error in it leaves the
running node untouched. SIGUSR1 logs one line with calls, dialogs, transactions,
bindings, legs, goroutines and heap. Without any file it starts with two demo
extensions and prints what to do next.

Exit codes: 0 it was told to end, 1 it cannot run (a port is taken, the data
cannot be written), 2 the configuration or a flag is wrong.

Examples:

  hometone serve
  hometone serve --asterisk /etc/asterisk
  hometone serve -c /etc/hometone/hometone.yaml --log-format json`
}

// readyLine is what --json prints when the node serves.
type readyLine struct {
	Event  string   `json:"event"`
	Listen []string `json:"listen"`
}

// Run serves until a signal comes.
func (c *serveCommand) Run(ctx context.Context, t *terminal) error {
	level := &slog.LevelVar{}
	log := c.logger(t, level)
	conf := node.Config{File: c.Config, Asterisk: c.Asterisk, Data: c.Data, User: c.User, Logger: log, Level: level, Version: version}
	if !c.JSON {
		conf.Out = t.out
	}
	n, problems := node.New(conf)
	t.problems(t.err, problems)
	if n == nil {
		return failure{exitUsage, errors.New("the configuration has errors; nothing was started")}
	}

	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	ended := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { c.watch(t, n, hup, ended) })
	err := n.Run(ctx)
	close(ended)
	group.Wait()
	if err != nil {
		return failure{exitNegative, err}
	}
	return nil
}

// watch announces the node and reloads it until it has ended.
func (c *serveCommand) watch(t *terminal, n *node.Node, hup <-chan os.Signal, ended <-chan struct{}) {
	select {
	case <-n.Ready():
		c.announce(t, n)
	case <-ended:
		return
	}
	for {
		select {
		case <-hup:
			problems := n.Reload()
			t.problems(t.err, problems)
			if config.HasErrors(problems) {
				fmt.Fprintln(t.err, "hometone: reload refused; the node runs on as it was")
			} else {
				fmt.Fprintln(t.err, "hometone: reloaded")
			}
		case <-ended:
			return
		}
	}
}

// announce says where the node listens.
func (c *serveCommand) announce(t *terminal, n *node.Node) {
	line := readyLine{Event: "ready", Listen: []string{}}
	for _, a := range n.Addrs() {
		line.Listen = append(line.Listen, a.Proto+"://"+a.Addr.String())
	}
	if c.JSON {
		_ = t.printJSON(line) // a closed standard output must not end the node
		return
	}
	for _, l := range line.Listen {
		fmt.Fprintln(t.out, "listening on "+l)
	}
}
