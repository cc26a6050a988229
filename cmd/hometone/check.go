package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/dispatcher"
	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/node"
)

// checkCommand validates a configuration without starting anything.
type checkCommand struct {
	Config   string `short:"c" placeholder:"FILE" help:"hometone.yaml; default: ./hometone.yaml if it exists."`
	Asterisk string `placeholder:"DIR" help:"Directory with pjsip.conf and extensions.conf."`
	Strict   bool   `help:"Warnings are a negative answer, too (exit 1)."`
	JSON     bool   `name:"json" help:"Print one JSON object per finding."`
}

// Help shows examples and the exit codes.
func (checkCommand) Help() string {
	return `Reads every file a node would read, says with file and line what is wrong, what
is not supported and which traps the files hold, and binds no port.

Exit codes: 0 the node would start, 1 only with --strict: there are warnings,
2 there are errors.

Examples:

  hometone check
  hometone check --asterisk /etc/asterisk --strict
  hometone check -c hometone.yaml --json`
}

// finding is one line of --json.
type finding struct {
	config.Problem
	Severity string `json:"severity"`
}

// Run checks and prints.
func (c *checkCommand) Run(t *terminal) error {
	list := c.findings()
	errs, warnings := 0, 0
	for _, p := range list {
		switch p.Severity {
		case config.Error:
			errs++
		case config.Warning:
			warnings++
		}
		if err := c.print(t, p); err != nil {
			return err
		}
	}
	if !c.JSON {
		c.summary(t, errs, warnings)
	}
	switch {
	case errs > 0:
		return failure{exitUsage, nil}
	case warnings > 0 && c.Strict:
		return failure{exitNegative, nil}
	}
	return nil
}

func (c *checkCommand) print(t *terminal, p config.Problem) error {
	if c.JSON {
		return t.printJSON(finding{p, p.Severity.String()})
	}
	text := p.String()
	switch p.Severity {
	case config.Error:
		text = t.paint(red, text)
	case config.Warning:
		text = t.paint(yellow, text)
	}
	_, err := fmt.Fprintln(t.out, text)
	return err
}

func (c *checkCommand) summary(t *terminal, errs, warnings int) {
	switch {
	case errs > 0:
		fmt.Fprintf(t.out, "%s: %d errors, %d warnings\n", t.paint(red, "not usable"), errs, warnings)
	case warnings > 0:
		fmt.Fprintf(t.out, "%s: %d warnings\n", t.paint(yellow, "usable"), warnings)
	default:
		fmt.Fprintln(t.out, t.paint(green, "good"))
	}
}

// findings collects what the node says about its files, and what only shows
// when several files are looked at together.
func (c *checkCommand) findings() []config.Problem {
	if c.Config == "" && c.Asterisk == "" && !exists(defaultFile) {
		return []config.Problem{{
			File: defaultFile, Severity: config.Note, Text: "there is none; a node would start with two demo extensions",
			Hint: "name files with -c or --asterisk",
		}}
	}
	_, list := node.New(node.Config{File: c.Config, Asterisk: c.Asterisk})
	y, more := c.yaml()
	list = append(list, more...)
	dir := c.Asterisk
	if dir == "" && y.PBX != nil {
		dir = y.PBX.Asterisk
	}
	var phones *pjsip.Config
	if dir != "" {
		phones, more = pjsip.Load(filepath.Join(dir, "pjsip.conf"))
		list = append(list, more...)
	}
	var balanced *dispatcher.List
	if y.Edge != nil && y.Edge.Dispatcher != "" {
		balanced, more = dispatcher.Load(y.Edge.Dispatcher)
		list = append(list, more...)
	}
	list = append(list, traps(y, phones, balanced)...)
	config.SortProblems(list)
	return slices.Compact(list)
}

// yaml loads hometone.yaml, or the defaults where there is none.
func (c *checkCommand) yaml() (*config.Node, []config.Problem) {
	path := c.Config
	if path == "" {
		if path = defaultFile; !exists(path) {
			return config.Default(), nil
		}
	}
	return config.LoadNode(path)
}

// defaultFile is what a node reads when no file is named.
const defaultFile = "hometone.yaml"

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
