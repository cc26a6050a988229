// Command hometone is the whole platform in one binary: it runs a node,
// checks configurations, probes peers and is a softphone.
//
// This file is the table of commands; each command is one file, named after
// it, with its flags, its examples and its Run method. Run gets a context that
// ends with SIGINT or SIGTERM and a terminal: the standard streams and whether
// anybody is looking (color, progress). Commands return an error; its exit
// code is 1 for a negative answer and 2 for usage or configuration errors
// (ping has sipsak's codes).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the table: what kong parses and `hometone --help` lists.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run a node."`
	Check   checkCommand   `cmd:"" help:"Validate a configuration and name every trap in it."`
	Console consoleCommand `cmd:"" help:"Ask a running node, or follow what happens there."`
	Service serviceCommand `cmd:"" help:"Make a node a service of systemd."`
	Phone   phoneCommand   `cmd:"" help:"Command-line softphone, scriptable from standard input."`
	Ping    pingCommand    `cmd:"" help:"One SIP OPTIONS probe, with sipsak's exit codes."`
	Demo    demoCommand    `cmd:"" help:"First call: a node and two phones on this machine."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// Exit codes of all commands but ping.
const (
	exitNegative = 1 // the answer is no
	exitUsage    = 2 // usage or configuration error
)

// failure is an error with an exit code; a nil err prints nothing.
type failure struct {
	code int
	err  error
}

// Error returns the text printed after "hometone: ".
func (f failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit %d", f.code)
	}
	return f.err.Error()
}

// Unwrap returns the cause.
func (f failure) Unwrap() error { return f.err }

func main() {
	os.Exit(run(os.Args[1:]))
}

// run parses the command line, runs the command and returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	term := newTerminal()
	parser, err := kong.New(&commands{},
		kong.Name("hometone"),
		kong.Description("An internet-telephony platform in one binary."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, NoExpandSubcommands: true}),
		kong.Writers(term.out, term.err),
		kong.UsageOnError(),
		kong.Bind(term),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return report(term.err, failure{exitUsage, err})
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(term.err, "hometone: %v\nTry: hometone --help\n", err)
		return exitUsage
	}
	return report(term.err, parsed.Run())
}

// report prints an error and returns the exit code that goes with it.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	var f failure
	if !errors.As(err, &f) {
		f = failure{exitNegative, err}
	}
	if f.err != nil {
		fmt.Fprintf(w, "hometone: %v\n", f.err)
	}
	return f.code
}
